"""What a mail can tell of: the order with its money and parcels, and the event with those written beside it.

One thing that happened is one mail, though it may be several events. Which of them speaks is decided by the events
themselves: what stands before and after one in its order's history was written in the same transaction, so the
answer is the same at the first try, after a crash and a day later. The rules are in `handlers.py`.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from sqlalchemy import select

from commerce.db import db
from commerce.errors import NotFound
from commerce.events.models import Event
from commerce.events.read_ahead import read_already
from commerce.events.relay import DeliveredEvent
from commerce.orders.balance import balance_of
from commerce.orders.models import Order, OrderLine, ReturnLine, ReturnRequest
from commerce.orders.queries import get_orders
from commerce.payments.models import Payment
from commerce.payments.queries import payment_method
from commerce.shipping.models import Shipment, ShipmentLine
from commerce.shipping.queries import shipments_of


@dataclass(frozen=True, slots=True)
class MailUnits:
    """Units of an order line, as they are named in a mail."""

    title: str
    options: str
    quantity: int


@dataclass(frozen=True, slots=True)
class MailParcel:
    """A parcel and what is in it."""

    id: str
    number: int
    carrier: str
    tracking_code: str
    units: tuple[MailUnits, ...]


@dataclass(frozen=True, slots=True)
class MailContext:
    """Everything that a mail's template may ask for. Amounts are minor units of the order's currency.

    `facts` are the event's own. `received` is what was ever paid, `owed` what is still to be paid, `going_back` what
    this event sends back. `parcel` is the one that the event is about, `rest` tells that more is to follow.
    `asked` are the units that a request is about.
    """

    order: Order
    facts: Mapping[str, Any]
    by_staff: bool = False
    received: int = 0
    owed: int = 0
    going_back: int = 0
    instructions: str = ""
    parcel: MailParcel | None = None
    rest: bool = False
    asked: tuple[MailUnits, ...] = ()
    before: Sequence[Event] = field(default=())
    after: Sequence[Event] = field(default=())

    @property
    def under_review(self) -> bool:
        """Tell whether money did not match its order, which is written right after it arrived."""
        return bool(self.after) and self.after[0].type == "PaymentNeedsReview"


def mail_context(happening: DeliveredEvent) -> MailContext:
    """Return what happened, with everything that belongs to it. Raises NotFound."""
    context = read_already(mail_contexts, happening.event_id) or mail_contexts([happening]).get(
        happening.event_id
    )
    if context is None:
        raise NotFound("order_not_found")
    return context


def mail_contexts(happenings: Sequence[DeliveredEvent]) -> dict[uuid.UUID, MailContext]:
    """Return by event id what happened, for events of orders that exist: few statements, however many events."""
    ids = {happening.subject_id for happening in happenings}
    orders = {order.id: order for order in get_orders(ids)}
    histories = _by_order(Event, Event.subject_id, ids, Event.subject_version, Event.id)
    payments = _by_order(Payment, Payment.order_id, ids, Payment.id)
    shipments = _by_order(Shipment, Shipment.order_id, ids, Shipment.number)
    units = _parcel_units([each.id for found in shipments.values() for each in found])
    return {
        happening.event_id: _context(
            happening,
            order,
            histories[order.id],
            [each for each in payments[order.id] if each.currency == order.currency],
            [_parcel(each, units[each.id]) for each in shipments[order.id]],
        )
        for happening in happenings
        if (order := orders.get(happening.subject_id)) is not None
    }


def _by_order(
    model: Any, order_id: Any, ids: Collection[uuid.UUID], *sorting: Any
) -> dict[uuid.UUID, list[Any]]:
    """Return rows of orders by the order's id."""
    found: dict[uuid.UUID, list[Any]] = defaultdict(list)
    for row in db.session.scalars(select(model).where(order_id.in_(ids)).order_by(*sorting)):
        found[getattr(row, order_id.key)].append(row)
    return found


def _context(
    happening: DeliveredEvent,
    order: Order,
    history: Sequence[Event],
    payments: Sequence[Payment],
    parcels: Sequence[MailParcel],
) -> MailContext:
    facts = happening.payload
    before, event, after = _around(happening, history)
    parcel = next((p for p in parcels if p.id == facts.get("shipment_id")), parcels[-1] if parcels else None)
    return MailContext(
        order=order,
        facts=facts,
        by_staff=event is not None and event.actor_kind in ("staff", "api"),
        received=sum(payment.captured for payment in payments),
        owed=balance_of(order, payments).due,
        going_back=_going_back(happening, before, after),
        instructions=_instructions(order),
        parcel=parcel,
        rest=parcel is not None and _rest_after(order, parcels, parcel),
        asked=_asked(facts),
        before=before,
        after=after,
    )


def _around(
    happening: DeliveredEvent, history: Sequence[Event]
) -> tuple[Sequence[Event], Event | None, Sequence[Event]]:
    """Return what is in the order's history before an event, the event itself, and what comes after it."""
    at = next((index for index, each in enumerate(history) if each.id == happening.event_id), None)
    if at is None:
        return [], None, []
    return history[:at], history[at], history[at + 1 :]


def _going_back(happening: DeliveredEvent, before: Sequence[Event], after: Sequence[Event]) -> int:
    """Return the money that was sent on its way back together with an event."""
    if happening.type == "OrderCredited":
        return int(happening.payload["amount"])
    if happening.type in ("OrderCancelled", "OrderRefunded"):
        beside = list(after)
    elif happening.type in ("OrderEdited", "LatePaymentRefunded"):
        beside = list(reversed(before))
    else:
        return 0
    queued = takewhile(lambda event: event.type == "RefundQueued", beside)
    return sum(int(event.payload["amount"]) for event in queued)


def _instructions(order: Order) -> str:
    method = payment_method(order.payment_method)
    return method.instructions if method is not None and method.gateway == "manual" else ""


def mail_parcels(order: Order) -> list[MailParcel]:
    """Return an order's parcels with what is in them, oldest first."""
    shipments = shipments_of(order.id)
    units = _parcel_units([each.id for each in shipments])
    return [_parcel(each, units[each.id]) for each in shipments]


def _parcel(shipment: Shipment, units: Sequence[MailUnits]) -> MailParcel:
    return MailParcel(
        str(shipment.id), shipment.number, shipment.carrier, shipment.tracking_code, tuple(units)
    )


def _parcel_units(shipment_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[MailUnits]]:
    """Return what is in each parcel. One statement at most."""
    found: dict[uuid.UUID, list[MailUnits]] = defaultdict(list)
    if not shipment_ids:
        return found
    rows = db.session.execute(
        select(ShipmentLine.shipment_id, OrderLine.title, OrderLine.options, ShipmentLine.quantity)
        .join(
            OrderLine,
            (OrderLine.tenant_id == ShipmentLine.tenant_id) & (OrderLine.id == ShipmentLine.order_line_id),
        )
        .where(ShipmentLine.shipment_id.in_(shipment_ids))
        .order_by(OrderLine.position)
    )
    for row in rows:
        found[row.shipment_id].append(MailUnits(row.title, row.options, row.quantity))
    return found


def _rest_after(order: Order, parcels: Sequence[MailParcel], parcel: MailParcel) -> bool:
    """Tell whether anything has still to leave after a parcel; what was cancelled never will."""
    sent = sum(unit.quantity for each in parcels if each.number <= parcel.number for unit in each.units)
    return sent < sum(line.quantity - line.cancelled for line in order.lines)


def _asked(facts: Mapping[str, Any]) -> tuple[MailUnits, ...]:
    """Return what the request of an event is about; a request for a whole order has no id in its event."""
    if "return_id" not in facts:
        return ()
    rows = db.session.execute(
        select(OrderLine.title, OrderLine.options, ReturnLine.quantity)
        .join(
            ReturnLine,
            (ReturnLine.tenant_id == OrderLine.tenant_id) & (ReturnLine.order_line_id == OrderLine.id),
        )
        .join(
            ReturnRequest,
            (ReturnRequest.tenant_id == ReturnLine.tenant_id) & (ReturnRequest.id == ReturnLine.return_id),
        )
        .where(ReturnRequest.id == uuid.UUID(str(facts["return_id"])))
        .order_by(OrderLine.position)
    )
    return tuple(MailUnits(*row) for row in rows)
