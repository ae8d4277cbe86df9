"""An order in words for the person who placed it: how far it is, and what happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import lazy_gettext as _l

from commerce.events.models import Event
from commerce.orders.models import Order
from commerce.orders.transitions import BY_ACTION, SHOPPER, why_not

STATUS_WORDS: dict[str, Any] = {
    "pending": _l("Waiting for payment"),
    "paid": _l("Paid"),
    "confirmed": _l("Confirmed"),
    "processing": _l("Being packed"),
    "shipped": _l("On its way"),
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
"""Statuses in which a picture of the way to the door would be a wrong promise."""

WITH_AMOUNT = ("PaymentReceived", "RefundQueued")

_WORDS: dict[str, Any] = {
    "OrderPlaced": _l("You placed the order."),
    "PaymentReceived": _l("We received money from you."),
    "PaymentFailed": _l("The payment was declined."),
    "PaymentUnknown": _l("The card provider did not answer; we ask what became of the payment."),
    "LatePaymentRefunded": _l("Your payment arrived after the order was cancelled. It goes back to you."),
    "RefundQueued": _l("We are sending money back to you."),
    "confirm": _l("We confirmed the order: the goods are yours."),
    "process": _l("We are packing your order."),
    "ship": _l("Your order is on its way."),
    "deliver": _l("Your order was delivered."),
    "complete": _l("The time for returns is over; the order is complete."),
    "cancel": _l("The order was cancelled."),
    "reopen": _l("Your payment arrived, so the order was opened again."),
    "request_refund": _l("A refund was requested; we will look at it."),
    "decline_refund": _l("We could not grant the refund."),
    "refund": _l("We granted the refund."),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A stage on the way to the door; `at` is None while it lies ahead, `current` is where the order stands."""

    name: Any
    at: datetime | None
    current: bool


def progress(order: Order) -> list[Step]:
    """Return the stages of an order, or none when it is on no way to the door."""
    if order.status in OFF_THE_PATH:
        return []
    moments = [getattr(order, column) for _name, column in STEPS]
    reached = max((index for index, moment in enumerate(moments) if moment), default=0)
    return [Step(name, moments[index], index == reached) for index, (name, _column) in enumerate(STEPS)]


def refusal(order: Order, action: str) -> str:
    """Return why the shopper may not do an action now, or ''."""
    paid = order.payment_status in ("paid", "partially_refunded")
    return why_not(BY_ACTION[action], order.status, SHOPPER, pay_later=order.pay_later, paid=paid)


@dataclass(frozen=True, slots=True)
class Happening:
    """A line of the story. `reason` is what somebody wrote, `amount` minor units of `currency`, None for no money."""

    words: Any
    at: datetime
    reason: str = ""
    amount: int | None = None
    currency: str = ""


def tell(events: Sequence[Event]) -> list[Happening]:
    """Return what a shopper should know of an order's events, newest first; what is between us and us is left out."""
    return [happening for event in reversed(events) if (happening := _happening(event)) is not None]


def _happening(event: Event) -> Happening | None:
    facts = event.payload
    if event.type == "RefundSettled":
        return (
            Happening(_l("The refund was paid out."), event.occurred_at) if facts.get("succeeded") else None
        )
    words = _WORDS.get(facts.get("action", event.type))
    if words is None:
        return None
    amount = facts.get("amount") if event.type in WITH_AMOUNT else None
    return Happening(words, event.occurred_at, facts.get("reason", ""), amount, facts.get("currency", ""))
