"""Give money back: first what it would do, then exactly that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_actor, may, requires_permission, roles_text
from commerce.admin.orders.previews import (
    MAILS,
    ActionPreview,
    check_version,
    shown_version_fields,
    titles_of,
)
from commerce.admin.orders.refund_form import RefundForm
from commerce.admin.orders.timeline import history, since
from commerce.admin.step_up import requires_recent_auth
from commerce.errors import Conflict, InvalidValue
from commerce.orders.models import Order, ReturnRequest
from commerce.orders.queries import get_order_by_code, timeline
from commerce.orders.refund_amounts import shipping_left
from commerce.orders.refunds import (
    CREDITABLE,
    RefundPlan,
    RefundRequest,
    check_reason,
    credit_order,
    plan_credit,
)
from commerce.orders.services import guards
from commerce.payments.queries import payments_of
from commerce.payments.services import net_captured
from commerce.web import render_region, see_other

PreviewView = Callable[[Order, RefundRequest], RefundPlan]
RefundView = Callable[[Order, RefundForm, RefundRequest], Any]
"""Gives the money back, as the form says and the preview has shown."""


@blueprint.get("/orders/<code>/credits")
@requires_permission("orders.refund")
def credit_page(code: str) -> BaseResponse:
    """Ask what is to be given back."""
    order = get_order_by_code(code)
    return refund_form(order, RefundForm(version=order.version))


@blueprint.post("/orders/<code>/credits")
@requires_permission("orders.refund")
@requires_recent_auth
def credit_give(code: str) -> BaseResponse:
    """Show what it would do; once that is confirmed, do it."""

    def look(order: Order, wish: RefundRequest) -> RefundPlan:
        return plan_credit(order, payments_of(order.id), wish)

    def give(order: Order, form: RefundForm, wish: RefundRequest) -> None:
        credit_order(
            order.id,
            wish,
            current_actor(),
            seen_version=form.version.data,
            shown_amount=form.shown_amount.data,
            reason=form.reason.data or "",
        )

    return preview_then_refund(get_order_by_code(code), RefundForm(request.form), look, give)


def preview_then_refund(
    order: Order, form: RefundForm, look: PreviewView, give: RefundView, asked: ReturnRequest | None = None
) -> BaseResponse:
    """Answer a form with its preview, or when it was confirmed do what it says; `asked` is the request it answers."""
    if not form.validate():
        return refund_form(order, form, 422, asked)
    try:
        wish = form.wish(order)
        if not form.confirmed:
            check_version(order, form.version.data)
            if asked is None:
                check_reason(form.reason.data or "")
            return _preview(order, form, look(order, wish), asked)
        give(order, form, wish)
    except InvalidValue as error:
        form.refuse(error)
        return refund_form(get_order_by_code(order.code), form, 422, asked)
    except Conflict as error:
        return refund_form(get_order_by_code(order.code), form, 409, asked, error)
    flash(_("The money is on its way back."), "good")
    return see_other(f"/admin/orders/{order.code}")


def _address(order: Order, asked: ReturnRequest | None) -> str:
    page = f"/admin/orders/{order.code}"
    return f"{page}/returns/{asked.id}/refund" if asked else f"{page}/credits"


def _preview(order: Order, form: RefundForm, plan: RefundPlan, asked: ReturnRequest | None) -> BaseResponse:
    address = _address(order, asked)
    preview = ActionPreview(
        title=_("Give money back"),
        button=_("Give the money back"),
        address=address,
        back=address.removesuffix("/refund"),
        plan=plan,
        fields=(*form.fields(), *shown_version_fields(plan)),
    )
    return show_preview(order, preview)


def show_preview(order: Order, preview: ActionPreview) -> BaseResponse:
    """Answer with the consequences of what somebody is about to do."""
    return render_region(
        "admin/orders/preview.html",
        "admin/orders/_preview.html",
        order=order,
        preview=preview,
        plan=preview.plan,
        titles=titles_of(order),
        mails=MAILS,
    )


def refund_form(
    order: Order,
    form: RefundForm,
    status: int = 200,
    asked: ReturnRequest | None = None,
    problem: Conflict | None = None,
) -> BaseResponse:
    """Answer with the form; `problem` is why nothing was done, and then it says what happened meanwhile."""
    seen = form.version.data or 0
    form.version.data = order.version
    return render_region(
        "admin/orders/refund.html",
        "admin/orders/_refund.html",
        status,
        order=order,
        form=form,
        choices=form.choices(order, asked),
        asked=asked,
        address=_address(order, asked),
        left=net_captured(payments_of(order.id), order.currency),
        shipping_left=shipping_left(order),
        problem=problem,
        meanwhile=since(history(timeline(order.id), []), seen) if problem else [],
    )


def why_not_refund(order: Order) -> str:
    """Return why no money can be given back by line now, or ''."""
    if order.status not in CREDITABLE:
        return str(_("Not possible while the order is %(status)s.", status=order.status.replace("_", " ")))
    if not guards(order)["paid"]:
        return str(_("Nothing has been paid yet, or all of it has gone back."))
    return "" if may("orders.refund") else roles_text("orders.refund")
