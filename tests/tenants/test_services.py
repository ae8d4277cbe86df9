"""Shops are created with their hosts, found by them, and say when their rules change."""

import pytest
from flask import Flask
from sqlalchemy import select, text

from commerce.db import _as_tenant, atomic, db, new_id
from commerce.errors import NotFound, Rejected
from commerce.tenants.models import Shop, TenantHost
from commerce.tenants.queries import find_shop_by_host, get_shop, get_shop_by_code, list_shops
from commerce.tenants.scope import current_shop, rules_cache, shop_scope
from commerce.tenants.services import create_tenant, order_code_sequence, touch_rules

ALL = {"all_tenants": True}


def create(code: str, *hosts: str) -> Shop:
    return create_tenant(code=code, name=code.capitalize(), currency="EUR", country="DE", hosts=hosts)


def test_the_first_host_is_the_one_for_links_and_all_of_them_lead_to_the_shop(app: Flask) -> None:
    with app.app_context():
        shop = create("tea", "tea.example", "www.tea.example", "tea.example")
        assert shop.host == "tea.example"
        assert find_shop_by_host("www.tea.example") == shop == find_shop_by_host("tea.example")
        assert find_shop_by_host("tea.localhost") is None
        rows = db.session.execute(
            select(TenantHost.host, TenantHost.is_primary).order_by(TenantHost.host), execution_options=ALL
        ).all()
    assert [tuple(row) for row in rows] == [("tea.example", True), ("www.tea.example", False)]


def test_a_shop_without_hosts_is_found_by_its_code(app: Flask) -> None:
    with app.app_context():
        shop = create("tea")
        assert shop.host == "tea.localhost"
        assert get_shop_by_code("tea") == get_shop(shop.id) == find_shop_by_host("tea.localhost") == shop


def test_the_defaults_of_a_shop_are_the_careful_ones(app: Flask) -> None:
    with app.app_context():
        shop = create("tea")
    assert (shop.status, shop.locale, shop.timezone) == ("active", "en", "UTC")
    assert (shop.prices_include_tax, shop.tax_rounding, shop.deduct_on) == (True, "line", "shipment")
    assert (shop.return_days, shop.low_stock_at, shop.rules_version) == (14, 3, 1)


def test_nobody_takes_another_shops_code_or_host(app: Flask) -> None:
    with app.app_context():
        first = create("tea", "tea.example")
        with pytest.raises(Rejected, match="shop_code_taken code=tea"):
            create("tea", "other.example")
        with pytest.raises(Rejected, match=r"host_taken host=tea\.example"):
            create("kites", "kites.example", "tea.example")
        assert list_shops() == [first]
        assert find_shop_by_host("other.example") is find_shop_by_host("kites.example") is None


def test_shops_that_do_not_exist_are_not_found(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(NotFound):
            get_shop(new_id())
        with pytest.raises(NotFound, match="shop_code_not_found code=nowhere"):
            get_shop_by_code("nowhere")
        assert find_shop_by_host("nowhere") is None
        assert list_shops() == []


def test_shops_are_listed_oldest_first(app: Flask) -> None:
    with app.app_context():
        for code in ("c", "a", "b"):
            create(code)
        assert [shop.code for shop in list_shops()] == ["c", "a", "b"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_each_shop_numbers_its_orders_by_itself(app: Flask) -> None:
    with app.app_context():
        shops = [create("tea"), create("kites")]
        first = [
            db.session.execute(
                text(f"SELECT nextval('{order_code_sequence(shop.id)}')"), execution_options=ALL
            ).scalar_one()
            for shop in shops
        ]
    assert first == [1, 1]


def test_rules_are_read_once_until_one_of_the_own_shop_changes(
    app: Flask, in_shop: Shop, other_shop: Shop
) -> None:
    read: list[str] = []

    @rules_cache
    def rules() -> str:
        read.append(current_shop().code)
        return f"{current_shop().code} {len(read)}"

    def now(shop: Shop) -> Shop:
        with _as_tenant(None, every=False):  # from inside of a shop no other is seen
            return get_shop(shop.id)

    def ask(shop: Shop) -> str:
        with shop_scope(now(shop)):
            return rules()

    assert [ask(in_shop), ask(in_shop), ask(other_shop), ask(other_shop)] == [
        "demo 1",
        "demo 1",
        "other 2",
        "other 2",
    ]
    before = now(other_shop).rules_version
    atomic(touch_rules)()
    assert get_shop(in_shop.id).rules_version == in_shop.rules_version + 1
    assert now(other_shop).rules_version == before
    assert [ask(in_shop), ask(other_shop)] == ["demo 3", "other 2"]


def test_a_change_of_rules_that_is_rolled_back_is_none(in_shop: Shop) -> None:
    @atomic
    def fail() -> None:
        touch_rules()
        raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert get_shop(in_shop.id).rules_version == in_shop.rules_version
