"""Placing an order through the API: the part inside the transaction, and the payment after it."""

from __future__ import annotations

import logging

from flask import Response

from commerce.api.idempotency import IdempotentResult
from commerce.checkout.direct_orders import PlacedDirectOrder
from commerce.checkout.services import PlacedOrder
from commerce.order_management.drafts import leave_card_to_customer
from commerce.orders.models import Order
from commerce.orders.queries import get_order
from commerce.payments.gateways.registry import gateway
from commerce.settlement.services import take_payment
from commerce.web import request_id

log = logging.getLogger("commerce.api")


def created_order(placed: PlacedOrder) -> Order:
    """Return an order that was just placed, as it will be committed. A step."""
    prepare_payment(placed)
    return get_order(placed.id)


def prepare_payment(placed: PlacedOrder) -> None:
    """Leave paying by card to the customer. A step.

    It belongs to the transaction of the placement, so that the response shows the order as it is after it.
    """
    if placed.payment_id is not None and gateway(placed.gateway).asks_for_card:
        leave_card_to_customer(placed.id, placed.payment_id)


def respond(done: IdempotentResult) -> Response:
    """Start the payment of a new direct order and return the response. A replayed one is only returned."""
    if isinstance(done.result, PlacedDirectOrder) and not _paid_by_hand(done.result):
        start_order_payment(done.result.order)
    return done.response


def _paid_by_hand(placed: PlacedDirectOrder) -> bool:
    """Whether staff record the payment later, so there is nothing to start now."""
    return placed.order.gateway == "manual" and not placed.order.pay_later and placed.priced.totals.total > 0


def start_order_payment(placed: PlacedOrder) -> None:
    """Start the payment of a new order, unless the customer starts it with a card on the page of the order."""
    if placed.payment_id is None or gateway(placed.gateway).asks_for_card:
        return
    try:
        take_payment(placed.payment_id, request_id=request_id())
    except Exception:
        # Not raised: the order is placed, and an error now would tell the API client that it is not.
        log.exception("payment %s of order %s could not be started", placed.payment_id, placed.code)
