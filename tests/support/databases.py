"""One clean, migrated database for each test, on SQLite and on PostgreSQL, made through the real migrations.

Migrating once per worker and then copying (SQLite) or emptying (PostgreSQL) keeps a test's share at a few
milliseconds. Both keep one address per worker, so that one app object can serve all its tests.
"""

import contextlib
import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask_migrate import upgrade
from psycopg import sql
from sqlalchemy import QueuePool
from sqlalchemy.exc import DBAPIError

from commerce import encryption
from commerce.catalog import product_cache
from commerce.config import Config
from commerce.db import db
from commerce.engine import ShopConnection, greet
from commerce.payments import installation
from commerce.tenants import hosts
from tests.support.client import ShopClient, Terminal
from tests.support.postgres import Databases

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
LOCK_SECONDS = 3
MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
PLENTY = 2**30
"""Bytes; containers often have 64 MB there, and pictures are kept beside the databases."""
KEPT_TABLES = {"alembic_version"}


def migrate(app: Flask) -> None:
    """Bring the app's database to the newest revision, exactly as `flask db upgrade` does."""
    with app.app_context():
        upgrade(directory=str(MIGRATIONS))
    disconnect(app)


def spare_the_collector() -> None:
    """Let the garbage collector leave alone what stays until the end, and look less often at what does not.

    It went through all modules, mappers and collected tests hundreds of times: a tenth of a run.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def disconnect(app: Flask) -> None:
    """Close every database connection that the app's pool holds."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def rest(app: Flask) -> None:
    """Keep the one connection that an ordinary test has used, as it was when new; close what is more than that.

    A new one costs PostgreSQL a process, which learns about each table when it is first asked for it.
    """
    with app.app_context():
        db.session.remove()
        pool = db.engine.pool
        assert isinstance(pool, QueuePool)
        if (pool.checkedin(), pool.checkedout()) == (1, 0):
            with contextlib.suppress(DBAPIError), db.engine.connect() as connection:
                connection.exec_driver_sql("RESET ALL")
                session = connection.connection.driver_connection
                if isinstance(session, ShopConnection):
                    greet(session)
                return
        db.engine.dispose()


class SqliteBench:
    """A migrated file that is copied over the test's file before each test."""

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        self._file = folder / "test.db"
        self.url = f"sqlite:///{self._file}"
        self.owner_url = ""

    def prepare(self, app: Flask) -> None:
        """Migrate once; `app` must be configured with `url`."""
        migrate(app)
        shutil.move(self._file, self._template)

    def clean(self, app: Flask) -> None:
        """Put a copy of the template in place; connections to the old file are closed first."""
        disconnect(app)
        # A new file, not new content: a connection that a test forgot to close keeps the old one.
        for suffix in ("", "-wal", "-shm"):
            self._file.with_name(self._file.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self._template, self._file)

    def close(self) -> None:
        """Nothing to do: the folder is removed by whoever made it."""


class PostgresBench:
    """A migrated database of this worker that is emptied before each test.

    A superuser, which our own server offers, empties it in a millisecond: as a replica it deletes without looking at
    foreign keys, triggers or row security. TRUNCATE, which costs sixty, is for a server that TEST_POSTGRES_URL names.
    """

    def __init__(self, databases: Databases, name: str) -> None:
        self._databases = databases
        self._name = name
        self.url = databases.create(name)
        self.owner_url = databases.owner_url(name)
        self._connection = psycopg.connect(
            databases.admin_url(name), autocommit=True, options=f"-c lock_timeout={LOCK_SECONDS}s"
        )
        self._empty_tables = sql.SQL("").format()

    def prepare(self, app: Flask) -> None:
        """Migrate once; `app` must be configured with `url`."""
        migrate(app)
        rows = self._connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
        tables = [sql.Identifier(name) for (name,) in rows if name not in KEPT_TABLES]
        if not tables:
            return
        superuser = self._connection.execute(
            "SELECT usesuper FROM pg_user WHERE usename = current_user"
        ).fetchone()
        if superuser == (True,):
            self._connection.execute("SET session_replication_role = replica")
            self._empty_tables = sql.SQL("; ").join(
                sql.SQL("DELETE FROM {}").format(table) for table in tables
            )
        else:
            self._empty_tables = sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(tables))

    def clean(self, app: Flask) -> None:
        """Empty every table and drop the sequences of the shops that were in it.

        A transaction that a test left open is ended; whatever else holds a lock is ended after a few seconds.
        """
        # The pool first: it must not give out a connection that is ended here.
        rest(app)
        self._end_connections(idle_only=True)
        for attempt in range(2):
            try:
                self._empty()
                return
            except psycopg.errors.LockNotAvailable:
                if attempt:
                    raise
                disconnect(app)
                self._end_connections(idle_only=False)

    def close(self) -> None:
        """Drop the database."""
        self._connection.close()
        self._databases.drop(self._name)

    def _empty(self) -> None:
        self._connection.execute(self._empty_tables)
        found = self._connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'S' AND relname LIKE 'order\\_code\\_%'"
        ).fetchall()
        if found:
            names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in found)
            self._connection.execute(sql.SQL("DROP SEQUENCE {}").format(names))

    def _end_connections(self, *, idle_only: bool) -> None:
        self._connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND (state LIKE 'idle in transaction%%' OR NOT %s)",
            (idle_only,),
        )


Bench = SqliteBench | PostgresBench


def kind_of(database_url: str) -> str:
    """Return "sqlite" or "postgresql"."""
    return "sqlite" if database_url.startswith("sqlite") else "postgresql"


@contextlib.contextmanager
def quick_folder(otherwise: Path) -> Iterator[Path]:
    """Make a folder in memory where there is plenty (Linux), and remove it in the end; else give the one on the disk.

    SQLite waits for the disk at every commit and when a connection is closed; that it does is not for these tests.
    """
    if not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < PLENTY:
        yield otherwise
        return
    with tempfile.TemporaryDirectory(prefix="lockstep-", dir=MEMORY, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


class Worker:
    """What one worker process makes once for each database and uses in all its tests."""

    def __init__(self, folder: Path, name: str, addresses: Callable[[], tuple[str, str | None]]) -> None:
        """Take a folder, a name that no other worker has, and how to reach PostgreSQL once it is needed."""
        self._folder = folder
        self._name = name
        self._addresses = addresses
        self._made: dict[str, tuple[Bench, Flask]] = {}
        self._variants: dict[tuple[Any, ...], Flask] = {}
        self._broken: set[str] = set()

    def get(self, kind: str) -> tuple[Bench, Flask]:
        """Return the bench ("sqlite" or "postgresql") and the app that works on it."""
        if kind in self._broken:
            pytest.fail(f"the {kind} database could not be made; the first test that asked for it says why")
        if kind not in self._made:
            self._broken.add(kind)
            with contextlib.ExitStack() as undo:
                bench = self._bench(kind)
                undo.callback(bench.close)
                app = build_app(bench_config(bench.url, self._folder / kind, bench.owner_url))
                undo.callback(disconnect, app)
                bench.prepare(app)
                undo.pop_all()
            self._made[kind] = bench, app
            self._broken.remove(kind)
            spare_the_collector()
        return self._made[kind]

    def variant(self, kind: str, **changes: Any) -> Flask:
        """Return an app on the same database with other settings, made once; do not change its config.

        The test that uses it disconnects it in the end.
        """
        bench, _ = self.get(kind)
        key = (kind, *sorted(changes.items()))
        if key not in self._variants:
            config = bench_config(bench.url, self._folder / kind, bench.owner_url)
            self._variants[key] = build_app(replace(config, **changes))
        return self._variants[key]

    def close(self) -> None:
        """Drop what was made."""
        for bench, app in self._made.values():
            disconnect(app)
            bench.close()

    def _bench(self, kind: str) -> Bench:
        if kind == "sqlite":
            return SqliteBench(self._folder)
        return PostgresBench(Databases(*self._addresses()), f"lockstep_test_{self._name}_{os.getpid()}")


def build_app(config: Config) -> Flask:
    """Return a new app whose test clients visit Alice's shop.

    The import is here because most tests need no app: one that cannot be built must not hide what they say.
    """
    from app import create_app

    app = create_app(config)
    app.test_client_class = ShopClient
    app.test_cli_runner_class = Terminal
    return app


@contextlib.contextmanager
def told_again() -> Iterator[None]:
    """Put back what `create_app` tells the whole process, so that an app of other settings leaves no trace in it."""
    lists: tuple[list[Any], ...] = (encryption._seal, product_cache._facts, installation._installation)
    kept, reserved = [list(each) for each in lists], set(hosts._reserved)
    yield
    for each, before in zip(lists, kept, strict=True):
        each[:] = before
    hosts._reserved.clear()
    hosts._reserved.update(reserved)


def bench_config(database_url: str, var: Path, owner_url: str = "") -> Config:
    """Return the configuration that tests start from; `dataclasses.replace` makes others of it."""
    var.mkdir(parents=True, exist_ok=True)
    return Config(
        secret_key="only-for-tests-0123456789abcdef0123456789abcdef",
        database_url=database_url,
        migration_database_url=owner_url,
        var=var,
        worker_thread=False,
        demo=False,
        testing=True,
    )
