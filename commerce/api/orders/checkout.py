"""Checkout in one request, as in the Gravito example: `POST /api/commerce/checkout`."""

from __future__ import annotations

import uuid

from flask import Response
from pydantic import Field

from commerce.api.auth import current_api_actor
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation
from commerce.api.orders.placement import prepare_payment, respond
from commerce.api.orders.schemas import OrderCreate
from commerce.api.schemas import Amount, ResponseModel, Text, amount
from commerce.checkout.direct_orders import PlacedDirectOrder, place_direct_order
from commerce.tenants.scope import current_shop


class CheckoutRequest(OrderCreate):
    """An order to place. The idempotency key can be sent in the body as well."""

    idempotency_key: Text = Field("", max_length=255, description="Instead of the `Idempotency-Key` header.")


class CheckoutData(ResponseModel):
    """The new order."""

    order_id: uuid.UUID
    code: str = Field(examples=["ORD-000001"])
    status: str = Field(examples=["pending"])
    total: Amount
    currency: str = Field(examples=["EUR"])
    adjustments: list[str] = Field(description="Labels of discounts, shipping, fees, taxes and rounding.")


class CheckoutOut(ResponseModel):
    """The result of a checkout."""

    success: bool
    message: str = Field(examples=["Order placed successfully"])
    data: CheckoutData


@operation(
    "POST",
    "/commerce/checkout",
    scope="orders:write",
    tag="Checkout",
    body=CheckoutRequest,
    responses={201: CheckoutOut},
    idempotency="required",
    audited=False,
)
def checkout(body: CheckoutRequest) -> Response:
    """Place an order and return its total.

    Returns 409 if `total` is not the current total, or while a request with the same key is in progress. Returns 422
    with every item that does not have enough stock.
    """
    done = run_idempotent(
        lambda: place_direct_order(body.order(), current_api_actor()),
        _reply,
        other_key=body.idempotency_key,
    )
    return respond(done)


def _reply(placed: PlacedDirectOrder) -> Reply:
    prepare_payment(placed.order)
    order, totals, currency = placed.order, placed.priced.totals, current_shop().currency
    data = CheckoutData(
        order_id=order.id,
        code=order.code,
        status="pending",
        total=amount(totals.total, currency),
        currency=currency,
        adjustments=[each.label for each in totals.adjustments],
    )
    body = CheckoutOut(success=True, message="Order placed successfully", data=data)
    return Reply(body, 201, {"Location": f"/api/orders/{order.code}"})
