"""Attempts and refunds as rows. Steps only: `checkout.services` moves them together with the order."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import select

from commerce import clock
from commerce.db import db, insert_rows, new_id
from commerce.errors import InvalidValue
from commerce.payments.gateways.base import Charge, PaymentOutcome
from commerce.payments.models import Payment, Refund

RANK = {"started": 0, "unknown": 1, "failed": 2, "authorized": 3, "voided": 4, "captured": 5}
"""A payment's state only moves to a higher rank: late and repeated news change nothing.

Money that was taken is the last word, even of an attempt that was given up.
"""
OPEN_STATES = ("started", "unknown", "authorized")
"""States in which an attempt may still take money without being started again."""


def start_payment(*, order_id: uuid.UUID, method: str, gateway: str, amount: int, currency: str) -> uuid.UUID:
    """Write down a new attempt (amount in minor units) and return its id. A step."""
    payment_id = new_id()
    insert_rows(
        Payment,
        [
            {
                "id": payment_id,
                "order_id": order_id,
                "method": method,
                "gateway": gateway,
                "amount": amount,
                "currency": currency,
            }
        ],
    )
    return payment_id


def charge_of(payment: Payment, order_code: str, order_token: str, email: str) -> Charge:
    """Return what the gateway needs to know of an attempt. The same attempt always gives the same."""
    return Charge(
        payment_id=payment.id,
        amount=payment.amount,
        currency=payment.currency,
        order_code=order_code,
        method=payment.method,
        created_at=payment.created_at,
        reference=payment.reference,
        return_path=f"/orders/{order_token}/payments/{payment.id}/return",
        email=email,
    )


def lock_payments(order_id: uuid.UUID) -> Sequence[Payment]:
    """Lock an order's attempts (after its order) and return them, oldest first. A step."""
    return db.session.scalars(
        select(Payment)
        .where(Payment.order_id == order_id)
        .order_by(Payment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def record_outcome(payment: Payment, outcome: PaymentOutcome) -> bool:
    """Note what the gateway said, if it is news, and tell whether it was. A step; the row is locked.

    A 'failed' that arrives after a capture, or the same news twice, changes nothing. What waits for the payer only
    says where they go on.
    """
    if outcome.state == "waiting":
        _note_where_to_pay(payment, outcome)
        return False
    if RANK[outcome.state] <= RANK[payment.state]:
        return False
    payment.state = outcome.state
    payment.reference = outcome.reference or payment.reference
    payment.failure = outcome.failure
    if outcome.state != "failed":
        payment.pay_url = ""
    if outcome.state == "captured":
        # Money in another currency is no money towards this order: it waits for a person, and is not counted.
        payment.captured = outcome.amount if outcome.currency == payment.currency else 0
        payment.captured_at = clock.now()
    db.session.flush()
    return True


def _note_where_to_pay(payment: Payment, outcome: PaymentOutcome) -> None:
    if payment.state not in ("started", "unknown", "failed"):
        return
    if payment.state == "unknown":
        payment.state = "started"  # the gateway has answered: it waits
    payment.reference = payment.reference or outcome.reference
    payment.pay_url = outcome.redirect
    db.session.flush()


def queue_refunds(
    payments: Sequence[Payment], reason: str, *, amount: int | None = None, credit_id: uuid.UUID | None = None
) -> list[Refund]:
    """Queue the refund of `amount` (minor units), or of everything that is still captured; return the new rows. A step.

    It counts as refunded from now on, so no second refund can promise the same money. The rows are locked.
    Raises InvalidValue when less than `amount` is left.
    """
    refunds = []
    open_amount = sum(each.captured - each.refunded for each in payments) if amount is None else amount
    for payment in payments:
        part = min(payment.captured - payment.refunded, open_amount)
        if part > 0:
            open_amount -= part
            payment.refunded += part
            refund = Refund(
                order_id=payment.order_id,
                payment_id=payment.id,
                credit_id=credit_id,
                amount=part,
                reason=reason,
            )
            db.session.add(refund)
            refunds.append(refund)
    if open_amount > 0:
        raise InvalidValue("amount", "refund_more_than_paid")
    db.session.flush()
    return refunds


def record_refund_outcome(refund: Refund, payment: Payment, outcome: PaymentOutcome) -> bool:
    """Record the outcome of a refund, if it is news, and tell whether it was. A step; order and payments are locked.

    A payout may still come back after it succeeded; what failed has failed for good, and counts as refunded no more.
    """
    state = {"captured": "succeeded", "waiting": "queued"}.get(outcome.state, outcome.state)
    if refund.state == "failed" or state not in ("queued", "succeeded", "failed"):
        return False
    refund.reference = outcome.reference or refund.reference
    if state in (refund.state, "queued"):
        db.session.flush()
        return False
    refund.state, refund.failure, refund.settled_at = state, outcome.failure, clock.now()
    if state == "failed":
        payment.refunded -= refund.amount
    db.session.flush()
    return True
