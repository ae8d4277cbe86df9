"""The order status machine: one table that drives buttons, permissions, services, documents and tests.

A row says who may do an action from where to where, and what it does to stock. Nothing else in the code knows
which status follows which; `orders/services.py` is the only writer of the status.
"""

from __future__ import annotations

from dataclasses import dataclass

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
CARRIER = "carrier"


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table. `resource` is the address that staff POST to; `button` its words."""

    action: str
    sources: tuple[str, ...]
    target: str
    actors: tuple[str, ...]
    resource: str
    button: str
    effect: str
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
        "Record payment",
        "The full amount has been received.",
        stamp="paid_at",
        event="PaymentSucceeded",
    ),
    Transition(
        "confirm",
        ("paid", "pending"),
        "confirmed",
        (SYSTEM, STAFF),
        "confirmation",
        "Confirm",
        "Reserved stock is committed to the order and no longer expires.",
        stamp="confirmed_at",
        event="OrderConfirmed",
    ),
    Transition(
        "process",
        ("confirmed",),
        "processing",
        (STAFF,),
        "processing",
        "Start processing",
        "The warehouse prepares the order. Stock does not change.",
    ),
    Transition(
        "ship",
        ("processing",),
        "shipped",
        (STAFF,),
        "shipment",
        "Ship",
        "Everything has been shipped; stock is deducted.",
        stamp="shipped_at",
        event="OrderShipped",
    ),
    Transition(
        "deliver",
        ("shipped",),
        "delivered",
        (STAFF, CARRIER),
        "delivery",
        "Mark as delivered",
        "The parcel arrived.",
        stamp="delivered_at",
        event="OrderDelivered",
    ),
    Transition(
        "complete",
        ("delivered",),
        "completed",
        (SYSTEM, STAFF),
        "completion",
        "Complete",
        "The return window is over.",
        stamp="completed_at",
        event="OrderCompleted",
    ),
    Transition(
        "cancel",
        ("pending", "paid", "confirmed", "processing"),
        "cancelled",
        (SHOPPER, STAFF, SYSTEM),
        "cancellation",
        "Cancel",
        "Stock is released and captured payments are refunded.",
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
        "Reopen",
        "A late payment arrived; stock is reserved again.",
    ),
    Transition(
        "request_refund",
        ("paid", "confirmed", "processing", "shipped", "delivered", "completed"),
        "refund_requested",
        (SHOPPER, STAFF),
        "refund-request",
        "Request refund",
        "The order waits for a decision.",
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
        "Decline refund",
        "The order returns to its previous status.",
        event="RefundDeclined",
        reason_required=True,
    ),
    Transition(
        "refund",
        ("refund_requested",),
        "refunded",
        (STAFF,),
        "refund",
        "Refund",
        "The remaining payment is refunded; items are restocked if selected.",
        event="OrderRefunded",
    ),
)
BY_ACTION = {row.action: row for row in TRANSITIONS}
BY_RESOURCE = {row.resource: row for row in TRANSITIONS}


def why_not(
    row: Transition, status: str, actor_kind: str, *, pay_later: bool, paid: bool, sent: bool = False
) -> str:
    """Return why `actor_kind` may not do `row` on an order in `status`, or '' when he may.

    `paid` tells whether captured minus refunded money covers the total, `pay_later` that the method does not
    ask for it first, `sent` that a part of the order has left the house.
    """
    if status not in row.sources:
        return f"Not possible while the order is {status.replace('_', ' ')}."
    if actor_kind not in row.actors:
        return f"Only {' or '.join(row.actors)} may do this."
    if actor_kind == SHOPPER and row.shopper_sources and status not in row.shopper_sources:
        return f"Please ask the shop: the order is {status.replace('_', ' ')}."
    if row.action == "confirm" and status == "pending" and not pay_later:
        return "The payment has to arrive first."
    if row.action == "cancel" and sent:
        return "A part of it is on its way: give back the rest instead."
    if row.action == "request_refund" and not paid:
        return "Nothing has been paid yet."
    return ""
