"""Money that a gateway holds for an order and has not taken: take it, in whole or in part, or let it go."""

from __future__ import annotations

import uuid

from commerce.db import atomic, db
from commerce.errors import Conflict, InvalidValue, NotAllowed
from commerce.events.outbox import Actor
from commerce.orders.balance import balance_of
from commerce.orders.services import lock_order
from commerce.payments.gateways.base import PaymentOutcome
from commerce.payments.models import Payment
from commerce.payments.queries import get_payment
from commerce.payments.services import lock_payments
from commerce.settlement.services import gateway_of, settle_payment

GatewayAnswer = tuple[PaymentOutcome, Actor]
"""What a gateway said about an attempt, and the gateway as the one who acts."""


def capture_payment(
    payment_id: uuid.UUID, actor: Actor, *, amount: int | None = None, seen_version: int | None = None
) -> str:
    """Take `amount` (minor units; None: what is due) of an authorized attempt and return the attempt's state.

    The gateway lets go of the rest. Raises as `request_capture`.
    """
    return settle_payment(
        payment_id, *request_capture(payment_id, actor, amount=amount, seen_version=seen_version)
    )


def request_capture(
    payment_id: uuid.UUID, actor: Actor, *, amount: int | None = None, seen_version: int | None = None
) -> GatewayAnswer:
    """Have the gateway take `amount` (minor units; None: what is due) and return its answer, which is not settled yet.

    Raises NotFound, NotAllowed, StaleVersion, Conflict when nothing is held, InvalidValue for more than is held or due,
    GatewayNoAnswer (asking again never takes the money twice).
    """
    taken = _prepare(payment_id, actor, amount, seen_version)
    way, charge, by = gateway_of(get_payment(payment_id), actor.request_id)
    return way.capture(charge, taken), by


@atomic
def _prepare(payment_id: uuid.UUID, actor: Actor, amount: int | None, seen_version: int | None) -> int:
    """Note what is going to be taken: whatever the gateway says later is compared with it."""
    payment, most = _held(payment_id, actor, seen_version)
    taken = most if amount is None else amount
    if not 0 < taken <= most:
        raise InvalidValue("amount", "capture_out_of_range", maximum=most)
    payment.amount = taken
    db.session.flush()
    return taken


def void_payment(payment_id: uuid.UUID, actor: Actor, *, seen_version: int | None = None) -> str:
    """Void an authorized payment and return the attempt's state. Raises as `request_capture`."""
    return settle_payment(payment_id, *request_void(payment_id, actor, seen_version=seen_version))


def request_void(payment_id: uuid.UUID, actor: Actor, *, seen_version: int | None = None) -> GatewayAnswer:
    """Have the gateway let go of what it holds and return its answer, which is not settled yet.

    Raises as `request_capture`.
    """
    _check(payment_id, actor, seen_version)
    way, charge, by = gateway_of(get_payment(payment_id), actor.request_id)
    return way.cancel(charge), by


@atomic
def _check(payment_id: uuid.UUID, actor: Actor, seen_version: int | None) -> None:
    _held(payment_id, actor, seen_version)


def _held(payment_id: uuid.UUID, actor: Actor, seen_version: int | None) -> tuple[Payment, int]:
    """Return an authorized attempt and what can be taken of it at most. A step; order and attempts are locked."""
    if not actor.works_here:
        raise NotAllowed("staff_only")
    order = lock_order(get_payment(payment_id).order_id, seen_version)
    payments = lock_payments(order.id)
    payment = next(each for each in payments if each.id == payment_id)
    if payment.state != "authorized":
        raise Conflict("nothing_authorized")
    return payment, min(payment.amount, balance_of(order, payments).due)
