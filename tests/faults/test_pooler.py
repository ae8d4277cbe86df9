"""A shop behind PgBouncer in transaction mode, which lends a connection for one transaction and then to somebody else.

The real program, as Debian packages it. It knows no prepared statements of its clients, refuses startup parameters,
and whatever is set for a session stays behind on a connection of others.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import make_url, text

from commerce.config import Config
from commerce.db import atomic, db
from commerce.engine import TIMEOUTS
from commerce.errors import Busy
from commerce.preflight import FAIL, OK, WARN, examine
from commerce.tenants.queries import list_shops
from commerce.tenants.scope import current_shop, shop_scope
from tests.factories.shop import make_product
from tests.faults.test_killing_the_database import CUSTOMERS, STOCK, at_home, check_books
from tests.faults.test_killing_the_database import Shop as Market
from tests.support.databases import bench_config, build_app, disconnect
from tests.support.pgbouncer import PgBouncer
from tests.support.postgres import PostgresServer
from tests.support.server import LiveServer
from tests.support.spawn import Nursery

pytestmark = pytest.mark.durable
ALL = {"all_tenants": True}
SERVERS = 3
"""Fewer than the shop has connections, so that each of its transactions may get another one."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, str]]:
    with (
        PostgresServer() as postgres,
        at_home(postgres, tmp_path_factory.mktemp("app")) as (app, url),
    ):
        yield app, url


@pytest.fixture
def pooler(home: tuple[Flask, str]) -> Iterator[PgBouncer]:
    with PgBouncer(home[1], servers=SERVERS) as running:
        yield running


@pytest.fixture
def pooled(home: tuple[Flask, str], pooler: PgBouncer, tmp_path: Path) -> Iterator[Flask]:
    """The shop, at the other end of the pooler."""
    app = build_app(bench_config(pooler.url, tmp_path / "pooled"))
    yield app
    disconnect(app)


def test_customers_buy_and_the_books_agree(
    home: tuple[Flask, str], pooler: PgBouncer, nursery: Nursery, tmp_path: Path
) -> None:
    app, _ = home
    tea = make_product("Green tea", stock=STOCK)
    server = LiveServer(pooler.url, tmp_path / "server", nursery, WEB_PROCESSES="2", WEB_THREADS="4")
    market = Market(None, server.start(), tea)  # type: ignore[arg-type] - nothing of this PostgreSQL is killed
    try:
        market.open()
        market.wait_for_orders(4 * CUSTOMERS)
        market.close()
    finally:
        market.leave()
        server.kill()
    answers = sum((customer.answers for customer in market.customers), Counter[str]())
    assert set(answers) <= {"200", "303", "409"}, answers
    assert "prepared statement" not in server.output
    check_books(market, app, tea)


def test_every_transaction_has_the_timeouts_and_nobody_else_gets_them(
    home: tuple[Flask, str], pooler: PgBouncer, pooled: Flask
) -> None:
    shop = current_shop()

    def shown() -> dict[str, str]:
        return {
            name: db.session.execute(text(f"SHOW {name}"), execution_options=ALL).scalar_one()
            for name in TIMEOUTS
        }

    with pooled.app_context():
        assert shown() == TIMEOUTS, "reading what belongs to no shop"
        db.session.close()
        assert atomic(shown)() == TIMEOUTS, "writing"
        with shop_scope(shop):
            assert shown() == TIMEOUTS, "reading in a shop"
        db.session.close()
        assert db.session.execute(text("SHOW timezone"), execution_options=ALL).scalar_one() == "UTC"
    with pooler.connect() as other:
        for _ in range(SERVERS * 2):
            for name in TIMEOUTS:
                assert other.execute(f"SHOW {name}").fetchone() == ("0",), f"{name} was left behind"
            assert other.execute("SELECT current_setting('lockstep.shop', true)").fetchone() in [
                ("",),
                (None,),
            ]


def test_statements_are_prepared_only_where_they_are_kept(
    home: tuple[Flask, str], pooler: PgBouncer, tmp_path: Path
) -> None:
    def threshold(url: str, prepared_statements: str) -> int | None:
        app = build_app(replace(bench_config(url, tmp_path / "var"), prepared_statements=prepared_statements))
        with app.app_context():
            raw = db.session.connection().connection.driver_connection
            found: int | None = raw.prepare_threshold  # type: ignore[union-attr]
        disconnect(app)
        return found

    _, url = home
    assert [threshold(url, each) for each in ("auto", "on", "off")] == [5, 5, None]
    assert [threshold(pooler.url, each) for each in ("auto", "on", "off")] == [None, 5, None]


def test_doctor_sees_the_pooler_and_what_is_missing(home: tuple[Flask, str], pooled: Flask) -> None:
    def found(**changes: str) -> dict[str, tuple[str, str]]:
        config = replace(pooled.config["LOCKSTEP"], **changes)
        with pooled.app_context():
            return {each.name: (each.state, each.found) for each in examine(config)}

    checks = found()
    assert checks["connection pooler"] == (OK, "in front; prepared statements are off")
    assert checks["database timeouts"][0] == OK
    assert checks["MIGRATION_DATABASE_URL"][0] == WARN
    state, said = found(prepared_statements="on")["connection pooler"]
    assert (state, said) == (WARN, "in front; prepared statements are on")
    assert not [name for name, (state, _) in checks.items() if state == FAIL and "timeout" in name]


def test_a_direct_connection_is_no_pooler(home: tuple[Flask, str]) -> None:
    app, _ = home
    db.session.close()
    checks = {each.name: each for each in examine(app.config["LOCKSTEP"])}
    assert (checks["connection pooler"].state, checks["connection pooler"].found) == (OK, "none")
    assert checks["database timeouts"].state == OK
    assert "MIGRATION_DATABASE_URL" not in checks


@pytest.mark.parametrize(
    "form",
    [
        "postgresql://{user}@127.0.0.1:1,127.0.0.1:{port}/{name}?target_session_attrs=read-write",
        "postgresql://{user}@/{name}?host=127.0.0.1:1&host=127.0.0.1:{port}",
        "postgresql://{user}@/{name}?host=127.0.0.1,127.0.0.1&port=1,{port}",
    ],
)
def test_of_several_hosts_the_one_that_answers_is_used(
    home: tuple[Flask, str], tmp_path: Path, form: str
) -> None:
    there = make_url(home[1])
    user = f"{there.username}:{there.password}"
    url = form.format(user=user, port=there.port, name=there.database)
    read = Config.from_env({"DATABASE_URL": url, "VAR_DIR": str(tmp_path)}).database_url
    app = build_app(bench_config(read, tmp_path / "several"))
    with app.app_context():
        assert [each.code for each in list_shops()] == ["demo"]
    disconnect(app)


def test_a_lock_behind_the_pooler_is_waited_for_two_seconds_and_called_busy(
    home: tuple[Flask, str], pooler: PgBouncer, pooled: Flask
) -> None:
    shop = current_shop()
    with pooler.connect() as other, other.transaction():
        other.execute(f"SET LOCAL lockstep.shop = '{shop.id}'")
        other.execute("SELECT FROM locations FOR UPDATE")

        @atomic
        def wait() -> None:
            db.session.execute(text("UPDATE locations SET name = name"), execution_options=ALL)

        with pooled.app_context(), shop_scope(shop), pytest.raises(Busy):
            wait()
    with pooled.app_context(), shop_scope(shop):
        wait()
