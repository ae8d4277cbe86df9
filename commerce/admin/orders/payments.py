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
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.money import parse_amount, to_decimal
from commerce.orders.models import Order
from commerce.orders.queries import get_order_by_code
from commerce.payments.queries import payments_of, refunds_of
from commerce.payments.services import net_captured
from commerce.settlement.manual_payments import overpayment_of, record_receipt, refund_overpayment
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
            raise ValidationError(error.reason) from error

    def validate_received_on(self, field: DateField) -> None:
        """Refuse a day that has not come: it is a slip of the finger."""
        if field.data is not None and not date(2000, 1, 1) <= field.data <= now().date():
            raise ValidationError(_("This day has not come yet, or is long ago."))

    @property
    def minor(self) -> int:
        """The amount in minor units. Raises InvalidValue."""
        return parse_amount(self.amount.data or "", self._currency)


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
        raise NotFound("There is no such refund.")
    return _do(
        code,
        form,
        _("The refund is on its way again."),
        lambda version: send_refund_again(refund_id, current_actor(), seen_version=version),
    )


def _do(code: str, form: VersionForm, done: str, action: Callable[[int], Any]) -> BaseResponse:
    if not form.validate():
        return _show(_find(code), 422, problem=Conflict(_("Please reload the page.")))
    try:
        action(int(form.version.data))
    except InvalidValue as error:
        field = {each.name: each for each in form}.get(error.field, form.version)
        field.errors = [*field.errors, error.reason]
        return _show(_find(code), 422, form=form if isinstance(form, ReceiptForm) else None)
    except Conflict as error:
        return _show(_find(code), 409, form=form if isinstance(form, ReceiptForm) else None, problem=error)
    flash(done, "good")
    return see_other(f"/admin/orders/{code}/money")


def _find(code: str) -> Order:
    if not _CODE.fullmatch(code):
        raise NotFound("There is no such order.")
    return get_order_by_code(code)


def _show(
    order: Order, status: int = 200, *, form: ReceiptForm | None = None, problem: Conflict | None = None
) -> BaseResponse:
    payments, refunds = payments_of(order.id), refunds_of(order.id)
    left = order.total - net_captured(payments, order.currency)
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
        net=net_captured(payments, order.currency),
        left=left if order.status not in ("cancelled", "refunded") else 0,
        surplus=overpayment_of(order, payments),
        form=form or ReceiptForm(order, left if order.payment_status == "unpaid" else 0),
        again=again,
        problem=problem,
    )
