"""What an action or a refund would do, shown before it is done, and the step that does exactly that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.orders.forms import RefundForm
from commerce.admin.orders.queries import find_order, titles_of
from commerce.admin.orders.timeline import history, since
from commerce.admin.save import done, save
from commerce.errors import Conflict, IllegalTransition, StaleVersion
from commerce.order_management.actions import OrderAction, RefundOrder
from commerce.orders.balance import balance_of
from commerce.orders.models import Order, ReturnRequest
from commerce.orders.queries import timeline
from commerce.orders.refund_amounts import shipping_left
from commerce.orders.refunds import RefundPlan, RefundRequest, check_reason, plan_cancel, plan_refund
from commerce.orders.services import guards
from commerce.orders.transitions import STAFF, Transition, why_not
from commerce.payments.queries import payments_of
from commerce.web import render_region

MAILS: Mapping[str, Any] = {
    "order_credited": _("The customer gets an email about the partial refund."),
    "order_refunded": _("The customer gets an email about the refund."),
    "order_cancelled": _("The customer gets an email about the cancellation and its reason."),
}
CONFIRM: Mapping[str, Any] = {"cancel": _("Cancel order"), "refund": _("Refund order")}
"""Action -> the words of the button below its preview."""


@dataclass(frozen=True, slots=True)
class ActionPreview:
    """A plan with the hidden fields that send exactly this to `address` when it is confirmed."""

    title: str
    button: str
    address: str
    back: str
    plan: RefundPlan
    fields: tuple[tuple[str, str], ...]


def preview_action(row: Transition, order: Order, action: OrderAction) -> ActionPreview:
    """Return what a button would do to an order that still is as the page showed it.

    Raises StaleVersion, IllegalTransition when it is not possible now.
    """
    _check_version(order, action.version)
    refusal = why_not(row, order.status, STAFF, **guards(order))
    if refusal:
        raise IllegalTransition(order.status, row.action, refusal.reason, **refusal.facts)
    payments = payments_of(order.id)
    restock = isinstance(action, RefundOrder) and action.restock
    plan = (
        plan_cancel(order, payments)
        if row.action == "cancel"
        else plan_refund(order, payments, restock=restock)
    )
    words = str(CONFIRM[row.action])
    page = f"/admin/orders/{order.code}"
    fields = [("version", str(order.version)), ("reason", action.reason), *_confirmation(plan)]
    if restock:
        fields.append(("restock", "y"))
    return ActionPreview(words, words, f"{page}/{row.resource}", page, plan, tuple(fields))


def _confirmation(plan: RefundPlan) -> list[tuple[str, str]]:
    """Return the fields that confirm a plan: that this is meant now, and which amount (minor units) was shown."""
    return [("step", "confirm"), ("shown_amount", str(plan.amount))]


def _check_version(order: Order, version: int | None) -> None:
    """Go on only if the order still is as the page showed it. Raises StaleVersion."""
    if version is not None and order.version != version:
        raise StaleVersion("order", version, order.version)


def show_preview(order: Order, preview: ActionPreview) -> BaseResponse:
    """Answer with the consequences of an action that is not done yet."""
    return render_region(
        "admin/orders/preview.html",
        "admin/orders/_preview.html",
        order=order,
        preview=preview,
        plan=preview.plan,
        titles=titles_of(order),
        mails=MAILS,
    )


# --- refunds by line --------------------------------------------------------------------------------


def preview_then_refund(
    order: Order,
    form: RefundForm,
    plan: Callable[[Order, RefundRequest], RefundPlan],
    refund: Callable[[RefundRequest], Any],
    asked: ReturnRequest | None = None,
) -> BaseResponse:
    """Answer a form with its preview, or once that is confirmed do what it says; `asked` is the return it answers."""

    def do() -> ActionPreview | None:
        wanted = form.to_request(order)
        if form.confirmed:
            refund(wanted)
            return None
        _check_version(order, form.version.data)
        if asked is None:
            check_reason(form.reason.data or "")
        return _preview_refund(order, form, plan(order, wanted), asked)

    def show(status: int, *, problem: Conflict | None = None) -> BaseResponse:
        return show_refund(find_order(order.code), form, status, asked, problem)

    def then(preview: ActionPreview | None) -> BaseResponse:
        if preview is not None:
            return show_preview(order, preview)
        return done(gettext("Refund created."), f"/admin/orders/{order.code}")

    return save(form, do, show=show, then=then)


def _preview_refund(
    order: Order, form: RefundForm, plan: RefundPlan, asked: ReturnRequest | None
) -> ActionPreview:
    address = refund_address(order, asked)
    return ActionPreview(
        title=gettext("Refund"),
        button=gettext("Refund"),
        address=address,
        back=address.removesuffix("/refund"),
        plan=plan,
        fields=(*form.fields(), *_confirmation(plan)),
    )


def refund_address(order: Order, asked: ReturnRequest | None = None) -> str:
    """Return where the form of a refund is sent: to the return that it answers, or to the order."""
    page = f"/admin/orders/{order.code}"
    return f"{page}/returns/{asked.id}/refund" if asked else f"{page}/credits"


def refund_facts(order: Order, form: RefundForm, asked: ReturnRequest | None = None) -> dict[str, Any]:
    """Return what `admin/orders/_refund_fields.html` needs."""
    return {
        "order": order,
        "form": form,
        "choices": form.choices(order, asked),
        "asked": asked,
        "address": refund_address(order, asked),
        "left": balance_of(order, payments_of(order.id)).creditable,
        "shipping_left": shipping_left(order),
    }


def show_refund(
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
        **refund_facts(order, form, asked),
        problem=problem,
        meanwhile=changes_since(order, seen) if problem else [],
    )


def changes_since(order: Order, version: int) -> list[Any]:
    """Return what happened to an order after it had `version`, newest first."""
    return since(history(timeline(order.id), []), version)
