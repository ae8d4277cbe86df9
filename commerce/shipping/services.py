"""Shipments: parcels with all or some of an order."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from commerce import clock
from commerce.db import atomic, db, insert_rows, new_id
from commerce.errors import Conflict, IllegalTransition, InvalidValue, NotAllowed
from commerce.events.outbox import Actor, publish
from commerce.inventory.backorders import BackorderCoverage, lock_coverage
from commerce.inventory.services import deduct_stock
from commerce.orders.events import ParcelSent
from commerce.orders.models import Order, OrderLine
from commerce.orders.queries import codes_of
from commerce.orders.refund_amounts import is_count
from commerce.orders.search import index_orders
from commerce.orders.services import ACTOR_KINDS, apply_transition, guards, lock_order
from commerce.orders.transitions import BY_ACTION, why_not
from commerce.shipping.models import Shipment, ShipmentLine

MAX_WORD = 255
MOST_NAMED = 3
"""Orders that are named when others come first."""


@atomic
def ship_order(
    order_id: uuid.UUID,
    actor: Actor,
    *,
    units: Mapping[uuid.UUID, int] | None = None,
    seen_version: int | None = None,
    reason: str = "",
    carrier: str = "",
    tracking_code: str = "",
    start: bool = False,
) -> uuid.UUID:
    """Send a parcel with `units` (by order line id; None is everything that is left) and return its id.

    Stock is deducted; what a shop deducted at confirmation is sent first, and needs no more. The order is `shipped`
    once everything has left, and stays `processing` until then. With `start` an order that is only confirmed begins
    to be processed first, by its own row of the table and in the same transaction.
    Raises NotFound, StaleVersion, IllegalTransition, NotAllowed, InvalidValue for units that are not the order's or
    not in stock: what is there goes to the orders that came first.
    """
    return send_parcel(
        lock_order(order_id, seen_version),
        actor,
        units=units,
        reason=reason,
        carrier=carrier,
        tracking_code=tracking_code,
        start=start,
    )


def send_parcel(
    order: Order,
    actor: Actor,
    *,
    units: Mapping[uuid.UUID, int] | None = None,
    reason: str = "",
    carrier: str = "",
    tracking_code: str = "",
    start: bool = False,
) -> uuid.UUID:
    """Send a parcel of a locked order, as `ship_order`. A step. Raises what that raises, but for the first two."""
    if start and order.status in BY_ACTION["process"].sources:
        apply_transition(order, "process", actor, reason)
    _check_may_ship(order, actor)
    chosen = _chosen(order, units)
    to_deduct = _on_hand_now(order, chosen)
    shipment_id, number = new_id(), _next_number(order.id)
    parcel = {
        "id": shipment_id,
        "order_id": order.id,
        "number": number,
        "carrier": _word("carrier", carrier),
        "tracking_code": _word("tracking_code", tracking_code),
    }
    insert_rows(Shipment, [parcel])
    insert_rows(
        ShipmentLine,
        [
            {"shipment_id": shipment_id, "order_line_id": key, "quantity": count}
            for key, count in chosen.items()
        ],
    )
    for line in order.lines:
        line.shipped += chosen.get(line.id, 0)
    if any(line.to_ship for line in order.lines):
        _tell_of_parcel(order, actor, shipment_id, number)
    else:
        apply_transition(order, "ship", actor, reason)
    who = actor.name or actor.kind
    deduct_stock(order.id, cause="shipped", actor=who, reference=order.code, units=to_deduct)
    if parcel["tracking_code"]:
        index_orders([order.id])
    return shipment_id


def _check_may_ship(order: Order, actor: Actor) -> None:
    """Ask the table before anything is written: a part of an order is sent under the same rule as all of it."""
    row, kind = BY_ACTION["ship"], ACTOR_KINDS.get(actor.kind, actor.kind)
    refusal = why_not(row, order.status, kind, **guards(order))
    if refusal and order.status in row.sources:
        raise NotAllowed(refusal.reason, **refusal.facts)
    if refusal:
        raise IllegalTransition(order.status, "ship", refusal.reason, **refusal.facts)


def _chosen(order: Order, units: Mapping[uuid.UUID, int] | None) -> dict[uuid.UUID, int]:
    left = {line.id: line.to_ship for line in order.lines if line.to_ship}
    if units is None:
        if not left:
            raise Conflict("nothing_left_to_ship")
        return left
    titles = {line.id: line.title for line in order.lines}
    for key, count in units.items():
        if key not in titles:
            raise InvalidValue("lines", "line_not_in_order")
        if not is_count(count, 0, left.get(key, 0)):
            raise InvalidValue(
                "lines", "ship_units_out_of_range", title=titles[key], maximum=left.get(key, 0)
            )
    chosen = {key: count for key, count in units.items() if count}
    if not chosen:
        raise InvalidValue("lines", "parcel_lines_required")
    return chosen


def _on_hand_now(order: Order, chosen: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, int]:
    """Return which of the chosen units have still to be deducted from stock. Raises InvalidValue unless they are there.

    The stock items stay locked, so that they are there still when they are taken.
    """
    cover = lock_coverage(order.id)
    wanted = {}
    for line in order.lines:
        line_cover = cover.get(line.id, BackorderCoverage())
        ready = line_cover.deducted - line.shipped
        wanted[line.id] = max(0, chosen.get(line.id, 0) - ready)
        if line_cover.waiting and wanted[line.id] > line_cover.covered:
            there = ready + line_cover.covered
            raise _missing_units(line, there, line_cover.before)
    return wanted


def _missing_units(line: OrderLine, there: int, before: set[uuid.UUID]) -> InvalidValue:
    """Return how many units of a line can be sent, and which orders get the units on hand first."""
    codes = codes_of(before)
    facts: dict[str, Any] = {"title": line.title, "sku": line.sku, "ready": there, "to_ship": line.to_ship}
    if not codes:
        return InvalidValue("lines", "units_not_in_stock", **facts)
    named, more = list(codes[:MOST_NAMED]), len(codes) - MOST_NAMED
    if more <= 0:
        return InvalidValue("lines", "units_for_earlier_orders", **facts, orders=named)
    return InvalidValue("lines", "units_for_many_earlier_orders", **facts, orders=named, more=more)


def _next_number(order_id: uuid.UUID) -> int:
    known = select(func.count()).select_from(Shipment).where(Shipment.order_id == order_id)
    return 1 + (db.session.scalar(known) or 0)


def _tell_of_parcel(order: Order, actor: Actor, shipment_id: uuid.UUID, number: int) -> None:
    order.updated_at = clock.now()  # raises the version: whoever still has the old page open gets a conflict
    db.session.flush()
    publish(
        actor,
        ParcelSent(
            subject_id=order.id,
            subject_version=order.version,
            code=order.code,
            shipment_id=str(shipment_id),
            number=number,
        ),
    )


def _word(field: str, text: str) -> str:
    text = " ".join(text.split())
    if len(text) > MAX_WORD:
        raise InvalidValue(field, "text_too_long", maximum=MAX_WORD)
    return text
