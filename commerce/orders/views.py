"""The shopper's page of one order, behind its secret link."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from flask import Blueprint, Response, flash
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.errors import Conflict, InvalidValue, NotAllowed, NotFound
from commerce.events.outbox import Actor
from commerce.orders.addresses import address_lines
from commerce.orders.forms import ReasonForm
from commerce.orders.models import Order
from commerce.orders.payment_panel import payment_panel
from commerce.orders.queries import get_by_token, timeline
from commerce.orders.returns import request_return
from commerce.orders.services import cancel_order
from commerce.orders.story import STATUS_WORDS, progress, refusal, tell
from commerce.payments.queries import payments_of
from commerce.web import private, render_region, request_id, see_other

blueprint = Blueprint("orders", __name__)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}")


def order_of(token: str) -> Order:
    """Return the order that a link opens. Raises NotFound, also for what no link of ours can be."""
    if not _TOKEN.fullmatch(token):
        raise NotFound("There is no such order.")
    return get_by_token(token)


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
    """Ask for the money back; staff decide."""
    return _act(token, "request_refund", request_return, _("We received your request and will write to you."))


def _act(token: str, action: str, do: Callable[..., None], done: str) -> BaseResponse:
    """Do an action with the shopper's reason, unless the order has changed since the page was opened."""
    order = order_of(token)
    form = ReasonForm()
    if not form.validate():
        return order_page(
            token, 422, errors={action: " ".join(map(str, form.reason.errors))}, typed=form.reason.data or ""
        )
    actor = Actor("guest", name=order.email, request_id=request_id())
    try:
        do(order.id, actor, seen_version=int(form.version.data), reason=form.reason.data.strip())
    except InvalidValue as error:
        return order_page(token, 422, errors={action: error.reason}, typed=form.reason.data)
    except (Conflict, NotAllowed) as error:
        return order_page(token, 409, problem=error.detail)
    flash(done, "good")
    return see_other(f"/orders/{token}")


def order_page(
    token: str,
    status: int = 200,
    *,
    problem: str = "",
    errors: Mapping[str, str] | None = None,
    typed: str = "",
) -> Response:
    """Render an order for its shopper. `errors` says what is wrong with a form: card_number, cancel or request_refund.

    Raises NotFound.
    """
    order = order_of(token)
    page = render_region(
        "orders/page.html",
        "orders/_region.html",
        status,
        order=order,
        pay=payment_panel(order, payments_of(order.id)),
        address=address_lines(order.shipping_address, order.name, order.locale),
        status_words=STATUS_WORDS,
        steps=progress(order),
        story=tell(timeline(order.id)),
        why_not_cancel=refusal(order, "cancel"),
        why_not_refund=refusal(order, "request_refund"),
        problem=problem,
        errors=errors or {},
        typed=typed,
    )
    return private(page)
