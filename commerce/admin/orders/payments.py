"""The money of one order by hand: refunds by line, receipts, what was paid too much, refunds that did not arrive."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from flask import request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_actor, ensure_permission, requires_permission
from commerce.admin.orders.forms import CaptureForm, ReceiptForm, RefundForm, VersionForm
from commerce.admin.orders.payment_previews import (
    preview_capture,
    preview_receipt,
    preview_repetition,
    preview_surplus,
    preview_void,
)
from commerce.admin.orders.previews import preview_then_refund, show_refund
from commerce.admin.orders.queries import find_order
from commerce.admin.save import done, save
from commerce.admin.step_up import requires_recent_auth
from commerce.errors import CommerceError, Conflict, InvalidValue, NotFound
from commerce.orders.balance import balance_of
from commerce.orders.models import Order
from commerce.orders.refunds import credit_order, plan_credit
from commerce.payments.queries import get_payment, payments_of, refunds_of
from commerce.settlement.authorizations import capture_payment, void_payment
from commerce.settlement.manual_payments import record_receipt, refund_overpayment
from commerce.settlement.refunds import get_refund, id_of_next, send_refund_again
from commerce.web import render_region

# --- refunds by line --------------------------------------------------------------------------------


@blueprint.get("/orders/<code>/credits")
@requires_permission("orders.refund")
def credit_page(code: str) -> BaseResponse:
    """Ask what is to be refunded."""
    order = find_order(code)
    return show_refund(order, RefundForm(version=order.version))


@blueprint.post("/orders/<code>/credits")
@requires_permission("orders.refund")
@requires_recent_auth
def credit_give(code: str) -> BaseResponse:
    """Show what it would do; once that is confirmed, do it."""
    order, form = find_order(code), RefundForm(request.form)
    return preview_then_refund(
        order,
        form,
        plan=lambda order, wanted: plan_credit(order, payments_of(order.id), wanted),
        refund=lambda wanted: credit_order(
            order.id,
            wanted,
            current_actor(),
            seen_version=form.version.data,
            shown_amount=form.shown_amount.data,
            reason=form.reason.data or "",
        ),
    )


# --- what came and what is open ----------------------------------------------------------------------


@blueprint.get("/orders/<code>/money")
@requires_permission("orders.pay")
def money_page(code: str) -> BaseResponse:
    """Show what came, what went, what is open, and what can be done about it."""
    return _show(find_order(code))


@blueprint.post("/orders/<code>/receipts")
@requires_permission("orders.pay")
@requires_recent_auth
def add_receipt(code: str) -> BaseResponse:
    """Record that money arrived: all, a part, or too much."""
    order = find_order(code)
    form = ReceiptForm(order, 0, request.form)
    asks = preview_receipt(order, form.minor, form.reference.data or "") if form.validate() else None
    return asks or save(
        form,
        lambda: record_receipt(
            order.id,
            current_actor(),
            amount=form.minor,
            reference=form.reference.data or "",
            received_on=form.received_on.data,
            seen_version=int(form.version.data),
            reason=(form.reason.data or "").strip(),
        ),
        show=lambda status, problem=None: _show(find_order(code), status, form=form, problem=problem),
        then=lambda _receipt: done(_("Payment recorded."), f"/admin/orders/{code}/money"),
    )


@blueprint.post("/orders/<code>/surplus-refund")
@requires_permission("orders.pay")
@requires_recent_auth
def give_surplus_back(code: str) -> BaseResponse:
    """Refund what was paid too much."""
    ensure_permission("orders.refund")
    order = find_order(code)
    return preview_surplus(order) or _press(
        code,
        _("Overpayment refunded."),
        lambda version: refund_overpayment(order.id, current_actor(), seen_version=version),
    )


@blueprint.post("/orders/<code>/refunds/<uuid:refund_id>/repetition")
@requires_permission("orders.pay")
@requires_recent_auth
def repeat_refund(code: str, refund_id: uuid.UUID) -> BaseResponse:
    """Send a refund that failed once more."""
    ensure_permission("orders.refund")
    order, refund = find_order(code), get_refund(refund_id)
    if refund.order_id != order.id:
        raise NotFound("refund_not_found")
    return preview_repetition(order, refund) or _press(
        code,
        _("Refund retried."),
        lambda version: send_refund_again(refund_id, current_actor(), seen_version=version),
    )


@blueprint.post("/orders/<code>/payments/<uuid:payment_id>/capture")
@requires_permission("orders.pay")
@requires_recent_auth
def capture(code: str, payment_id: uuid.UUID) -> BaseResponse:
    """Capture an authorized payment: the full amount due, or the amount in the form."""
    order, form = _own_payment(code, payment_id), CaptureForm(request.form)
    try:
        amount = form.minor(order.currency)
    except InvalidValue as error:
        return _show(order, 422, problem=error)
    return preview_capture(order, get_payment(payment_id), amount) or _press(
        code,
        _("Payment captured."),
        lambda version: capture_payment(payment_id, current_actor(), amount=amount, seen_version=version),
        form,
    )


@blueprint.post("/orders/<code>/payments/<uuid:payment_id>/void")
@requires_permission("orders.pay")
@requires_recent_auth
def void(code: str, payment_id: uuid.UUID) -> BaseResponse:
    """Void an authorized payment."""
    order = _own_payment(code, payment_id)
    return preview_void(order, get_payment(payment_id)) or _press(
        code,
        _("Payment voided."),
        lambda version: void_payment(payment_id, current_actor(), seen_version=version),
    )


def _own_payment(code: str, payment_id: uuid.UUID) -> Order:
    """Return the order of a payment. Raises NotFound when the payment is another order's."""
    order = find_order(code)
    if get_payment(payment_id).order_id != order.id:
        raise NotFound("payment_not_found")
    return order


def _press(code: str, text: str, do: Callable[[int], Any], form: VersionForm | None = None) -> BaseResponse:
    """Answer a button that carries little more than the version of the order; `problem` is said above the page."""
    form = form or VersionForm(request.form)

    if not form.validate():
        return _show(find_order(code), 422, problem=Conflict("refund_page_outdated"))
    return save(
        None,
        lambda: do(int(form.version.data)),
        show=lambda status, problem: _show(find_order(code), status, problem=problem),
        then=lambda _result: done(text, f"/admin/orders/{code}/money"),
    )


def _show(
    order: Order, status: int = 200, *, form: ReceiptForm | None = None, problem: CommerceError | None = None
) -> BaseResponse:
    payments, refunds = payments_of(order.id), refunds_of(order.id)
    balance = balance_of(order, payments)
    known = {refund.id for refund in refunds}
    again = {
        refund.id for refund in refunds if refund.state == "failed" and id_of_next(refund.id) not in known
    }
    return render_region(
        "admin/orders/payments.html",
        "admin/orders/_payments.html",
        status,
        order=order,
        payments=payments,
        refunds=refunds,
        net=balance.net,
        left=balance.due,
        surplus=balance.surplus,
        form=form or ReceiptForm(order, balance.due if order.payment_status == "unpaid" else 0),
        again=again,
        problem=problem,
    )
