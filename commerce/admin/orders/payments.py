"""The money of one order by hand: receipts, what was paid too much, refunds that did not arrive."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any

from flask import flash, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from werkzeug.wrappers import Response as BaseResponse
from wtforms import DateField, Form, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional, ValidationError

from commerce.admin.auth import blueprint, current_actor, ensure_permission, requires_permission
from commerce.admin.fields import version_field
from commerce.admin.orders.forms import no_control_characters
from commerce.admin.step_up import requires_recent_auth
from commerce.clock import now
from commerce.error_messages import describe
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.money import parse_amount, to_decimal
from commerce.orders.balance import balance_of
from commerce.orders.models import Order
from commerce.orders.queries import get_order_by_code
from commerce.payments.queries import get_payment, payments_of, refunds_of
from commerce.settlement.authorizations import capture_payment, void_payment
from commerce.settlement.manual_payments import record_receipt, refund_overpayment
from commerce.settlement.refunds import get_refund, id_of_next, send_refund_again
from commerce.web import render_region, see_other

_CODE = re.compile(r"[A-Za-z0-9-]{1,40}")


class VersionForm(Form):  # type: ignore[misc]
    """Which version of the order the page had shown."""

    version = version_field()


class ReceiptForm(VersionForm):
    """Money that arrived by hand. The amount is a plain decimal in the order's currency."""

    amount = StringField(
        lazy_gettext("Amount that arrived"),
        [InputRequired(lazy_gettext("Please enter the amount that arrived."))],
    )
    reference = StringField(
        lazy_gettext("Reference of the transfer, or who took the cash"),
        [Length(max=120), no_control_characters],
    )
    received_on = DateField(lazy_gettext("Day on which it arrived"), [Optional()])
    reason = TextAreaField(lazy_gettext("Note"), [Length(max=500), no_control_characters])

    def __init__(self, order: Order, left: int, formdata: Any = None) -> None:
        self._currency = order.currency
        shown = f"{to_decimal(left, order.currency):f}" if left > 0 else ""
        super().__init__(formdata, data={"version": order.version, "amount": shown})

    def validate_amount(self, _field: StringField) -> None:
        """Refuse what is no amount, or none above zero."""
        try:
            if self.minor <= 0:
                raise ValidationError(_("Please enter the amount that arrived."))
        except InvalidValue as error:
            raise ValidationError(describe(error)) from error

    def validate_received_on(self, field: DateField) -> None:
        """Refuse a day that has not come: it is a slip of the finger."""
        if field.data is not None and not date(2000, 1, 1) <= field.data <= now().date():
            raise ValidationError(_("This day has not come yet, or is long ago."))

    @property
    def minor(self) -> int:
        """The amount in minor units. Raises InvalidValue."""
        return parse_amount(self.amount.data or "", self._currency)


class CaptureForm(VersionForm):
    """How much of an authorized payment to take; empty is all that is due."""

    amount = StringField(lazy_gettext("Amount to capture"), [Length(max=20)])

    def minor(self, currency: str) -> int | None:
        """The amount in minor units. Raises InvalidValue."""
        text = (self.amount.data or "").strip()
        return parse_amount(text, currency) if text else None


@blueprint.get("/orders/<code>/money")
@requires_permission("orders.pay")
def money_page(code: str) -> BaseResponse:
    """Show what came, what went, what is open, and what can be done about it."""
    return _show(_find(code))


@blueprint.post("/orders/<code>/receipts")
@requires_permission("orders.pay")
@requires_recent_auth
def add_receipt(code: str) -> BaseResponse:
    """Record that money arrived: all, a part, or too much."""
    order = _find(code)
    form = ReceiptForm(order, 0, request.form)
    if not form.validate():
        return _show(order, 422, form=form)
    return _do(
        code,
        form,
        _("The receipt is recorded."),
        lambda version: record_receipt(
            order.id,
            current_actor(),
            amount=form.minor,
            reference=form.reference.data or "",
            received_on=form.received_on.data,
            seen_version=version,
            reason=(form.reason.data or "").strip(),
        ),
    )


@blueprint.post("/orders/<code>/surplus-refund")
@requires_permission("orders.pay")
@requires_recent_auth
def give_surplus_back(code: str) -> BaseResponse:
    """Give back what was paid too much."""
    ensure_permission("orders.refund")
    order, form = _find(code), VersionForm(request.form)
    return _do(
        code,
        form,
        _("What was too much is on its way back."),
        lambda version: refund_overpayment(order.id, current_actor(), seen_version=version),
    )


@blueprint.post("/orders/<code>/refunds/<uuid:refund_id>/repetition")
@requires_permission("orders.pay")
@requires_recent_auth
def repeat_refund(code: str, refund_id: uuid.UUID) -> BaseResponse:
    """Send a refund that failed once more."""
    ensure_permission("orders.refund")
    order, form = _find(code), VersionForm(request.form)
    if get_refund(refund_id).order_id != order.id:
        raise NotFound("refund_not_found")
    return _do(
        code,
        form,
        _("The refund is on its way again."),
        lambda version: send_refund_again(refund_id, current_actor(), seen_version=version),
    )


@blueprint.post("/orders/<code>/payments/<uuid:payment_id>/capture")
@requires_permission("orders.pay")
@requires_recent_auth
def capture(code: str, payment_id: uuid.UUID) -> BaseResponse:
    """Take the money that a payment provider holds for the order: all that is due, or the amount in the form."""
    order, form = _own_payment(code, payment_id), CaptureForm(request.form)
    return _do(
        code,
        form,
        _("The payment is captured."),
        lambda version: capture_payment(
            payment_id, current_actor(), amount=form.minor(order.currency), seen_version=version
        ),
    )


@blueprint.post("/orders/<code>/payments/<uuid:payment_id>/void")
@requires_permission("orders.pay")
@requires_recent_auth
def void(code: str, payment_id: uuid.UUID) -> BaseResponse:
    """Let go of the money that a payment provider holds for the order."""
    _own_payment(code, payment_id)
    return _do(
        code,
        VersionForm(request.form),
        _("The payment is voided."),
        lambda version: void_payment(payment_id, current_actor(), seen_version=version),
    )


def _own_payment(code: str, payment_id: uuid.UUID) -> Order:
    """Return the order of an attempt. Raises NotFound when the attempt is another order's."""
    order = _find(code)
    if get_payment(payment_id).order_id != order.id:
        raise NotFound("payment_not_found")
    return order


def _do(code: str, form: VersionForm, done: str, action: Callable[[int], Any]) -> BaseResponse:
    if not form.validate():
        return _show(_find(code), 422, problem=Conflict("refund_page_outdated"))
    try:
        action(int(form.version.data))
    except InvalidValue as error:
        field = {each.name: each for each in form}.get(error.field, form.version)
        field.errors = [*field.errors, describe(error)]
        return _show(_find(code), 422, form=form if isinstance(form, ReceiptForm) else None)
    except Conflict as error:
        return _show(_find(code), 409, form=form if isinstance(form, ReceiptForm) else None, problem=error)
    flash(done, "good")
    return see_other(f"/admin/orders/{code}/money")


def _find(code: str) -> Order:
    if not _CODE.fullmatch(code):
        raise NotFound("order_not_found")
    return get_order_by_code(code)


def _show(
    order: Order, status: int = 200, *, form: ReceiptForm | None = None, problem: Conflict | None = None
) -> BaseResponse:
    payments, refunds = payments_of(order.id), refunds_of(order.id)
    balance = balance_of(order, payments)
    known = {refund.id for refund in refunds}
    again = {
        refund.id for refund in refunds if refund.state == "failed" and id_of_next(refund.id) not in known
    }
    return render_region(
        "admin/order_money.html",
        "admin/orders/_money.html",
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
