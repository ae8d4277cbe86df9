"""The database: declarative base, tenant net, and `atomic`, the only place that commits.

Rules for transactions and locks are in docs/locking.md. In short: a use case is one function under `@atomic`; steps
that it calls never commit; rows are locked in the order cart, order, payment, stock items by id; no network inside.
"""

from __future__ import annotations

import functools
import os
import random
import threading
import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as AppSession
from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Executable,
    MetaData,
    String,
    Table,
    Uuid,
    bindparam,
    event,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine.interfaces import CoreExecuteOptionsParameter
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    ORMExecuteState,
    Session,
    SessionTransaction,
    mapped_column,
    with_loader_criteria,
)
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.sql.dml import ReturningInsert
from sqlalchemy.types import TypeDecorator

from commerce import clock, engine
from commerce.engine import SQLITE_WAIT, writing
from commerce.errors import Busy, NotFound, StaleVersion
from commerce.kept_statements import insert_kept, run_kept

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound="TenantRow")
T = TypeVar("T")

MAX_TRIES = 3
# --- types -----------------------------------------------------------------------------------------


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC moment on both databases (SQLite has no zone, so it is dropped and put back)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse moments without a zone; hand the driver UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone is ambiguous")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Put back the zone that SQLite does not keep."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


Json = JSON().with_variant(JSONB(), "postgresql")


_id_lock = threading.Lock()
_last_id = [0]


def new_id() -> uuid.UUID:
    """Return a UUIDv7 (RFC 9562): 48 bits of milliseconds, then random; new rows land at the index's end.

    Within a process each id is larger than the one before, so rows of one transaction sort in the order they were made.
    """
    value = int(clock.timestamp() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    with _id_lock:
        _last_id[0] = value = max(value, _last_id[0] + 1)
    return uuid.UUID(int=value)


class Base(DeclarativeBase):
    """Declarative base; constraint names follow one pattern so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {
        datetime: UtcDateTime,
        uuid.UUID: Uuid(),
        str: String(255),
        int: BigInteger(),
        dict[str, Any]: Json,
        list[Any]: Json,
        list[str]: Json,
    }


class ShopSession(AppSession):
    """The session of a request or command; it survives the death of its connection."""

    _held: tuple[SessionTransaction, Connection] | None = None

    def connection(
        self, bind_arguments: Any = None, execution_options: CoreExecuteOptionsParameter | None = None
    ) -> Connection:
        """Return the transaction's connection, which is looked for once in each."""
        transaction = self.get_transaction()
        held = self._held
        if held is not None and held[0] is transaction and transaction.is_active:
            return held[1]
        found = super().connection(bind_arguments, execution_options)
        transaction = self.get_transaction()
        if transaction is not None:
            self._held = transaction, found
        return found

    def close(self) -> None:
        """Give the connection back. One that died has nothing to roll back, and who was answered stays answered."""
        if not (self.in_transaction() or self.identity_map or self._new):
            return  # a request closes it several times, to be sure
        try:
            super().close()
        except OperationalError:
            self.invalidate()


db = SQLAlchemy(
    metadata=Base.metadata,
    disable_autonaming=True,
    session_options={"class_": ShopSession, "expire_on_commit": False, "autoflush": False},
)

# --- tenant net ------------------------------------------------------------------------------------


class NoTenant(RuntimeError):
    """A tenant-owned row was asked for while no shop was entered: a bug, so it fails closed."""


def id_of_nobody(what: str) -> uuid.UUID:
    """Return an id that no row of the current shop has, always the same for the same text.

    What is asked for under a name that is unknown can so be counted like that of a known one, at the same cost.
    """
    return uuid.uuid5(current_tenant_id(), what)


def current_tenant_id() -> uuid.UUID:
    """Return the shop whose rows may be seen now. Raises NoTenant outside of any shop."""
    tenant_id = engine.tenant.get()
    if tenant_id is None:
        raise NoTenant("no shop entered")
    return tenant_id


@contextmanager
def tenant_scope(tenant_id: uuid.UUID) -> Generator[None]:
    """Enter one shop: its rows and nobody else's."""
    with _as_tenant(tenant_id, every=False):
        yield


@contextmanager
def every_shop() -> Generator[None]:
    """See what the worker must find in all shops: events, deliveries, what is due. No shop is entered.

    Such a statement also says `execution_options(all_tenants=True)`. On PostgreSQL the migrations tell which tables can
    be seen so at all, and that hardly anything can be changed.
    """
    with _as_tenant(None, every=True):
        yield


@contextmanager
def _as_tenant(tenant_id: uuid.UUID | None, *, every: bool) -> Generator[None]:
    """Loaded rows are forgotten on both sides, and reading starts over: a transaction sees the rows of one scope."""
    if writing.get():
        raise RuntimeError("a use case belongs to the shop in which it began")
    db.session.close()
    tokens = engine.tenant.set(tenant_id), engine.every_shop.set(every)
    try:
        yield
    finally:
        db.session.close()
        engine.tenant.reset(tokens[0])
        engine.every_shop.reset(tokens[1])


def in_its_shop(use_case: Callable[Concatenate[uuid.UUID, P], R]) -> Callable[Concatenate[uuid.UUID, P], R]:
    """Let `use_case`, whose first argument is a shop's id, be done in that shop, also when it is called from outside.

    PostgreSQL takes changes of a shop's own row and of its host names in no other place.
    """

    @functools.wraps(use_case)
    def entered(tenant_id: uuid.UUID, *args: P.args, **kwargs: P.kwargs) -> R:
        if engine.tenant.get() == tenant_id:
            return use_case(tenant_id, *args, **kwargs)
        with tenant_scope(tenant_id):
            return use_case(tenant_id, *args, **kwargs)

    return cast("Callable[Concatenate[uuid.UUID, P], R]", entered)


class TenantOwned:
    """Mixin of every table that belongs to a shop: the tenant comes first in the primary key."""

    tenant_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=current_tenant_id, sort_order=-2)


class TenantRow(TenantOwned):
    """A tenant-owned table with a UUIDv7 of its own."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-1)


@event.listens_for(Session, "do_orm_execute")
def _only_this_tenant(state: ORMExecuteState) -> None:
    """Add `tenant_id = :current` to every ORM statement, for every tenant-owned class in it.

    Unconditional on purpose: a filter that first looks which tables are used can be fooled by a count over a
    subquery. A statement that truly spans shops says `execution_options(all_tenants=True)` aloud.
    """
    if state.is_column_load or state.execution_options.get("all_tenants"):
        return
    tenant_id = current_tenant_id()
    state.statement = state.statement.options(
        with_loader_criteria(
            TenantOwned,
            lambda cls: cls.tenant_id == tenant_id,
            include_aliases=True,
            track_closure_variables=True,
        )
    )


# --- transactions ----------------------------------------------------------------------------------

_sqlite_turn = threading.Lock()
_audit_hook: ContextVar[Callable[[], None] | None] = ContextVar("audit", default=None)


class IdempotencyGuard(Protocol):
    """What makes a use case happen once: it begins with a claim and ends by keeping the outcome, or all is undone."""

    def claim(self) -> None:
        """Claim the deed. Raise when it was done already."""
        ...

    def keep(self, result: Any) -> None:
        """Keep what it came to, in the same transaction."""
        ...


_once: ContextVar[IdempotencyGuard | None] = ContextVar("once", default=None)


@contextmanager
def idempotent(once: IdempotencyGuard | None) -> Generator[None]:
    """Let the use cases that are done meanwhile be the ones that `once` claims and keeps the outcome of.

    None: what is done meanwhile is not part of the deed, such as clearing up after one that was refused.
    """
    token = _once.set(once)
    try:
        yield
    finally:
        _once.reset(token)


@contextmanager
def with_audit(by: Callable[[], None] | None) -> Generator[None]:
    """Let `by` record what is done meanwhile: called right before the first commit, so both stand or fall.

    None: what is done meanwhile is not recorded, such as the counting of a failed sign-in.
    """
    token = _audit_hook.set(by)
    try:
        yield
    finally:
        _audit_hook.reset(token)


def atomic(function: Callable[P, R]) -> Callable[P, R]:
    """Make `function` a use case: one transaction, committed at its end, rolled back by any exception.

    Refuses nesting, so the owner of a transaction is always visible. Deadlocks, serialization failures and lost
    version races are retried up to three times with jitter, so arguments must be ids and values, never rows.
    Raises Busy when the database grants no lock in time.
    """

    @functools.wraps(function)
    def use_case(*args: P.args, **kwargs: P.kwargs) -> R:
        if writing.get():
            raise RuntimeError(f"{function.__name__} was called inside another use case")
        for attempt in range(1, MAX_TRIES + 1):
            try:
                with _transaction():
                    once = _once.get()
                    if once is None:
                        return function(*args, **kwargs)
                    once.claim()
                    result = function(*args, **kwargs)
                    once.keep(result)
                    return result
            except (DBAPIError, StaleDataError) as error:
                if not _worth_a_retry(error):
                    raise
                if attempt == MAX_TRIES or (isinstance(error, DBAPIError) and _timed_out(error)):
                    raise Busy("busy") from error
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - jitter needs no secrecy
        raise AssertionError("unreachable")

    return use_case


@contextmanager
def _transaction() -> Generator[None]:
    """Begin as a writer, commit or roll back. A read transaction of the request ends first."""
    db.session.close()
    token = writing.set(True)
    on_sqlite = db.engine.dialect.name == "sqlite"
    # Writers of one process queue here: SQLite's own busy handler polls and can starve a thread for seconds.
    if on_sqlite and not _sqlite_turn.acquire(timeout=SQLITE_WAIT):
        writing.reset(token)
        raise Busy("busy")
    try:
        yield
        look = _audit_hook.get()
        if look is not None:
            look()
        db.session.commit()
        if look is not None:
            _audit_hook.set(None)  # a request that takes several transactions is one entry
    except BaseException:
        db.session.rollback()
        raise
    finally:
        writing.reset(token)
        if on_sqlite:
            _sqlite_turn.release()


def in_transaction() -> bool:
    """Tell whether a use case is open. Gateways and mailers assert that it is not."""
    return writing.get()


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", "") or "")


def _timed_out(error: DBAPIError) -> bool:
    """A lock timeout (55P03), statement timeout (57014) or SQLite's busy: waiting more would not be kinder."""
    return _sqlstate(error) in ("55P03", "57014") or "database is locked" in str(error.orig)


def _worth_a_retry(error: DBAPIError | StaleDataError) -> bool:
    if isinstance(error, StaleDataError):
        return True
    return _sqlstate(error) in ("40001", "40P01") or _timed_out(error)


def lock(
    model: type[M],
    row_id: uuid.UUID,
    *where: ColumnElement[bool],
    missing: NotFound,
    version: int | None = None,
) -> M:
    """Lock a row of the current shop and return it as it is now in the database. A step.

    `where` are further conditions that it must meet to be found. Raises `missing`, whose reason is
    '<entity>_not_found', or StaleVersion of that entity when the row's version is not the `version` that the page that
    asks had seen.
    """
    row = db.session.scalar(
        select(model)
        .where(model.id == row_id, *where)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise missing
    if version is not None:
        entity = missing.reason.removesuffix("_not_found").replace("_", " ")
        check_version(entity, version, cast("Any", row).version)
    return row


def check_version(entity: str, seen: int, current: int) -> None:
    """Raise StaleVersion when a row is not as the page that asks had seen it."""
    if seen != current:
        raise StaleVersion(entity, seen, current)


def database_now() -> ColumnElement[datetime]:
    """Return the database's own clock as an expression, for what is decided inside of a statement.

    SQLite lives in this process's machine, so its clock is ours.
    """
    if db.engine.dialect.name == "sqlite":
        return literal(clock.now(), UtcDateTime())
    return func.now(type_=UtcDateTime())


def execute_many(statement: Any, rows: Sequence[Mapping[str, Any]]) -> int:
    """Run one statement for each of `rows` in their order and return how many table rows changed in all.

    PostgreSQL's driver sends them in one pipeline: one round trip, however many rows.
    """
    result = cast(
        "CursorResult[Any]",
        db.session.connection().execute(statement, list(rows), execution_options={"preserve_rowcount": True}),
    )
    return result.rowcount


def insert_rows(model: type[TenantOwned], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert `rows` of one table in one statement, without making objects that nobody reads.

    Ids and the tenant are filled in; every mapping must name the same columns.
    """
    if not rows:
        return
    tenant_id = current_tenant_id()
    table = cast("Any", model).__table__
    filled: list[dict[str, Any]] = [{"tenant_id": tenant_id, **row} for row in rows]
    if "id" in table.c:
        filled = [{"id": new_id(), **row} for row in filled]
    connection = db.session.connection()
    if not insert_kept(connection, table, filled):
        connection.execute(_insert_into(table), filled).all()


@functools.cache
def _insert_into(table: Table) -> ReturningInsert[Any]:
    """RETURNING makes SQLAlchemy send one INSERT with many rows instead of many INSERTs."""
    return insert(table).returning(table.c.tenant_id)


TENANT = bindparam("tenant", type_=Uuid())
"""The shop in a statement that is built once and kept; `fetch_all` alone fills it in."""


def fetch_all(statement: Executable, **parameters: Any) -> Sequence[Any]:
    """Run a kept statement on the connection for the current shop and return its rows. Raises NoTenant outside of any.

    Pages that are asked for far more often than anything else use it: building the SQL of a list again costs more than
    running it. It bypasses the session's tenant filter, so every such statement names the shop by `TENANT`.
    """
    return fetch_unscoped(statement, tenant=current_tenant_id(), **parameters)


def fetch_objects(model: type[T], statement: Executable, **parameters: Any) -> list[T]:
    """Run a kept statement for all columns of a model's table and return its rows as objects of the model.

    They belong to no session, so they can be read and not be changed, and they have no related rows but those that
    somebody gives them by `with_related`. Pages that show a whole order make dozens of objects at each look.
    """
    return [
        with_related(object.__new__(model), **row._asdict()) for row in fetch_all(statement, **parameters)
    ]


def with_related(found: T, **related: Any) -> T:
    """Give related rows to an object of `fetch_objects`, and return it."""
    found.__dict__.update(related)
    return found


def fetch_unscoped(statement: Executable, **parameters: Any) -> Sequence[Any]:
    """Run a kept statement as `fetch_all` does, for rows that belong to no shop or whose shop is yet to be found."""
    return run_kept(db.session.connection(), statement, parameters)


def walk_indexes() -> None:
    """Let the rest of this transaction look rows up in indexes, whatever PostgreSQL knows of the tables. A step.

    For work on batch after batch of a large table: right after an import the statistics still say that it is small, and
    each batch would read all of it.
    """
    if db.engine.dialect.name == "postgresql":
        db.session.connection().execute(_WALK_INDEXES)


_WALK_INDEXES = select(
    func.set_config("enable_seqscan", "off", literal(value=True)),
    func.set_config("plan_cache_mode", "force_custom_plan", literal(value=True)),
)


def dialect_name() -> str:
    """Return `sqlite` or `postgresql`."""
    return db.engine.dialect.name
