"""Ids, moments and bulk rows, and what is refused while no shop is entered, on both databases."""

import threading
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import bindparam, func, select, text, update
from sqlalchemy.exc import StatementError

from commerce import db as database
from commerce.catalog.models import Category, Product
from commerce.db import (
    NoTenant,
    atomic,
    current_tenant_id,
    database_now,
    db,
    execute_many,
    insert_rows,
    new_id,
    tenant_scope,
)
from commerce.tenants.models import Shop, Tenant
from tests.support.statements import count_statements

ALL = {"all_tenants": True}


def put_shelf(name: str) -> None:
    insert_rows(Category, [{"slug": name, "name": name}])


# --- ids and moments ----------------------------------------------------------------------------------


def test_ids_are_uuids_of_version_7_of_this_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    # Ids only grow, and a test before this one may have made some at another time.
    monkeypatch.setattr(database, "_last_id", [0])
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert made.version == 7
    assert made.variant == uuid.RFC_4122
    assert before <= made.int >> 80 <= after + 1


def test_each_id_is_larger_than_the_one_before_in_all_threads_together() -> None:
    made: list[list[uuid.UUID]] = [[] for _ in range(4)]

    def make(mine: list[uuid.UUID]) -> None:
        mine.extend(new_id() for _ in range(2000))

    threads = [threading.Thread(target=make, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == sorted(mine) for mine in made)
    together = {each for mine in made for each in mine}
    assert len(together) == 8000
    assert all(each.version == 7 and each.variant == uuid.RFC_4122 for each in together)


def test_ids_go_on_growing_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_id()
    monkeypatch.setattr(database.time, "time_ns", lambda: 1_000_000_000)
    second, third = new_id(), new_id()
    assert first < second < third
    assert second.version == third.version == 7


def test_a_moment_without_a_zone_is_refused(in_shop: Shop) -> None:
    @atomic
    def use_case() -> None:
        db.session.add(Product(slug="tea", title="Tea", published_at=datetime(2026, 1, 1)))  # noqa: DTZ001
        db.session.flush()

    with pytest.raises(StatementError, match="without a time zone"):
        use_case()
    assert db.session.scalar(select(func.count()).select_from(Product)) == 0


def test_a_moment_comes_back_as_the_same_moment_in_utc(in_shop: Shop) -> None:
    tokyo = datetime(2026, 1, 1, 8, 30, 15, 123456, tzinfo=timezone(timedelta(hours=9)))

    @atomic
    def use_case() -> None:
        db.session.add(Product(slug="tea", title="Tea", published_at=tokyo))
        db.session.flush()

    use_case()
    (read,) = db.session.scalars(select(Product.published_at))
    assert read == tokyo
    assert (read.tzinfo, read.hour) == (UTC, 23)


def test_the_database_tells_the_time_in_utc(in_shop: Shop) -> None:
    moment = db.session.execute(select(database_now()), execution_options=ALL).scalar_one()
    assert moment.tzinfo is UTC
    assert abs(moment - datetime.now(UTC)) < timedelta(seconds=5)


# --- bulk rows ----------------------------------------------------------------------------------------


def test_many_rows_are_inserted_by_one_statement_with_ids_and_shop_filled_in(in_shop: Shop) -> None:
    names = [f"shelf {number:03}" for number in range(200)]

    @atomic
    def use_case() -> None:
        insert_rows(Category, [{"slug": name, "name": name} for name in names])

    with count_statements() as statements:
        use_case()
    assert len(statements) == 1, statements
    rows = db.session.execute(
        select(Category.tenant_id, Category.id, Category.name).order_by(Category.name)
    ).all()
    assert [row.name for row in rows] == names
    assert {row.tenant_id for row in rows} == {in_shop.id}
    assert {row.id.version for row in rows} == {7}
    assert len({row.id for row in rows}) == 200


def test_no_rows_are_no_statement(in_shop: Shop) -> None:
    with count_statements() as statements:
        atomic(insert_rows)(Category, [])
    assert statements == []


def test_a_given_id_is_kept(in_shop: Shop) -> None:
    wanted = new_id()
    atomic(insert_rows)(Category, [{"id": wanted, "slug": "tea", "name": "tea"}])
    assert db.session.scalars(select(Category.id)).all() == [wanted]


def test_a_statement_for_many_rows_counts_the_rows_that_it_changed(in_shop: Shop) -> None:
    atomic(insert_rows)(Category, [{"slug": slug, "name": slug} for slug in "ab"])
    table: Any = Category.__table__

    @atomic
    def use_case() -> int:
        statement = update(table).where(table.c.slug == bindparam("b_slug")).values(name=bindparam("b_name"))
        return execute_many(
            statement,
            [{"b_slug": slug, "b_name": slug * 2} for slug in ("a", "nowhere", "b")],
        )

    assert use_case() == 2
    assert db.session.scalars(select(Category.name).order_by(Category.name)).all() == ["aa", "bb"]


# --- no shop entered ----------------------------------------------------------------------------------


@pytest.fixture
def nowhere(app: Flask, shop: Shop) -> Iterator[None]:
    with app.app_context():
        yield


@pytest.mark.parametrize(
    "ask",
    [
        lambda: db.session.scalars(select(Category)).all(),
        lambda: db.session.execute(select(Category.name)).all(),
        lambda: db.session.scalar(select(func.count()).select_from(Category)),
        lambda: db.session.get(Category, (new_id(), new_id())),
        lambda: db.session.execute(update(Category).values(name="x")),
        lambda: db.session.execute(text("SELECT 1")),
        lambda: db.session.scalars(select(Tenant)).all(),
        current_tenant_id,
        lambda: atomic(put_shelf)("tea"),
    ],
    ids=["select", "columns", "count", "get", "update", "text", "shops", "id", "insert"],
)
def test_outside_of_a_shop_the_session_answers_nothing(nowhere: None, ask: Any) -> None:
    with pytest.raises(NoTenant):
        ask()


def test_a_shop_is_left_again_even_by_an_error(nowhere: None, shop: Shop) -> None:
    def fail_inside() -> None:
        with tenant_scope(shop.id):
            assert current_tenant_id() == shop.id
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()
    with pytest.raises(NoTenant):
        current_tenant_id()
