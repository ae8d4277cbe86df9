"""API operations on refund and return requests of customers."""

from __future__ import annotations

import uuid
from typing import Literal

from flask import Response
from pydantic import Field

from commerce.api.auth import current_api_actor, ensure_scope
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation, seen_resource_version
from commerce.api.orders.refunds import RefundLine, refund_request
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
    units_by_line,
)
from commerce.api.orders.status import PAYMENT_SCOPE
from commerce.api.schemas import Moment, ResponseModel, SentAmount, Text
from commerce.errors import NotFound
from commerce.orders.models import Order, ReturnRequest
from commerce.orders.queries import get_order, get_order_by_code
from commerce.orders.refunds import RefundRequest
from commerce.orders.return_queries import requests_of, units_to_answer
from commerce.orders.returns import (
    approve_return,
    decline_return,
    receive_return,
    refund_return,
    request_return,
)

TAG = "Returns"
Decision = Literal["approve", "receive", "decline", "refund"]
TAKES = {
    "receive": ("lines",),
    "refund": ("lines", "shipping", "amount", "expected_amount"),
}
"""Decision -> the fields that only it uses."""


class ReturnCreate(VersionedRequest):
    """A request of a customer for a refund or a return."""

    kind: Literal["refund", "return"] = Field(
        "refund", description="For a return, the goods come back before the refund."
    )
    lines: list[LineUnits] | None = Field(
        None,
        min_length=1,
        max_length=MAX_ITEMS,
        description="All lines if omitted; the order then moves to `refund_requested`.",
    )
    reason: Text = Field(min_length=1, max_length=500, examples=["Too small"])


class ReturnDecision(VersionedRequest):
    """The decision on a request."""

    decision: Decision = Field(
        description="approve a return, receive its goods, refund, or decline.",
        examples=["decline"],
    )
    reason: Text = Field(
        "",
        max_length=500,
        description="Sent to the customer. Required to decline.",
        examples=["It has been worn"],
    )
    lines: list[RefundLine] | None = Field(
        None,
        min_length=1,
        max_length=MAX_ITEMS,
        description="Units received, or units to refund and restock. All units if omitted.",
    )
    shipping: bool | None = Field(
        None,
        description="Refund shipping and fee as well. If omitted, only for a request for the whole order.",
    )
    amount: SentAmount | None = Field(
        None, ge=0, description="Amount to refund instead of that of the lines."
    )
    expected_amount: SentAmount | None = Field(
        None, ge=0, description="The amount you expect to be refunded. Returns 409 if it differs."
    )


class ReturnLineOut(LineOut):
    """Requested units of a line, and how many of them were received."""

    received: int


class ReturnOut(ResponseModel):
    """A refund or return request. A `whole` one is for the entire order and has changed its status."""

    id: uuid.UUID
    number: int
    kind: str = Field(examples=["refund"])
    whole: bool
    state: str = Field(
        description="requested, approved, received, closed, declined or withdrawn.", examples=["requested"]
    )
    reason: str
    answer: str
    asked_by: str
    created_at: Moment
    updated_at: Moment
    lines: list[ReturnLineOut]


class ReturnState(OrderState):
    """The request, with the state of its order."""

    request: ReturnOut


class ReturnList(OrderState):
    """The requests of an order, newest first."""

    items: list[ReturnOut]


@operation("GET", "/orders/<code>/returns", scope="orders:read", tag=TAG, responses={200: ReturnList})
def list_returns(code: str) -> Reply:
    """List the refund and return requests of an order, newest first."""
    order = get_order_by_code(code)
    items = [_return_out(each, order) for each in requests_of(order.id)]
    return Reply(ReturnList(**order_state(order), items=items), version=order.version)


@operation(
    "POST",
    "/orders/<code>/returns",
    scope="orders:write",
    tag=TAG,
    body=ReturnCreate,
    responses={201: ReturnState},
    idempotency="optional",
)
def create_return(code: str, body: ReturnCreate) -> Response:
    """Request a refund or return of all or part of an order.

    A request for the whole order moves it to `refund_requested`; a partial one leaves the status unchanged. Only
    shipped units can be returned. Returns 409 if nothing was paid, or if everything was already refunded or requested.
    """
    order = get_order_by_code(code)
    units = None if body.lines is None else units_by_line(order, body.lines)
    done = run_idempotent(
        lambda: request_return(
            order.id,
            current_api_actor(),
            kind=body.kind,
            units=units,
            reason=body.reason,
            seen_version=seen_resource_version(body.version),
        ),
        lambda made: _state(order.id, made, 201),
        required=False,
    )
    return done.response


@operation(
    "POST",
    "/orders/<code>/returns/<int:number>/decision",
    scope="orders:write",
    tag=TAG,
    body=ReturnDecision,
    responses={200: ReturnState},
    idempotency="required",
)
def decide_return(code: str, number: int, body: ReturnDecision) -> Response:
    """Decide on a refund or return request.

    A refund is made or declined. A return is approved first, then its goods are received. It can be declined until it
    is refunded. Units go back in stock with `restock` of a line. To refund requires the scope `payments:write` as well.
    Returns 409 if the request is not waiting for this decision.
    """
    if body.decision == "refund":
        ensure_scope(PAYMENT_SCOPE)
    refuse_unused_fields(body, TAKES, body.decision)
    order = get_order_by_code(code)
    asked = _numbered(order, number)
    return run_idempotent(
        lambda: _decide(body, order, asked), lambda _: _state(order.id, asked.id, 200)
    ).response


def _decide(body: ReturnDecision, order: Order, asked: ReturnRequest) -> None:
    seen, actor = seen_resource_version(body.version), current_api_actor()
    match body.decision:
        case "approve":
            approve_return(asked.id, actor, seen_version=seen, answer=body.reason)
        case "decline":
            decline_return(asked.id, actor, seen_version=seen, reason=body.reason)
        case "receive":
            came = units_to_answer(asked) if body.lines is None else units_by_line(order, body.lines)
            receive_return(asked.id, came, actor, seen_version=seen)
        case "refund":
            refund_return(
                asked.id,
                _refund(body, order, asked),
                actor,
                seen_version=seen,
                shown_amount=optional_minor("expected_amount", body.expected_amount, order.currency),
                reason=body.reason,
            )


def _refund(body: ReturnDecision, order: Order, asked: ReturnRequest) -> RefundRequest:
    request = RefundRequest(
        units=units_to_answer(asked),
        shipping=asked.whole if body.shipping is None else body.shipping,
        amount=optional_minor("amount", body.amount, order.currency),
    )
    return request if body.lines is None else refund_request(order, body.lines, request)


def _numbered(order: Order, number: int) -> ReturnRequest:
    found = next((each for each in requests_of(order.id) if each.number == number), None)
    if found is None:
        raise NotFound("return_not_found")
    return found


def _state(order_id: uuid.UUID, return_id: uuid.UUID, status: int) -> Reply:
    order = get_order(order_id)
    asked = next(each for each in requests_of(order.id) if each.id == return_id)
    body = ReturnState(**order_state(order), request=_return_out(asked, order))
    where = {"Location": f"/api/orders/{order.code}/returns"} if status == 201 else {}
    return Reply(body, status, where, order.version)


def _return_out(asked: ReturnRequest, order: Order) -> ReturnOut:
    facts = line_fields(order)
    same = ("id", "number", "kind", "whole", "state", "reason", "answer", "asked_by")
    return ReturnOut(
        **{name: getattr(asked, name) for name in (*same, "created_at", "updated_at")},
        lines=[
            ReturnLineOut(**facts[each.order_line_id], quantity=each.quantity, received=each.received)
            for each in asked.lines
        ],
    )
