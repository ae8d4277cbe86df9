"""Where gateways write to us, and where payers come back from them. The host decides the shop, as everywhere."""

from __future__ import annotations

import logging
import uuid

import psycopg
from flask import Blueprint, Response, g, request
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Response as BaseResponse

from commerce.error_messages import describe
from commerce.errors import InvalidValue, NotFound
from commerce.events.outbox import Actor
from commerce.orders.views import order_of, unknown_payment_queries
from commerce.payments.gateways.registry import GATEWAY_NAMES, gateway
from commerce.payments.queries import get_payment, hosted_settings
from commerce.settlement.gateway_events import handle_message
from commerce.settlement.reconciliation import query_gateway, query_unknown
from commerce.web import CONTENT_SECURITY_POLICY, csrf, request_id, see_other

log = logging.getLogger("commerce.checkout")
blueprint = Blueprint("payment_webhooks", __name__)
MAX_BODY = 512 * 1024
"""Bytes; Stripe's own are below 256 KiB."""
_WITH_FORMS_TO_PAY = ("checkout", "orders")


@blueprint.post("/webhooks/<name>")
@csrf.exempt  # type: ignore[untyped-decorator]
def receive(name: str) -> Response:
    """Take a message of a gateway: 200 when it is known or done, 400 when its signature is wrong."""
    request.max_content_length = MAX_BODY
    if name not in GATEWAY_NAMES:
        raise NotFound("webhook_url_not_found")
    try:
        message = gateway(name).receive(request.get_data(cache=False), dict(request.headers))
    except InvalidValue as error:
        log.warning("message of %s refused, request %s: %s", name, request_id(), describe(error))
        raise BadRequest(describe(error)) from error
    state = handle_message(message, Actor("gateway", name, name, request_id()))
    log.info("message %s of %s (%s): %s", message.key, name, message.type, state)
    return Response(status=200)


@blueprint.get("/orders/<token>/payments/<uuid:payment_id>/return")
def return_from_gateway(token: str, payment_id: uuid.UUID) -> BaseResponse:
    """Ask for the outcome of the payment and show the order: in any browser, twice, before or after the message."""
    order = order_of(token)
    payment = get_payment(payment_id)
    if payment.order_id != order.id:
        raise NotFound("payment_not_found")
    query_gateway(payment_id, request_id())
    return see_other(f"/orders/{token}")


# The page of an order asks again about a payment whose outcome is unknown, each time somebody looks at it.
unknown_payment_queries.append(query_unknown)


@blueprint.after_app_request
def _allow_gateway_form_action(response: Response) -> Response:
    """Widen `form-action` where a form may be answered with a redirect to a payment page: browsers check that too."""
    if "shop" in g and request.blueprint in _WITH_FORMS_TO_PAY and response.mimetype == "text/html":
        try:
            origins = _origins_of_gateways()
        except (OperationalError, psycopg.OperationalError):
            # The page is made, and may be the one that says so: it goes out with the narrower policy.
            log.warning("the database went away at the end of request %s", request_id())
            return response
        if origins:
            allowed = f"form-action 'self' {' '.join(origins)}"
            policy = CONTENT_SECURITY_POLICY.replace("form-action 'self'", allowed)
            response.headers["Content-Security-Policy"] = policy
    return response


def _origins_of_gateways() -> list[str]:
    return sorted(
        {origin for name, settings in hosted_settings() for origin in gateway(name).origins(settings)}
    )
