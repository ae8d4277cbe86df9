"""What customers want to give back: all requests of the shop, and answering one."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from flask import request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_actor, may, requires_permission, roles_text
from commerce.admin.orders.forms import AnswerForm, RefundForm
from commerce.admin.orders.previews import changes_since, preview_then_refund, refund_facts
from commerce.admin.orders.queries import find_order
from commerce.admin.save import done, save
from commerce.admin.step_up import requires_recent_auth
from commerce.errors import Conflict
from commerce.orders.forms import read_units
from commerce.orders.models import Order, ReturnRequest
from commerce.orders.return_queries import (
    STATES,
    count_open_requests,
    count_requests,
    get_request,
    list_requests,
)
from commerce.orders.returns import (
    approve_return,
    decline_return,
    plan_return,
    receive_return,
    refund_return,
)
from commerce.paging import Cursor
from commerce.payments.queries import payments_of
from commerce.web import render_region

NEEDS = {
    "approval": "returns.answer",
    "receipt": "returns.answer",
    "refund": "orders.refund",
    "decline": "orders.decline_refund",
}
"""Step -> the permission that it takes."""


# --- the list ---------------------------------------------------------------------------------------


@blueprint.app_template_global()
def open_returns() -> int:
    """Return how many requests wait, for the bar of every page."""
    return count_open_requests()


@blueprint.get("/returns")
@requires_permission("orders.view")
def return_list() -> BaseResponse:
    """Show requests, newest first: those that wait, or those in one state."""
    state = request.args.get("state", "")
    if state not in STATES:
        state = ""
    before = Cursor.parse(request.args.get("before", ""))
    counts = count_requests()
    return render_region(
        "admin/orders/returns.html",
        "admin/orders/_returns.html",
        listing=list_requests(state=state, before=before),
        chosen=state,
        counts=counts,
        waiting=counts["requested"] + counts["approved"] + counts["received"],
    )


# --- one request ------------------------------------------------------------------------------------


@blueprint.get("/orders/<code>/returns/<uuid:return_id>")
@requires_permission("orders.view")
def return_page(code: str, return_id: uuid.UUID) -> BaseResponse:
    """Show a request with what can be answered to it."""
    order = find_order(code)
    return _show(order, get_request(order.id, return_id))


@blueprint.post("/orders/<code>/returns/<uuid:return_id>/approval")
@requires_permission("returns.answer")
def return_approve(code: str, return_id: uuid.UUID) -> BaseResponse:
    """Agree that the goods are sent back, and say how."""

    def do(form: AnswerForm) -> None:
        words = form.answer.data or ""
        approve_return(return_id, current_actor(), seen_version=form.version.data, answer=words)

    return _answer(
        code,
        return_id,
        "approval",
        do,
        _("Return approved. The customer gets an email with your instructions."),
    )


@blueprint.post("/orders/<code>/returns/<uuid:return_id>/decline")
@requires_permission("orders.decline_refund")
def return_decline(code: str, return_id: uuid.UUID) -> BaseResponse:
    """Decline a return request, with a reason."""

    def do(form: AnswerForm) -> None:
        words = form.answer.data or ""
        decline_return(return_id, current_actor(), seen_version=form.version.data, reason=words)

    return _answer(
        code, return_id, "decline", do, _("Request declined. The customer gets an email with the reason.")
    )


@blueprint.post("/orders/<code>/returns/<uuid:return_id>/receipt")
@requires_permission("returns.answer")
def return_receive(code: str, return_id: uuid.UUID) -> BaseResponse:
    """Note what came back."""

    def do(form: AnswerForm) -> None:
        came = read_units(form.typed, "units")
        receive_return(return_id, came, current_actor(), seen_version=form.version.data)

    return _answer(code, return_id, "receipt", do, _("Received items recorded. You can refund them now."))


@blueprint.post("/orders/<code>/returns/<uuid:return_id>/refund")
@requires_permission("orders.refund")
@requires_recent_auth
def return_refund(code: str, return_id: uuid.UUID) -> BaseResponse:
    """Show what giving the money back would do; once that is confirmed, do it."""
    order, form = find_order(code), RefundForm(request.form)
    asked = get_request(order.id, return_id)
    return preview_then_refund(
        order,
        form,
        plan=lambda order, wanted: plan_return(order, payments_of(order.id), asked, wanted),
        refund=lambda wanted: refund_return(
            return_id,
            wanted,
            current_actor(),
            seen_version=form.version.data,
            shown_amount=form.shown_amount.data,
            reason=form.reason.data or "",
        ),
        asked=asked,
    )


def _answer(
    code: str, return_id: uuid.UUID, name: str, do: Callable[[AnswerForm], None], text: str
) -> BaseResponse:
    get_request(find_order(code).id, return_id)
    form = AnswerForm(name, request.form)

    def show(status: int, problem: Conflict | None = None) -> BaseResponse:
        order = find_order(code)
        asked = get_request(order.id, return_id)
        return _show(order, asked, status, pressed=name, form=form, problem=problem)

    return save(
        form,
        lambda: do(form),
        show=show,
        then=lambda _result: done(text, f"/admin/orders/{code}/returns/{return_id}"),
    )


def _show(
    order: Order,
    asked: ReturnRequest,
    status: int = 200,
    *,
    pressed: str = "",
    form: AnswerForm | None = None,
    problem: Conflict | None = None,
) -> BaseResponse:
    forms = {name: AnswerForm(name) for name in ("approval", "decline", "receipt")}
    if form is not None:
        forms[pressed] = form
    seen = int(form.version.data or 0) if form else 0
    return render_region(
        "admin/orders/return.html",
        "admin/orders/_return.html",
        status,
        **refund_facts(order, RefundForm(version=order.version, shipping=asked.whole), asked),
        lines={line.id: line for line in order.lines},
        steps=open_steps(asked),
        whys={step: _why_not(step) for step in open_steps(asked)},
        forms=forms,
        problem=problem,
        meanwhile=changes_since(order, seen) if problem else [],
    )


def _why_not(step: str) -> str:
    return "" if may(NEEDS[step]) else roles_text(NEEDS[step])


def open_steps(asked: ReturnRequest) -> tuple[str, ...]:
    """Return what can be done about a request now, the way that it usually goes first."""
    if asked.state == "requested":
        return ("approval", "decline") if asked.kind == "return" else ("refund", "decline")
    return {"approved": ("receipt", "decline"), "received": ("refund", "decline")}.get(asked.state, ())
