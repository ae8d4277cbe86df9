"""What is cached of pages for visitors with cookies: never another visitor's, another shop's or an old state's."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from commerce import clock
from commerce.catalog.models import Product
from commerce.catalog.publishing import publish_scheduled_products
from commerce.db import atomic, db
from commerce.storefront import page_cache
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.members import make_member, sign_in_member
from tests.factories.shop import Sold, change_stock, make_product, set_price, stop_selling
from tests.support.client import ShopClient
from tests.support.html import find_all, parse
from tests.support.statements import count_statements

PRODUCT, LIST = "/products/green-tea", "/search"
Visitor = Callable[[], ShopClient]


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product(price=1000, stock=5)


@pytest.fixture
def visitor(app: Flask) -> Visitor:
    """Make visitors who have a cookie already and have seen the pages, so that their parts are cached."""

    def arrive() -> ShopClient:
        client: ShopClient = app.test_client()
        for address in (PRODUCT, LIST, PRODUCT, LIST):
            client.get(address)
        assert client.get_cookie("session", domain="demo.localhost")
        return client

    return arrive


def put_into_cart(client: ShopClient, sold: Sold) -> None:
    sent = {"csrf_token": client.csrf_token(), "variant_id": str(sold.variant_id), "quantity": "2"}
    assert client.post("/cart/lines", data=sent).status_code == 303


def test_the_same_page_asks_for_shop_and_cart_alone(tea: Sold, visitor: Visitor) -> None:
    ann = visitor()
    put_into_cart(ann, tea)
    for address in (PRODUCT, LIST):
        ann.get(address)
        fewest = 100
        # On PostgreSQL a commit in any database of the server counts as a change, and other tests run beside us.
        for _ in range(100):
            with count_statements() as statements:
                ann.get(address)
            fewest = min(fewest, len(statements))
            if fewest <= 2:
                break
        assert fewest <= 2, statements


@pytest.mark.parametrize("address", [PRODUCT, LIST])
def test_a_visitor_sees_nothing_of_another_ones_cart_forms_or_account(
    tea: Sold, visitor: Visitor, address: str
) -> None:
    make_member()
    ann, bob = visitor(), visitor()
    put_into_cart(ann, tea)
    sign_in_member(ann)
    put_into_cart(ann, tea)
    page_of_ann, page_of_bob = ann.get(address).text, bob.get(address).text
    assert 'href="/account/"' in page_of_ann
    assert 'href="/account/"' not in page_of_bob
    assert 'data-count="4"' in page_of_ann
    assert 'data-count="0"' in page_of_bob
    if address == PRODUCT:
        tokens = [
            {each.get("value") for each in find_all(parse(who.get(address)), "input", name=name)}
            for name in ("csrf_token", "form_id")
            for who in (ann, bob)
        ]
        assert all(tokens)
        assert not tokens[0] & tokens[1]
        assert not tokens[2] & tokens[3]


@pytest.mark.parametrize("address", [PRODUCT, LIST])
def test_another_shop_shows_its_own_product_under_the_same_address(
    app: Flask, tea: Sold, other_shop: Shop, visitor: Visitor, address: str
) -> None:
    ann = visitor()
    with shop_scope(other_shop):
        make_product(price=7777)
    other: ShopClient = app.test_client(host=other_shop.host)
    for _ in range(2):
        assert "7,777" in other.get(address).text  # in yen
        assert "$10.00" in ann.get(address).text


@pytest.mark.parametrize("address", [PRODUCT, LIST])
def test_a_changed_price_is_on_the_next_page(tea: Sold, visitor: Visitor, address: str) -> None:
    ann = visitor()
    for price in (1100, 1200):
        set_price(tea, price)
        assert f"${price // 100}.00" in ann.get(address).text


@pytest.mark.parametrize("address", [PRODUCT, LIST])
def test_the_last_unit_that_somebody_else_holds_is_sold_out_on_the_next_page(
    tea: Sold, visitor: Visitor, address: str
) -> None:
    ann = visitor()
    assert "Sold out" not in ann.get(address).text
    make_order((tea, 5))
    assert "Sold out" in ann.get(address).text
    if address == PRODUCT:
        assert "reserved by other shoppers" in ann.get(address).text
    change_stock(tea, 1)
    assert "Sold out" not in ann.get(address).text


def test_a_product_is_gone_when_it_is_archived(tea: Sold, visitor: Visitor) -> None:
    ann = visitor()
    stop_selling(tea)
    assert ann.get(PRODUCT).status_code == 404
    assert "Green tea" not in ann.get(LIST).text


def test_a_product_is_there_when_its_time_has_come(tea: Sold, visitor: Visitor) -> None:
    ann = visitor()
    publish_later(tea)
    for _ in range(2):
        assert ann.get(PRODUCT).status_code == 404
        assert "Green tea" not in ann.get(LIST).text
    assert publish_scheduled_products() == 1
    assert ann.get(PRODUCT).status_code == 200
    assert "Green tea" in ann.get(LIST).text


@atomic
def publish_later(sold: Sold) -> None:
    due = clock.now() - timedelta(seconds=1)
    db.session.execute(
        update(Product).where(Product.id == sold.product_id).values(status="draft", publish_at=due)
    )


@pytest.mark.parametrize("address", [PRODUCT, LIST])
def test_control_without_the_state_of_the_database_the_old_price_would_stay(
    tea: Sold, visitor: Visitor, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_cache, "_database_state", lambda: (-1, "always the same"))
    page_cache._parts.clear()
    ann = visitor()
    set_price(tea, 1100)
    assert "$10.00" in ann.get(address).text
    page_cache._parts.clear()
