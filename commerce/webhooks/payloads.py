"""Payloads of webhooks: stable public names and facts, whatever our own classes are called.

A name or a fact in this table is a promise to programs that we do not know: add, but do not rename or remove. What is
not named here stays inside. Amounts are numbers in whole units of the `currency` beside them, as everywhere in JSON.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask_babel import lazy_gettext as _l

from commerce.events.models import Event
from commerce.events.outbox import DomainEvent
from commerce.events.relay import DeliveredEvent
from commerce.inventory.events import StockLow
from commerce.money import to_decimal
from commerce.orders import events

PING = "ping"
STATUS = {"from_status": "fromStatus", "to_status": "status", "reason": "reason"}
MONEY = {"amount": "amount", "currency": "currency"}
ANSWER = {"return_id": "returnId", "kind": "kind"}
AMOUNTS = frozenset({"total", "total_before", "amount"})
"""Facts that are minor units inside."""


@dataclass(frozen=True, slots=True)
class Public:
    """The public side of an event: its name, its facts (ours -> public), and a description for staff."""

    name: str
    facts: Mapping[str, str]
    meaning: Any


PUBLIC: dict[type[DomainEvent], Public] = {
    events.OrderPlaced: Public(
        "order.placed",
        {"total": "total", "currency": "currency", "pay_later": "payLater"},
        _l("An order exists and its stock is held."),
    ),
    events.PaymentSucceeded: Public("order.paid", STATUS, _l("The order is paid in full.")),
    events.OrderConfirmed: Public(
        "order.confirmed", STATUS, _l("Stock is committed: the shop will deliver.")
    ),
    events.OrderShipped: Public("order.shipped", STATUS, _l("Everything is on its way.")),
    events.OrderDelivered: Public("order.delivered", STATUS, _l("The parcel arrived.")),
    events.OrderCompleted: Public("order.completed", STATUS, _l("The return window is over.")),
    events.OrderCancelled: Public("order.cancelled", STATUS, _l("The order will not be delivered.")),
    events.RefundRequested: Public("order.refund_requested", STATUS, _l("Somebody wants the money back.")),
    events.RefundDeclined: Public("order.refund_declined", STATUS, _l("Staff said no to a refund.")),
    events.OrderRefunded: Public("order.refunded", STATUS, _l("Staff decided to give back what is left.")),
    events.OrderStatusChanged: Public(
        "order.status_changed", {"action": "action", **STATUS}, _l("Any other change of the status.")
    ),
    events.OrderCredited: Public(
        "order.credited",
        {"credit_id": "creditId", **MONEY, "reason": "reason"},
        _l("Staff gave back a part of the money."),
    ),
    events.OrderEdited: Public(
        "order.edited",
        {"summary": "summary", "total_before": "totalBefore", "total": "total", "currency": "currency"},
        _l("Staff changed a placed order."),
    ),
    events.ParcelSent: Public(
        "shipment.sent",
        {"shipment_id": "shipmentId", "number": "number"},
        _l("Part of the order was shipped."),
    ),
    events.PaymentReceived: Public("payment.received", {"method": "method", **MONEY}, _l("Money arrived.")),
    events.PaymentFailed: Public(
        "payment.failed", {"failure": "failure"}, _l("An attempt to pay was declined.")
    ),
    events.PaymentNeedsReview: Public(
        "payment.needs_review", {"problem": "problem"}, _l("Money arrived that does not match the order.")
    ),
    events.LatePaymentRefunded: Public(
        "payment.late", {}, _l("Money for a cancelled order arrived and goes back.")
    ),
    events.InventoryReservationFailed: Public(
        "inventory.reservation_failed",
        {"error": "error"},
        _l("A paid order whose stock could not be committed."),
    ),
    events.ReturnRequested: Public(
        "return.requested", {**ANSWER, "reason": "reason"}, _l("A refund or return by line was asked for.")
    ),
    events.ReturnAnswered: Public(
        "return.updated", {**ANSWER, "state": "state", "answer": "answer"}, _l("A return went on.")
    ),
    events.RefundQueued: Public(
        "refund.queued", {"refund_id": "refundId", **MONEY}, _l("Money is to go back by the gateway.")
    ),
    events.RefundSettled: Public(
        "refund.settled",
        {"refund_id": "refundId", "succeeded": "succeeded", "failure": "failure"},
        _l("The gateway settled a refund."),
    ),
    StockLow: Public(
        "inventory.low",
        {"sku": "sku", "title": "title", "options": "options", "available": "available", "low_at": "lowAt"},
        _l("Few units of a variant are left."),
    ),
}

_BY_TYPE = {kind.type(): public for kind, public in PUBLIC.items()}
EVENT_TYPES: dict[str, Any] = {public.name: public.meaning for public in PUBLIC.values()}
"""Public names, in the order in which staff see them, and what they mean."""


def public_name(event_type: str) -> str | None:
    """Return the public name of one of our event types, None for what stays inside."""
    public = _BY_TYPE.get(event_type)
    return public.name if public else None


def types_of(names: Collection[str] = EVENT_TYPES) -> list[str]:
    """Return the internal types of public event names; all public ones when none are given."""
    return [kind for kind, public in _BY_TYPE.items() if public.name in names]


def message_id(event_id: uuid.UUID) -> str:
    """Return the `webhook-id`: one per event, the same at every try, so that repetitions can be recognised."""
    return f"msg_{event_id.hex}"


def body_of(event: DeliveredEvent | Event, shop_code: str) -> dict[str, Any]:
    """Return the payload of an event; the same at every attempt. Raises KeyError for internal events."""
    public = _BY_TYPE[event.type]
    facts = event.payload
    data = {name: _fact(ours, facts) for ours, name in public.facts.items() if ours in facts}
    order = {"orderCode": facts["code"], "version": event.subject_version} if "code" in facts else {}
    return _body(public.name, event.occurred_at, {"shop": shop_code, **order, **data})


def _fact(name: str, facts: Mapping[str, Any]) -> Any:
    """The float's literal is the shortest that names the same amount; nothing is calculated with it."""
    return float(to_decimal(facts[name], facts["currency"])) if name in AMOUNTS else facts[name]


def ping_body(shop_code: str, now: datetime) -> dict[str, Any]:
    """Return what the test button sends."""
    return _body(PING, now, {"shop": shop_code})


def _body(name: str, moment: datetime, data: dict[str, Any]) -> dict[str, Any]:
    stamp = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"type": name, "timestamp": stamp, "data": data}
