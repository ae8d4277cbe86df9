"""Mails of a test."""

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from tests.factories.shop import Sold, make_product
from tests.notifications.outgoing import Post


@pytest.fixture
def post(app: Flask, in_shop: Shop) -> Post:
    """What Alice's shop sends from now on."""
    return Post(app.config["LOCKSTEP"].var / "mail")


@pytest.fixture
def tea(post: Post) -> Sold:
    """Thirty boxes of tea at 10.00 dollars, made after the mails that others have left are gone."""
    return make_product("Green tea", price=1000, stock=30)
