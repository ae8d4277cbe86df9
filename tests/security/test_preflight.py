"""Production does not open with a door left open, and `flask doctor` says which one."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url

from commerce import preflight
from commerce.config import Config, ConfigError
from commerce.db import db
from commerce.notifications.mailer import FileMailer
from commerce.preflight import FAIL, OK, WARN, database_checks, examine, file_system, refuse_unsafe
from commerce.tenants.models import Shop

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def states(connection: Connection) -> dict[str, str]:
    return {each.name: each.state for each in database_checks(connection)}


def config_of(app: Flask, **changes: Any) -> Config:
    found: Config = app.config["LOCKSTEP"]
    return replace(found, **changes)


@pytest.fixture
def superuser(app: Flask, request: pytest.FixtureRequest) -> Iterator[Connection]:
    """A connection that owns everything; what it changes is rolled back."""
    from tests.conftest import postgres_addresses

    admin = postgres_addresses(request.config)[1]
    if admin is None:
        pytest.skip("the server that TEST_POSTGRES_URL names lends no superuser")
    with app.app_context():
        url = make_url(admin).set(drivername="postgresql+psycopg", database=db.engine.url.database)
        engine = create_engine(url)
        with engine.connect() as connection:
            yield connection
            connection.rollback()
        engine.dispose()


# --- the database -----------------------------------------------------------------------------------


@on_postgresql
def test_the_role_of_the_shop_passes_and_a_server_that_forgets_does_not(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        found = states(connection)
    # The server of the tests throws its data away on purpose.
    assert {name for name, state in found.items() if state == FAIL} == {
        *preflight.MUST_BE_ON,
        "synchronous_commit",
    }
    assert (found["database role"], found["row security"], found["schema"]) == (OK, OK, OK)


@on_postgresql
def test_a_role_that_can_look_past_row_security_fails(superuser: Connection) -> None:
    checks = {each.name: each for each in database_checks(superuser)}
    role = checks["database role"]
    assert role.state == FAIL
    assert "is a superuser, has BYPASSRLS" in role.found
    assert "MIGRATION_DATABASE_URL" in role.advice


@on_postgresql
def test_the_owner_of_the_tables_fails(app: Flask) -> None:
    url = app.config["LOCKSTEP"].migration_database_url
    with app.app_context():
        engine = create_engine(make_url(url))
        with engine.connect() as connection:
            role = next(each for each in database_checks(connection) if each.name == "database role")
        engine.dispose()
    assert role.state == FAIL
    assert " owns " in role.found
    assert "owns nothing" not in role.found


@on_postgresql
@pytest.mark.parametrize("loosened", ["NO FORCE", "DISABLE"])
def test_a_table_that_shows_every_shop_s_rows_fails(superuser: Connection, loosened: str) -> None:
    superuser.execute(text(f"ALTER TABLE orders {loosened} ROW LEVEL SECURITY"))
    found = next(each for each in database_checks(superuser) if each.name == "row security")
    assert (found.state, found.found) == (FAIL, "not forced on orders")


@on_postgresql
def test_every_table_of_shops_is_looked_at(superuser: Connection) -> None:
    superuser.execute(text("CREATE TABLE forgotten (tenant_id uuid, id uuid)"))
    found = next(each for each in database_checks(superuser) if each.name == "row security")
    assert found.found == "not forced on forgotten"


@on_sqlite
def test_an_older_schema_and_a_faulty_sqlite_are_named(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "is_current", lambda: False)
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 51, 2))
    with app.app_context(), db.engine.connect() as connection:
        found = states(connection)
    assert (found["schema"], found["SQLite"]) == (FAIL, WARN)


def test_the_nearest_mount_says_where_a_file_is(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/sda1 / ext4 rw 0 0\nnas:/shop /srv/shop nfs4 rw 0 0\n/dev/sdb1 /srv/shop/fast xfs rw 0 0\n"
    )
    assert file_system(Path("/srv/shop/lockstep.db"), mounts) == "nfs4"
    assert file_system(Path("/srv/shop/fast/lockstep.db"), mounts) == "xfs"
    assert file_system(Path("/srv/shopping/lockstep.db"), mounts) == "ext4"
    assert file_system(Path("/srv/x"), tmp_path / "nothing") == ""


# --- what follows -----------------------------------------------------------------------------------


@on_postgresql
def test_production_does_not_start_and_names_everything_at_once(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(ConfigError) as refusal:
            refuse_unsafe(config_of(app, production=True, limits="off"))
        refuse_unsafe(config_of(app))
    for words in ("fsync: off", "full_page_writes: off", "LIMITS: off. Set LIMITS=all"):
        assert words in refusal.value.message


@on_sqlite
def test_production_starts_with_notes_when_nothing_fails(app: Flask, tmp_path: Path) -> None:
    live = config_of(app, production=True, limits="all", trusted_proxies=0, web_processes=2)
    with app.app_context():
        notes = {each.name for each in refuse_unsafe(live)}
        assert {"TRUSTED_PROXIES", "LIMIT_URL", "HSTS", "MAIL_URL"} <= notes
        assert {each.state for each in examine(replace(live, var=tmp_path / "new" / "var"))} == {OK, WARN}


@on_sqlite
def test_production_does_not_start_while_a_shop_offers_the_test_card(app: Flask, shop: Shop) -> None:
    live = config_of(app, production=True, limits="all")
    with app.app_context():
        assert {each.name: each.state for each in examine(config_of(app))}["test card"] == OK
        with pytest.raises(ConfigError) as refusal:
            refuse_unsafe(live)
    assert "test card: on in demo. Run: flask payments disable-test-card" in refusal.value.message
    done = app.test_cli_runner().invoke(args=["payments", "disable-test-card"])
    assert (done.exit_code, done.output) == (0, "demo  card is off.\n")
    with app.app_context():
        refuse_unsafe(live)


@on_sqlite
def test_files_that_others_can_read_are_named(app: Flask, tmp_path: Path) -> None:
    var = tmp_path / "open"
    (var / "mail").mkdir(parents=True)
    key, database = var / "secret_key", var / "shop.db"
    for path in (key, database):
        path.touch(mode=0o644)
    config = config_of(app, var=var, database_url=f"sqlite:///{database}")

    def found(*, production: bool) -> preflight.Check:
        with app.app_context():
            checks = examine(replace(config, production=production))
        return next(each for each in checks if each.name == "file permissions")

    var.chmod(0o755)
    (var / "mail").chmod(0o755)
    assert (found(production=False).state, found(production=True).state) == (WARN, FAIL)
    assert found(production=True).advice == f"Run: chmod -R go= {key} {var / 'mail'} {database}"
    key.chmod(0o600)
    database.chmod(0o600)
    assert found(production=True).found == f"others on this machine can read {var / 'mail'}"
    var.chmod(0o700)
    assert found(production=True).state == OK


@on_sqlite
def test_private_webhooks_are_refused_in_production(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(ConfigError) as refusal:
            refuse_unsafe(config_of(app, production=True, limits="all", webhook_allow_private=True))
        refuse_unsafe(config_of(app, webhook_allow_private=True))
    assert "WEBHOOK_ALLOW_PRIVATE: on. Unset it" in refusal.value.message


def test_what_is_kept_under_var_is_for_the_shop_s_user_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        var = tmp_path / "var"
        config = Config.from_env({"VAR_DIR": str(var)})
        engine = create_engine(config.database_url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE t (x int)"))
            kept = {path.name: path.stat().st_mode & 0o777 for path in var.iterdir()}
        engine.dispose()
        message = EmailMessage()
        message["Message-ID"] = "<1@shop.test>"
        FileMailer(var / "mail").send(message)
    finally:
        os.umask(before)
    assert var.stat().st_mode & 0o777 == 0o700
    assert kept == dict.fromkeys(("secret_key", "lockstep.db", "lockstep.db-wal", "lockstep.db-shm"), 0o600)
    assert (var / "mail").stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in (var / "mail").iterdir()] == [0o600]


@on_sqlite
def test_the_server_and_the_worker_ask_before_they_begin(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_config: Config) -> list[preflight.Check]:
        raise ConfigError("Production does not start like this")

    monkeypatch.setattr(preflight, "refuse_unsafe", refuse)
    monkeypatch.setattr("commerce.cli.server.refuse_taken_port", lambda _config: None)
    monkeypatch.setattr("commerce.cli.server.serve", lambda *_: pytest.fail("it served"))
    monkeypatch.setattr("commerce.cli.worker.run", lambda *_: pytest.fail("it worked"))
    for command in ("serve", "worker"):
        result = app.test_cli_runner().invoke(args=[command])
        assert result.exit_code == 1
        assert "does not start" in result.output


@on_sqlite
def test_the_doctor_lists_all_checks_for_people_and_programs(app: Flask) -> None:
    runner = app.test_cli_runner()
    table = runner.invoke(args=["doctor"])
    assert table.exit_code == 0
    assert "OK    schema" in table.output
    answer = json.loads(runner.invoke(args=["doctor", "--json"]).output)
    assert answer["ok"] is True
    assert {"name", "state", "found", "advice"} == set(answer["checks"][0])


@on_sqlite
def test_a_server_without_its_database_says_so_in_a_sentence(
    make_app: Callable[..., Flask], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("commerce.cli.server.refuse_taken_port", lambda _config: None)
    app = make_app(database_url=f"sqlite:///{tmp_path}/no/such/folder/shop.db")
    result = app.test_cli_runner().invoke(args=["serve"])
    assert result.exit_code == 1
    assert "The database does not answer: check DATABASE_URL" in result.output


@on_sqlite
def test_a_database_that_is_away_is_an_answer_too(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    app = make_app(database_url=f"sqlite:///{tmp_path}/no/such/folder/shop.db")
    result = app.test_cli_runner().invoke(args=["doctor", "--json"])
    assert result.exit_code == 1
    assert "does not answer" in result.output
