"""Orders that are to be paid at the fake Stripe, and what became of them."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy import select, update

from commerce import clock
from commerce.db import atomic, db
from commerce.orders.models import Order
from commerce.orders.queries import get_order, timeline
from commerce.payments.methods import configure_method
from commerce.payments.models import GatewayEvent, Payment, Refund
from commerce.payments.queries import get_payment, payments_of, refunds_of
from commerce.settlement.services import PaymentResult, take_payment
from tests.factories.checkout import make_order
from tests.factories.shop import Sold
from tests.fakes.stripe import FakeStripe
from tests.fakes.stripe_account import HOOK_SECRET, SECRET_KEY

PAID = ["OrderPlaced", "PaymentReceived", "PaymentSucceeded", "OrderConfirmed"]
"""The story of an order that was paid for at once."""


def accept_stripe(app: Flask, fake: FakeStripe) -> None:
    """Let the current shop be paid by the fake Stripe, whose messages arrive at the address of the default shop."""
    client = app.test_client()

    def hook(body: bytes, signature: str) -> int:
        answer = client.post(
            "/webhooks/stripe",
            data=body,
            headers={"Stripe-Signature": signature, "Content-Type": "application/json"},
        )
        return int(answer.status_code)

    fake.hook = hook
    configure_method(
        "stripe",
        gateway="stripe",
        name="Card",
        settings={"api_base": fake.address},
        secrets={"secret_key": SECRET_KEY, "webhook_secret": HOOK_SECRET},
    )


@dataclass(frozen=True)
class Bought:
    """An order with its first attempt and the session that was opened for it ('' when its answer got lost)."""

    order_id: uuid.UUID
    payment_id: uuid.UUID
    token: str
    taken: PaymentResult

    @property
    def session(self) -> str:
        return self.payment.reference

    @property
    def order(self) -> Order:
        db.session.close()
        return get_order(self.order_id)

    @property
    def payment(self) -> Payment:
        db.session.close()
        return get_payment(self.payment_id)

    @property
    def payments(self) -> list[Payment]:
        db.session.close()
        return list(payments_of(self.order_id))

    @property
    def refunds(self) -> list[Refund]:
        db.session.close()
        return list(refunds_of(self.order_id))

    @property
    def status(self) -> tuple[str, str]:
        order = self.order
        return order.status, order.payment_status

    @property
    def story(self) -> list[str]:
        db.session.close()
        return [event.type for event in timeline(self.order_id)]


def buy(sold: Sold, quantity: int = 1, **changes: Any) -> Bought:
    """Order, and open the page at Stripe."""
    placed = make_order((sold, quantity), **{"payment_method": "stripe", **changes})
    assert placed.payment_id is not None
    return Bought(placed.id, placed.payment_id, placed.token, take_payment(placed.payment_id))


@atomic
def age(minutes: int = 11) -> None:
    """Let all attempts and refunds be older: time to ask about them."""
    past = clock.now() - timedelta(minutes=minutes)
    db.session.execute(update(Payment).values(updated_at=past))
    db.session.execute(update(Refund).values(created_at=past))


def inbox() -> list[tuple[str, str]]:
    """Return (type, state) of the messages that were written down, oldest first."""
    db.session.close()
    rows = db.session.execute(select(GatewayEvent.type, GatewayEvent.state).order_by(GatewayEvent.id))
    return [(row[0], row[1]) for row in rows]
