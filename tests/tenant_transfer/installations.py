"""Where a shop moves from and to, and what programs have left in it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import select

from commerce import encryption
from commerce.accounts import api_clients
from commerce.api.models import IdempotencyKey
from commerce.db import atomic, db, insert_rows
from commerce.events.models import Event, EventFeed
from commerce.tenant_setup import ShippingRule, TaxRule, set_up_shop
from commerce.tenants.models import Shop

PASSPHRASE = "green leaves only"
ANSWER = "what Books was answered"
HERE, THERE = (
    "only-for-tests-0123456789abcdef0123456789abcdef",
    "another-installation-0123456789abcdef0123456789",
)


@contextmanager
def at(app: Flask, key: str = HERE) -> Iterator[None]:
    """Work in an installation; each has a key of its own, which its process would know alone."""
    encryption.configure_encryption([key])
    with app.app_context():
        yield
    encryption.configure_encryption([HERE])


def found(code: str) -> Shop:
    return set_up_shop(
        code=code,
        name=f"The {code}",
        currency="USD",
        country="US",
        taxes=(TaxRule("*", "standard", 100_000, "Tax"),),
        shipping=(ShippingRule("parcel", "Parcel", "3 days", ((("*",), 0, 500),)),),
        test_card=True,
        bank_details="Transfer the total to account 1234567.",
    )


def media(app: Flask) -> Path:
    folder: Path = app.config["LOCKSTEP"].media
    return folder


def let_a_program_in() -> str:
    """Add a program, an answer that it was given, and a feed that knows all events but the last; return its key."""
    client_id = api_clients.create_client("Books", by="Olivia")
    keep_an_answer(client_id)
    return api_clients.issue_key(client_id, scopes=["orders:read"], by="Olivia")


@atomic
def keep_an_answer(client_id: uuid.UUID) -> None:
    row = {"client_id": client_id, "route": "POST /api/orders", "key": "k" * 16, "fingerprint": "f" * 64}
    insert_rows(IdempotencyKey, [{**row, "status": 201, "sealed_outcome": encryption.seal().close(ANSWER)}])
    events = db.session.scalars(select(Event).order_by(Event.id)).all()[:-1]
    for position, event in enumerate(events, start=1):
        event.position = position
    insert_rows(EventFeed, [{"position": len(events)}])
