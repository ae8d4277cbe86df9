"""Connections: pool and timeouts, SQLite's settings, liveness, and how a transaction begins. `db.py` builds on it."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
import uuid
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextvars import ContextVar
from functools import cached_property
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg import Column
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry

from commerce import clock

T = TypeVar("T")

SQLITE_WAIT = 10.0
"""Seconds that a writer waits for its turn on SQLite before the shopper sees "try again".

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

TIMEOUTS = {
    "lock_timeout": "2s",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
}
SILENCE = 6.0
"""Seconds without a byte from the server after which it is taken for frozen; more than any statement may take."""
PING_SILENCE = 3.0
"""The same for the question whether a connection still works, which takes no time at all."""
CONNECT_SECONDS = 3
"""Seconds for a new connection, for each host in the URL."""
PROBE_EVERY = 1.0
"""Seconds between two looks at a database that did not answer; whoever comes in between is refused at once."""
CLOCK_AGE = 60.0
"""Seconds after which the database's clock is measured again."""

_numbers = itertools.count()


def engine_options(
    url: str, threads: int, *, prepared_statements: str = "auto", follow_clock: bool = True
) -> dict[str, Any]:
    """Return pool and driver options for `url`; `threads` is how many requests one process serves at once.

    The timeouts form a ladder: lock 2 s < pool 3 s < statement 5 s < silence 6 s < server 30 s. Connections that have
    rested are asked whether they work (`_on_checkout`).

    `prepared_statements`: "auto" prepares unless a pooler such as PgBouncer stands in front, "on" also behind one that
    keeps them (PgBouncer from 1.21 with `max_prepared_statements`), "off" never.
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
            "connect_timeout": CONNECT_SECONDS,
            # A peer that vanished without a word: the kernel gives up while the connection rests, too.
            "keepalives_idle": 10,
            "keepalives_interval": 3,
            "keepalives_count": 3,
            "tcp_user_timeout": int(SILENCE * 1000),
            "shop": (prepared_statements, follow_clock),
        },
    }


# --- a database that does not answer -----------------------------------------------------------------


class Gate:
    """Keeps requests from waiting, one after the other, for a database that has just been silent.

    After a silence everybody is refused at once, except one at a time, about every second, who finds out whether the
    database answers again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._next_probe = 0.0

    def enter(self) -> None:
        """Raise OperationalError while the database is known to be silent and it is not yet time to look again."""
        with self._lock:
            if not self._closed:
                return
            if time.monotonic() < self._next_probe:
                raise psycopg.OperationalError("the database does not answer; it was asked a moment ago")
            # Whoever comes while this one waits is refused.
            self._next_probe = time.monotonic() + PING_SILENCE + CONNECT_SECONDS

    def close(self) -> None:
        """Note that the database was silent."""
        with self._lock:
            self._closed, self._next_probe = True, time.monotonic() + PROBE_EVERY

    def open(self) -> None:
        """Note that the database answers."""
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether the database was silent when it was last asked."""
        return self._closed


_gates: WeakKeyDictionary[Dialect, Gate] = WeakKeyDictionary()


class ResultColumns(Sequence[Column]):
    """What a statement's columns are, made when somebody looks: SQLAlchemy asks for it each time, and reads it once."""

    def __init__(self, read: Callable[[], list[Column] | None], count: int) -> None:
        self._read = read
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return self._all[index]

    def __iter__(self) -> Iterator[Column]:
        return iter(self._all)

    @cached_property
    def _all(self) -> list[Column]:
        return self._read() or []


class ShopCursor(psycopg.Cursor[Any]):
    """The driver's cursor, which describes a result only to who reads the description."""

    @property
    def description(self) -> Any:
        """The columns of the present result; None when it has none."""
        result = self.pgresult
        if result is None or not result.nfields:
            return super().description

        def read() -> list[Column] | None:
            if self.pgresult is not result:
                raise psycopg.InterfaceError("the cursor has gone on to another result")
            return super(ShopCursor, self).description

        return ResultColumns(read, result.nfields)


class ShopConnection(psycopg.Connection[Any]):
    """A connection on which nobody waits for ever.

    The server's own timeouts do not help when it is frozen, and TCP's neither: the kernel goes on to acknowledge.
    """

    gate: Gate
    pooled = False
    """Whether a pooler stands in front, so that what is set must be set in each transaction."""
    silence = SILENCE
    prepared_statements = "auto"
    follow_clock = False

    @cached_property
    def kept_cursor(self) -> psycopg.Cursor[Any]:
        """The cursor of `kept_statements`, which reads all rows at once, so that one need not be made for each."""
        return self.cursor()

    def rollback(self) -> None:
        """Roll back, if there is anything: the pool asks for it each time a connection comes back."""
        if self.pgconn.transaction_status != TransactionStatus.IDLE:
            super().rollback()

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait as the driver does, but give up, and the connection with it, after `silence` seconds without a byte."""
        return super().wait(self._listening(gen), interval, timeout)

    def _listening(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        deadline = time.monotonic() + self.silence
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    deadline = time.monotonic() + self.silence
                elif time.monotonic() > deadline:
                    self.gate.close()
                    # What it may still answer belongs to nobody. The connection counts as closed from here on.
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"the database was silent for {self.silence:g} seconds")
                wanted = gen.send(ready)
        except StopIteration as end:
            result: T = end.value
            return result


@contextlib.contextmanager
def patience(connection: Connection, seconds: float) -> Generator[None]:
    """Let statements take longer than a shopper would wait, such as those of an export."""
    raw = connection.connection.driver_connection
    if isinstance(raw, ShopConnection):
        raw.silence = seconds
    try:
        yield
    finally:
        if isinstance(raw, ShopConnection):
            raw.silence = SILENCE


@event.listens_for(Engine, "do_connect")
def _on_do_connect(
    dialect: Dialect, _record: ConnectionPoolEntry, cargs: Any, cparams: dict[str, Any]
) -> ShopConnection | None:
    """Connect to PostgreSQL for the shop; an engine without our options, such as that of migrations, does as usual."""
    if "shop" not in cparams:
        return None
    options = dict(cparams)
    prepared_statements, follow_clock = options.pop("shop")
    gate = _gates.setdefault(dialect, Gate())
    gate.enter()
    try:
        connection = ShopConnection.connect(*cargs, autocommit=True, **options)
    except psycopg.errors.ConnectionTimeout:
        gate.close()
        raise
    connection.gate = gate
    connection.cursor_factory = ShopCursor
    connection.prepared_statements, connection.follow_clock = prepared_statements, follow_clock
    try:
        greet(connection)
    except BaseException:
        connection.close()
        raise
    gate.open()
    return connection


_GREETING = "SELECT pg_backend_pid(), clock_timestamp(), set_config('TimeZone', 'UTC', false), " + ", ".join(
    f"CASE WHEN pg_backend_pid() = %(pid)s THEN set_config('{name}', '{value}', false) END"
    for name, value in TIMEOUTS.items()
)
"""In one round trip: who answers, what time it is there, and the settings of the session.

Nothing of it is a startup parameter, because PgBouncer refuses those. It passes the time zone on to whichever server
works for us (it is one of the settings that PostgreSQL reports); the timeouts would be left behind on one of them.
"""


def greet(connection: ShopConnection) -> None:
    """Set up a session, and find out whether a pooler is in front: it has made up the number of the server."""
    asked = time.monotonic()
    row = connection.execute(_GREETING, {"pid": connection.info.backend_pid}, prepare=False).fetchone()
    if row is None:
        raise psycopg.OperationalError("the database did not say who it is")
    backend_pid, now = row[:2]
    if connection.follow_clock:
        clock.synchronize(now, asked, time.monotonic())
    connection.pooled = backend_pid != connection.info.backend_pid
    chosen = connection.prepared_statements
    if chosen == "off" or (chosen == "auto" and connection.pooled):
        connection.prepare_threshold = None


# --- events of the pool -------------------------------------------------------------------------------


@event.listens_for(Engine, "do_connect")
def _on_connecting(
    dialect: Dialect, _record: ConnectionPoolEntry, arguments: Sequence[Any], _more: Any
) -> None:
    """Make a new SQLite file one that nobody else on the machine can read; -wal and -shm get the same rights."""
    path = str(arguments[0]) if dialect.name == "sqlite" and arguments else ""
    if not path or path == ":memory:" or path.startswith("file:"):
        return
    # Where the folder is missing, SQLite says so.
    with contextlib.suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


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
    """Replace a connection that died while it rested (the server was restarted, a firewall dropped it).

    One that was used a moment ago is not asked: that would be one more round trip for every request of a busy shop,
    and no server stops, starts and recovers within that moment. Whoever is asked also says what time it is.
    """
    rests_since = record.info.get("rests_since")
    if rests_since is None or not isinstance(dbapi_connection, ShopConnection):
        return
    gate = dbapi_connection.gate
    rested = time.monotonic() - rests_since
    if not gate.closed and rested < RESTED and (clock.age() < CLOCK_AGE or not dbapi_connection.follow_clock):
        return
    gate.enter()
    try:
        _ask(dbapi_connection)
    except psycopg.Error as error:
        # The others in the pool are from the same time: none of them is given out any more. This one may be the only
        # one, so a new connection is tried before anybody hears that there is no database.
        gate.open()
        raise InvalidatePoolError("the connection died in the pool") from error
    gate.open()


def _ask(connection: ShopConnection) -> None:
    """Ask whether a connection works and what time it is. Raises psycopg.Error."""
    asked, connection.silence = time.monotonic(), PING_SILENCE
    try:
        row = connection.execute("SELECT clock_timestamp()", prepare=False).fetchone()
    finally:
        connection.silence = SILENCE
    if row and connection.follow_clock:
        clock.synchronize(row[0], asked, time.monotonic())


@event.listens_for(Engine, "begin")
def _on_begin(connection: Connection) -> None:
    """Begin as a writer or a reader, on PostgreSQL for one shop: its row security shows no other's rows.

    SQLite: a use case takes the write lock at once, because upgrading a read lock later fails without waiting.
    PostgreSQL: the shop is set for the transaction alone and in the message that begins it, so that it costs no round
    trip and is safe behind a pooler that lends a connection for one transaction. A reader cannot write.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing.get() else "BEGIN")
        return
    shop = tenant.get()
    raw: Any = connection.connection.driver_connection
    pooled = isinstance(raw, ShopConnection) and raw.pooled
    begin = "BEGIN" if writing.get() else "BEGIN READ ONLY"
    if shop is not None:
        begin += f"; SET LOCAL lockstep.shop = '{shop}'"
    elif every_shop.get():
        begin += "; SET LOCAL lockstep.every_shop = 'on'; " + WALK
    elif not writing.get() and not pooled:
        # No shop's rows can be seen, and single reads need no transaction.
        return
    if pooled:
        begin += _TIMEOUTS_OF_ONE_TRANSACTION
    connection.info["reading"] = not writing.get()
    (raw.kept_cursor if isinstance(raw, ShopConnection) else raw).execute(begin, prepare=False)


_TIMEOUTS_OF_ONE_TRANSACTION = "".join(f"; SET LOCAL {name} = '{value}'" for name, value in TIMEOUTS.items())
"""Behind a pooler, the session belongs to others as well."""


@event.listens_for(Engine, "rollback")
def _on_rollback(connection: Connection) -> None:
    """End what was only read by COMMIT: at a ROLLBACK the driver forgets every statement that it has prepared.

    All requests end so, and each statement would be parsed and planned again each time.
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


POSTGRESQL_READER = 0
"""Who reads on PostgreSQL: all connections see the same state."""


def database_state(connection: Connection) -> tuple[int, Hashable]:
    """Return who reads, and a value that is another one as soon as any transaction has been committed.

    What is read after it and made of nothing but the database may be kept, for this reader, as long as the value stays
    the same.
    """
    raw: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        # Which transactions are committed, as the current statement sees them; the same for every connection. Asked of
        # the driver itself: for a kept page this is all the work that there is.
        return POSTGRESQL_READER, raw.execute("SELECT pg_current_snapshot()::text").fetchone()[0]
    # SQLite counts for each connection the commits of others and its own changes. An address in memory would not do
    # as the connection's name: a later connection may get the same one.
    number = connection.info.setdefault("number", next(_numbers))
    return number, (raw.execute("PRAGMA data_version").fetchone()[0], raw.total_changes)
