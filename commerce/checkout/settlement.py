"""Take the money for an order and draw the consequences: webhook, return page, worker and staff all come through here.

The gateway is called outside of any transaction; what it said is settled in one, and settling twice changes nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypedDict

from sqlalchemy import select

from commerce import clock
from commerce.db import atomic, db
from commerce.errors import (
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
    PaymentFailed,
    PaymentNeedsReview,
    PaymentReceived,
    PaymentUnknown,
    RefundSettled,
)
from commerce.orders.models import Order
from commerce.orders.queries import get_order
from commerce.orders.services import confirm, confirm_pay_later, give_back, lock_order, move
from commerce.payments.gateways import UNKNOWN, Outcome, gateway
from commerce.payments.models import Payment, Refund
from commerce.payments.queries import get_payment, payment_method
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
    code, pay_later = db.session.execute(
        select(Order.code, Order.pay_later).where(Order.id == payment.order_id)
    ).one()
    charge = charge_of(payment, code)
    way, actor = gateway(payment.gateway), Actor("gateway", payment.gateway, payment.gateway)
    db.session.close()
    try:
        outcome = way.start(charge, card_number)
    except GatewayNoAnswer:
        outcome = UNKNOWN
    # Waiting for the payer is no news: there is nothing to settle yet.
    state = payment.state if outcome.state == "waiting" else settle_payment(payment_id, outcome, actor)
    if pay_later:
        confirm_pay_later(payment.order_id)
    return state


def settle_payment(payment_id: uuid.UUID, outcome: Outcome, actor: Actor) -> str:
    """Record what became of an attempt, move its order accordingly in the same transaction, return the attempt's state.

    Repeating it is harmless. Money for a cancelled order tries to hold its stock again and reopens it; if the stock is
    gone, the money goes back.
    """
    try:
        return _settle(payment_id, outcome, actor, reopen=True)
    except StockRaced:
        return _settle(payment_id, outcome, actor, reopen=False)


@atomic
def _settle(payment_id: uuid.UUID, outcome: Outcome, actor: Actor, *, reopen: bool) -> str:
    order = lock_order(get_payment(payment_id).order_id)
    payments = lock_payments(order.id)
    payment = next(each for each in payments if each.id == payment_id)
    if not record_outcome(payment, outcome):
        return payment.state
    if payment.state == "failed":
        publish(SYSTEM, PaymentFailed(**_facts(order), failure=payment.failure))
    elif payment.state == "unknown":
        publish(SYSTEM, PaymentUnknown(**_facts(order)))
    elif payment.state == "captured":
        _on_captured(order, payments, payment, outcome, actor, reopen=reopen)
    return payment.state


def _on_captured(
    order: Order,
    payments: Sequence[Payment],
    payment: Payment,
    outcome: Outcome,
    actor: Actor,
    *,
    reopen: bool,
    reason: str = "",
) -> None:
    """Money is there: is it right, is it enough, and is there still an order for it?"""
    received = PaymentReceived(
        **_facts(order), method=payment.method, amount=outcome.amount, currency=outcome.currency
    )
    publish(actor, received)
    if outcome.currency != payment.currency or outcome.amount != payment.amount:
        problem = (
            f"Expected {payment.amount} {payment.currency}, "
            f"got {outcome.amount} {outcome.currency} (minor units)."
        )
        _flag(order, problem)
        return
    if order.status == "refunded":
        _flag(order, _surplus(payment))
        return
    if order.status == "cancelled":
        if not reopen:
            give_back(order, payments, SYSTEM, "Payment arrived after the order was cancelled")
            publish(SYSTEM, LatePaymentRefunded(**_facts(order)))
            return
        reserve_again(order.id)
        move(order, "reopen", SYSTEM, "Payment arrived")
    left = order.total - net_captured(payments, order.currency)
    if left > 0:
        return
    order.payment_status = "paid"
    if left < 0:
        _flag(order, _surplus(payment))
    if order.status == "pending":
        move(order, "pay", actor, reason)
        confirm(order, SYSTEM)
    else:
        order.paid_at = order.paid_at or clock.now()
        db.session.flush()


def _surplus(payment: Payment) -> str:
    return f"{payment.captured} {payment.currency} arrived when nothing was left to pay (minor units)."


def _flag(order: Order, problem: str) -> None:
    """Ask for a person: money is never kept, or given back, by a guess."""
    order.attention = problem
    db.session.flush()
    publish(SYSTEM, PaymentNeedsReview(**_facts(order), problem=problem))


class _Facts(TypedDict):
    subject_id: uuid.UUID
    subject_version: int
    code: str


def _facts(order: Order) -> _Facts:
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
    record_outcome(
        payment, Outcome("captured", order.total, order.currency, f"{actor.name}: {reason}".strip(": "))
    )
    receipt = Outcome("captured", order.total, order.currency)
    _on_captured(order, lock_payments(order.id), payment, receipt, actor, reopen=False, reason=reason)


@atomic
def start_another_payment(order_id: uuid.UUID, method_code: str) -> uuid.UUID:
    """Begin a further attempt for an order that still waits for its money, and return its id.

    Raises IllegalTransition when it does not wait, Conflict while another attempt may still succeed or is being
    looked at, InvalidValue for an unknown method.
    """
    order = lock_order(order_id)
    if order.status != "pending" or order.payment_status != "unpaid":
        raise IllegalTransition(order.status, "pay", "This order does not wait for a payment.")
    if any(
        each.state in ("unknown", "started") and each.gateway != "manual" for each in lock_payments(order.id)
    ):
        raise Conflict("Your last payment is still being checked. Please wait a moment and look again.")
    if order.attention:
        raise Conflict("The shop is looking at the payment that arrived. Please do not pay again.")
    method = payment_method(method_code)
    if method is None or method.pay_later:
        raise InvalidValue("payment_method", "Please choose how to pay.")
    return start_payment(
        order_id=order.id,
        method=method.code,
        gateway=method.gateway,
        amount=order.total,
        currency=order.currency,
    )


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What became of asking about one attempt."""

    payment_id: uuid.UUID
    before: str
    after: str


def find_unsettled(limit: int = 50) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """Return (shop, attempt) of attempts with unknown outcome, old enough to ask about, over all shops."""
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
    return Reconciled(payment_id, before, settle_payment(payment_id, outcome, actor))


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
    outcome = way.refund(refund_id, charge, amount)
    if outcome.state in ("unknown", "waiting"):
        raise GatewayNoAnswer("The payment provider has not said yet what became of the refund.")
    _settle_refund(refund_id, refund.order_id, outcome)


@atomic
def _settle_refund(refund_id: uuid.UUID, order_id: uuid.UUID, outcome: Outcome) -> None:
    order = lock_order(order_id)
    # Read under the order's lock: two workers may have asked the gateway at the same time.
    refund = db.session.scalar(select(Refund).where(Refund.id == refund_id))
    if refund is None or refund.state != "queued":
        return
    record_refund_outcome(refund, outcome)
    settled = RefundSettled(
        **_facts(order),
        refund_id=str(refund.id),
        succeeded=refund.state == "succeeded",
        failure=refund.failure,
    )
    publish(SYSTEM, settled)
