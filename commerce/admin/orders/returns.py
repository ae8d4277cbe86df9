"""What customers want to give back: all requests of the shop, and answering one."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as BaseResponse
from wtforms import Form, HiddenField, TextAreaField
from wtforms.validators import Length

from commerce.admin.auth import blueprint, current_actor, may, requires_permission, roles_text
from commerce.admin.orders.forms import no_control_characters, version_shown
from commerce.admin.orders.refund_form import RefundForm
from commerce.admin.orders.refunds import preview_then_refund
from commerce.admin.orders.timeline import history, since
from commerce.admin.step_up import requires_recent_auth
from commerce.errors import Conflict, InvalidValue
from commerce.orders.forms import read_units
from commerce.orders.models import Order, ReturnRequest
from commerce.orders.queries import get_order_by_code, timeline
from commerce.orders.refund_amounts import shipping_left
from commerce.orders.refunds import RefundPlan, RefundRequest
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
from commerce.payments.queries import payments_of
from commerce.payments.services import net_captured
from commerce.web import render_region, see_other

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9]{1,17})-([0-9a-f]{32})")


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
    before = request.args.get("before", "")
    page = list_requests(state=state, before=_read_cursor(before) if before else None)
    counts = count_requests()
    return render_region(
        "admin/orders/returns.html",
        "admin/orders/_returns.html",
        rows=page.rows,
        older=_write_cursor(*page.older) if page.older else "",
        first=not before,
        chosen=state,
        counts=counts,
        waiting=counts["requested"] + counts["approved"] + counts["received"],
    )


def _write_cursor(created_at: datetime, request_id: uuid.UUID) -> str:
    return f"{(created_at - EPOCH) // timedelta(microseconds=1)}-{request_id.hex}"


def _read_cursor(text: str) -> tuple[datetime, uuid.UUID]:
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise InvalidValue("before", _("This address does not lead to a page of the list."))
    return EPOCH + timedelta(microseconds=int(match[1])), uuid.UUID(match[2])


# --- one request ------------------------------------------------------------------------------------


class AnswerForm(Form):  # type: ignore[misc]
    """Words for the customer; on a receipt, units are fields of their own (`units-<line>`)."""

    version = version_shown()
    lines = HiddenField()
    answer = TextAreaField(
        _l("Words for the customer"),
        [Length(max=500, message=_l("Please use at most 500 characters.")), no_control_characters],
    )

    def __init__(self, name: str, formdata: Any = None) -> None:
        super().__init__(formdata)
        self.typed: dict[str, str] = dict(formdata.items()) if formdata else {}
        self.answer.id = self.answer.label.field_id = f"{name}-answer"

    def refuse(self, error: InvalidValue) -> None:
        """Show what a service found wrong."""
        field = self.lines if error.field == "lines" else self.answer
        field.errors = [*field.errors, error.reason]


@blueprint.get("/orders/<code>/returns/<uuid:return_id>")
@requires_permission("orders.view")
def return_page(code: str, return_id: uuid.UUID) -> BaseResponse:
    """Show a request with what can be answered to it."""
    order = get_order_by_code(code)
    return _show(order, get_request(order.id, return_id))


@blueprint.post("/orders/<code>/returns/<uuid:return_id>/approval")
@requires_permission("returns.answer")
def return_approve(code: str, return_id: uuid.UUID) -> BaseResponse:
    """Agree that the goods are sent back, and say how."""

    def do(form: AnswerForm) -> None:
        words = form.answer.data or ""
        approve_return(return_id, current_actor(), seen_version=form.version.data, answer=words)

    return _answer(code, return_id, "approval", do, _("The customer is told how to send it back."))


@blueprint.post("/orders/<code>/returns/<uuid:return_id>/decline")
@requires_permission("orders.decline_refund")
def return_decline(code: str, return_id: uuid.UUID) -> BaseResponse:
    """Say no, and why."""

    def do(form: AnswerForm) -> None:
        words = form.answer.data or ""
        decline_return(return_id, current_actor(), seen_version=form.version.data, reason=words)

    return _answer(code, return_id, "decline", do, _("The request is declined; the customer is told why."))


@blueprint.post("/orders/<code>/returns/<uuid:return_id>/receipt")
@requires_permission("returns.answer")
def return_receive(code: str, return_id: uuid.UUID) -> BaseResponse:
    """Note what came back."""

    def do(form: AnswerForm) -> None:
        came = read_units(form.typed, "units")
        receive_return(return_id, came, current_actor(), seen_version=form.version.data)

    return _answer(code, return_id, "receipt", do, _("What came back is noted; now the money can go back."))


@blueprint.post("/orders/<code>/returns/<uuid:return_id>/refund")
@requires_permission("orders.refund")
@requires_recent_auth
def return_refund(code: str, return_id: uuid.UUID) -> BaseResponse:
    """Show what giving the money back would do; once that is confirmed, do it."""
    order = get_order_by_code(code)
    asked = get_request(order.id, return_id)

    def look(order: Order, wish: RefundRequest) -> RefundPlan:
        return plan_return(order, payments_of(order.id), asked, wish)

    def give(_order: Order, form: RefundForm, wish: RefundRequest) -> None:
        refund_return(
            return_id,
            wish,
            current_actor(),
            seen_version=form.version.data,
            shown_amount=form.shown_amount.data,
            reason=form.reason.data or "",
        )

    return preview_then_refund(order, RefundForm(request.form), look, give, asked)


def _answer(
    code: str, return_id: uuid.UUID, name: str, do: Callable[[AnswerForm], None], done: str
) -> BaseResponse:
    order = get_order_by_code(code)
    asked = get_request(order.id, return_id)
    form = AnswerForm(name, request.form)
    if not form.validate():
        return _show(order, asked, 422, pressed=name, form=form)
    try:
        do(form)
    except InvalidValue as error:
        form.refuse(error)
        return _show(order, asked, 422, pressed=name, form=form)
    except Conflict as error:
        order = get_order_by_code(code)
        fresh = get_request(order.id, return_id)
        return _show(order, fresh, 409, pressed=name, form=form, problem=error)
    flash(done, "good")
    return see_other(f"/admin/orders/{code}/returns/{return_id}")


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
    money = RefundForm(version=order.version, shipping=asked.whole)
    return render_region(
        "admin/orders/return.html",
        "admin/orders/_return.html",
        status,
        order=order,
        asked=asked,
        lines={line.id: line for line in order.lines},
        steps=open_steps(asked),
        whys={step: _why_not(step) for step in open_steps(asked)},
        forms=forms,
        form=money,
        choices=money.choices(order, asked),
        address=f"/admin/orders/{order.code}/returns/{asked.id}/refund",
        left=net_captured(payments_of(order.id), order.currency),
        shipping_left=shipping_left(order),
        problem=problem,
        meanwhile=since(history(timeline(order.id), []), seen) if problem else [],
    )


NEEDS = {
    "approval": "returns.answer",
    "receipt": "returns.answer",
    "refund": "orders.refund",
    "decline": "orders.decline_refund",
}
"""Step -> the permission that it takes."""


def _why_not(step: str) -> str:
    return "" if may(NEEDS[step]) else roles_text(NEEDS[step])


def open_steps(asked: ReturnRequest) -> tuple[str, ...]:
    """Return what can be done about a request now, the way that it usually goes first."""
    if asked.state == "requested":
        return ("approval", "decline") if asked.kind == "return" else ("refund", "decline")
    return {"approved": ("receipt", "decline"), "received": ("refund", "decline")}.get(asked.state, ())
