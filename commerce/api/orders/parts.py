"""What the resources below an order share: how it stands after each of them, and how its lines are named."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import Field

from commerce.api.orders.schemas import MOST_ITEMS
from commerce.api.schemas import Code, Quantity, RequestModel, ResponseModel, minor
from commerce.errors import FieldError, InvalidValue, InvalidValues
from commerce.orders.models import Order, OrderLine

MAX_VERSION = 2**31 - 1
MOST_LINES = MOST_ITEMS
L = TypeVar("L", bound="LineUnits")


class Versioned(RequestModel):
    """What may say which version of the order was seen."""

    version: int | None = Field(
        None,
        ge=1,
        le=MAX_VERSION,
        description="The order's version as you saw it: 409 when it is another now. `If-Match` says the same.",
    )


class LineUnits(RequestModel):
    """Units of a line of the order, by the line's id or its product code."""

    line_id: uuid.UUID | None = Field(None, description="`lineId` of the order's item.")
    product_code: Code | None = Field(None, description="Instead of the line's id.", examples=["PRD-001"])
    quantity: Quantity = Field(examples=[1])


class OrderState(ResponseModel):
    """How the order stands now."""

    code: str = Field(examples=["ORD-000001"])
    status: str = Field(examples=["confirmed"])
    payment_status: str = Field(examples=["paid"])
    version: int


class LineOut(ResponseModel):
    """Units of a line of the order."""

    line_id: uuid.UUID
    product_code: str
    name: str
    quantity: int


def state_of(order: Order) -> dict[str, Any]:
    """Return the fields of `OrderState`."""
    return {name: getattr(order, name) for name in ("code", "status", "payment_status", "version")}


def line_facts(order: Order) -> dict[uuid.UUID, dict[str, Any]]:
    """Return what `LineOut` says of each line of an order beside units, by its id."""
    return {
        line.id: {"line_id": line.id, "product_code": line.sku, "name": line.title} for line in order.lines
    }


def named_lines(order: Order, sent: Sequence[L]) -> list[tuple[uuid.UUID, L]]:
    """Return what was sent with the id of the line that each names. Raises InvalidValues for those of no line."""
    found = [(_line_of(order, each), each) for each in sent]
    faults = [_no_line(f"lines.{index}", each) for index, (line, each) in enumerate(found) if line is None]
    if faults:
        raise InvalidValues(faults)
    return [(line.id, each) for line, each in found if line is not None]


def units_of(order: Order, sent: Sequence[LineUnits]) -> dict[uuid.UUID, int]:
    """Return the units by line id; a line that is named twice counts with both. Raises InvalidValues."""
    return summed((key, each.quantity) for key, each in named_lines(order, sent))


def summed(parts: Iterator[tuple[uuid.UUID, int]]) -> dict[uuid.UUID, int]:
    """Return the sum of units by line id."""
    sums: dict[uuid.UUID, int] = {}
    for key, count in parts:
        sums[key] = sums.get(key, 0) + count
    return sums


def _line_of(order: Order, each: LineUnits) -> OrderLine | None:
    if each.line_id is not None:
        return next((line for line in order.lines if line.id == each.line_id), None)
    code = each.product_code
    found = [line for line in order.lines if line.sku == code] or [
        line for line in order.lines if code and line.slug == code.lower()
    ]
    return found[0] if len(found) == 1 else None


def _no_line(place: str, each: LineUnits) -> FieldError:
    if each.line_id is None and each.product_code is None:
        return FieldError(f"{place}.product_code", "line_id_or_product_code")
    return FieldError(f"{place}.{'line_id' if each.line_id else 'product_code'}", "line_ambiguous")


def sent_minor(field: str, value: Decimal | None, currency: str) -> int | None:
    """Return a sent amount in minor units, None when none was sent. Raises InvalidValue at `field`."""
    if value is None:
        return None
    try:
        return minor(value, currency)
    except InvalidValue as error:
        raise error.at(field) from error


def take_only(body: RequestModel, sometimes: Mapping[str, Collection[str]], chosen: str) -> None:
    """Refuse what a choice has no use for: `sometimes` holds choice -> the fields that not all of them take.

    Raises InvalidValues.
    """
    others = {name for names in sometimes.values() for name in names} - set(sometimes.get(chosen, ()))
    faults = [
        FieldError(name, "field_not_for_action", {"action": chosen})
        for name in sorted(others)
        if getattr(body, name)
    ]
    if faults:
        raise InvalidValues(faults)
