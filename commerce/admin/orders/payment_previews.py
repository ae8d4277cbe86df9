"""What a step with money would do, shown before it is done: amounts, and what is due before and afterwards.

The page carries the version of the order that it was made for, so nothing is done to an order that has changed since.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import request
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.confirmation import STEP, confirm_first
from commerce.money import format_money
from commerce.orders.balance import balance_of
from commerce.orders.models import Order
from commerce.payments.models import Payment, Refund
from commerce.payments.queries import payments_of

PREVIEW = "preview"
"""The step that a form names which is to be shown before it is done."""


def preview_receipt(order: Order, amount: int | None, reference: str) -> BaseResponse | None:
    """Return the page that asks whether money has arrived; None for all that is due. None when it was confirmed."""
    balance = balance_of(order, payments_of(order.id))
    received = balance.due if amount is None else amount
    left = balance.due - received
    words = (
        _("The order is paid in full, and confirmed.") if left <= 0 else _("The order waits for the rest.")
    )
    facts = [
        (_("Amount received"), _money(order, received)),
        (_("Due before"), _money(order, balance.due)),
        (_("Due afterwards"), _money(order, max(left, 0))),
        *([(_("Overpaid"), _money(order, -left))] if left < 0 else []),
        (_("Reference"), reference or "–"),
        (_("Effect"), words),
    ]
    return _ask(order, _("Record a payment for %(code)s", code=order.code), _("Record payment"), facts)


def preview_surplus(order: Order) -> BaseResponse | None:
    """Return the page that asks whether to refund what was paid too much. None when it was confirmed."""
    balance = balance_of(order, payments_of(order.id))
    facts = [
        (_("Refund to customer"), _money(order, balance.surplus)),
        (_("Paid before the refund"), _money(order, balance.net)),
        (_("Paid after the refund"), _money(order, balance.net - balance.surplus)),
    ]
    return _ask(
        order,
        _("Refund the overpayment of %(code)s", code=order.code),
        _("Refund %(amount)s", amount=_money(order, balance.surplus)),
        facts,
    )


def preview_repetition(order: Order, refund: Refund) -> BaseResponse | None:
    """Return the page that asks whether to send a failed refund again. None when it was confirmed."""
    facts = [
        (_("Refund to customer"), _money(order, refund.amount)),
        (_("Why it failed"), refund.failure or "–"),
        (_("Effect"), _("The payment provider is asked for this amount once more.")),
    ]
    return _ask(order, _("Retry a refund of %(code)s", code=order.code), _("Retry refund"), facts)


def preview_capture(order: Order, payment: Payment, amount: int | None) -> BaseResponse | None:
    """Return the page that asks whether to capture a payment; None for all that is due. None when it was confirmed."""
    due = balance_of(order, payments_of(order.id)).due
    captured = due if amount is None else amount
    facts = [
        (_("Amount to capture"), _money(order, captured)),
        (_("Authorized"), _money(order, payment.amount)),
        (_("Due before"), _money(order, due)),
        (_("Due afterwards"), _money(order, max(due - captured, 0))),
        (_("Effect"), _("The customer is charged. What was authorized beyond it is released.")),
    ]
    return _ask(order, _("Capture a payment of %(code)s", code=order.code), _("Capture"), facts)


def preview_void(order: Order, payment: Payment) -> BaseResponse | None:
    """Return the page that asks whether to void an authorized payment. None when it was confirmed."""
    facts = [
        (_("Authorized"), _money(order, payment.amount)),
        (_("Effect"), _("The authorization is released and cannot be captured any more.")),
    ]
    return _ask(order, _("Void a payment of %(code)s", code=order.code), _("Void"), facts)


def _ask(order: Order, title: str, button: str, facts: Sequence[tuple[str, str]]) -> BaseResponse | None:
    if request.form.get(STEP) != PREVIEW:
        return None
    return confirm_first(title, button, f"/admin/orders/{order.code}/money", facts)


def _money(order: Order, amount: int) -> str:
    return format_money(amount, order.currency, str(get_locale()))
