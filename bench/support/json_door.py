"""Orders placed over JSON, as another shop system would send them: POST /api/orders, each under a key of its own."""

import contextvars
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flask import Flask
from sqlalchemy import select

from commerce.accounts.api_clients import create_client, issue_key
from commerce.api.orders.schemas import MAX_ITEMS
from commerce.db import db
from commerce.errors import Busy
from commerce.orders.models import Order
from commerce.payments.models import Payment

ADDRESS = {
    "name": "Ann Buyer",
    "street": "1600 Amphitheatre Parkway",
    "city": "Mountain View",
    "region": "CA",
    "postalCode": "94043",
    "country": "US",
}


@dataclass(frozen=True)
class Placed:
    """An order that was placed, with the attempt that shall pay it; `total` in minor units."""

    id: uuid.UUID
    payment_id: uuid.UUID
    total: int


class JsonDoor:
    """A program with a key of the shop `demo`, at the door of `app`."""

    def __init__(self, app: Flask, key: str) -> None:
        self._app = app
        self._key = key

    def place(self, once: str, customer: str, units: Mapping[str, int]) -> Placed:
        """Order units by product code. Raises Busy when the shop asks to come back."""
        order = {
            "customerId": customer,
            "items": [{"productCode": code, "quantity": count} for code, count in units.items()],
            "shippingAddress": ADDRESS,
            "paymentMethod": "bank_transfer",
        }
        # A context of its own, as in a server: the caller has entered the shop already.
        answer = contextvars.Context().run(
            self._app.test_client(use_cookies=False).post,
            "/api/orders",
            base_url="http://demo.localhost",
            data=json.dumps(order),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self._key}", "Idempotency-Key": f"replayed-invoice-{once}"},
        )
        if answer.status_code == 503:
            raise Busy(answer.text)
        if answer.status_code != 201:
            raise RuntimeError(f"status {answer.status_code}: {answer.text[:2000]}")
        row = db.session.execute(
            select(Order.id, Payment.id, Payment.amount)
            .join(Payment, Payment.order_id == Order.id)
            .where(Order.code == json.loads(answer.text)["code"])
        ).one()
        db.session.close()
        return Placed(*row)


def let_in(app: Flask) -> JsonDoor:
    """Let a program into the shop that is entered, and return its door."""
    client_id = create_client("Replay", by="bench", requests_per_minute=60_000)
    return JsonDoor(app, issue_key(client_id, scopes=["orders:write"], by="bench"))


def parts_of(units: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Yield orders with at most as many lines as one request may have."""
    codes = list(units)
    for start in range(0, len(codes), MAX_ITEMS):
        yield {code: units[code] for code in codes[start : start + MAX_ITEMS]}
