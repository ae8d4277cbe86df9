"""The backup that docs/reliability.md describes, with the programs of PostgreSQL: it holds everything, and a restored
shop sells on and sends nothing twice.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy import make_url, select

from commerce.db import db
from commerce.event_handlers import make_relay
from commerce.events.models import Delivery
from commerce.orders.models import Order
from commerce.preflight import OK, database_checks
from commerce.tenants.queries import list_shops
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.faults.test_killing_the_database import at_home
from tests.support.databases import bench_config, build_app, disconnect
from tests.support.postgres import Databases, PostgresServer

pytestmark = pytest.mark.durable
BACKUP = "lockstep_backup"


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        with psycopg.connect(running.admin_url(), autocommit=True) as admin:
            password = make_url(running.url("postgres")).password
            admin.execute(f"CREATE ROLE {BACKUP} LOGIN BYPASSRLS PASSWORD '{password}'")  # type: ignore[call-overload]
            admin.execute(f"GRANT pg_read_all_data TO {BACKUP}")  # type: ignore[call-overload]
        yield running


def run(
    postgres: PostgresServer, program: str, url: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a program of PostgreSQL for the user and database of an address."""
    address = make_url(url)
    return subprocess.run(
        [
            str(postgres.binaries / program),
            *("--host", str(address.host), "--port", str(address.port), "--username", str(address.username)),
            *("--dbname", str(address.database), *arguments),
        ],
        env=os.environ | {"PGPASSWORD": str(address.password)},
        capture_output=True,
        text=True,
        check=False,
    )


def mails(var: Path) -> int:
    return len(list((var / "mail").glob("*")))


def test_a_restored_shop_has_everything_and_sends_nothing_twice(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    file = str(tmp_path / "backup")
    with at_home(postgres, tmp_path / "app") as (app, _):
        tea = make_product("Green tea", stock=9)
        make_order((tea, 1), payment_method="cash_on_delivery")
        db.session.close()
        make_relay().run_until_idle()
        make_order((tea, 2), payment_method="cash_on_delivery")
        db.session.close()

        owner = make_url(app.config["LOCKSTEP"].migration_database_url)
        refused = run(postgres, "pg_dump", str_of(owner), "--format=custom", "--file", file)
        assert "row-level security" in refused.stderr, "the owner is held to the shop, too"
        dumped = run(
            postgres, "pg_dump", str_of(owner.set(username=BACKUP)), "--format=custom", "--file", file
        )
        assert dumped.returncode == 0, dumped.stderr

        # After the backup the shop goes on, and then it is lost.
        make_relay().run_until_idle()
        sent = mails(app.config["LOCKSTEP"].var)
        assert sent >= 2
        before = db.session.execute(select(Order.code, Order.status).order_by(Order.code)).all()
        db.session.close()

    databases = Databases(postgres.url("postgres"), postgres.admin_url())
    again = databases.create("restored")
    restored = run(
        postgres, "pg_restore", databases.owner_url("restored"), "--no-owner", "--exit-on-error", file
    )
    assert restored.returncode == 0, restored.stderr
    copy = build_app(bench_config(again, tmp_path / "app", databases.owner_url("restored")))
    check(copy, before, sent, tmp_path / "app")
    disconnect(copy)


def str_of(url: object) -> str:
    return make_url(url).render_as_string(hide_password=False)  # type: ignore[arg-type]


def check(copy: Flask, before: object, sent: int, var: Path) -> None:
    terminal = copy.test_cli_runner()
    assert terminal.invoke(args=["db", "upgrade"]).exit_code == 0
    held = terminal.invoke(args=["outbox", "hold", "--json"])
    assert held.exit_code == 0, held.output
    assert json.loads(held.stdout)["settled"] > 0
    with copy.app_context():
        with db.engine.connect() as connection:
            safe = {each.name: each.state for each in database_checks(connection)}
        assert (safe["row security"], safe["schema"], safe["database role"]) == (OK, OK, OK)
        make_relay().run_until_idle()
        assert mails(var) == sent, "nobody gets a mail again"
        (shop,) = list_shops()
        with shop_scope(shop):
            assert db.session.execute(select(Order.code, Order.status).order_by(Order.code)).all() == before
            assert set(db.session.scalars(select(Delivery.state))) == {"done", "parked"}
            parked = set(db.session.scalars(select(Delivery.handler).where(Delivery.state == "parked")))
            assert {"mail_order_received", "mail_order_confirmation"} <= parked
            assert all(name.startswith("mail_") for name in parked)
            db.session.close()
            make_order((make_product("White tea", stock=1), 1), payment_method="cash_on_delivery")
            db.session.close()
        make_relay().run_until_idle()
        assert mails(var) > sent, "what is ordered now is mailed"
    assert terminal.invoke(args=["stock", "check"]).exit_code == 0
