"""Statements that go to the driver themselves give what SQLAlchemy's execution gives, and fail as it does."""

import uuid
from datetime import UTC, datetime

import pytest
from sqlalchemy import Table, Uuid, bindparam, func, literal, select, text, update
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError

from commerce import kept_statements
from commerce.catalog.models import Category, Product
from commerce.db import (
    TENANT,
    NoTenant,
    atomic,
    db,
    dialect_name,
    fetch_all,
    fetch_objects,
    insert_rows,
    new_id,
    with_related,
)
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.support.statements import count_statements

PRODUCTS: Table = Product.__table__  # type: ignore[assignment]
CATEGORIES: Table = Category.__table__  # type: ignore[assignment]
MOMENT = datetime(2026, 5, 17, 12, 30, tzinfo=UTC)
ALL_PRODUCTS = select(PRODUCTS).where(PRODUCTS.c.tenant_id == TENANT).order_by(PRODUCTS.c.slug)
NAMES = select(CATEGORIES.c.name).where(CATEGORIES.c.tenant_id == TENANT).order_by(CATEGORIES.c.name)


@atomic
def put_products(*slugs: str) -> None:
    insert_rows(
        Product,
        [
            {"slug": slug, "title": slug.title(), "option_names": ["Size"], "published_at": MOMENT}
            for slug in slugs
        ],
    )


@atomic
def put_categories(*names: str) -> None:
    insert_rows(Category, [{"slug": name.lower(), "name": name} for name in names])


def test_a_row_holds_the_same_values_as_one_of_sqlalchemys(in_shop: Shop) -> None:
    put_products("kettle", "mug")
    for _ in range(3):
        kept = fetch_all(ALL_PRODUCTS)
    plain = db.session.connection().execute(ALL_PRODUCTS, {"tenant": in_shop.id}).all()
    assert [tuple(row) for row in kept] == [tuple(row) for row in plain]
    assert not isinstance(kept[0], type(plain[0])), "it went another way"
    assert kept[0]._asdict() == plain[0]._asdict()
    assert (kept[0].tenant_id, kept[0].published_at, kept[0].option_names) == (in_shop.id, MOMENT, ["Size"])


@pytest.mark.parametrize(
    "word",
    [
        "plain",
        "",
        "O'Neil",
        "100%",
        "%(tenant)s",
        "back\\slash",
        "'; DROP TABLE products; --",
        "日本",
        -7,
        12,
    ],
)
def test_a_value_that_is_part_of_a_statement_comes_back_as_it_was(in_shop: Shop, word: str | int) -> None:
    put_products("kettle")
    statement = select(literal(word), PRODUCTS.c.slug).where(PRODUCTS.c.tenant_id == TENANT).limit(1)
    for _ in range(3):
        assert [tuple(row) for row in fetch_all(statement)] == [(word, "kettle")]


def test_a_statement_is_counted_once_whichever_way_it_goes(in_shop: Shop) -> None:
    for _ in range(3):
        with count_statements() as sent:
            fetch_all(NAMES)
        assert len(sent) == 1


def test_each_shop_gets_its_own_rows_by_the_same_kept_statement(in_shop: Shop, other_shop: Shop) -> None:
    put_categories("Tea")
    with shop_scope(other_shop):
        put_categories("Kites")
    for _ in range(3):
        assert [row.name for row in fetch_all(NAMES)] == ["Tea"]
        with shop_scope(other_shop):
            assert [row.name for row in fetch_all(NAMES)] == ["Kites"]


def test_outside_of_any_shop_a_kept_statement_is_refused(in_shop: Shop) -> None:
    fetch_all(NAMES)
    fetch_all(NAMES)
    with db.session.no_autoflush:
        db.session.close()
    from commerce import engine

    token = engine.tenant.set(None)
    try:
        with pytest.raises(NoTenant):
            fetch_all(NAMES)
    finally:
        engine.tenant.reset(token)


def test_a_list_of_unknown_length_and_another_set_of_parameters_are_left_to_sqlalchemy(in_shop: Shop) -> None:
    put_categories("Tea", "Books", "Home")
    some = NAMES.where(CATEGORIES.c.slug.in_(bindparam("slugs", expanding=True)))
    for slugs, names in ((["tea"], ["Tea"]), (["tea", "books"], ["Books", "Tea"]), ([], [])):
        for _ in range(2):
            assert [row.name for row in fetch_all(some, slugs=slugs)] == names
    counted = select(func.count()).where(CATEGORIES.c.tenant_id == TENANT)
    counted = counted.where(CATEGORIES.c.position >= bindparam("low", 0))
    for _ in range(2):
        assert fetch_all(counted)[0][0] == 3
        assert fetch_all(counted, low=1)[0][0] == 0


def test_an_insert_fills_in_ids_and_defaults_and_refuses_rows_with_different_columns(in_shop: Shop) -> None:
    put_products("a", "b", "c")
    rows = db.session.scalars(select(Product).order_by(Product.slug)).all()
    assert [row.slug for row in rows] == ["a", "b", "c"]
    assert {row.tenant_id for row in rows} == {in_shop.id}
    assert len({row.id for row in rows}) == 3
    assert [(row.version, row.vendor, row.status) for row in rows] == [(1, "", rows[0].status)] * 3

    @atomic
    def uneven() -> None:
        insert_rows(Category, [{"slug": "x", "name": "X"}, {"slug": "y", "name": "Y", "position": 2}])

    with pytest.raises(ValueError, match="different columns"):
        uneven()
    assert fetch_all(NAMES) == []


def test_many_rows_and_few_are_inserted_alike(in_shop: Shop) -> None:
    few, many = kept_statements.MOST_ROWS, kept_statements.MOST_ROWS + 1
    put_categories(*(f"few {number}" for number in range(few)))
    put_categories(*(f"many {number}" for number in range(many)))
    assert len(fetch_all(NAMES)) == few + many


def test_a_violated_constraint_is_an_integrity_error_and_leaves_nothing(in_shop: Shop) -> None:
    put_categories("Tea")
    for _ in range(2):
        with pytest.raises(IntegrityError):
            put_categories("Books", "Tea")
    assert [row.name for row in fetch_all(NAMES)] == ["Tea"]


def test_a_reader_cannot_write_by_a_kept_statement_on_postgresql(in_shop: Shop) -> None:
    if dialect_name() == "sqlite":
        pytest.skip("SQLite's readers are not held to reading")
    put_categories("Tea")
    rename = update(CATEGORIES).where(CATEGORIES.c.tenant_id == TENANT).values(name=bindparam("word"))
    rename = rename.returning(CATEGORIES.c.name)
    for _ in range(2):
        with pytest.raises(InternalError) as refused:
            fetch_all(rename, word="Coffee")
        assert "read-only" in str(refused.value)
        db.session.rollback()
    assert [row.name for row in fetch_all(NAMES)] == ["Tea"]


def test_a_connection_that_dies_under_a_kept_statement_is_replaced(in_shop: Shop) -> None:
    if dialect_name() == "sqlite":
        pytest.skip("there is no connection to lose")
    put_categories("Tea")
    for _ in range(2):
        fetch_all(NAMES)
    victim = db.session.connection().execute(text("SELECT pg_backend_pid()")).scalar_one()
    killer = db.engine.connect()
    killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": victim})
    killer.close()
    with pytest.raises(OperationalError) as lost:
        fetch_all(NAMES)
    assert lost.value.connection_invalidated
    db.session.close()
    assert [row.name for row in fetch_all(NAMES)] == ["Tea"]


def test_after_a_failed_transaction_no_kept_statement_runs_outside_of_one(in_shop: Shop) -> None:
    """The session's connection is found once a transaction; an ended one may not be written to any more."""
    seen = []

    @atomic
    def fails() -> None:
        seen.append(db.session.connection())
        insert_rows(Category, [{"slug": "tea", "name": "Tea"}])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert fetch_all(NAMES) == []
    assert db.session.connection() is not seen[0]
    assert db.session.connection() is db.session.connection()
    assert db.session.connection().in_transaction()


def test_objects_of_kept_rows_can_be_read_and_not_be_changed(in_shop: Shop) -> None:
    put_categories("Tea")
    by_id = select(CATEGORIES).where(CATEGORIES.c.tenant_id == TENANT)
    by_id = by_id.where(CATEGORIES.c.id == bindparam("category", type_=Uuid()))
    category_id = db.session.scalars(select(Category.id)).one()
    for _ in range(2):
        [found] = fetch_objects(Category, by_id, category=category_id)
    assert isinstance(found, Category)
    assert (found.id, found.name, found.tenant_id) == (category_id, "Tea", in_shop.id)
    with pytest.raises(AttributeError):
        found.name = "Coffee"
    assert with_related(found, extra=1) is found
    assert fetch_objects(Category, by_id, category=new_id()) == []
    assert db.session.get_one(Category, (in_shop.id, uuid.UUID(str(category_id)))).name == "Tea"
