"""Tracking numbers as a file or pasted lines: order, carrier, tracking number and, for a part of it, SKU and quantity.

Lines of an order with the same carrier and number are one parcel. A parcel that is the only one of its order and names
no items holds all that is left; otherwise each line names an item.
"""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from commerce.db import db
from commerce.errors import InvalidValue, Refusal
from commerce.orders.listing import MAX_DIGITS
from commerce.orders.models import Order, OrderLine

MAX_LINES = 2000
MAX_WORD = 255
BATCH = 500
COLUMNS = {
    "order": ("order", "order number", "order no", "order_number", "order code", "order id", "name"),
    "carrier": ("carrier", "shipping carrier", "tracking company", "service"),
    "tracking": ("tracking", "tracking number", "tracking code", "tracking_number", "tracking no"),
    "sku": ("sku", "item", "lineitem sku"),
    "quantity": ("quantity", "qty", "units", "fulfilled quantity"),
}
"""Headings by what they mean. Without a heading the columns come in this order."""


@dataclass(frozen=True, slots=True)
class TrackingLine:
    """A line as it was written, with its number."""

    number: int
    order: str
    carrier: str
    tracking: str
    sku: str
    quantity: str


@dataclass(frozen=True, slots=True)
class LineProblem:
    """Why a line is refused, and what it says."""

    number: int
    order: str
    refusal: Refusal


@dataclass(slots=True)
class TrackingNumbers:
    """What was given: for each order its parcels, and what is wrong. With a problem nothing of it is to be done."""

    details: dict[uuid.UUID, dict[str, Any]] = field(default_factory=dict)
    problems: list[LineProblem] = field(default_factory=list)


def read_tracking(text: str) -> TrackingNumbers:
    """Return the parcels of each order that the lines name. Raises InvalidValue for no lines or too many."""
    lines = _lines(text)
    if not lines:
        raise InvalidValue("lines", "tracking_lines_required")
    if len(lines) > MAX_LINES:
        raise InvalidValue("lines", "too_many_tracking_lines", limit=MAX_LINES)
    orders = _orders([line.order for line in lines])
    known = {id_: _items(items) for id_, items in _lines_of(set(orders.values())).items()}
    found = TrackingNumbers()
    parcels: dict[uuid.UUID, dict[tuple[str, str], list[TrackingLine]]] = {}
    for line in lines:
        order_id = orders.get(_key(line.order))
        refusal = _why_not(line, known.get(order_id) if order_id else None)
        if refusal:
            found.problems.append(LineProblem(line.number, line.order, refusal))
        elif order_id:
            parcels.setdefault(order_id, {}).setdefault((line.carrier, line.tracking), []).append(line)
    for order_id, of_order in parcels.items():
        found.problems += _unclear(of_order)
        found.details[order_id] = {
            "parcels": [
                {"carrier": carrier, "tracking_code": tracking, "units": _units(given, known[order_id])}
                for (carrier, tracking), given in of_order.items()
            ]
        }
    found.problems.sort(key=lambda each: each.number)
    return found


def _lines(text: str) -> list[TrackingLine]:
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max("\t;,", key=first.count)
    columns = {name: at for at, name in enumerate(COLUMNS)}
    found: list[TrackingLine] = []
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    for cells in reader:
        words = [" ".join(cell.replace("\x00", "").split()) for cell in cells]
        if not any(words):
            continue
        if not found and _is_heading(words):
            columns = _columns(words)
            continue
        cell = {name: words[at] if at < len(words) else "" for name, at in columns.items()}
        given = [cell.get(name, "") for name in COLUMNS]
        found.append(TrackingLine(reader.line_num, *given))
        if len(found) > MAX_LINES:
            break
    return found


def _is_heading(words: Sequence[str]) -> bool:
    return any(word.casefold() in COLUMNS["order"] for word in words)


def _columns(words: Sequence[str]) -> dict[str, int]:
    names = [word.casefold() for word in words]
    return {
        meaning: next(at for at, name in enumerate(names) if name in known)
        for meaning, known in COLUMNS.items()
        if any(name in known for name in names)
    }


def _key(text: str) -> str:
    return text.lstrip("#").strip().upper()


def _orders(texts: Sequence[str]) -> dict[str, uuid.UUID]:
    """Return orders by what a line calls them: the code in any case, or the number. A code comes first."""
    keys = sorted({_key(text) for text in texts if 0 < len(text) <= 60 and text.isprintable()})
    found: dict[str, uuid.UUID] = {}
    for start in range(0, len(keys), BATCH):
        some = keys[start : start + BATCH]
        by_number = {
            int(each): each
            for each in some
            if each.isascii() and each.isdigit() and 0 < len(each) <= MAX_DIGITS and int(each)
        }
        rows = select(Order.id, Order.number).where(Order.number.in_(by_number))
        found |= {by_number[row.number]: row.id for row in db.session.execute(rows)}
        coded = select(Order.id, Order.code).where(Order.code.in_(some))
        found |= {row.code: row.id for row in db.session.execute(coded)}
    return found


def _lines_of(order_ids: set[uuid.UUID]) -> dict[uuid.UUID, list[Any]]:
    found: dict[uuid.UUID, list[Any]] = {order_id: [] for order_id in order_ids}
    ids = sorted(order_ids)
    for start in range(0, len(ids), BATCH):
        rows = select(OrderLine.order_id, OrderLine.id, OrderLine.sku).where(
            OrderLine.order_id.in_(ids[start : start + BATCH])
        )
        for row in db.session.execute(rows.order_by(OrderLine.order_id, OrderLine.position)):
            found[row.order_id].append(row)
    return found


def _items(rows: Sequence[Any]) -> dict[str, list[uuid.UUID]]:
    """Return the lines of an order by SKU."""
    items: dict[str, list[uuid.UUID]] = {}
    for row in rows:
        items.setdefault(row.sku.casefold(), []).append(row.id)
    return items


def _why_not(line: TrackingLine, items: Mapping[str, list[uuid.UUID]] | None) -> Refusal | None:
    if items is None:
        return Refusal("order_not_found")
    words = (line.carrier, line.tracking)
    if not all(len(word) <= MAX_WORD and word.isprintable() for word in words):
        return Refusal("text_too_long", {"maximum": MAX_WORD})
    if not line.tracking:
        return Refusal("tracking_number_required")
    if line.sku:
        lines = items.get(line.sku.casefold(), ())
        if not lines:
            return Refusal("sku_not_in_order", {"sku": line.sku[:100]})
        if len(lines) > 1:
            return Refusal("sku_twice_in_order", {"sku": line.sku[:100]})
        if not _quantity(line.quantity):
            return Refusal("tracking_quantity_invalid")
    elif line.quantity:
        return Refusal("tracking_quantity_without_sku")
    return None


def _quantity(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0


def _unclear(parcels: Mapping[tuple[str, str], list[TrackingLine]]) -> list[LineProblem]:
    """Return the lines that leave open what is in which parcel: named and unnamed items, or an item twice."""
    problems = []
    lines = [line for given in parcels.values() for line in given]
    several = len(lines) > 1
    seen: set[tuple[str, str]] = set()
    for line in lines:
        key = (line.tracking, line.sku.casefold())
        if several and not line.sku:
            problems.append(LineProblem(line.number, line.order, Refusal("tracking_items_required")))
        elif key in seen:
            problems.append(LineProblem(line.number, line.order, Refusal("tracking_line_repeated")))
        seen.add(key)
    return problems


def _units(given: Sequence[TrackingLine], items: Mapping[str, list[uuid.UUID]]) -> dict[str, int] | None:
    named = [line for line in given if line.sku]
    units = {str(items[line.sku.casefold()][0]): _quantity(line.quantity) for line in named}
    return units or None
