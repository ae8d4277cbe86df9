"""Take the money for an order and draw the consequences: webhook, return page, worker and staff all come through here.

The gateway is called outside of any transaction; what it said is settled in one, and settling twice changes nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from sqlalchemy import select

from commerce import clock
from commerce.db import atomic, db
from commerce.errors import Conflict, GatewayNoAnswer, IllegalTransition, InvalidValue, NotFound
from commerce.events.outbox import SYSTEM, Actor, publish
from commerce.inventory.allocation import StockChangedMeanwhile
from commerce.inventory.services import re_reserve
from commerce.money import format_money
from commerce.orders.events import (
    LatePaymentRefunded,
    PaymentFailed,
    PaymentNeedsReview,
    PaymentReceived,
    PaymentUnknown,
)
from commerce.orders.models import Order
from commerce.orders.services import (
    apply_transition,
    confirm_pay_later,
    confirm_step,
    lock_order,
    queue_refund,
)
from commerce.payments.gateways.base import UNKNOWN, Charge, Gateway, PaymentOutcome
from commerce.payments.gateways.registry import gateway
from commerce.payments.inbox import close_message
from commerce.payments.models import Payment
from commerce.payments.queries import get_payment, payment_method, payments_of
from commerce.payments.services import (
    OPEN_STATES,
    charge_of,
    lock_payments,
    net_captured,
    payment_status_of,
    record_outcome,
    start_payment,
)
from commerce.pricing.services import reclaim_coupons
from commerce.tenants.scope import current_shop

log = logging.getLogger("commerce.checkout")
ATTENTION = 500
"""Characters of a flag that an order can hold."""
OWING = ("paid", "confirmed", "processing", "shipped", "delivered", "completed")
"""Statuses in which something may be open because staff changed the order after it was paid."""


@dataclass(frozen=True, slots=True)
class PaymentResult:
    """What became of asking for money: the attempt's state, and where the payer must go on ('' for nowhere)."""

    state: str
    redirect: str = ""


def take_payment(payment_id: uuid.UUID, card_number: str = "", request_id: str = "") -> PaymentResult:
    """Ask the gateway for the money of an attempt, settle its answer, and say what became of it.

    Raises InvalidValue for a bad card number; a declined or unanswered payment is a state, not an exception.
    """
    payment = get_payment(payment_id)
    order_id, state = payment.order_id, payment.state
    pay_later = bool(db.session.scalar(select(Order.pay_later).where(Order.id == order_id)))
    way, charge, actor = gateway_of(payment, request_id)
    try:
        outcome = _nothing_to_pay(charge) if charge.amount == 0 else way.start(charge, card_number)
    except GatewayNoAnswer:
        outcome = UNKNOWN
    if outcome.state != "waiting" or outcome.reference:
        state = settle_payment(payment_id, outcome, actor)
    if pay_later:
        confirm_pay_later(order_id)
    return PaymentResult(state, outcome.redirect if state == "started" else "")


def _nothing_to_pay(charge: Charge) -> PaymentOutcome:
    """A coupon may cover everything; no gateway takes nothing."""
    return PaymentOutcome("captured", 0, charge.currency, "nothing to pay")


def gateway_of(payment: Payment, request_id: str = "") -> tuple[Gateway, Charge, Actor]:
    """Return whom to ask about an attempt, what to ask, and the actor of the answer. Ends the session's reading."""
    code, token, email = db.session.execute(
        select(Order.code, Order.token, Order.email).where(Order.id == payment.order_id)
    ).one()
    charge = charge_of(payment, code, token, email)
    way = gateway(payment.gateway)
    actor = Actor("gateway", payment.gateway, payment.gateway, request_id)
    db.session.close()
    return way, charge, actor


def settle_payment(
    payment_id: uuid.UUID, outcome: PaymentOutcome, actor: Actor, *, message_id: uuid.UUID | None = None
) -> str:
    """Record what became of an attempt, move its order accordingly in the same transaction, return the attempt's state.

    Repeating it is harmless. Money for a cancelled order tries to hold its stock again and reopens it; if the stock is
    gone, the money goes back. `message_id` is the gateway's message that said so; it counts as processed with it.
    """
    try:
        return _settle(payment_id, outcome, actor, message_id, reopen=True)
    except StockChangedMeanwhile:
        return _settle(payment_id, outcome, actor, message_id, reopen=False)


@atomic
def _settle(
    payment_id: uuid.UUID,
    outcome: PaymentOutcome,
    actor: Actor,
    message_id: uuid.UUID | None,
    *,
    reopen: bool,
) -> str:
    order = lock_order(get_payment(payment_id).order_id)
    payments = lock_payments(order.id)
    payment = next(each for each in payments if each.id == payment_id)
    close_message(message_id, payment_id)
    if not record_outcome(payment, outcome):
        return payment.state
    if payment.state in ("failed", "voided") and payment.failure:
        publish(system_actor(actor), PaymentFailed(**event_facts(order), failure=payment.failure))
    elif payment.state == "unknown":
        publish(system_actor(actor), PaymentUnknown(**event_facts(order)))
    if payment.state == "captured":
        handle_capture(order, payments, payment, outcome, actor, reopen=reopen)
    elif order.payment_status in ("unpaid", "authorized"):
        order.payment_status = payment_status_of(payments, order.total, order.currency)
        db.session.flush()
    return payment.state


def handle_capture(
    order: Order,
    payments: Sequence[Payment],
    payment: Payment,
    outcome: PaymentOutcome,
    actor: Actor,
    *,
    reopen: bool,
    reason: str = "",
) -> None:
    """Money is there: is it right, is it enough, and is there still an order for it? A step; all is locked."""
    received = PaymentReceived(
        **event_facts(order), method=payment.method, amount=outcome.amount, currency=outcome.currency
    )
    publish(actor, received)
    if outcome.currency != payment.currency or outcome.amount != payment.amount:
        expected = _written(payment.amount, payment.currency)
        flag_for_review(
            order, f"Expected {expected}, got {_written(outcome.amount, outcome.currency)}.", actor
        )
        return
    if order.status == "refunded":
        flag_for_review(order, _record_overpayment(payment), actor)
        return
    if order.status == "cancelled":
        if net_captured(payments, order.currency) < order.total:
            arrived = _written(payment.captured, payment.currency)
            flag_for_review(order, f"{arrived} arrived after the order was cancelled.", actor)
            return
        # Of an order whose parts were given back before, nobody can tell what this money is for.
        if not reopen or any(line.credited for line in order.lines):
            queue_refund(
                order, payments, system_actor(actor), "Payment arrived after the order was cancelled"
            )
            publish(system_actor(actor), LatePaymentRefunded(**event_facts(order)))
            return
        reclaim_coupons(order.id)
        re_reserve(order.id, beyond={line.id: line.backordered for line in order.lines})
        apply_transition(order, "reopen", system_actor(actor), "Payment arrived")
    left = order.total - net_captured(payments, order.currency)
    if left > 0:
        db.session.flush()
        return
    order.payment_status = payment_status_of(payments, order.total, order.currency)
    if left < 0:
        flag_for_review(order, _record_overpayment(payment), actor)
    if order.status == "pending":
        apply_transition(order, "pay", actor, reason)
        confirm_step(order, system_actor(actor))
    else:
        order.paid_at = order.paid_at or clock.now()
        db.session.flush()


def _record_overpayment(payment: Payment) -> str:
    return f"{_written(payment.captured, payment.currency)} arrived when nothing was left to pay."


def _written(amount: int, currency: str) -> str:
    """Return an amount (minor units) as the shop writes it.

    A provider may name a currency that nobody here knows how to write; its news must be settled all the same.
    """
    try:
        return format_money(amount, currency, current_shop().locale)
    except InvalidValue:
        return f"{amount} {currency}"


def flag_for_review(order: Order, problem: str, actor: Actor = SYSTEM) -> None:
    """Ask for a person: money is never kept, or given back, by a guess. A step."""
    order.attention = problem[:ATTENTION]
    db.session.flush()
    publish(system_actor(actor), PaymentNeedsReview(**event_facts(order), problem=problem))


def system_actor(actor: Actor) -> Actor:
    """Return ourselves, in the request in which somebody else made us act."""
    return replace(SYSTEM, request_id=actor.request_id)


class EventFacts(TypedDict):
    """What every event of an order carries."""

    subject_id: uuid.UUID
    subject_version: int
    code: str


def event_facts(order: Order) -> EventFacts:
    """Return the facts of an order that every event of it carries."""
    return {"subject_id": order.id, "subject_version": order.version, "code": order.code}


# --- attempts of a shopper ----------------------------------------------------------------------------------


@atomic
def start_another_payment(order_id: uuid.UUID, method_code: str) -> uuid.UUID:
    """Begin a further attempt for an order that still waits for its money, or for more of it, and return its id.

    Raises IllegalTransition when it does not wait, Conflict while another attempt may still succeed or is being
    looked at, InvalidValue for an unknown method.
    """
    order = lock_order(order_id)
    payments = lock_payments(order.id)
    left = order.total - net_captured(payments, order.currency)
    waits = order.status == "pending" or (order.status in OWING and not order.pay_later)
    if not waits or order.payment_status != "unpaid" or left <= 0:
        raise IllegalTransition(order.status, "pay", "order_awaits_no_payment")
    if any(_may_still_pay(each) for each in payments):
        raise Conflict("payment_still_checked")
    if order.attention:
        raise Conflict("payment_under_review")
    method = payment_method(method_code)
    if method is None or method.pay_later:
        raise InvalidValue("payment_method", "payment_method_required")
    return start_payment(
        order_id=order.id,
        method=method.code,
        gateway=method.gateway,
        amount=left,
        currency=order.currency,
    )


def _may_still_pay(payment: Payment) -> bool:
    """Tell whether an attempt may take money without being started anew: under way, or its page is still open."""
    return payment.gateway != "manual" and (payment.state in OPEN_STATES or bool(payment.pay_url))


def abandon_payments(order_id: uuid.UUID, request_id: str = "") -> None:
    """Close the payment pages of an order that its payer has left for another way to pay, so that only one is open.

    What a gateway does not close stays as it is. A payment that had gone through is settled. Raises NotFound.
    """
    _end(order_id, request_id, lambda payment: bool(payment.pay_url))


def end_open_payments(order_id: uuid.UUID) -> None:
    """Let no attempt of a cancelled order take money any more. Repeating it is harmless.

    Raises GatewayNoAnswer when a gateway did not say; it is asked again later.
    """
    order = db.session.execute(select(Order.status).where(Order.id == order_id)).one_or_none()
    if order is None:
        raise NotFound("order_not_found")
    if order.status == "cancelled" and not _end(order_id, "", _may_still_pay):
        raise GatewayNoAnswer("payment_no_answer")


def _end(order_id: uuid.UUID, request_id: str, which: Callable[[Payment], bool]) -> bool:
    """Cancel attempts at their gateways and settle the answers; tell whether all of them answered."""
    asked = [
        (payment.id, *gateway_of(payment, request_id)) for payment in payments_of(order_id) if which(payment)
    ]
    answered = True
    for payment_id, way, charge, actor in asked:
        try:
            outcome = way.cancel(charge)
        except GatewayNoAnswer:
            answered = False
            continue
        settle_payment(payment_id, outcome, actor)
    return answered
