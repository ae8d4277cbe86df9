"""What customers want to give back, over JSON: asking for it, and answering."""

from __future__ import annotations

import uuid
from typing import Literal

from flask import Response
from pydantic import Field

from commerce.api.auth import current_api_actor, ensure_scope
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation, seen_resource_version
from commerce.api.orders.parts import (
    MOST_LINES,
    LineOut,
    LineUnits,
    OrderState,
    Versioned,
    line_facts,
    sent_minor,
    state_of,
    take_only,
    units_of,
)
from commerce.api.orders.refunds import CreditedLine, refund_request
from commerce.api.orders.status import MONEY
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
"""Decision -> what it takes beside reason and version."""


class ReturnToRequest(Versioned):
    """What a customer asks for: his money back, or to send goods back first."""

    kind: Literal["refund", "return"] = Field(
        "refund", description="return: the goods come back before the money goes."
    )
    lines: list[LineUnits] | None = Field(
        None,
        min_length=1,
        max_length=MOST_LINES,
        description="Left out, everything that can be asked for; the order then waits in `refund_requested`.",
    )
    reason: Text = Field(min_length=1, max_length=500, examples=["Too small"])


class ReturnDecision(Versioned):
    """An answer to a request."""

    decision: Decision = Field(
        description="approve: goods may be sent back. receive: they came. refund: the money goes back. decline.",
        examples=["decline"],
    )
    reason: Text = Field(
        "",
        max_length=500,
        description="Words for the customer; needed to decline.",
        examples=["It has been worn"],
    )
    lines: list[CreditedLine] | None = Field(
        None,
        min_length=1,
        max_length=MOST_LINES,
        description="When received: what came. When refunded: what is given back and restocked. Left out: all of it.",
    )
    shipping: bool | None = Field(
        None, description="When refunded: shipping and fee, too; left out, only if all of the order is meant."
    )
    amount: SentAmount | None = Field(
        None, ge=0, description="When refunded: another amount than this comes to."
    )
    expected_amount: SentAmount | None = Field(
        None, ge=0, description="When refunded: the money that you expect to go back; 409 when it is another."
    )


class ReturnLineOut(LineOut):
    """Units of a line that a request is about; `received` of them came back."""

    received: int


class ReturnOut(ResponseModel):
    """A request for money back. A `whole` one is about all of the order and has moved its status."""

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
    """The request as it is now."""

    request: ReturnOut


class ReturnList(OrderState):
    """The requests of an order, newest first."""

    items: list[ReturnOut]


@operation("GET", "/orders/<code>/returns", scope="orders:read", tag=TAG, answers={200: ReturnList})
def list_returns(code: str) -> Reply:
    """List the requests for money back of an order, newest first."""
    order = get_order_by_code(code)
    items = [_return_out(each, order) for each in requests_of(order.id)]
    return Reply(ReturnList(**state_of(order), items=items), version=order.version)


@operation(
    "POST",
    "/orders/<code>/returns",
    scope="orders:write",
    tag=TAG,
    body=ReturnToRequest,
    answers={201: ReturnState},
    problems=(404, 409),
    idempotent="honoured",
)
def create_return(code: str, body: ReturnToRequest) -> Response:
    """Ask for money back for all or some of an order.

    A request for everything moves the order to `refund_requested`; one for a part leaves the status alone. Only what
    has left can be sent back. 409 when nothing was paid, or everything was given back or asked for already.
    """
    order = get_order_by_code(code)
    units = None if body.lines is None else units_of(order, body.lines)
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
        needed=False,
    )
    return done.response


@operation(
    "POST",
    "/orders/<code>/returns/<int:number>/decision",
    scope="orders:write",
    tag=TAG,
    body=ReturnDecision,
    answers={200: ReturnState},
    problems=(404, 409),
    idempotent="required",
)
def decide_return(code: str, number: int, body: ReturnDecision) -> Response:
    """Answer a request for money back.

    A refund is given or declined; of a return, the goods are first approved to come back and then received. To decline
    is possible until the money went. Goods go back on the shelf when the refund says so (`restock` of a line). To
    refund needs the scope `payments:write`, too. 409 when the request does not wait for this answer.
    """
    if body.decision == "refund":
        ensure_scope(MONEY)
    take_only(body, TAKES, body.decision)
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
            came = units_to_answer(asked) if body.lines is None else units_of(order, body.lines)
            receive_return(asked.id, came, actor, seen_version=seen)
        case "refund":
            refund_return(
                asked.id,
                _wish(body, order, asked),
                actor,
                seen_version=seen,
                shown_amount=sent_minor("expected_amount", body.expected_amount, order.currency),
                reason=body.reason,
            )


def _wish(body: ReturnDecision, order: Order, asked: ReturnRequest) -> RefundRequest:
    wish = RefundRequest(
        units=units_to_answer(asked),
        shipping=asked.whole if body.shipping is None else body.shipping,
        amount=sent_minor("amount", body.amount, order.currency),
    )
    return wish if body.lines is None else refund_request(order, body.lines, wish)


def _numbered(order: Order, number: int) -> ReturnRequest:
    found = next((each for each in requests_of(order.id) if each.number == number), None)
    if found is None:
        raise NotFound("return_not_found")
    return found


def _state(order_id: uuid.UUID, return_id: uuid.UUID, status: int) -> Reply:
    order = get_order(order_id)
    asked = next(each for each in requests_of(order.id) if each.id == return_id)
    body = ReturnState(**state_of(order), request=_return_out(asked, order))
    where = {"Location": f"/api/orders/{order.code}/returns"} if status == 201 else {}
    return Reply(body, status, where, order.version)


def _return_out(asked: ReturnRequest, order: Order) -> ReturnOut:
    facts = line_facts(order)
    same = ("id", "number", "kind", "whole", "state", "reason", "answer", "asked_by")
    return ReturnOut(
        **{name: getattr(asked, name) for name in (*same, "created_at", "updated_at")},
        lines=[
            ReturnLineOut(**facts[each.order_line_id], quantity=each.quantity, received=each.received)
            for each in asked.lines
        ],
    )
