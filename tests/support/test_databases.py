"""The bench gives every test an empty database, on SQLite and on PostgreSQL, whatever the test before it did."""

import time

import pytest
from flask import Flask, g
from sqlalchemy import func, select

from commerce.db import NoTenant, db
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.scope import current_shop
from tests.support.client import ShopClient
from tests.support.databases import Worker
from tests.support.statements import count_statements

ALL_SHOPS = select(func.count()).select_from(Tenant).execution_options(all_tenants=True)


@pytest.mark.parametrize("round_", [1, 2])
def test_a_test_finds_only_what_it_made(app: Flask, shop: Shop, other_shop: Shop, round_: int) -> None:
    with app.app_context():
        assert db.session.scalar(ALL_SHOPS) == 2


def test_no_shop_is_there_before_one_is_made(app: Flask) -> None:
    with app.app_context():
        assert db.session.scalar(ALL_SHOPS) == 0


def kind_of(app: Flask) -> str:
    with app.app_context():
        return db.engine.dialect.name


def test_both_kinds_of_database_are_what_they_say(app: Flask, database_url: str) -> None:
    assert database_url.startswith(kind_of(app))


def test_a_transaction_that_a_test_left_open_does_not_stop_the_next_one(
    app: Flask, shop: Shop, worker: Worker
) -> None:
    bench, _ = worker.get(kind_of(app))
    with app.app_context():
        left_open = db.engine.connect()
        left_open.exec_driver_sql("UPDATE tenants SET name = 'never committed'")
        before = time.monotonic()
        bench.clean(app)
        assert time.monotonic() - before < 2
        assert db.session.scalar(ALL_SHOPS) == 0
        left_open.invalidate()
        left_open.close()


def test_the_test_itself_may_enter_the_shop(in_shop: Shop) -> None:
    assert current_shop() == in_shop


def test_a_request_shares_nothing_with_the_test_around_it(client: ShopClient, in_shop: Shop) -> None:
    seen: list[object] = []
    g.mine = "the test's"

    def look() -> None:
        seen.append(g.get("mine"))

    client.application.before_request_funcs.setdefault(None, []).append(look)
    try:
        client.get("/healthz")
    finally:
        client.application.before_request_funcs[None].remove(look)
    assert seen == [None]
    assert current_shop() == in_shop


def test_outside_of_a_shop_nothing_is_entered(app: Flask) -> None:
    with app.app_context(), pytest.raises(NoTenant):
        current_shop()


def test_statements_are_counted_alike_on_both_databases(app: Flask) -> None:
    with app.app_context(), count_statements() as statements:
        db.session.scalar(ALL_SHOPS)
        db.session.scalar(ALL_SHOPS)
    assert len(statements) == 2, statements
