"""Money that goes back, over JSON: by line, as an amount, or all that is left."""

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
"""What is given back -> what it takes beside reason, expected amount and version."""


class RefundLine(LineUnits):
    """Units of a line whose money goes back."""

    restock: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="How many of them are back on the shelf. Units that have not left yet are free again anyway.",
    )


class RefundCreate(VersionedRequest):
    """What is given back: units of lines, shipping, another amount than these come to, or everything that is left."""

    lines: list[RefundLine] = Field(default_factory=list, max_length=MAX_ITEMS)
    shipping: bool = Field(default=False, description="Shipping and fee, too.")
    amount: SentAmount | None = Field(
        None,
        ge=0,
        description="Another amount than lines and shipping come to; without these a goodwill.",
        examples=[1],
    )
    returned: bool = Field(
        default=False,
        description="The units came back from the customer. Else units that have not left yet are taken first.",
    )
    everything: bool = Field(
        default=False, description="All that is left of an order whose refund was requested."
    )
    restock: bool = Field(default=False, description="With `everything`: what had left is back on the shelf.")
    reason: Text = Field(
        min_length=1, max_length=500, description="The customer is told.", examples=["For the trouble"]
    )
    expected_amount: SentAmount | None = Field(
        None, ge=0, description="The money that you expect to go back; 409 when it comes to another amount."
    )

    def wish(self, order: Order) -> RefundRequest:
        """Return the part that is wished for. Raises InvalidValues for lines that are none of the order's."""
        instead = optional_minor("amount", self.amount, order.currency)
        return refund_request(
            order, self.lines, RefundRequest(shipping=self.shipping, amount=instead, returned=self.returned)
        )


class CreditLineOut(LineOut):
    """Units of a line inside a credit, with the money for them."""

    restocked: int
    amount: Amount
    tax: Amount


class CreditOut(ResponseModel):
    """A decision to give money back. `tax` is inside `amount`; the money itself moves by refunds with this id."""

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
    """Money on its way back through the payment that it came by."""

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
    """What was decided, and the money that is on its way for it."""

    currency: str = Field(examples=["USD"])
    credit: CreditOut
    refunds: list[RefundOut]


class RefundList(OrderState):
    """All money that goes or went back, oldest first, and the decisions behind it."""

    currency: str = Field(examples=["USD"])
    credits: list[CreditOut]
    items: list[RefundOut]


@operation("GET", "/orders/<code>/refunds", scope="orders:read", tag=TAG, responses={200: RefundList})
def list_refunds(code: str) -> Reply:
    """List an order's refunds, oldest first, with the decisions behind them."""
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
    """Give money back.

    Never more than was paid, and all units together come to exactly what was paid for them. The status stays as it is,
    but that an order is shipped when what had still to leave is given back. `everything` ends an order in
    `refund_requested` as `refunded`. The money goes back through the payments that it came by, soon after.
    """
    order = get_order_by_code(code)
    refuse_unused_fields(body, TAKES, "everything" if body.everything else "a part")
    wish = body.wish(order)
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
            credit_order(order.id, wish, current_api_actor(), **common)

    return run_idempotent(give, lambda _: refund_reply(order.id)).response


def refund_request(order: Order, lines: list[RefundLine], wish: RefundRequest) -> RefundRequest:
    """Return `wish` with the units of lines in it. Raises InvalidValues for lines that are none of the order's."""
    named = resolve_lines(order, lines)
    restock = sum_units((key, each.restock) for key, each in named)
    return replace(
        wish,
        units=sum_units((key, each.quantity) for key, each in named),
        restock={key: count for key, count in restock.items() if count},
    )


def refund_reply(order_id: uuid.UUID) -> Reply:
    """Return the last decision on an order as it is answered; the order is locked, so it is the one just made."""
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
