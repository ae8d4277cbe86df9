"""A shop with something on every page, and the people who look at it."""

import uuid
from collections.abc import Callable

import pytest
from flask import Flask

from commerce.accounts import api_clients, sessions
from commerce.accounts.sessions import STAFF, Device
from commerce.accounts.views import COOKIE
from commerce.db import atomic
from commerce.platform.services import create_operator
from commerce.tenants.models import Shop
from tests.checkout.pages import buy, to_review
from tests.factories.members import make_member, sign_in_member
from tests.factories.shop import make_product
from tests.factories.staff import PASSWORD, make_staff
from tests.security.walk import Walk
from tests.support.visitor import Visitor

Walks = Callable[[], dict[str, Walk]]


@pytest.fixture
def owner(app: Flask, in_shop: Shop) -> Visitor:
    """Alice, signed in; a program works with her shop."""
    visitor = Visitor(app)
    staff_id: uuid.UUID = make_staff("owner", name="Alice")
    api_clients.issue_key(api_clients.create_client("Books", by="Alice"), scopes=["orders:read"], by="Alice")
    token = atomic(sessions.begin)(STAFF, staff_id, Device())
    visitor.client.set_cookie(COOKIE, token, domain=in_shop.host, path="/admin")
    return visitor


@pytest.fixture
def shopper(app: Flask, in_shop: Shop) -> Visitor:
    """Ann, who has bought and fills a cart again."""
    ann = Visitor(app)
    tea, pot = make_product(stock=50), make_product("Tea pot", options={"Colour": "red"})
    order = buy(ann, (tea, 2), pay_by="Bank transfer")
    ann.order = order.path  # type: ignore[attr-defined]
    to_review(ann, (pot, 1))
    return ann


@pytest.fixture
def member(app: Flask, in_shop: Shop) -> Visitor:
    """Mary, a customer who is signed in."""
    mary = Visitor(app)
    make_member("mary@example.com", "Mary Member")
    assert sign_in_member(mary.client, "mary@example.com").status_code == 303
    return mary


@pytest.fixture
def operator(app: Flask, in_shop: Shop) -> Walk:
    """Olga, who runs the installation."""
    olga = Visitor(app, "platform.localhost")
    create_operator(email="olga@platform.test", name="Olga", password=PASSWORD)
    signed_in = olga.post("/platform/sign-in", {"email": "olga@platform.test", "password": PASSWORD})
    assert signed_in.status_code == 303
    return Walk(app, olga.client).start("/platform/")


@pytest.fixture
def walks(app: Flask, owner: Visitor, shopper: Visitor, member: Visitor) -> Walks:
    """Walk the shop as a stranger, a shopper, a member and its owner."""

    def walk() -> dict[str, Walk]:
        order = shopper.order  # type: ignore[attr-defined]
        return {
            "stranger": Walk(app, app.test_client()).start("/", "/cart", "/search?q=tea", "/admin/sign-in"),
            "shopper": Walk(app, shopper.client).start("/", "/cart", "/checkout", "/checkout/review", order),
            "member": Walk(app, member.client).start("/account/"),
            "owner": Walk(app, owner.client).start("/admin/"),
        }

    return walk
