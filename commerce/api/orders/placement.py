"""What follows once an order was placed over JSON: the way of its payment, outside of the transaction."""

from __future__ import annotations

import logging

from flask import Response

from commerce.api.idempotency import IdempotentResult
from commerce.checkout.direct_orders import PlacedDirectOrder
from commerce.checkout.services import PlacedOrder
from commerce.order_management.drafts import await_customer
from commerce.payments.gateways.registry import gateway
from commerce.settlement.services import take_payment
from commerce.web import request_id

log = logging.getLogger("commerce.api")


def finish(done: IdempotentResult) -> Response:
    """Begin the payment of an order that was placed just now, and answer. What was placed before is only answered."""
    if isinstance(done.result, PlacedDirectOrder) and not _by_hand(done.result):
        begin_payment(done.result.order)
    return done.response


def _by_hand(placed: PlacedDirectOrder) -> bool:
    """Whether people move the money later: there is nobody to ask and nothing to write down now."""
    return placed.order.gateway == "manual" and not placed.order.pay_later and placed.priced.totals.total > 0


def begin_payment(placed: PlacedOrder) -> None:
    """Begin the payment of a fresh order; by card the customer does it himself, at the order's page."""
    if placed.payment_id is None:
        return
    try:
        if gateway(placed.gateway).asks_for_card:
            await_customer(placed.id, placed.payment_id)
        else:
            take_payment(placed.payment_id, request_id=request_id())
    except Exception:
        # Not raised on purpose: the order stands, and an error now would tell its program that it does not.
        log.exception("payment %s of order %s could not be started", placed.payment_id, placed.code)
