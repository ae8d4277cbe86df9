"""The back office as somebody sees it who has signed in."""

import uuid
from collections.abc import Callable

import pytest
from flask import Flask

from commerce.accounts import sessions
from commerce.accounts.sessions import STAFF, Device
from commerce.accounts.views import COOKIE
from commerce.db import atomic
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.staff import make_staff
from tests.notifications.outgoing import Post
from tests.support.client import ShopClient

SignedIn = Callable[..., ShopClient]


@pytest.fixture
def signed_in(app: Flask, in_shop: Shop) -> SignedIn:
    """Return a client of somebody with a role: `signed_in("readonly", name="Rita")`. `shop` may be another one."""

    def make(role: str = "owner", *, name: str = "", shop: Shop = in_shop) -> ShopClient:
        client = app.test_client(host=shop.host)
        assert isinstance(client, ShopClient)
        with shop_scope(shop):
            staff_id: uuid.UUID = make_staff(role, name=name, email=f"{uuid.uuid4().hex}@shop.test")
            token = atomic(sessions.begin)(STAFF, staff_id, Device())
        client.set_cookie(COOKIE, token, domain=shop.host)
        return client

    return make


@pytest.fixture
def desk(signed_in: SignedIn) -> ShopClient:
    """Bob at his desk in Alice's shop; he may do everything."""
    return signed_in("manager", name="Bob")


@pytest.fixture
def post(app: Flask, in_shop: Shop) -> Post:
    """What Alice's shop sends from now on."""
    return Post(app.config["LOCKSTEP"].var / "mail")
