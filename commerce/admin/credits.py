"""Give money back: first what it would do, then exactly that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.credit_form import CreditForm
from commerce.admin.desk import acting, blueprint, may, only, permit
from commerce.admin.previews import MAILS, Preview, check_version, shown, titles_of
from commerce.admin.proof import recently_proven
from commerce.admin.timeline import history, since
from commerce.errors import Conflict, InvalidValue
from commerce.orders.credit_math import shipping_left
from commerce.orders.credits import CREDITABLE, Plan, Wish, check_reason, credit_order, plan_credit
from commerce.orders.models import Order, ReturnRequest
from commerce.orders.queries import get_by_code, timeline
from commerce.orders.services import guards
from commerce.payments.queries import payments_of
from commerce.payments.services import net_captured
from commerce.web import render_region, see_other

Look = Callable[[Order, Wish], Plan]
Give = Callable[[Order, CreditForm, Wish], Any]
"""Gives the money back, as the form says and the preview has shown."""


@blueprint.get("/orders/<code>/credits")
@permit("orders.refund")
def credit_page(code: str) -> BaseResponse:
    """Ask what is to be given back."""
    order = get_by_code(code)
    return credit_form(order, CreditForm(version=order.version))


@blueprint.post("/orders/<code>/credits")
@permit("orders.refund")
@recently_proven
def credit_give(code: str) -> BaseResponse:
    """Show what it would do; once that is confirmed, do it."""

    def look(order: Order, wish: Wish) -> Plan:
        return plan_credit(order, payments_of(order.id), wish)

    def give(order: Order, form: CreditForm, wish: Wish) -> None:
        credit_order(
            order.id,
            wish,
            acting(),
            seen_version=form.version.data,
            shown_amount=form.shown_amount.data,
            reason=form.reason.data or "",
        )

    return look_then_give(get_by_code(code), CreditForm(request.form), look, give)


def look_then_give(
    order: Order, form: CreditForm, look: Look, give: Give, asked: ReturnRequest | None = None
) -> BaseResponse:
    """Answer a form with its preview, or when it was confirmed do what it says; `asked` is the request it answers."""
    if not form.validate():
        return credit_form(order, form, 422, asked)
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
        return credit_form(get_by_code(order.code), form, 422, asked)
    except Conflict as error:
        return credit_form(get_by_code(order.code), form, 409, asked, error)
    flash(_("The money is on its way back."), "good")
    return see_other(f"/admin/orders/{order.code}")


def _address(order: Order, asked: ReturnRequest | None) -> str:
    page = f"/admin/orders/{order.code}"
    return f"{page}/returns/{asked.id}/refund" if asked else f"{page}/credits"


def _preview(order: Order, form: CreditForm, plan: Plan, asked: ReturnRequest | None) -> BaseResponse:
    address = _address(order, asked)
    preview = Preview(
        title=_("Give money back"),
        button=_("Give the money back"),
        address=address,
        back=address.removesuffix("/refund"),
        plan=plan,
        fields=(*form.fields(), *shown(plan)),
    )
    return show_preview(order, preview)


def show_preview(order: Order, preview: Preview) -> BaseResponse:
    """Answer with the consequences of what somebody is about to do."""
    return render_region(
        "admin/order_preview.html",
        "admin/orders/_preview.html",
        order=order,
        preview=preview,
        plan=preview.plan,
        titles=titles_of(order),
        mails=MAILS,
    )


def credit_form(
    order: Order,
    form: CreditForm,
    status: int = 200,
    asked: ReturnRequest | None = None,
    problem: Conflict | None = None,
) -> BaseResponse:
    """Answer with the form; `problem` is why nothing was done, and then it says what happened meanwhile."""
    seen = form.version.data or 0
    form.version.data = order.version
    return render_region(
        "admin/order_credit.html",
        "admin/orders/_credit.html",
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


def why_not_credit(order: Order) -> str:
    """Return why no money can be given back by line now, or ''."""
    if order.status not in CREDITABLE:
        return str(_("Not possible while the order is %(status)s.", status=order.status.replace("_", " ")))
    if not guards(order)["paid"]:
        return str(_("Nothing has been paid yet, or all of it has gone back."))
    return "" if may("orders.refund") else only("orders.refund")
