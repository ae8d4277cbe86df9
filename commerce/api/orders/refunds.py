"""API operations on the refunds of an order."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from flask import Response
from pydantic import Field

from commerce.api.auth import current_api_actor
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation, seen_resource_version
from commerce.api.orders.schemas import (
    MAX_ITEMS,
    LineOut,
    LineUnits,
    OrderState,
    VersionedRequest,
    line_fields,
    optional_minor,
    order_state,
    refuse_unused_fields,
    resolve_lines,
    sum_units,
)
from commerce.api.schemas import Amount, Moment, ResponseModel, SentAmount, Text, amount
from commerce.orders.models import Credit, Order
from commerce.orders.queries import get_order, get_order_by_code
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.return_queries import credits_of
from commerce.orders.returns import refund_order
from commerce.payments.models import Refund
from commerce.payments.queries import refunds_of

TAG = "Refunds"
TAKES = {"everything": ("restock",), "a part": ("lines", "shipping", "returned", "amount")}
"""Kind of refund -> the fields that only it uses."""


class RefundLine(LineUnits):
    """Units of a line to refund."""

    restock: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Units to put back in stock. Units that were not shipped are released in any case.",
    )


class RefundCreate(VersionedRequest):
    """A refund of lines, shipping or an amount, or of everything that is left."""

    lines: list[RefundLine] = Field(default_factory=list, max_length=MAX_ITEMS)
    shipping: bool = Field(default=False, description="Refund shipping and fee as well.")
    amount: SentAmount | None = Field(
        None,
        ge=0,
        description="Amount to refund instead of that of lines and shipping. Without these, a goodwill refund.",
        examples=[1],
    )
    returned: bool = Field(
        default=False,
        description="The customer returned the units. Otherwise, units that were not shipped are refunded first.",
    )
    everything: bool = Field(
        default=False, description="Refund everything that is left of an order in `refund_requested`."
    )
    restock: bool = Field(default=False, description="With `everything`: put shipped units back in stock.")
    reason: Text = Field(
        min_length=1, max_length=500, description="Sent to the customer.", examples=["For the trouble"]
    )
    expected_amount: SentAmount | None = Field(
        None, ge=0, description="The amount you expect to be refunded. Returns 409 if it differs."
    )

    def request(self, order: Order) -> RefundRequest:
        """Return the partial refund to make. Raises InvalidValues for lines that are not part of the order."""
        instead = optional_minor("amount", self.amount, order.currency)
        return refund_request(
            order, self.lines, RefundRequest(shipping=self.shipping, amount=instead, returned=self.returned)
        )


class CreditLineOut(LineOut):
    """Refunded units of a line with their amount."""

    restocked: int
    amount: Amount
    tax: Amount


class CreditOut(ResponseModel):
    """The decision to refund an amount, which includes `tax`. Refunds with its id move the money."""

    id: uuid.UUID
    number: int
    amount: Amount
    shipping: Amount
    tax: Amount
    reason: str
    actor_name: str
    created_at: Moment
    lines: list[CreditLineOut]


class RefundOut(ResponseModel):
    """Money returned through the payment that it came from."""

    id: uuid.UUID
    payment_id: uuid.UUID
    credit_id: uuid.UUID | None
    amount: Amount
    state: str = Field(description="queued, succeeded or failed.", examples=["queued"])
    reason: str
    failure: str
    created_at: Moment
    settled_at: Moment | None


class RefundCreated(OrderState):
    """The new credit and its refunds."""

    currency: str = Field(examples=["USD"])
    credit: CreditOut
    refunds: list[RefundOut]


class RefundList(OrderState):
    """All refunds of an order, oldest first, and the credits behind them."""

    currency: str = Field(examples=["USD"])
    credits: list[CreditOut]
    items: list[RefundOut]


@operation("GET", "/orders/<code>/refunds", scope="orders:read", tag=TAG, responses={200: RefundList})
def list_refunds(code: str) -> Reply:
    """List the refunds of an order, oldest first, with the credits behind them."""
    order = get_order_by_code(code)
    body = RefundList(
        **order_state(order),
        currency=order.currency,
        credits=[_credit_out(each, order) for each in credits_of(order.id)],
        items=[_refund_out(each, order.currency) for each in refunds_of(order.id)],
    )
    return Reply(body, version=order.version)


@operation(
    "POST",
    "/orders/<code>/refunds",
    scope="payments:write",
    tag=TAG,
    body=RefundCreate,
    responses={201: RefundCreated},
    idempotency="required",
)
def make_refund(code: str, body: RefundCreate) -> Response:
    """Refund all or part of an order.

    Refunds never exceed what was paid. The status stays unchanged, except that an order becomes `shipped` when its last
    unshipped units are refunded. `everything` moves an order from `refund_requested` to `refunded`. The money is
    returned through the original payments shortly after.
    """
    order = get_order_by_code(code)
    refuse_unused_fields(body, TAKES, "everything" if body.everything else "a part")
    request = body.request(order)
    expected = optional_minor("expected_amount", body.expected_amount, order.currency)

    def give() -> None:
        common: dict[str, Any] = {
            "seen_version": seen_resource_version(body.version),
            "shown_amount": expected,
            "reason": body.reason,
        }
        if body.everything:
            refund_order(order.id, current_api_actor(), restore_inventory=body.restock, **common)
        else:
            credit_order(order.id, request, current_api_actor(), **common)

    return run_idempotent(give, lambda _: refund_reply(order.id)).response


def refund_request(order: Order, lines: list[RefundLine], request: RefundRequest) -> RefundRequest:
    """Return `request` with the units of lines. Raises InvalidValues for lines that are not part of the order."""
    named = resolve_lines(order, lines)
    restock = sum_units((key, each.restock) for key, each in named)
    return replace(
        request,
        units=sum_units((key, each.quantity) for key, each in named),
        restock={key: count for key, count in restock.items() if count},
    )


def refund_reply(order_id: uuid.UUID) -> Reply:
    """Return the last credit of an order as a reply. The order is locked, so it is the one just created."""
    order = get_order(order_id)
    credit = credits_of(order.id)[-1]
    body = RefundCreated(
        **order_state(order),
        currency=order.currency,
        credit=_credit_out(credit, order),
        refunds=[
            _refund_out(each, order.currency) for each in refunds_of(order.id) if each.credit_id == credit.id
        ],
    )
    return Reply(body, 201, {"Location": f"/api/orders/{order.code}/refunds"}, order.version)


def _credit_out(credit: Credit, order: Order) -> CreditOut:
    facts = line_fields(order)
    return CreditOut(
        id=credit.id,
        number=credit.number,
        amount=amount(credit.amount, order.currency),
        shipping=amount(credit.shipping_amount, order.currency),
        tax=amount(credit.tax_amount, order.currency),
        reason=credit.reason,
        actor_name=credit.actor,
        created_at=credit.created_at,
        lines=[
            CreditLineOut(
                **facts[each.order_line_id],
                quantity=each.quantity,
                restocked=each.restocked,
                amount=amount(each.amount, order.currency),
                tax=amount(each.tax_amount, order.currency),
            )
            for each in credit.lines
        ],
    )


def _refund_out(each: Refund, currency: str) -> RefundOut:
    same = ("id", "payment_id", "credit_id", "state", "reason", "failure", "created_at", "settled_at")
    return RefundOut(**{name: getattr(each, name) for name in same}, amount=amount(each.amount, currency))
