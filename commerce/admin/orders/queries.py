"""What the pages of an order read that joins several features."""

from __future__ import annotations

import re
import uuid

from commerce.errors import NotFound
from commerce.inventory.backorders import coverage_of
from commerce.orders.models import Order
from commerce.orders.queries import get_order_by_code

_CODE = re.compile(r"[A-Za-z0-9-]{1,40}")


def find_order(code: str) -> Order:
    """Return an order by the code in an address. Raises NotFound, also for what is no code at all."""
    if not _CODE.fullmatch(code):
        raise NotFound("order_not_found")
    return get_order_by_code(code)


def titles_of(order: Order) -> dict[uuid.UUID, str]:
    """Return the title of each order line with its options, by id."""
    return {line.id: f"{line.title} {line.options}".strip() for line in order.lines}


def units_to_pick(order: Order) -> dict[uuid.UUID, int]:
    """Return by line what has still to be shipped and is in stock: nothing else can be picked."""
    covers = coverage_of(order.id)
    return {
        line.id: line.to_ship - (covers[line.id].waiting if line.id in covers else 0) for line in order.lines
    }
