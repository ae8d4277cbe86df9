"""Money on its way back: send it, settle its outcome, and send again what came back."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from commerce import clock
from commerce.db import atomic, db
from commerce.errors import Conflict, GatewayNoAnswer, NotAllowed, NotFound
from commerce.events.outbox import SYSTEM, Actor, publish
from commerce.orders.balance import balance_of, payment_status_of
from commerce.orders.events import RefundQueued, RefundSettled
from commerce.orders.services import lock_order
from commerce.payments.gateways.base import PaymentOutcome
from commerce.payments.inbox import close_message
from commerce.payments.models import Refund
from commerce.payments.queries import get_payment
from commerce.payments.services import lock_payments, record_refund_outcome
from commerce.settlement.services import event_facts, flag_for_review, gateway_of, system_actor


def get_refund(refund_id: uuid.UUID) -> Refund:
    """Return a refund of this shop. Raises NotFound."""
    refund = db.session.scalar(select(Refund).where(Refund.id == refund_id))
    if refund is None:
        raise NotFound("refund_not_found")
    return refund


def send_refund(refund_id: uuid.UUID) -> None:
    """Send one queued refund to its gateway and note the answer. Repeating it pays nothing twice.

    Raises NotFound, GatewayNoAnswer (try again later, same key). One that the banks are at stays queued; the gateway
    reports its outcome, or is asked for it.
    """
    refund = get_refund(refund_id)
    if refund.state != "queued":
        return
    amount = refund.amount
    way, charge, actor = gateway_of(get_payment(refund.payment_id))
    outcome = way.refund(refund_id, charge, amount)
    if outcome.state == "unknown" or (outcome.state == "waiting" and not outcome.reference):
        raise GatewayNoAnswer("refund_no_answer")
    settle_refund(refund_id, outcome, replace(SYSTEM, request_id=actor.request_id))


@atomic
def settle_refund(
    refund_id: uuid.UUID,
    outcome: PaymentOutcome,
    actor: Actor = SYSTEM,
    *,
    message_id: uuid.UUID | None = None,
) -> None:
    """Record the outcome of a refund. Repeating it is harmless.

    One that failed no longer counts as refunded: the shop has the money again, and staff are alerted. Raises NotFound.
    """
    order = lock_order(get_refund(refund_id).order_id)
    payments = lock_payments(order.id)
    # Read under the order's lock: two workers may have asked the gateway at the same time.
    refund = db.session.scalar(
        select(Refund).where(Refund.id == refund_id).execution_options(populate_existing=True)
    )
    if refund is None:
        raise AssertionError("read before, and refunds are never deleted")
    payment = next(each for each in payments if each.id == refund.payment_id)
    close_message(message_id, payment.id)
    if not record_refund_outcome(refund, payment, outcome):
        return
    if refund.state == "failed":
        order.payment_status = payment_status_of(order, payments)
        order.attention = (
            f"A refund of {refund.amount} {order.currency} (minor units) failed: {refund.failure}"[:500]
        )
        db.session.flush()
    settled = RefundSettled(
        **event_facts(order),
        refund_id=str(refund.id),
        succeeded=refund.state == "succeeded",
        failure=refund.failure,
    )
    publish(system_actor(actor), settled)


def id_of_next(refund_id: uuid.UUID) -> uuid.UUID:
    """Return the id that the successor of a failed refund has: there is one at most, so nobody pays it out twice."""
    return uuid.uuid5(refund_id, "again")


@atomic
def send_refund_again(refund_id: uuid.UUID, actor: Actor, *, seen_version: int | None = None) -> uuid.UUID:
    """Queue once more what failed to be paid out, as a new refund with a key of its own, and return its id.

    Raises NotFound, NotAllowed, StaleVersion, Conflict when it did not fail, was sent again already, or more was given
    back meanwhile.
    """
    if not actor.works_here:
        raise NotAllowed("staff_only")
    order = lock_order(get_refund(refund_id).order_id, seen_version)
    payments = lock_payments(order.id)
    failed = get_refund(refund_id)
    payment = next(each for each in payments if each.id == failed.payment_id)
    again = id_of_next(refund_id)
    if failed.state != "failed" or db.session.scalar(select(Refund.id).where(Refund.id == again)) is not None:
        raise Conflict("refund_not_failed")
    if failed.amount > payment.captured - payment.refunded:
        raise Conflict("refund_made_otherwise")
    payment.refunded += failed.amount
    db.session.add(
        Refund(
            id=again,
            order_id=order.id,
            payment_id=payment.id,
            credit_id=failed.credit_id,
            amount=failed.amount,
            reason=failed.reason,
        )
    )
    order.payment_status = payment_status_of(order, payments)
    order.attention = ""
    db.session.flush()
    publish(
        actor,
        RefundQueued(
            **event_facts(order), refund_id=str(again), amount=failed.amount, currency=order.currency
        ),
    )
    return again


FOREIGN = "Given back at the payment provider"


@atomic
def settle_foreign_refunds(
    payment_id: uuid.UUID, total: int, actor: Actor, *, message_id: uuid.UUID | None = None
) -> None:
    """Write down what was given back at the gateway and not here, so that the books agree. Repeating it is harmless.

    `total` (minor units) is all that the gateway has given back of this attempt. Refunds of ours count as soon as they
    are queued, so what is above them was somebody else's doing. Raises NotFound.
    """
    order = lock_order(get_payment(payment_id).order_id)
    payments = lock_payments(order.id)
    payment = next(each for each in payments if each.id == payment_id)
    close_message(message_id, payment_id)
    unknown_here = min(total, payment.captured) - payment.refunded
    if unknown_here <= 0:
        return
    payment.refunded += unknown_here
    db.session.add(
        Refund(
            order_id=order.id,
            payment_id=payment.id,
            amount=unknown_here,
            reason=FOREIGN,
            state="succeeded",
            settled_at=clock.now(),
        )
    )
    # The customer is not asked for it again: somebody of the shop meant to give it back.
    order.payment_status = "partially_refunded" if balance_of(order, payments).net else "refunded"
    flag_for_review(
        order, f"{unknown_here} {payment.currency} (minor units) were given back outside of this shop.", actor
    )


@atomic
def fail_foreign_refunds(payment_id: uuid.UUID, total: int, asked_at: datetime, actor: Actor) -> None:
    """Note that what somebody gave back at the gateway came back to it: a bank refused it, say.

    `total` (minor units) is all that the gateway had given back of this attempt at `asked_at`; what was written down
    later is left alone. Raises NotFound.
    """
    order = lock_order(get_payment(payment_id).order_id)
    payments = lock_payments(order.id)
    payment = next(each for each in payments if each.id == payment_id)
    settled = db.session.scalars(
        select(Refund)
        .where(Refund.payment_id == payment_id, Refund.state == "succeeded")
        .order_by(Refund.id.desc())
        .execution_options(populate_existing=True)
    ).all()
    paid_out = sum(each.amount for each in settled)
    for refund in settled:
        known = refund.settled_at is not None and refund.settled_at < asked_at
        foreign = refund.reason == FOREIGN and not refund.reference  # ours have what the gateway calls them
        if not (foreign and known) or paid_out <= total:
            continue
        paid_out -= refund.amount
        payment.refunded -= refund.amount
        refund.state, refund.failure = "failed", "It came back to the payment provider."
        order.payment_status = payment_status_of(order, payments)
        words = f"{refund.amount} {payment.currency} (minor units) given back outside of this shop did not arrive."
        flag_for_review(order, words, actor)
    db.session.flush()
