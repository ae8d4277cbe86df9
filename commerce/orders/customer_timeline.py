"""An order in words for the person who placed it: how far it is, and what happened."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from commerce.error_messages import describe
from commerce.events.models import Event
from commerce.orders.models import Credit, Order, ReturnRequest
from commerce.orders.refund_amounts import shipped_not_returned, uncredited
from commerce.orders.return_queries import OPEN, credits_of, requests_of
from commerce.orders.services import guards, is_return_window_over, returns_end_at
from commerce.orders.transitions import BY_ACTION, SHOPPER, why_not

STATUS_WORDS: dict[str, Any] = {
    "pending": _l("Waiting for payment"),
    "paid": _l("Paid"),
    "confirmed": _l("Confirmed"),
    "processing": _l("Processing"),
    "shipped": _l("Shipped"),
    "delivered": _l("Delivered"),
    "completed": _l("Completed"),
    "cancelled": _l("Cancelled"),
    "refund_requested": _l("Refund requested"),
    "refunded": _l("Refunded"),
}
STEPS = (
    (_l("Ordered"), "placed_at"),
    (_l("Confirmed"), "confirmed_at"),
    (_l("Shipped"), "shipped_at"),
    (_l("Delivered"), "delivered_at"),
)
OFF_THE_PATH = ("cancelled", "refunded")
"""Statuses in which a picture of the delivery would be a wrong promise."""

GIVEN_BACK = ("partially_refunded", "refunded")
REQUEST_WORDS: dict[str, Any] = {
    "requested": _l("Under review"),
    "approved": _l("Please send it back"),
    "received": _l("Received"),
    "closed": _l("Done"),
    "declined": _l("Declined"),
    "withdrawn": _l("Withdrawn"),
}
WITH_AMOUNT = ("OrderCredited", "PaymentReceived", "RefundQueued")

_WORDS: dict[str, Any] = {
    "OrderPlaced": _l("You placed the order."),
    "PaymentReceived": _l("We received your payment."),
    "PaymentFailed": _l("The payment was declined."),
    "PaymentUnknown": _l("The payment provider did not answer; we are checking your payment."),
    "LatePaymentRefunded": _l("Your payment arrived after the order was cancelled. We are refunding it."),
    "RefundQueued": _l("We are sending your refund."),
    "ParcelSent": _l("Part of your order has shipped; the rest will follow."),
    "OrderCredited": _l("We issued a refund."),
    "OrderEdited": _l("We edited your order."),
    "return_refund": _l("You requested a refund for part of the order."),
    "return_return": _l("You requested a return."),
    "answer_approved": _l("We approved your return. Please send the items back for your refund."),
    "answer_received": _l("We received your return."),
    "answer_declined": _l("We declined your request."),
    "answer_withdrawn": _l("You withdrew your request."),
    "note": _l("We sent you a message."),
    "confirm": _l("We confirmed your order."),
    "process": _l("We are packing your order."),
    "ship": _l("Your order has shipped."),
    "deliver": _l("Your order was delivered."),
    "complete": _l("The return period has ended; the order is complete."),
    "cancel": _l("The order was cancelled."),
    "reopen": _l("Your payment arrived, so the order was reopened."),
    "request_refund": _l("A refund was requested; we will review it."),
    "decline_refund": _l("We declined the refund."),
    "refund": _l("We refunded your order."),
}


@dataclass(frozen=True, slots=True)
class ProgressStep:
    """A stage of the delivery; `at` is None while it lies ahead, `current` is where the order stands."""

    name: Any
    at: datetime | None
    current: bool


def progress(order: Order) -> list[ProgressStep]:
    """Return the stages of an order, or none when it is not being delivered."""
    if order.status in OFF_THE_PATH:
        return []
    moments = [getattr(order, column) for _name, column in STEPS]
    reached = max((index for index, moment in enumerate(moments) if moment), default=0)
    return [
        ProgressStep(name, moments[index], index == reached) for index, (name, _column) in enumerate(STEPS)
    ]


def refusal_text(order: Order, action: str) -> str:
    """Return why the shopper may not do an action now, or ''."""
    refusal = why_not(BY_ACTION[action], order.status, SHOPPER, **guards(order))
    return describe(refusal) if refusal else ""


@dataclass(frozen=True, slots=True)
class RefundOptions:
    """What a shopper asked back, got back, and can still ask for; units by order line id.

    `to_ask` are units of which money can be asked back, `to_send_back` those of them that were shipped. The return
    window ends at `ends_at`, once there is a delivery.
    """

    why_not: str
    ends_at: datetime | None
    is_over: bool
    requests: Sequence[ReturnRequest]
    credits: Sequence[Credit]
    to_ask: Mapping[uuid.UUID, int]
    to_send_back: Mapping[uuid.UUID, int]


def refund_options(order: Order) -> RefundOptions:
    """Return what there is to say about giving back an order. It asks the database for little of a plain order."""
    requests = requests_of(order.id)
    given = any(line.credited for line in order.lines) or order.payment_status in GIVEN_BACK
    waiting = [each for each in requests if each.state in OPEN]
    to_ask = _without(uncredited(order), waiting)
    gone = {line.id: shipped_not_returned(line) for line in order.lines}
    coming = _without(gone, [each for each in waiting if each.kind == "return"])
    why_not_refund = refusal_text(order, "request_refund")
    if not why_not_refund and not to_ask:
        why_not_refund = _("Everything has already been refunded or requested.")
    return RefundOptions(
        why_not=why_not_refund,
        ends_at=returns_end_at(order),
        is_over=is_return_window_over(order),
        requests=requests,
        credits=credits_of(order.id) if given else [],
        to_ask=to_ask,
        to_send_back={key: min(count, coming[key]) for key, count in to_ask.items() if coming.get(key)},
    )


def _without(units: Mapping[uuid.UUID, int], requests: Sequence[ReturnRequest]) -> dict[uuid.UUID, int]:
    left = dict(units)
    for part in (line for each in requests for line in each.lines):
        left[part.order_line_id] = left.get(part.order_line_id, 0) - part.quantity
    return {key: count for key, count in left.items() if count > 0}


SAID = ("reason", "answer", "text", "summary")
"""Facts of an event that somebody wrote and a shopper may read."""


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """A line of the story. `reason` is what somebody wrote, `amount` minor units of `currency`, None for no money."""

    words: Any
    at: datetime
    reason: str = ""
    amount: int | None = None
    currency: str = ""


def order_updates(events: Sequence[Event]) -> list[OrderUpdate]:
    """Return what a shopper should know of an order's events, newest first; what is between us and us is left out."""
    return [happening for event in reversed(events) if (happening := _order_update(event)) is not None]


def _order_update(event: Event) -> OrderUpdate | None:
    facts = event.payload
    if event.type == "RefundSettled":
        return (
            OrderUpdate(_l("The refund was paid out."), event.occurred_at) if facts.get("succeeded") else None
        )
    words = _WORDS.get(_key(event))
    if words is None:
        return None
    amount = facts.get("amount") if event.type in WITH_AMOUNT else None
    said = next((facts[name] for name in SAID if facts.get(name)), "")
    return OrderUpdate(words, event.occurred_at, said, amount, facts.get("currency", ""))


def _key(event: Event) -> str:
    facts = event.payload
    if event.type == "ReturnRequested":
        return f"return_{facts.get('kind')}"
    if event.type == "ReturnAnswered":
        return f"answer_{facts.get('state')}"
    if event.type == "OrderNoteAdded":
        return "note" if facts.get("for_customer") else ""
    return str(facts.get("action", event.type))
