"""The checkout of the Gravito example: what is wanted goes in, an order comes out, once."""

from __future__ import annotations

import uuid

from flask import Response
from pydantic import Field

from commerce.api.auth import current_api_actor
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation
from commerce.api.orders.placement import finish
from commerce.api.orders.schemas import OrderCreate
from commerce.api.schemas import Amount, ResponseModel, Text, amount
from commerce.checkout.direct_orders import PlacedDirectOrder, place_direct_order
from commerce.tenants.scope import current_shop


class CheckoutRequest(OrderCreate):
    """An order to place; the idempotency key may also stand here."""

    idempotency_key: Text = Field("", max_length=255, description="Instead of the header.")


class CheckoutData(ResponseModel):
    """The order that was placed."""

    order_id: uuid.UUID
    code: str = Field(examples=["ORD-000001"])
    status: str = Field(examples=["pending"])
    total: Amount
    currency: str = Field(examples=["EUR"])
    adjustments: list[str] = Field(
        description="What was taken off or added: promotions, shipping, fees, taxes."
    )
    order_path: str = Field(description="Where the customer sees and pays the order.")


class CheckoutOut(ResponseModel):
    """The answer of the Gravito example."""

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
    """Place an order and answer what it costs.

    409 only when the same key is being worked on, or when the `total` that you showed is not the one of now; 422 names
    every line that is short and what is left of it.
    """
    done = run_idempotent(
        lambda: place_direct_order(body.order(), current_api_actor()), _answer, other_key=body.idempotency_key
    )
    return finish(done)


def _answer(placed: PlacedDirectOrder) -> Reply:
    order, totals, currency = placed.order, placed.priced.totals, current_shop().currency
    data = CheckoutData(
        order_id=order.id,
        code=order.code,
        status="pending",
        total=amount(totals.total, currency),
        currency=currency,
        adjustments=[each.label for each in totals.adjustments],
        order_path=f"/orders/{order.token}",
    )
    body = CheckoutOut(success=True, message="Order placed successfully", data=data)
    return Reply(body, 201, {"Location": f"/api/orders/{order.code}"})
