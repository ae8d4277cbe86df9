"""Connections: pool and timeouts, SQLite's settings, liveness, and how a transaction begins. `db.py` builds on it."""

from __future__ import annotations

import contextlib
import itertools
import time
import uuid
from collections.abc import Hashable
from contextvars import ContextVar
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

SQLITE_WAIT = 10.0
"""Seconds that a writer waits for its turn on SQLite before the shopper is told to try again.

SQLite hands its lock to whoever asks next, not to who waits longest: with two processes that order one hot product as
fast as they can on a slow disk, 4 of 1,800 waited for more than five.
"""
RESTED = 0.2
"""Seconds in the pool after which a connection is asked whether it lives before it is given out."""

WALK = "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_sort = off"
"""For statements that look for work in all shops: walk along an index and stop at the limit.

The outbox grows from nothing to very much within a minute, so a plan that is kept, also for checking foreign keys,
would be the one that was best when there was nothing. And row security lets PostgreSQL expect hardly any rows, so that
reading and sorting all of them seems as good as reading the first few in their order.
"""

writing: ContextVar[bool] = ContextVar("writing", default=False)
"""Whether a use case is open; `db.atomic` sets it."""
tenant: ContextVar[uuid.UUID | None] = ContextVar("tenant", default=None)
"""The shop whose rows may be seen; `db.tenant_scope` sets it."""
every_shop: ContextVar[bool] = ContextVar("every_shop", default=False)
"""Whether the worker is looking for work in all shops; `db.every_shop` sets it."""

_numbers = itertools.count()


def engine_options(url: str, threads: int) -> dict[str, Any]:
    """Return pool and driver options for `url`; `threads` is how many requests one process serves at once.

    The timeouts form a ladder: lock 2 s < pool 3 s < statement 5 s < server 30 s. Connections that have rested are
    asked whether they live (`_on_checkout`).
    """
    if url.startswith("sqlite"):
        return {"pool_size": threads + 2, "max_overflow": 4, "pool_timeout": 3, "hide_parameters": True}
    return {
        "pool_size": threads + 2,
        "max_overflow": 0,
        "pool_timeout": 3,
        # Errors are logged, and values are what people typed.
        "hide_parameters": True,
        "pool_recycle": 1800,
        # The driver begins no transactions: `_on_begin` does, and says in the same message for which shop.
        "isolation_level": "AUTOCOMMIT",
        "connect_args": {
            "connect_timeout": 5,
            "options": "-c lock_timeout=2000 -c statement_timeout=5000 -c timezone=UTC"
            " -c idle_in_transaction_session_timeout=10000",
        },
    }


@event.listens_for(Engine, "connect")
def _on_connect(dbapi_connection: Any, _record: ConnectionPoolEntry) -> None:
    """Set up SQLite: the driver must not begin transactions by itself, it would lose updates silently."""
    if type(dbapi_connection).__module__.split(".")[0] != "sqlite3":
        return
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    for pragma in (
        f"busy_timeout={int(SQLITE_WAIT * 1000)}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "trusted_schema=OFF",
        "cell_size_check=ON",
        "temp_store=MEMORY",
        "cache_size=-16000",
        "journal_size_limit=67108864",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


@event.listens_for(Engine, "checkin")
def _on_checkin(_dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
    """Remember since when a connection rests in the pool."""
    record.info["rests_since"] = time.monotonic()


@event.listens_for(Engine, "checkout")
def _on_checkout(dbapi_connection: Any, record: ConnectionPoolEntry, _fairy: Any) -> None:
    """Replace a connection that died while it rested (the server was started anew, a firewall forgot it).

    One that was used a moment ago is not asked: that would be one more round trip for every request of a busy shop,
    and no server stops, starts and recovers within that moment.
    """
    rests_since = record.info.get("rests_since")
    if (
        rests_since is None
        or time.monotonic() - rests_since < RESTED
        or not isinstance(dbapi_connection, psycopg.Connection)
    ):
        return
    try:
        dbapi_connection.execute("SELECT 1")
        dbapi_connection.rollback()
    except psycopg.Error as error:
        # The others in the pool are from the same time: none of them is given out any more.
        raise InvalidatePoolError("the connection died in the pool") from error


@event.listens_for(Engine, "begin")
def _on_begin(connection: Connection) -> None:
    """Begin as a writer or a reader, on PostgreSQL for one shop: its row security shows no other's rows.

    SQLite: a use case takes the write lock at once, because upgrading a read lock later fails without waiting.
    PostgreSQL: the shop is told for the transaction alone and in the message that begins it, so that it costs no round
    trip and is safe behind a pooler that lends a connection for one transaction. A reader cannot write.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing.get() else "BEGIN")
        return
    shop = tenant.get()
    begin = "BEGIN" if writing.get() else "BEGIN READ ONLY"
    if shop is not None:
        begin += f"; SET LOCAL lockstep.shop = '{shop}'"
    elif every_shop.get():
        begin += "; SET LOCAL lockstep.every_shop = 'on'; " + WALK
    elif not writing.get():
        # No shop's rows can be seen, and single reads need no transaction.
        return
    connection.info["reading"] = not writing.get()
    raw: Any = connection.connection.driver_connection
    raw.execute(begin, prepare=False)


@event.listens_for(Engine, "rollback")
def _on_rollback(connection: Connection) -> None:
    """End what was only read by COMMIT: at a ROLLBACK the driver forgets every statement that it has prepared.

    All requests end so, and each statement would be parsed and planned anew each time.
    """
    if connection.invalidated:
        return
    raw: Any = connection.connection.driver_connection
    if (
        connection.info.pop("reading", False)
        and isinstance(raw, psycopg.Connection)
        and raw.info.transaction_status == TransactionStatus.INTRANS
    ):
        # A connection that has died says so at the rollback that follows.
        with contextlib.suppress(psycopg.Error):
            raw.commit()


def database_state(connection: Connection) -> tuple[int, Hashable]:
    """Return who reads, and a value that is another one as soon as any transaction has been committed.

    What is read after it and made of nothing but the database may be kept, for this reader, as long as the value stays
    the same.
    """
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        # Which transactions are committed, as seen by a statement of now; the same for every connection. Asked of the
        # driver itself: for a kept page this is all the work that there is.
        return 0, raw.execute("SELECT pg_current_snapshot()::text").fetchone()[0]
    # SQLite counts for each connection the commits of others and its own changes. An address in memory would not do
    # as the connection's name: a later connection may get the same one.
    number = connection.info.setdefault("number", next(_numbers))
    return number, (raw.execute("PRAGMA data_version").fetchone()[0], raw.total_changes)
