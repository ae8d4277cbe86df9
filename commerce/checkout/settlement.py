"""Take the money for an order and draw the consequences: webhook, return page, worker and staff all come through here.

The gateway is called outside of any transaction; what it said is settled in one, and settling twice changes nothing.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from commerce import clock
from commerce.db import atomic, db
from commerce.errors import (
    CommerceError,
    Conflict,
    GatewayNoAnswer,
    IllegalTransition,
    InvalidValue,
    NotAllowed,
    NotFound,
)
from commerce.events.outbox import SYSTEM, Actor, publish
from commerce.inventory.services import StockRaced, reserve_again
from commerce.orders.events import (
    LatePaymentRefunded,
    OrderEvent,
    PaymentFailed,
    PaymentNeedsReview,
    PaymentUnknown,
    RefundSettled,
)
from commerce.orders.models import Order
from commerce.orders.queries import get_order
from commerce.orders.services import confirm, confirm_pay_later, give_back, lock_order, move
from commerce.payments.gateways import UNKNOWN, Outcome, gateway
from commerce.payments.models import Payment, Refund
from commerce.payments.queries import get_payment, payment_method, payments_of
from commerce.payments.services import (
    charge_of,
    lock_payments,
    net_captured,
    record_outcome,
    record_refund_outcome,
    start_payment,
)

log = logging.getLogger("commerce.checkout")
RECONCILE_AFTER = timedelta(seconds=60)
"""How long an attempt may be under way before its gateway is asked: longer than any call's timeout."""


def take_payment(payment_id: uuid.UUID, card_number: str = "") -> str:
    """Ask the gateway for the money of an attempt, settle its answer and return the attempt's state.

    Raises InvalidValue for a bad card number; a declined or unanswered payment is a state, not an exception.
    """
    payment = get_payment(payment_id)
    order = get_order(payment.order_id)
    charge = charge_of(payment, order.code)
    way, actor = gateway(payment.gateway), Actor("gateway", payment.gateway, payment.gateway)
    db.session.close()
    try:
        outcome = way.start(charge, card_number)
    except GatewayNoAnswer:
        outcome = UNKNOWN
    settle_payment(payment_id, outcome, actor)
    if order.pay_later:
        confirm_pay_later(order.id)
    return get_payment(payment_id).state


def settle_payment(payment_id: uuid.UUID, outcome: Outcome, actor: Actor) -> None:
    """Record what became of an attempt and move its order accordingly, in one transaction. Repeating it is harmless.

    Money for a cancelled order tries to hold its stock again and reopens it; if the stock is gone, the money goes back.
    """
    try:
        _settle(payment_id, outcome, actor, reopen=True)
    except StockRaced:
        _settle(payment_id, outcome, actor, reopen=False)


@atomic
def _settle(payment_id: uuid.UUID, outcome: Outcome, actor: Actor, *, reopen: bool) -> None:
    order = lock_order(get_payment(payment_id).order_id)
    payments = lock_payments(order.id)
    payment = next(each for each in payments if each.id == payment_id)
    if not record_outcome(payment, outcome):
        return
    if payment.state == "failed":
        publish(SYSTEM, PaymentFailed(**_facts(order), failure=payment.failure))
    elif payment.state == "unknown":
        publish(SYSTEM, PaymentUnknown(**_facts(order)))
    elif payment.state == "captured":
        _on_captured(order, payment, outcome, actor, reopen=reopen)


def _on_captured(order: Order, payment: Payment, outcome: Outcome, actor: Actor, *, reopen: bool) -> None:
    """Money is there: is it right, is it enough, and is there still an order for it?"""
    if outcome.currency != payment.currency or outcome.amount != payment.amount:
        problem = f"Expected {payment.amount} {payment.currency}, got {outcome.amount} {outcome.currency} (minor units)."
        order.attention = problem
        db.session.flush()
        publish(SYSTEM, PaymentNeedsReview(**_facts(order), problem=problem))
        return
    payments = lock_payments(order.id)
    if order.status == "cancelled":
        if not reopen:
            give_back(order, payments, SYSTEM, "Payment arrived after the order was cancelled")
            publish(SYSTEM, LatePaymentRefunded(**_facts(order)))
            return
        reserve_again(order.id)
        move(order, "reopen", SYSTEM, "Payment arrived")
    if net_captured(payments, order.currency) < order.total:
        return
    order.payment_status = "paid"
    if order.status == "pending":
        move(order, "pay", actor)
        confirm(order, SYSTEM)
    else:
        order.paid_at = order.paid_at or clock.now()
        db.session.flush()


def _facts(order: Order) -> dict[str, uuid.UUID | int | str]:
    return {"subject_id": order.id, "subject_version": order.version, "code": order.code}


@atomic
def record_receipt(
    order_id: uuid.UUID, actor: Actor, *, seen_version: int | None = None, reason: str = ""
) -> None:
    """Staff say that the open amount of an order arrived (bank transfer, cash at the door): settle it.

    Raises NotFound, StaleVersion, IllegalTransition when nothing is open, Conflict while a card payment is under way.
    """
    order = lock_order(order_id, seen_version)
    payments = lock_payments(order.id)
    if actor.kind != "staff":
        raise NotAllowed("Only staff may do this.")
    if order.status in ("cancelled", "refunded") or order.payment_status != "unpaid":
        raise IllegalTransition(order.status, "pay", "There is nothing left to pay.")
    if any(payment.state == "unknown" for payment in payments):
        raise Conflict("A payment is under way; its provider is being asked what became of it.")
    payment = next((each for each in payments if each.state == "started" and each.gateway == "manual"), None)
    if payment is None:
        key = start_payment(
            order_id=order.id, method="manual", gateway="manual", amount=order.total, currency=order.currency
        )
        payment = next(each for each in lock_payments(order.id) if each.id == key)
    record_outcome(payment, Outcome("captured", order.total, order.currency, f"{actor.name}: {reason}".strip(": ")))
    _on_captured(order, payment, Outcome("captured", order.total, order.currency), actor, reopen=False)


@atomic
def start_another_payment(order_id: uuid.UUID, method_code: str) -> uuid.UUID:
    """Begin a further attempt for an order that still waits for its money, and return its id.

    Raises IllegalTransition when it does not wait, Conflict while another attempt may still succeed, InvalidValue for an unknown method.
    """
    order = lock_order(order_id)
    if order.status != "pending" or order.payment_status != "unpaid":
        raise IllegalTransition(order.status, "pay", "This order does not wait for a payment.")
    if any(each.state in ("unknown", "started") and each.gateway != "manual" for each in lock_payments(order.id)):
        raise Conflict("Your last payment is still being checked. Please wait a moment and look again.")
    method = payment_method(method_code)
    if method is None or method.pay_later:
        raise InvalidValue("payment_method", "Please choose how to pay.")
    return start_payment(
        order_id=order.id, method=method.code, gateway=method.gateway, amount=order.total, currency=order.currency
    )


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What became of asking about one attempt."""

    payment_id: uuid.UUID
    before: str
    after: str


def find_unsettled(limit: int = 50) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return (shop, attempt) of attempts whose outcome nobody knows yet and that are old enough to ask about, over all shops."""
    rows = db.session.execute(
        select(Payment.tenant_id, Payment.id)
        .where(
            Payment.state.in_(("started", "unknown")),
            Payment.gateway != "manual",
            Payment.updated_at < clock.now() - RECONCILE_AFTER,
        )
        .order_by(Payment.updated_at)
        .limit(limit),
        execution_options={"all_tenants": True},
    )
    return [(row[0], row[1]) for row in rows]


def reconcile_payment(payment_id: uuid.UUID) -> Reconciled:
    """Ask the gateway what became of one attempt, under its own key, and settle the answer. Raises NotFound."""
    payment = get_payment(payment_id)
    before = payment.state
    charge = charge_of(payment, get_order(payment.order_id).code)
    way, actor = gateway(payment.gateway), Actor("gateway", payment.gateway, payment.gateway)
    db.session.close()
    try:
        outcome = way.look_up(charge)
    except GatewayNoAnswer:
        return Reconciled(payment_id, before, before)
    settle_payment(payment_id, outcome, actor)
    return Reconciled(payment_id, before, get_payment(payment_id).state)


def send_refund(refund_id: uuid.UUID) -> None:
    """Send one queued refund to its gateway and note the answer. Repeating it pays nothing twice.

    Raises NotFound, GatewayNoAnswer (try again later, same key).
    """
    refund = db.session.scalar(select(Refund).where(Refund.id == refund_id))
    if refund is None:
        raise NotFound("There is no such refund.")
    if refund.state != "queued":
        return
    payment = get_payment(refund.payment_id)
    charge = charge_of(payment, get_order(refund.order_id).code)
    amount, way = refund.amount, gateway(payment.gateway)
    db.session.close()
    _settle_refund(refund_id, way.refund(refund_id, charge, amount))


@atomic
def _settle_refund(refund_id: uuid.UUID, outcome: Outcome) -> None:
    refund = db.session.scalar(select(Refund).where(Refund.id == refund_id))
    if refund is None or refund.state != "queued":
        return
    order = lock_order(refund.order_id)
    record_refund_outcome(refund, outcome)
    settled = RefundSettled(
        **_facts(order), refund_id=str(refund.id), succeeded=refund.state == "succeeded", failure=refund.failure
    )
    publish(SYSTEM, settled)
