"""The order status machine: one table that drives buttons, permissions, services, documents and tests.

A row says who may do an action from where to where, and what it does to stock. Nothing else in the code knows
which status follows which; `orders/services.py` is the only writer of the status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from commerce.errors import Refusal

STATUSES = (
    "pending",
    "paid",
    "confirmed",
    "processing",
    "shipped",
    "delivered",
    "completed",
    "cancelled",
    "refund_requested",
    "refunded",
)
PAYMENT_STATUSES = ("unpaid", "authorized", "paid", "partially_refunded", "refunded")
FINAL = ("completed", "cancelled", "refunded")
"""Statuses in which no reservation may be open."""
REMEMBERED = "(remembered)"
"""Target of `decline_refund`: the status from which the refund was requested."""

STAFF = "staff"
SHOPPER = "shopper"
SYSTEM = "system"
GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table. `resource` is the address that staff POST to; `button` its words."""

    action: str
    sources: tuple[str, ...]
    target: str
    actors: tuple[str, ...]
    resource: str
    button: Any
    effect: Any
    stamp: str = ""
    event: str = "OrderStatusChanged"
    reason_required: bool = False
    shopper_sources: tuple[str, ...] = ()


TRANSITIONS: tuple[Transition, ...] = (
    Transition(
        "pay",
        ("pending",),
        "paid",
        (GATEWAY, STAFF),
        "payment",
        _l("Record payment"),
        _l("The full amount has been received."),
        stamp="paid_at",
        event="PaymentSucceeded",
    ),
    Transition(
        "confirm",
        ("paid", "pending"),
        "confirmed",
        (SYSTEM, STAFF),
        "confirmation",
        _l("Confirm"),
        _l("Reserved stock is committed to the order and no longer expires."),
        stamp="confirmed_at",
        event="OrderConfirmed",
    ),
    Transition(
        "process",
        ("confirmed",),
        "processing",
        (STAFF,),
        "processing",
        _l("Start processing"),
        _l("The warehouse prepares the order. Stock does not change."),
    ),
    Transition(
        "ship",
        ("processing",),
        "shipped",
        (STAFF,),
        "shipment",
        _l("Ship"),
        _l("Everything has been shipped; stock is deducted."),
        stamp="shipped_at",
        event="OrderShipped",
    ),
    Transition(
        "deliver",
        ("shipped",),
        "delivered",
        (STAFF,),
        "delivery",
        _l("Mark as delivered"),
        _l("The parcel arrived."),
        stamp="delivered_at",
        event="OrderDelivered",
    ),
    Transition(
        "complete",
        ("delivered",),
        "completed",
        (SYSTEM, STAFF),
        "completion",
        _l("Complete"),
        _l("The return window is over."),
        stamp="completed_at",
        event="OrderCompleted",
    ),
    Transition(
        "cancel",
        ("pending", "paid", "confirmed", "processing"),
        "cancelled",
        (SHOPPER, STAFF, SYSTEM),
        "cancellation",
        _l("Cancel"),
        _l("Stock is released and captured payments are refunded."),
        stamp="cancelled_at",
        event="OrderCancelled",
        reason_required=True,
        shopper_sources=("pending", "confirmed"),
    ),
    Transition(
        "reopen",
        ("cancelled",),
        "pending",
        (SYSTEM,),
        "reopening",
        _l("Reopen"),
        _l("A late payment arrived; stock is reserved again."),
    ),
    Transition(
        "request_refund",
        ("paid", "confirmed", "processing", "shipped", "delivered", "completed"),
        "refund_requested",
        (SHOPPER, STAFF),
        "refund-request",
        _l("Request refund"),
        _l("The order waits for a decision."),
        event="RefundRequested",
        reason_required=True,
        shopper_sources=("paid", "confirmed", "processing", "shipped", "delivered", "completed"),
    ),
    Transition(
        "decline_refund",
        ("refund_requested",),
        REMEMBERED,
        (STAFF,),
        "refund-decline",
        _l("Decline refund"),
        _l("The order returns to its previous status."),
        event="RefundDeclined",
        reason_required=True,
    ),
    Transition(
        "refund",
        ("refund_requested",),
        "refunded",
        (STAFF,),
        "refund",
        _l("Refund"),
        _l("The remaining payment is refunded; items are restocked if selected."),
        event="OrderRefunded",
    ),
)
BY_ACTION = {row.action: row for row in TRANSITIONS}
BY_RESOURCE = {row.resource: row for row in TRANSITIONS}


def why_not(
    row: Transition,
    status: str,
    actor_kind: str,
    *,
    pay_later: bool,
    paid: bool,
    sent: bool = False,
    returns_ended: int | None = None,
) -> Refusal | None:
    """Return why `actor_kind` may not do `row` on an order in `status`, or None when it may.

    `paid` tells whether captured minus refunded money covers the total, `pay_later` that the method does not
    ask for it first, `sent` that part of the order was shipped, `returns_ended` the days after which a return window
    that is over has ended.
    """
    if status not in row.sources:
        return Refusal("not_in_status", {"status": status})
    if actor_kind not in row.actors:
        return Refusal("wrong_actor", {"actors": list(row.actors)})
    if actor_kind == SHOPPER and row.shopper_sources and status not in row.shopper_sources:
        return Refusal("ask_shop", {"status": status})
    if row.action == "confirm" and status == "pending" and not pay_later:
        return Refusal("payment_required_first")
    if row.action == "cancel" and sent:
        return Refusal("partly_shipped")
    if row.action == "request_refund" and not paid:
        return Refusal("nothing_paid")
    if row.action == "request_refund" and actor_kind == SHOPPER and returns_ended is not None:
        return Refusal("return_window_over", {"days": returns_ended})
    return None
