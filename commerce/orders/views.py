"""The shopper's page of one order, behind its secret link."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, Response, flash
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.errors import Conflict, InvalidValue, NotAllowed, NotFound
from commerce.events.outbox import Actor
from commerce.orders.addresses import address_lines
from commerce.orders.forms import ReasonForm
from commerce.orders.models import Order
from commerce.orders.queries import get_by_token, timeline
from commerce.orders.returns import request_return
from commerce.orders.services import cancel_order
from commerce.orders.story import STATUS_WORDS, progress, refusal, tell
from commerce.payments.gateways import gateway
from commerce.payments.models import Payment
from commerce.payments.queries import Method, payment_method, payment_methods, payments_of
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


@dataclass(frozen=True, slots=True)
class PaymentPanel:
    """What the page says about money.

    `state` is 'paid', 'returned', 'checking' (the gateway is asked), 'review' (a wrong amount came), 'failed',
    'transfer' (the shopper's turn), 'later' (at the door) or 'void'. `others` are the methods to change to, each with
    whether it takes a card; `asks_for_card` tells whether `method` can be tried again with another card.
    """

    state: str
    method: Method | None
    failure: str = ""
    asks_for_card: bool = False
    others: tuple[tuple[Method, bool], ...] = ()


def payment_panel(order: Order, payments: Sequence[Payment]) -> PaymentPanel:
    """Return what to say about an order's money, by its last attempt to be paid."""
    last = payments[-1] if payments else None
    code = last.method if last else order.payment_method
    method, state = payment_method(code), _money_state(order, last)
    if state not in ("failed", "transfer"):
        return PaymentPanel(state, method)
    others = tuple(
        (each, gateway(each.gateway).asks_for_card)
        for each in payment_methods()
        if each.code != code and not each.pay_later
    )
    asks = method is not None and gateway(method.gateway).asks_for_card
    return PaymentPanel(state, method, last.failure if last else "", asks, others)


def _money_state(order: Order, last: Payment | None) -> str:
    state = "transfer"
    if order.payment_status in ("paid", "authorized"):
        state = "paid"
    elif order.payment_status in ("refunded", "partially_refunded"):
        state = "returned"
    elif last is not None and last.gateway != "manual" and last.state in ("started", "unknown"):
        state = "checking"
    elif order.attention and last is not None and last.captured:
        state = "review"
    elif order.status == "cancelled":
        state = "void"
    elif order.pay_later:
        state = "later"
    elif last is not None and last.state == "failed":
        state = "failed"
    return state
