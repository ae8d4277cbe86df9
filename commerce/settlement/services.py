"""Take the money for an order and draw the consequences: webhook, return page, worker and staff all come through here.

The gateway is called outside of any transaction; what it said is settled in one, and settling twice changes nothing.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from sqlalchemy import select

from commerce import clock
from commerce.db import atomic, db
from commerce.errors import (
    CommerceError,
    Conflict,
    GatewayNoAnswer,
    IllegalTransition,
    InvalidValue,
    NotFound,
)
from commerce.events.outbox import SYSTEM, Actor, publish
from commerce.inventory.allocation import StockChangedMeanwhile
from commerce.inventory.services import re_reserve
from commerce.money import format_money
from commerce.orders.balance import balance_of, payment_status_of
from commerce.orders.events import (
    LatePaymentRefunded,
    PaymentFailed,
    PaymentNeedsReview,
    PaymentReceived,
    PaymentUnknown,
)
from commerce.orders.models import Order
from commerce.orders.queries import get_order
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
    """The result of asking for money: the attempt's state, and where the payer must go on ('' for nowhere)."""

    state: str
    redirect: str = ""


def take_payment(payment_id: uuid.UUID, card_number: str = "", request_id: str = "") -> PaymentResult:
    """Ask the gateway for the money of an attempt, settle its answer, and return the result.

    Raises InvalidValue for a bad card number; a declined or unanswered payment is a state, not an exception.
    """
    row = db.session.execute(
        select(Payment, Order.pay_later, Order.code, Order.token, Order.email)
        .join(Order, (Order.tenant_id == Payment.tenant_id) & (Order.id == Payment.order_id))
        .where(Payment.id == payment_id)
    ).one_or_none()
    if row is None:
        raise NotFound("payment_not_found")
    payment, pay_later, code, token, email = row
    order_id, state = payment.order_id, payment.state
    way, charge, actor = _to_ask(payment, code, token, email, request_id)
    try:
        outcome = _nothing_to_pay(charge.currency) if charge.amount == 0 else way.start(charge, card_number)
    except GatewayNoAnswer:
        outcome = UNKNOWN
    if outcome.state != "waiting" or outcome.reference:
        state = settle_payment(payment_id, outcome, actor)
    if pay_later:
        confirm_pay_later(order_id)
    return PaymentResult(state, outcome.redirect if state == "started" else "")


def _nothing_to_pay(currency: str) -> PaymentOutcome:
    return PaymentOutcome("captured", 0, currency, "nothing to pay")


def gateway_of(payment: Payment, request_id: str = "") -> tuple[Gateway, Charge, Actor]:
    """Return whom to ask about an attempt, what to ask, and the actor of the answer. Ends the session's reading."""
    code, token, email = db.session.execute(
        select(Order.code, Order.token, Order.email).where(Order.id == payment.order_id)
    ).one()
    return _to_ask(payment, code, token, email, request_id)


def _to_ask(
    payment: Payment, code: str, token: str, email: str, request_id: str
) -> tuple[Gateway, Charge, Actor]:
    charge = charge_of(payment, code, token, email)
    way = gateway(payment.gateway)
    actor = Actor("gateway", payment.gateway, payment.gateway, request_id)
    db.session.close()
    return way, charge, actor


def settle_payment(
    payment_id: uuid.UUID, outcome: PaymentOutcome, actor: Actor, *, message_id: uuid.UUID | None = None
) -> str:
    """Record the outcome of an attempt, move its order accordingly in the same transaction, return the attempt's state.

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
        order.payment_status = payment_status_of(order, payments)
        db.session.flush()
        advance_if_paid(order, payments, actor)
    return payment.state


@atomic
def note_unknown(payment_id: uuid.UUID, request_id: str = "") -> None:
    """Note that a payer came back from an attempt and its gateway does not answer: they may have paid.

    Nothing is paid a second time and nothing cancelled meanwhile; the gateway is asked until it says. Repeating it is
    harmless.
    """
    order = lock_order(get_payment(payment_id).order_id)
    payment = next(each for each in lock_payments(order.id) if each.id == payment_id)
    if payment.state not in ("started", "failed"):
        return
    payment.state, payment.pay_url = "unknown", ""
    db.session.flush()
    publish(replace(SYSTEM, request_id=request_id), PaymentUnknown(**event_facts(order)))


def settle_free_order(order_id: uuid.UUID, payment_id: uuid.UUID, request_id: str = "") -> None:
    """Settle the payment of an order that costs nothing: no gateway takes nothing. A step; stock is reserved."""
    order = lock_order(order_id)
    payments = lock_payments(order_id)
    payment = next(each for each in payments if each.id == payment_id)
    outcome = _nothing_to_pay(order.currency)
    actor = Actor("gateway", payment.gateway, payment.gateway, request_id)
    if record_outcome(payment, outcome):
        handle_capture(order, payments, payment, outcome, actor, reopen=False)


def advance_if_paid(order: Order, payments: Sequence[Payment], actor: Actor, reason: str = "") -> bool:
    """Go on with a pending order that owes nothing, and tell whether it did. A step; all is locked.

    Not while another attempt may take money any moment.
    """
    waits = any(payment.state in ("unknown", "authorized") for payment in payments)
    if order.status != "pending" or waits or balance_of(order, payments).due:
        return False
    order.payment_status = payment_status_of(order, payments)
    apply_transition(order, "pay", actor, reason)
    confirm_step(order, system_actor(actor))
    return True


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
    by_person = order.cancelled_by != SYSTEM.kind
    if order.status == "cancelled" and by_person and outcome.currency == order.currency:
        _refund_late_payment(order, payments, actor)
        return
    if outcome.currency != payment.currency or outcome.amount != payment.amount:
        expected = _written(payment.amount, payment.currency)
        flag_for_review(
            order, f"Expected {expected}, got {_written(outcome.amount, outcome.currency)}.", actor
        )
        return
    if order.status == "refunded":
        flag_for_review(order, _overpaid(order, payments), actor)
        return
    if order.status == "cancelled":
        balance = balance_of(order, payments)
        if balance.net < balance.creditable:
            arrived = _written(payment.captured, payment.currency)
            flag_for_review(order, f"{arrived} arrived after the order was cancelled.", actor)
            return
        # Of an order whose parts were given back before, nobody can tell what this money is for.
        if not reopen or any(line.credited for line in order.lines):
            _refund_late_payment(order, payments, actor)
            return
        reclaim_coupons(order.id)
        re_reserve(order.id, beyond={line.id: line.backordered for line in order.lines})
        apply_transition(order, "reopen", system_actor(actor), "Payment arrived")
    balance = balance_of(order, payments)
    order.payment_status = payment_status_of(order, payments)
    if balance.due:
        db.session.flush()
        return
    if balance.surplus:
        flag_for_review(order, _overpaid(order, payments), actor)
    if order.status == "pending":
        apply_transition(order, "pay", actor, reason)
        confirm_step(order, system_actor(actor))
    else:
        order.paid_at = order.paid_at or clock.now()
        db.session.flush()


def _refund_late_payment(order: Order, payments: Sequence[Payment], actor: Actor) -> None:
    """Send back money that arrived for an order which stays cancelled. A step."""
    queue_refund(order, payments, system_actor(actor), "Payment arrived after the order was cancelled")
    publish(system_actor(actor), LatePaymentRefunded(**event_facts(order)))


def _overpaid(order: Order, payments: Sequence[Payment]) -> str:
    surplus = _written(balance_of(order, payments).surplus, order.currency)
    return f"{surplus} too much was paid. Please refund it."


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
    left = balance_of(order, payments).due
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
    """Tell whether an attempt may take money without being started again: under way, or its page is still open."""
    return payment.gateway != "manual" and (payment.state in OPEN_STATES or bool(payment.pay_url))


def abandon_payments(order_id: uuid.UUID, request_id: str = "") -> None:
    """Close the payment pages of an order that its payer has left for another way to pay, so that only one is open.

    What a gateway does not close stays as it is. A payment that had gone through is settled. Raises NotFound.
    """
    _end(order_id, request_id, lambda payment: bool(payment.pay_url))


def follow_balance(order_id: uuid.UUID, actor: Actor | None = None) -> None:
    """Close payment pages that ask for another amount than is due, and go on with an order that owes nothing.

    Repeating it is harmless. `actor` is who changed what is owed; None when the worker comes through here. Raises
    NotFound.
    """
    order = get_order(order_id)
    payments = payments_of(order_id)
    due = balance_of(order, payments).due
    if any(payment.pay_url and payment.amount != due for payment in payments):
        abandon_payments(order_id, actor.request_id if actor else "")
    confirm_if_paid(order_id, actor)


def orders_to_follow(order_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of some orders for which `follow_balance` has something to do now. Two statements."""
    payments: dict[uuid.UUID, list[Payment]] = {order_id: [] for order_id in order_ids}
    for payment in db.session.scalars(select(Payment).where(Payment.order_id.in_(order_ids))):
        payments[payment.order_id].append(payment)
    found = set()
    for order in db.session.scalars(select(Order).where(Order.id.in_(order_ids))):
        own = payments[order.id]
        due = balance_of(order, own).due
        goes_on = order.status == "pending" and not due and not (order.pay_later and order.total)
        if goes_on or any(payment.pay_url and payment.amount != due for payment in own):
            found.add(order.id)
    return found


def follow_balance_now(order_id: uuid.UUID, actor: Actor) -> None:
    """Do `follow_balance` after a commit. The worker does it again, should it not get done here."""
    try:
        follow_balance(order_id, actor)
    except CommerceError:
        log.exception("what follows from the balance of order %s is left to the worker", order_id)


@atomic
def confirm_if_paid(order_id: uuid.UUID, actor: Actor | None = None) -> bool:
    """Go on with a pending order that owes nothing any more; tell whether it did."""
    order = lock_order(order_id)
    payments = lock_payments(order.id)
    if order.pay_later and order.total:
        return False
    method = payments[-1].gateway if payments else ""
    by = actor if actor and actor.works_here else Actor("gateway", method, method)
    return advance_if_paid(order, payments, by)


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
