"""Money that people move by hand: staff record what arrived, in parts or too much, and give back what was too much."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import date

from commerce import clock
from commerce.db import atomic, db
from commerce.errors import Conflict, IllegalTransition, InvalidValue, NotAllowed
from commerce.events.outbox import SYSTEM, Actor
from commerce.inventory.allocation import StockChangedMeanwhile
from commerce.money import MAX_AMOUNT
from commerce.orders.balance import GIVEN_UP, balance_of, payment_status_of
from commerce.orders.models import Order
from commerce.orders.services import apply_transition, confirm_step, lock_order, queue_refund
from commerce.payments.gateways.base import PaymentOutcome
from commerce.payments.models import Payment
from commerce.payments.services import (
    lock_payments,
    record_outcome,
    start_payment,
)
from commerce.settlement.services import follow_balance_now, handle_capture

FIRST_DAY = date(2000, 1, 1)
"""An earlier day on which money arrived is a slip of the finger."""


def record_receipt(
    order_id: uuid.UUID,
    actor: Actor,
    *,
    amount: int | None = None,
    reference: str = "",
    received_on: date | None = None,
    seen_version: int | None = None,
    reason: str = "",
) -> None:
    """Record that `amount` (minor units; None: what is due) arrived, by bank transfer or in cash, and settle it.

    Parts add up until the order is paid; more than is open is taken, flagged, and can be given back. Money for a
    cancelled order reopens it or, when its goods are gone, goes back. Raises NotFound, StaleVersion, NotAllowed,
    InvalidValue, IllegalTransition when nothing is open, Conflict while a card payment is under way.
    """
    if not actor.works_here:
        raise NotAllowed("staff_only")
    if amount is not None and not 0 < amount <= MAX_AMOUNT:
        raise InvalidValue("amount", "received_amount_required")
    if received_on is not None and not FIRST_DAY <= received_on <= clock.now().date():
        raise InvalidValue("received_on", "received_on_out_of_range")
    note = ", ".join(
        part for part in (reference.strip(), received_on.isoformat() if received_on else "") if part
    )
    words = f"{actor.name}: {note or reason}".strip(": ")[:255]
    try:
        _record(order_id, actor, amount, words, seen_version, reason, reopen=True)
    except StockChangedMeanwhile:
        _record(order_id, actor, amount, words, seen_version, reason, reopen=False)
    follow_balance_now(order_id, actor)


@atomic
def _record(
    order_id: uuid.UUID,
    actor: Actor,
    amount: int | None,
    words: str,
    seen_version: int | None,
    reason: str,
    *,
    reopen: bool,
) -> None:
    order = lock_order(order_id, seen_version)
    payments = lock_payments(order.id)
    left = balance_of(order, payments).due
    if amount is None:
        if order.status in GIVEN_UP or order.payment_status not in ("unpaid", "authorized"):
            raise IllegalTransition(order.status, "pay", "nothing_left_to_pay")
        if left <= 0:
            _accept(order, payments, actor, reason)
            return
        amount = left
    if any(payment.state == "unknown" for payment in payments):
        raise Conflict("payment_being_checked")
    payment = _row_for(order, payments, amount)
    receipt = PaymentOutcome("captured", amount, order.currency, words)
    record_outcome(payment, receipt)
    order.attention = "" if left > 0 else order.attention
    handle_capture(order, lock_payments(order.id), payment, receipt, actor, reopen=reopen, reason=reason)


def _accept(order: Order, payments: Sequence[Payment], actor: Actor, reason: str) -> None:
    """Go on with an order whose money had arrived in an unexpected amount: staff have looked at it."""
    if order.total and not any(each.captured for each in payments):
        raise IllegalTransition(order.status, "pay", "nothing_left_to_pay")
    order.payment_status = payment_status_of(order, payments)
    order.attention = ""
    db.session.flush()
    if order.status == "pending":
        apply_transition(order, "pay", actor, reason)
        confirm_step(order, SYSTEM)


def _row_for(order: Order, payments: Sequence[Payment], amount: int) -> Payment:
    """Return the attempt that a receipt belongs to: the transfer that was awaited, or a new one beside it."""
    awaited = next((each for each in payments if each.state == "started" and each.gateway == "manual"), None)
    if awaited is not None:
        # What was asked for is the order's total; this row is what came.
        awaited.amount = amount
        return awaited
    key = start_payment(
        order_id=order.id, method="manual", gateway="manual", amount=amount, currency=order.currency
    )
    return next(each for each in lock_payments(order.id) if each.id == key)


@atomic
def refund_overpayment(order_id: uuid.UUID, actor: Actor, *, seen_version: int | None = None) -> int:
    """Queue the refund of what was paid too much and return how much that is (minor units).

    Raises NotFound, StaleVersion, NotAllowed, Conflict when nothing is too much.
    """
    if not actor.works_here:
        raise NotAllowed("staff_only")
    order = lock_order(order_id, seen_version)
    payments = lock_payments(order.id)
    amount = balance_of(order, payments).surplus
    if not amount:
        raise Conflict("nothing_overpaid")
    # The last money that came is what was too much.
    queue_refund(order, list(reversed(payments)), actor, "Paid too much", amount=amount)
    order.attention = ""
    return amount
