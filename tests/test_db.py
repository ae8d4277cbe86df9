"""Transactions and connections: what every use case relies on, on both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import event, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.exc import StaleDataError

from commerce import db as database
from commerce import engine
from commerce.catalog.models import Category
from commerce.db import atomic, current_tenant_id, db, in_transaction, insert_rows, with_audit
from commerce.errors import Busy, Rejected
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope

ALL = {"all_tenants": True}
postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def shelves() -> list[str]:
    """Return the names of the shop's categories as the database has them now."""
    db.session.close()
    names = list(db.session.scalars(select(Category.name).order_by(Category.position, Category.name)))
    db.session.close()
    return names


def put_shelf(name: str, position: int = 0) -> None:
    insert_rows(Category, [{"slug": name, "name": name, "position": position}])


@pytest.fixture
def two_shelves(in_shop: Shop) -> None:
    @atomic
    def put() -> None:
        put_shelf("a", 1)
        put_shelf("b", 2)

    put()


# --- atomic -------------------------------------------------------------------------------------------


def test_a_witness_writes_in_the_transaction_of_the_deed(in_shop: Shop) -> None:
    @atomic
    def use_case(*, fail: bool = False) -> None:
        put_shelf("deed")
        if fail:
            raise Rejected("no")

    with with_audit(lambda: put_shelf("seen")):
        with pytest.raises(Rejected):
            use_case(fail=True)
        assert shelves() == []
        with with_audit(None):
            use_case()
        assert shelves() == ["deed"]


def test_a_deed_whose_witness_fails_is_not_done(in_shop: Shop) -> None:
    @atomic
    def use_case() -> None:
        put_shelf("deed")

    def blind() -> None:
        raise Rejected("no")

    with with_audit(blind), pytest.raises(Rejected):
        use_case()
    assert shelves() == []
    with with_audit(lambda: put_shelf("seen")):
        use_case()
    assert shelves() == ["deed", "seen"]


def test_a_use_case_commits_at_its_end_and_hands_back_its_result(in_shop: Shop) -> None:
    @atomic
    def use_case(name: str, *, position: int) -> str:
        assert in_transaction()
        put_shelf(name, position)
        return name.upper()

    assert not in_transaction()
    assert use_case("tea", position=3) == "TEA"
    assert not in_transaction()
    assert shelves() == ["tea"]


@pytest.mark.parametrize("problem", [Rejected("no"), ValueError("bug"), KeyboardInterrupt()])
def test_any_exception_rolls_everything_back(in_shop: Shop, problem: BaseException) -> None:
    @atomic
    def use_case() -> None:
        put_shelf("tea")
        raise problem

    with pytest.raises(type(problem)):
        use_case()
    assert shelves() == []
    assert not in_transaction()
    assert current_tenant_id() == in_shop.id


def test_a_use_case_inside_another_is_refused_and_nothing_of_either_stays(in_shop: Shop) -> None:
    @atomic
    def inner() -> None:
        put_shelf("inner")

    @atomic
    def outer() -> None:
        put_shelf("outer")
        inner()

    with pytest.raises(RuntimeError, match="inner was called inside another use case"):
        outer()
    assert shelves() == []
    inner()
    assert shelves() == ["inner"]


def test_rows_that_were_read_before_do_not_slip_into_a_use_case(two_shelves: None) -> None:
    read_before = db.session.scalars(select(Category).where(Category.name == "a")).one()
    read_before.name = "changed outside"

    @atomic
    def use_case() -> None:
        put_shelf("c", 3)

    use_case()
    assert shelves() == ["a", "b", "c"]


def test_a_lost_version_race_is_tried_three_times_and_then_called_busy(in_shop: Shop) -> None:
    tries: list[int] = []

    @atomic
    def use_case(lost: int) -> str:
        tries.append(len(tries))
        put_shelf(f"{lost} lost, try {len(tries)}")
        if len(tries) <= lost:
            raise StaleDataError("somebody else was faster")
        return "done"

    assert use_case(2) == "done"
    assert shelves() == ["2 lost, try 3"]
    tries.clear()
    with pytest.raises(Busy):
        use_case(3)
    assert len(tries) == 3
    assert shelves() == ["2 lost, try 3"]


def test_what_no_retry_can_mend_is_not_tried_again(two_shelves: None) -> None:
    tries: list[str] = []

    @atomic
    def use_case() -> None:
        tries.append("once")
        put_shelf("a")

    with pytest.raises(IntegrityError):
        use_case()
    assert tries == ["once"]
    assert shelves() == ["a", "b"]


def in_threads(app: Flask, shop: Shop, *calls: Any) -> list[Any]:
    def run(call: Any) -> Any:
        with app.app_context(), shop_scope(shop):
            return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [each.result(timeout=30) for each in [pool.submit(run, call) for call in calls]]


@postgresql
def test_of_two_that_wait_for_each_other_one_is_tried_again_and_both_succeed(
    app: Flask, in_shop: Shop, two_shelves: None
) -> None:
    both_hold_one = threading.Barrier(2)
    tries: list[str] = []

    def rename(first: str, second: str, mark: str) -> Any:
        @atomic
        def use_case() -> None:
            tries.append(mark)
            for place, slug in enumerate((first, second)):
                db.session.execute(
                    update(Category)
                    .where(Category.slug == slug)
                    .values(name=Category.name + mark)
                    .execution_options(synchronize_session=False)
                )
                if place == 0 and tries.count(mark) == 1:
                    both_hold_one.wait(timeout=10)

        return use_case

    in_threads(app, in_shop, rename("a", "b", "1"), rename("b", "a", "2"))
    assert len(tries) == 3
    assert sorted("".join(sorted(name[1:])) for name in shelves()) == ["12", "12"]


@postgresql
def test_a_lock_that_is_not_given_in_time_is_one_try_and_called_busy(
    app: Flask, in_shop: Shop, two_shelves: None, database_url: str
) -> None:
    tries: list[str] = []

    @atomic
    def use_case() -> None:
        tries.append("once")
        db.session.execute(text("SET LOCAL lock_timeout = '150ms'"), execution_options=ALL)
        put_shelf("c", 3)
        db.session.execute(update(Category).values(name="mine").execution_options(synchronize_session=False))

    with psycopg.connect(database_url.replace("+psycopg", "")) as other:
        other.execute(f"SET LOCAL lockstep.shop = '{in_shop.id}'")
        other.execute("SELECT * FROM categories FOR UPDATE")
        with pytest.raises(Busy):
            use_case()
    assert tries == ["once"]
    assert shelves() == ["a", "b"]


@postgresql
def test_shoppers_wait_two_seconds_for_a_lock_and_five_for_a_statement(app: Flask) -> None:
    with app.app_context():
        settings = {
            name: db.session.execute(text(f"SHOW {name}"), execution_options=ALL).scalar_one()
            for name in (
                "lock_timeout",
                "statement_timeout",
                "timezone",
                "idle_in_transaction_session_timeout",
            )
        }
    assert settings == {
        "lock_timeout": "2s",
        "statement_timeout": "5s",
        "timezone": "UTC",
        "idle_in_transaction_session_timeout": "10s",
    }


@sqlite
def test_a_writer_of_another_process_that_does_not_end_makes_the_shop_busy(
    app: Flask, in_shop: Shop, two_shelves: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SQLITE_WAIT", 0.1)
    db.session.remove()
    db.engine.dispose()  # new connections wait as long as they are told now
    tries: list[str] = []

    @atomic
    def use_case() -> None:
        tries.append("once")
        put_shelf("c", 3)

    other = db.engine.raw_connection()
    try:
        other.driver_connection.execute("BEGIN IMMEDIATE")  # type: ignore[union-attr]
        with pytest.raises(Busy):
            use_case()
        other.driver_connection.execute("ROLLBACK")  # type: ignore[union-attr]
    finally:
        other.close()
    assert tries == ["once"]
    use_case()
    assert shelves() == ["a", "b", "c"]


@sqlite
def test_a_writer_of_this_process_waits_for_its_turn_and_not_for_ever(
    app: Flask, in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "SQLITE_WAIT", 0.1)
    assert database._sqlite_turn.acquire(timeout=1)
    try:
        with pytest.raises(Busy):
            atomic(put_shelf)("tea")
    finally:
        database._sqlite_turn.release()
    assert not in_transaction()
    atomic(put_shelf)("tea")
    assert shelves() == ["tea"]


@sqlite
def test_sqlite_writes_through_checks_keys_and_locks_at_once(app: Flask, in_shop: Shop) -> None:
    def pragma(name: str) -> object:
        return db.session.connection().exec_driver_sql(f"PRAGMA {name}").scalar_one()

    assert pragma("journal_mode") == "wal"
    assert pragma("synchronous") == 2  # FULL
    assert pragma("foreign_keys") == 1
    begun: list[str] = []
    db.session.close()
    with count_begins(begun):
        db.session.scalars(select(Category)).all()
        atomic(put_shelf)("tea")
    assert begun == ["BEGIN", "BEGIN IMMEDIATE"]


class count_begins:  # noqa: N801 - reads as a sentence after `with`
    """Note the statements by which SQLite transactions begin."""

    def __init__(self, begun: list[str]) -> None:
        self._begun = begun

    def __enter__(self) -> None:
        event.listen(db.engine, "before_cursor_execute", self._note)

    def __exit__(self, *_: object) -> None:
        event.remove(db.engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("BEGIN"):
            self._begun.append(statement)


@postgresql
def test_a_shops_rows_are_read_in_a_transaction_that_ends_with_the_session(
    app: Flask, in_shop: Shop, two_shelves: None, database_url: str
) -> None:
    """It tells the database for which shop it is; what belongs to no shop needs none."""
    states: list[str] = []

    def look() -> None:
        pid = db.session.execute(text("SELECT pg_backend_pid()"), execution_options=ALL).scalar_one()
        with psycopg.connect(database_url.replace("+psycopg", "")) as other:
            found = other.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone()
        states.append(found[0] if found else "")

    look()
    atomic(look)()
    with database._as_tenant(None, every=False):
        look()
    assert states == ["idle in transaction", "idle in transaction", "idle"]
    db.session.close()
    with psycopg.connect(database_url.replace("+psycopg", "")) as other:
        left = (
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
            " AND datname = current_database()"  # other tests are at work in the other databases
        )
        assert other.execute(left).fetchone() == (0,)


# --- connections --------------------------------------------------------------------------------------


@postgresql
def test_a_connection_that_died_in_the_pool_is_replaced_without_an_error(
    app: Flask, in_shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "RESTED", 0.0)

    def pid() -> int:
        return int(db.session.execute(text("SELECT pg_backend_pid()"), execution_options=ALL).scalar_one())

    before = pid()
    db.session.close()
    with psycopg.connect(database_url.replace("+psycopg", ""), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (before,))
    assert pid() != before
    atomic(put_shelf)("tea")
    assert shelves() == ["tea"]


@postgresql
def test_a_result_is_described_to_who_asks_and_only_while_it_is_there(app: Flask, in_shop: Shop) -> None:
    raw: Any = db.session.connection().connection.driver_connection
    cursor = raw.cursor()
    assert cursor.description is None
    first = cursor.execute("SELECT 1 AS one, 'b' AS two").description
    assert [column.name for column in first] == ["one", "two"]
    assert (len(first), first[1].name) == (2, "two")
    unread = cursor.execute("SELECT 1 AS one").description
    cursor.execute("SELECT 2 AS three")
    with pytest.raises(psycopg.InterfaceError, match="another result"):
        list(unread)
