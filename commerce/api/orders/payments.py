"""The money of an order over JSON: each attempt to be paid, and what people book by hand."""

from __future__ import annotations

import uuid
from datetime import date

from flask import Response
from pydantic import Field

from commerce.api.auth import current_api_actor
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation, seen_resource_version
from commerce.api.orders.parts import OrderState, Versioned, sent_minor, state_of
from commerce.api.schemas import Amount, Moment, ResponseModel, SentAmount, Text, amount
from commerce.orders.balance import balance_of
from commerce.orders.models import Order
from commerce.orders.queries import get_order, get_order_by_code
from commerce.payments.models import Payment
from commerce.payments.queries import payments_of
from commerce.settlement.manual_payments import record_receipt

TAG = "Payments"


class Receipt(Versioned):
    """Money that arrived outside of the shop's gateways: a transfer, cash at the door."""

    amount: SentAmount | None = Field(None, description="What arrived; left out, all that is open.")
    reference: Text = Field(
        "", max_length=120, description="What the transfer is called.", examples=["2026-0117"]
    )
    received_on: date | None = Field(None, description="The day on which it arrived.")
    note: Text = Field("", max_length=500)


class PaymentOut(ResponseModel):
    """One attempt to be paid. `payUrl` is where the payer goes on, while there is somewhere to go."""

    id: uuid.UUID
    method: str = Field(examples=["bank_transfer"])
    gateway: str = Field(examples=["manual"])
    state: str = Field(
        description="started, unknown, failed, authorized, voided or captured.", examples=["captured"]
    )
    currency: str = Field(examples=["USD"])
    amount: Amount
    captured: Amount
    refunded: Amount
    reference: str
    pay_url: str
    failure: str
    created_at: Moment
    updated_at: Moment


class PaymentList(OrderState):
    """All attempts, oldest first, and what is there: `paid` of `total`, `due` still to come, `surplus` too much."""

    currency: str = Field(examples=["USD"])
    total: Amount
    paid: Amount
    due: Amount
    surplus: Amount
    items: list[PaymentOut]


@operation("GET", "/orders/<code>/payments", scope="orders:read", tag=TAG, answers={200: PaymentList})
def list_payments(code: str) -> Reply:
    """List an order's payments, oldest first."""
    return _reply(get_order_by_code(code))


@operation(
    "POST",
    "/orders/<code>/payments",
    scope="payments:write",
    tag=TAG,
    body=Receipt,
    answers={201: PaymentList},
    problems=(404, 409),
    idempotent="required",
)
def record_payment(code: str, body: Receipt) -> Response:
    """Record money that arrived.

    Parts add up until the order is paid; then it goes on as after any payment. More than is due is taken and flagged.
    Money for a cancelled order takes its stock again and reopens it or, when that is gone, goes back. 409 when nothing
    is due and no `amount` was sent, or while a payment by card is under way.
    """
    order = get_order_by_code(code)
    arrived = sent_minor("amount", body.amount, order.currency)
    done = run_idempotent(
        lambda: record_receipt(
            order.id,
            current_api_actor(),
            amount=arrived,
            reference=body.reference,
            received_on=body.received_on,
            seen_version=seen_resource_version(body.version),
            reason=body.note,
        ),
        lambda _: _reply(get_order(order.id), 201),
    )
    return done.response


def _reply(order: Order, status: int = 200) -> Reply:
    payments, currency = payments_of(order.id), order.currency
    balance = balance_of(order, payments)
    body = PaymentList(
        **state_of(order),
        currency=currency,
        total=amount(order.total, currency),
        paid=amount(balance.net, currency),
        due=amount(balance.due, currency),
        surplus=amount(balance.surplus, currency),
        items=[_payment_out(each) for each in payments],
    )
    return Reply(body, status, version=order.version)


def _payment_out(each: Payment) -> PaymentOut:
    same = ("id", "method", "gateway", "state", "currency", "reference", "pay_url", "failure")
    facts = {name: getattr(each, name) for name in (*same, "created_at", "updated_at")}
    money = ("amount", "captured", "refunded")
    facts |= {name: amount(getattr(each, name), each.currency) for name in money}
    return PaymentOut(**facts)
