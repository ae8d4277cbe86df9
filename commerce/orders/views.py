"""The shopper's page of one order, behind its secret link."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.auth import current_member
from commerce.error_messages import describe
from commerce.errors import Conflict, InvalidValue, NotAllowed, NotFound
from commerce.events.outbox import Actor
from commerce.orders.addresses import address_lines
from commerce.orders.customer_timeline import (
    REQUEST_WORDS,
    STATUS_WORDS,
    order_updates,
    progress,
    refund_options,
    refusal_text,
)
from commerce.orders.forms import ReasonForm, RequestForm, read_units
from commerce.orders.models import Order
from commerce.orders.payment_panel import PaymentPanel, payment_panel
from commerce.orders.queries import get_order_by_token, timeline
from commerce.orders.return_queries import get_request
from commerce.orders.returns import request_return, withdraw_return
from commerce.orders.services import cancel_order
from commerce.payments.models import Payment
from commerce.payments.queries import payments_to_show
from commerce.web import private, render_region, request_id, see_other, wants_region

blueprint = Blueprint("orders", __name__)

unknown_payment_queries: list[Callable[[Sequence[Payment], str], bool]] = []
"""What asks the gateways about attempts with an unknown outcome; settlement, which stands above orders, adds itself."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}")


def order_of(token: str) -> Order:
    """Return the order that a link opens. Raises NotFound, also for what no link of ours can be."""
    if not _TOKEN.fullmatch(token):
        raise NotFound("order_not_found")
    return get_order_by_token(token)


@blueprint.get("/orders/<token>")
def show(token: str) -> Response:
    """What was ordered, how far it is, and what can be done about it."""
    return order_page(token)


@blueprint.post("/orders/<token>/cancellation")
def cancel(token: str) -> BaseResponse:
    """Cancel while the shop allows it."""
    return _act(token, "cancel", cancel_order, _("Your order is cancelled."))


@blueprint.post("/orders/<token>/refund-request")
def request_refund(token: str) -> BaseResponse:
    """Ask for money back, for all of the order or the units that the form names; staff decide."""
    form = RequestForm()

    def ask(order_id: uuid.UUID, actor: Actor, *, seen_version: int, reason: str) -> None:
        named = any(name.startswith("units-") for name in request.form)
        request_return(
            order_id,
            actor,
            kind=form.kind.data or "refund",
            units=read_units(request.form, "units") if named else None,
            reason=reason,
            seen_version=seen_version,
        )

    return _act(token, "request_refund", ask, _("We received your request and will email you."), form)


@blueprint.post("/orders/<token>/returns/<uuid:return_id>/withdrawal")
def withdraw(token: str, return_id: uuid.UUID) -> BaseResponse:
    """Take back a request that nobody has answered yet."""
    order = order_of(token)
    asked = get_request(order.id, return_id)
    try:
        withdraw_return(asked.id, _shopper(order))
    except Conflict as error:
        return order_page(token, 409, problem=describe(error))
    flash(_("Your request was withdrawn."), "good")
    return _after(token)


def _shopper(order: Order) -> Actor:
    member = current_member()
    own = member is not None and order.member_id == member.id
    who = member.actor() if member and own else Actor("guest")
    return replace(who, name=order.email, request_id=request_id())


def _after(token: str) -> BaseResponse:
    """Answer with the order as it is now: htmx swaps it, everybody else is sent to its page."""
    return order_page(token, notices=True) if wants_region() else see_other(f"/orders/{token}")


def _act(
    token: str, action: str, do: Callable[..., None], done: str, form: ReasonForm | None = None
) -> BaseResponse:
    """Do an action with the shopper's reason, unless the order has changed since the page was opened."""
    order = order_of(token)
    form = form or ReasonForm()
    if not form.validate():
        wrong = [*form.reason.errors, *(form["kind"].errors if "kind" in form else ())]
        return order_page(
            token, 422, errors={action: " ".join(map(str, wrong))}, typed=form.reason.data or ""
        )
    try:
        do(
            order.id,
            _shopper(order),
            seen_version=int(form.version.data),
            reason=form.reason.data.strip(),
        )
    except InvalidValue as error:
        return order_page(token, 422, errors={action: describe(error)}, typed=form.reason.data)
    except (Conflict, NotAllowed) as error:
        return order_page(token, 409, problem=describe(error))
    flash(done, "good")
    return _after(token)


def order_facts(order: Order, pay: PaymentPanel) -> dict[str, Any]:
    """Return what the page of an order shows."""
    back = refund_options(order)
    return {
        "order": order,
        "pay": pay,
        "address": address_lines(order.shipping_address, order.name, order.locale),
        "status_words": STATUS_WORDS,
        "request_words": REQUEST_WORDS,
        "steps": progress(order),
        "story": order_updates(timeline(order.id)),
        "why_not_cancel": _("We are checking your payment. Please look again in a moment.")
        if pay.state == "checking"
        else refusal_text(order, "cancel"),
        "why_not_refund": back.why_not,
        "back": back,
    }


def order_page(
    token: str,
    status: int = 200,
    *,
    problem: str = "",
    errors: Mapping[str, str] | None = None,
    typed: str = "",
    notices: bool = False,
) -> Response:
    """Render an order for its shopper. `errors` says what is wrong with a form: card_number, cancel or request_refund.

    `notices` shows in the region itself what a page shows above it. Raises NotFound.
    """
    order = order_of(token)
    payments = payments_to_show(order.id)
    if any(query(payments, request_id()) for query in unknown_payment_queries):
        order = order_of(token)
        payments = payments_to_show(order.id)
    pay = payment_panel(order, payments)
    page = render_region(
        "orders/page.html",
        "orders/_region.html",
        status,
        **order_facts(order, pay),
        read_only=False,
        chosen=request.form if errors and "request_refund" in errors else {},
        notices=notices,
        problem=problem,
        errors=errors or {},
        typed=typed,
    )
    return private(page)
