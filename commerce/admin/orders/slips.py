"""Packing slips of many orders for one printed page."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select

from commerce.db import db
from commerce.inventory.backorders import units_waiting
from commerce.orders.addresses import label_lines
from commerce.orders.models import Order, OrderLine
from commerce.orders.queries import get_orders

MOST_SLIPS = 200


@dataclass(frozen=True, slots=True)
class Slip:
    """The paper of an order: what is still to be shipped and in stock, or, when nothing is, what was shipped."""

    order: Order
    address: Sequence[str]
    lines: Sequence[tuple[OrderLine, int]]


def slips_of(chosen: Select[uuid.UUID, int], locale: str) -> tuple[list[Slip], bool]:
    """Return the slips of the first orders that a statement finds, the oldest first, and whether there are more."""
    ids = [row.id for row in db.session.execute(chosen.limit(MOST_SLIPS + 1))]
    orders = sorted(get_orders(ids[:MOST_SLIPS]), key=lambda order: order.number)
    waiting = units_waiting({order.id for order in orders})
    slips = []
    for order in orders:
        open_ = [(line, max(0, line.to_ship - waiting.get(line.id, 0))) for line in order.lines]
        if not any(line.to_ship for line in order.lines):
            open_ = [(line, line.shipped) for line in order.lines]
        address = label_lines(order.shipping_address, order.name, locale)
        slips.append(Slip(order, address, [pair for pair in open_ if pair[1]]))
    return slips, len(ids) > MOST_SLIPS
