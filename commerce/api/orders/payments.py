"""API operations on the payments of an order."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import date

from flask import Response
from pydantic import Field

from commerce.api.auth import current_api_actor
from commerce.api.idempotency import earlier_response, run_idempotent
from commerce.api.operation import Reply, operation, seen_resource_version
from commerce.api.orders.schemas import OrderState, VersionedRequest, optional_minor, order_state
from commerce.api.schemas import Amount, Moment, ResponseModel, SentAmount, Text, amount
from commerce.errors import NotFound
from commerce.orders.balance import balance_of
from commerce.orders.models import Order
from commerce.orders.queries import get_order, get_order_by_code
from commerce.payments.models import Payment
from commerce.payments.queries import get_payment, payments_of
from commerce.settlement.authorizations import GatewayAnswer, request_capture, request_void
from commerce.settlement.manual_payments import record_receipt
from commerce.settlement.services import settle_payment

TAG = "Payments"


class ManualPaymentCreate(VersionedRequest):
    """A payment received outside the payment gateways, such as a bank transfer or cash."""

    amount: SentAmount | None = Field(None, description="Amount received; the amount due if omitted.")
    reference: Text = Field(
        "", max_length=120, description="Reference of the bank transfer.", examples=["2026-0117"]
    )
    received_on: date | None = Field(None, description="Date on which it was received.")
    note: Text = Field("", max_length=500)


class CaptureCreate(VersionedRequest):
    """The amount to take of an authorized payment."""

    amount: SentAmount | None = Field(
        None, description="Amount to capture; the amount due if omitted. The rest is released."
    )


class PaymentOut(ResponseModel):
    """A payment attempt. `payUrl` is the gateway's page where the payer continues, while there is one."""

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
    """All payment attempts, oldest first, with the amounts paid, due and overpaid (`surplus`)."""

    currency: str = Field(examples=["USD"])
    total: Amount
    paid: Amount
    due: Amount
    surplus: Amount
    items: list[PaymentOut]


@operation("GET", "/orders/<code>/payments", scope="orders:read", tag=TAG, responses={200: PaymentList})
def list_payments(code: str) -> Reply:
    """List an order's payments, oldest first."""
    return _reply(get_order_by_code(code))


@operation(
    "POST",
    "/orders/<code>/payments",
    scope="payments:write",
    tag=TAG,
    body=ManualPaymentCreate,
    responses={201: PaymentList},
    idempotency="required",
)
def record_payment(code: str, body: ManualPaymentCreate) -> Response:
    """Record a payment that was received by hand.

    Partial payments add up until the order is paid. An overpayment is recorded and flagged. A payment for a canceled
    order reopens it if its stock is still available, and is refunded otherwise. Returns 409 if nothing is due and no
    `amount` was sent, or while a card payment is in progress.
    """
    order = get_order_by_code(code)
    arrived = optional_minor("amount", body.amount, order.currency)
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


@operation(
    "POST",
    "/orders/<code>/payments/<uuid:payment_id>/capture",
    scope="payments:write",
    tag=TAG,
    body=CaptureCreate,
    responses={200: PaymentList},
    idempotency="required",
)
def capture_authorized_payment(code: str, payment_id: uuid.UUID, body: CaptureCreate) -> Response:
    """Capture an authorized payment, in whole or in part.

    A payment is captured once; the gateway releases the rest, which stays due. Returns 409 if the payment is not
    authorized (any more), and 503 if the gateway does not answer: send the request again, the money is never taken
    twice. A payment whose authorization has expired comes back as `voided`.
    """
    order = _order_of(code, payment_id)
    taken = optional_minor("amount", body.amount, order.currency)
    return _ask_gateway(
        order,
        payment_id,
        lambda: request_capture(
            payment_id,
            current_api_actor(),
            amount=taken,
            seen_version=seen_resource_version(body.version),
        ),
    )


@operation(
    "POST",
    "/orders/<code>/payments/<uuid:payment_id>/void",
    scope="payments:write",
    tag=TAG,
    body=VersionedRequest,
    responses={200: PaymentList},
    idempotency="required",
)
def void_authorized_payment(code: str, payment_id: uuid.UUID, body: VersionedRequest) -> Response:
    """Void an authorized payment: the gateway releases the money, and the order can be paid another way.

    Returns 409 if the payment is not authorized (any more), and 503 if the gateway does not answer.
    """
    return _ask_gateway(
        _order_of(code, payment_id),
        payment_id,
        lambda: request_void(
            payment_id, current_api_actor(), seen_version=seen_resource_version(body.version)
        ),
    )


def _ask_gateway(order: Order, payment_id: uuid.UUID, ask: Callable[[], GatewayAnswer]) -> Response:
    """Ask the gateway outside of any transaction, settle its answer once, and return the payments of the order."""
    before = earlier_response()
    if before is not None:
        return before
    outcome, gateway = ask()
    done = run_idempotent(
        lambda: settle_payment(payment_id, outcome, gateway), lambda _: _reply(get_order(order.id))
    )
    return done.response


def _order_of(code: str, payment_id: uuid.UUID) -> Order:
    """Return the order of a payment. Raises NotFound if the payment belongs to another order."""
    order = get_order_by_code(code)
    if get_payment(payment_id).order_id != order.id:
        raise NotFound("payment_not_found")
    return order


def _reply(order: Order, status: int = 200) -> Reply:
    payments, currency = payments_of(order.id), order.currency
    balance = balance_of(order, payments)
    body = PaymentList(
        **order_state(order),
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
