"""A process keeps the shop of a host and asks at each request whether the database still has it so."""

import contextlib
import html
import sqlite3
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import make_url

from commerce.db import dialect_name
from commerce.tenants.models import Shop
from tests.factories.catalog import Made, put_up
from tests.support.client import ShopClient
from tests.support.statements import count_statements

SET = "UPDATE tenants SET {} = '{}' WHERE id = '{{shop}}'"
MOVING = "INSERT INTO tenant_hosts (host, tenant_id, is_primary) VALUES ('moving.localhost', '{shop}', false)"
GONE = "DELETE FROM tenant_hosts WHERE host = 'moving.localhost'"


Change = Callable[[Shop, str], None]


@pytest.fixture
def change(database_url: str) -> Change:
    """Change rows of a shop as another program would, past everything of ours."""

    def run(shop: Shop, statement: str) -> None:
        if database_url.startswith("sqlite"):
            with contextlib.closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as file, file:
                file.execute(statement.replace("{shop}", shop.id.hex))
            return
        address = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(address) as connection:
            connection.execute("SELECT set_config('lockstep.shop', %s, false)", [str(shop.id)])
            connection.execute(statement.replace("{shop}", str(shop.id)).encode())

    return run


@pytest.fixture
def visitor(client: ShopClient) -> ShopClient:
    """Somebody with a cookie on every host: nothing is kept for them but the shop."""
    for host in ("demo", "other", "moving"):
        client.set_cookie("other", "1", domain=f"{host}.localhost")
    return client


def page(client: ShopClient, address: str = "http://demo.localhost") -> str:
    """Return the home page for somebody with a cookie."""
    return html.unescape(client.get("/", base_url=address).text)


def test_a_change_of_the_shop_by_another_program_is_on_the_next_page(
    in_shop: Shop, visitor: ShopClient, change: Change
) -> None:
    assert in_shop.name in page(visitor)
    for name in ("Kettle & Co", "Leaves"):
        change(in_shop, SET.format("name", name))
        for _ in range(2):
            assert name in page(visitor)
            assert in_shop.name not in page(visitor)


def test_two_shops_asked_in_turns_never_show_each_others_pages(
    in_shop: Shop, other_shop: Shop, visitor: ShopClient
) -> None:
    for _ in range(3):
        mine, theirs = page(visitor), page(visitor, "http://other.localhost")
        assert in_shop.name in mine
        assert other_shop.name not in mine
        assert other_shop.name in theirs
        assert in_shop.name not in theirs


def test_a_host_that_moves_to_another_shop_leads_there_at_once(
    in_shop: Shop, other_shop: Shop, visitor: ShopClient, change: Change
) -> None:
    change(in_shop, MOVING)
    address = "http://moving.localhost"
    for _ in range(2):
        assert in_shop.name in page(visitor, address)
    change(in_shop, GONE)
    change(other_shop, MOVING)
    for _ in range(2):
        found = page(visitor, address)
        assert other_shop.name in found
        assert in_shop.name not in found
    change(other_shop, GONE)
    assert visitor.get("/", base_url=address).status_code == 404


def test_a_shop_that_is_suspended_is_closed_for_the_next_request_whatever_its_method(
    in_shop: Shop, visitor: ShopClient, change: Change
) -> None:
    assert visitor.get("/cart").status_code == 200
    change(in_shop, SET.format("status", "suspended"))
    assert visitor.get("/cart").status_code == 503
    assert visitor.post("/cart/lines").status_code == 503
    change(in_shop, SET.format("status", "active"))
    assert visitor.post("/cart/lines").status_code != 503
    assert visitor.get("/cart").status_code == 200


def test_who_has_a_cookie_is_asked_for_the_shop_in_one_small_statement(
    in_shop: Shop, visitor: ShopClient
) -> None:
    put_up("Bowl", Made(price=1000))
    for _ in range(3):
        visitor.get("/cart")
    with count_statements() as sent:
        visitor.get("/cart")
    [about_shops] = [each for each in sent if "tenants" in each]
    assert about_shops == sent[0]
    assert ("rules_version" in about_shops) == (dialect_name() == "sqlite")
