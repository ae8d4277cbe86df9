"""Ask gateways what we did not hear, and compare their books with ours: attempts, refunds, amounts, currencies."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import and_, func, or_, select, update

from commerce import clock
from commerce.db import atomic, db, every_shop
from commerce.error_messages import describe
from commerce.errors import GatewayNoAnswer
from commerce.events.outbox import SYSTEM
from commerce.orders.models import Order
from commerce.payments.gateways.base import GatewayRecord
from commerce.payments.gateways.registry import gateway
from commerce.payments.models import GatewayEvent, Payment, PaymentMethod, Refund
from commerce.payments.queries import TEST_GATEWAY, get_payment
from commerce.settlement.refunds import fail_foreign_refunds, send_refund, settle_foreign_refunds
from commerce.settlement.services import gateway_of, note_unknown, settle_payment

RECONCILE_AFTER = timedelta(seconds=60)
"""How long an attempt may be under way before its gateway is asked: longer than any call's timeout."""
WHILE_PAYING = timedelta(minutes=10)
"""How often the gateway is asked about a payer who has its page open: it tells by itself, usually."""
ASK_AGAIN_AFTER = timedelta(seconds=5)
"""How long an answer of the gateway, or its silence, stands while a payer reloads the page of the order."""
REFUND_AFTER = timedelta(minutes=10)
MESSAGE_AFTER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class ReconciledPayment:
    """The result of asking about one attempt. `waiting`: the payer has to act; `answered`: the gateway did."""

    payment_id: uuid.UUID
    before: str
    after: str
    waiting: bool = False
    answered: bool = True


class ToReconcile(NamedTuple):
    """A payment attempt or a refund that its gateway is to be asked about."""

    tenant_id: uuid.UUID
    id: uuid.UUID


@every_shop()
def find_unsettled(limit: int = 50, *, asked_before: datetime | None = None) -> list[ToReconcile]:
    """Return (shop, attempt) of attempts with unknown outcome, old enough to ask about, over all shops.

    Those that were not asked about for longest come first, so that none starves behind others that never answer.
    `asked_before` leaves out what has been asked about since.
    """
    now = clock.now()
    due = or_(
        and_(Payment.pay_url == "", Payment.updated_at < now - RECONCILE_AFTER),
        Payment.updated_at < now - WHILE_PAYING,
    )
    if asked_before is not None:
        due = and_(due, Payment.updated_at < asked_before)
    rows = db.session.execute(
        select(Payment.tenant_id, Payment.id)
        .where(Payment.state.in_(("started", "unknown")), Payment.gateway != "manual", due)
        .order_by(Payment.updated_at, Payment.id)
        .limit(limit),
        execution_options={"all_tenants": True},
    )
    return [ToReconcile(row.tenant_id, row.id) for row in rows]


@atomic
def _note_query(payment_id: uuid.UUID) -> None:
    """Put an attempt behind all others that wait to be asked about. No change of the attempt itself, so no version."""
    db.session.execute(
        update(Payment)
        .where(Payment.id == payment_id)
        .values(updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def reconcile_payment(payment_id: uuid.UUID, request_id: str = "") -> ReconciledPayment:
    """Ask the gateway for the outcome of one attempt, under its own key, and settle the answer. Raises NotFound.

    The attempt of an order that was cancelled meanwhile is ended there, if it has taken nothing yet.
    """
    payment = get_payment(payment_id)
    before = payment.state
    cancelled = db.session.scalar(select(Order.status).where(Order.id == payment.order_id)) == "cancelled"
    way, charge, actor = gateway_of(payment, request_id)
    _note_query(payment_id)
    try:
        outcome = way.cancel(charge) if cancelled and way.hosted else way.look_up(charge)
    except GatewayNoAnswer:
        return ReconciledPayment(payment_id, before, before, answered=False)
    after = settle_payment(payment_id, outcome, actor)
    return ReconciledPayment(payment_id, before, after, waiting=outcome.state == "waiting")


def query_gateway(payment_id: uuid.UUID, request_id: str = "") -> None:
    """Ask about an attempt whose payer has come back, unless there is nothing left to hear.

    While the gateway does not answer, the outcome is unknown: the payer may have paid. Raises NotFound.
    """
    payment = get_payment(payment_id)
    if payment.gateway == "manual" or not (payment.state in ("started", "unknown") or payment.pay_url):
        return
    if not reconcile_payment(payment_id, request_id).answered:
        note_unknown(payment_id, request_id)


def query_unknown(payments: Sequence[Payment], request_id: str = "") -> bool:
    """Ask again about attempts whose outcome is unknown, unless that was done a moment ago; tell whether any was."""
    moment = clock.now() - ASK_AGAIN_AFTER
    unknown = [each.id for each in payments if each.state == "unknown" and each.updated_at < moment]
    for payment_id in unknown:
        reconcile_payment(payment_id, request_id)
    return bool(unknown)


# --- refunds ------------------------------------------------------------------------------------------------


@every_shop()
def find_queued_refunds(limit: int = 100, *, after: uuid.UUID | None = None) -> list[ToReconcile]:
    """Return (shop, refund) of refunds that should have been settled by now, over all shops; `after` pages on."""
    statement = select(Refund.tenant_id, Refund.id).where(
        Refund.state == "queued", Refund.created_at < clock.now() - REFUND_AFTER
    )
    if after is not None:
        statement = statement.where(Refund.id > after)
    rows = db.session.execute(
        statement.order_by(Refund.id).limit(limit), execution_options={"all_tenants": True}
    )
    return [ToReconcile(row.tenant_id, row.id) for row in rows]


def reconcile_refund(refund_id: uuid.UUID) -> str:
    """Send a refund once more under its own key, which asks for its outcome; return its state. Raises NotFound."""
    try:
        send_refund(refund_id)
    except GatewayNoAnswer:
        return "queued"
    state = db.session.scalars(select(Refund.state).where(Refund.id == refund_id)).one()
    db.session.close()
    return state


# --- the books ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Where the gateway's books and ours differ; `here` and `there` in words, amounts in minor units."""

    kind: str
    reference: str
    here: str
    there: str


def compare_books(since: datetime) -> list[Mismatch]:
    """Compare the current shop's payments with its gateways' own lists since a moment, and return every difference.

    What was taken there and is merely not settled here yet is settled first; what was given back there without us is
    reported, and recorded. A gateway that does not answer is a difference too.
    """
    found = []
    methods = db.session.execute(
        select(PaymentMethod.code, PaymentMethod.gateway).where(
            PaymentMethod.gateway.not_in(("manual", TEST_GATEWAY))
        )
    ).all()
    db.session.close()
    for code, name in methods:
        asked_at = clock.now()
        try:
            records = gateway(name).records(code, since)
        except GatewayNoAnswer as error:
            found.append(Mismatch("no answer", code, "", describe(error)))
            continue
        for record in records:
            found += _compare(record, asked_at)
        found += _missing_there(code, since, {record.payment_id for record in records})
    return [*found, *_unprocessed_messages()]


def _compare(record: GatewayRecord, asked_at: datetime) -> Iterator[Mismatch]:
    with every_shop():
        payment = db.session.scalar(
            select(Payment).where(Payment.id == record.payment_id), execution_options={"all_tenants": True}
        )
    if payment is None:
        if record.state == "captured":
            money = f"captured {record.amount} {record.currency}"
            yield Mismatch("unknown here", record.reference, "no such payment", money)
        return
    if db.session.scalar(select(Payment.id).where(Payment.id == payment.id)) is None:
        return  # two shops share an account, and the other one looks at this
    if record.state in ("captured", "authorized") and payment.state != record.state:
        reconcile_payment(payment.id)
        payment = get_payment(payment.id)
        db.session.close()
    if (record.state == "captured") != (payment.state == "captured"):
        yield Mismatch("state", record.reference, payment.state, record.state)
    elif record.state == "captured":
        here, there = (payment.captured, payment.currency), (record.amount, record.currency)
        if here != there:
            yield Mismatch("amount", record.reference, _money(*here), _money(*there))
        paid_out = _paid_out(payment.id)
        if paid_out != record.refunded:
            there_money = _money(record.refunded, record.currency)
            yield Mismatch("refunds", record.reference, _money(paid_out, payment.currency), there_money)
            # A refund of ours may have failed because somebody had given the money back there: then it is ours to know.
            # Or what somebody gave back there came back: then it counts no more.
            fail_foreign_refunds(payment.id, record.refunded, asked_at, SYSTEM)
            settle_foreign_refunds(payment.id, record.refunded, SYSTEM)


def _money(amount: int, currency: str) -> str:
    return f"{amount} {currency}"


def _paid_out(payment_id: uuid.UUID) -> int:
    """Return what the gateway has been heard to give back of an attempt (minor units)."""
    paid = db.session.scalar(
        select(func.sum(Refund.amount)).where(Refund.payment_id == payment_id, Refund.state == "succeeded")
    )
    return int(paid or 0)


def _missing_there(code: str, since: datetime, known: set[uuid.UUID | None]) -> list[Mismatch]:
    """Return attempts that we hold for captured and the gateway has never heard of."""
    rows = db.session.execute(
        select(Payment.id, Payment.reference, Payment.captured, Payment.currency).where(
            Payment.method == code,
            Payment.state == "captured",
            Payment.captured > 0,
            Payment.created_at >= since + timedelta(minutes=1),
        )
    ).all()
    db.session.close()
    return [
        Mismatch("unknown there", row.reference, _money(row.captured, row.currency), "no such payment")
        for row in rows
        if row.id not in known
    ]


def _unprocessed_messages() -> list[Mismatch]:
    rows: Sequence[tuple[str, str]] = [
        (row.event_key, row.type)
        for row in db.session.execute(
            select(GatewayEvent.event_key, GatewayEvent.type).where(
                GatewayEvent.state == "received", GatewayEvent.received_at < clock.now() - MESSAGE_AFTER
            )
        )
    ]
    db.session.close()
    return [Mismatch("message", key, "received, not processed", kind) for key, kind in rows]
