"""A shop that takes payments by the fake Stripe."""

from collections.abc import Iterator

import pytest
from flask import Flask

from commerce.db import db
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.factories.shop import Sold, make_product
from tests.fakes.stripe import FakeStripe, running_stripe
from tests.payments.orders import accept_stripe


@pytest.fixture(scope="session")
def stripe_server() -> Iterator[FakeStripe]:
    """One server for the tests of a worker."""
    with running_stripe() as fake:
        yield fake


@pytest.fixture
def fake(stripe_server: FakeStripe) -> FakeStripe:
    """The server with empty books and no faults."""
    address = stripe_server.address
    stripe_server.__init__(address=address)  # type: ignore[misc]
    return stripe_server


@pytest.fixture
def stripe_shop(app: Flask, shop: Shop, fake: FakeStripe) -> Iterator[Shop]:
    """Alice's shop, entered; Stripe is her way to be paid, and its messages arrive at her shop's address."""
    with app.app_context():
        with shop_scope(shop):
            accept_stripe(app, fake)
        with shop_scope(get_shop(shop.id)) as fresh:
            yield fresh
        db.session.remove()


@pytest.fixture
def tea(stripe_shop: Shop) -> Sold:
    """Three boxes of tea at 10.00 dollars; shipping is 5.00."""
    return make_product(price=1000, stock=3)
