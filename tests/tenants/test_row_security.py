"""PostgreSQL's own net: a statement that names no shop, or the wrong one, reaches only rows of the shop entered."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from flask import Flask
from sqlalchemy import delete, event, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from commerce import db as database
from commerce.catalog.models import Category, Product
from commerce.db import Base, atomic, db, every_shop, new_id
from commerce.events.models import Event
from commerce.platform.services import create_operator
from commerce.tenants.models import Shop
from commerce.tenants.scope import current_shop, shop_scope
from tests.factories.shop import Sold, make_product
from tests.support.all_databases import everywhere

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

OF_THE_INSTALLATION = {
    "operators",
    "operator_sessions",
    "operator_sign_in_throttles",
    "operator_form_submissions",
    "operator_entries",
}
"""Tables of no shop: while one is entered nobody reads them."""
MAY_BE_LOOKED_OVER = {
    "events",
    "file_imports",
    "bulk_plans",
    "deliveries",
    "orders",
    "payments",
    "products",
    "refunds",
    "stock_alerts",
    "stock_items",
    "variants",
    "webhook_attempts",
    "webhook_endpoints",
}
MAY_BE_CHANGED_FROM_OUTSIDE = {"events", "deliveries"}


@pytest.fixture
def kite(app: Flask, other_shop: Shop) -> Sold:
    """What Charlie sells."""
    with app.app_context(), shop_scope(other_shop):
        return make_product("Kite", price=3000, stock=7)


@pytest.fixture
def tea(kite: Sold, in_shop: Shop) -> Iterator[Sold]:
    """What Alice sells; her shop is entered, and the filter of the ORM is switched off."""
    sold = make_product("Tea", stock=5)
    event.remove(Session, "do_orm_execute", database._only_this_tenant)
    yield sold
    event.listen(Session, "do_orm_execute", database._only_this_tenant)


def names(statement: Any) -> list[str]:
    return sorted(row[0] for row in db.session.execute(statement))


def test_without_the_filter_a_select_finds_the_own_rows_alone(tea: Sold, other_shop: Shop) -> None:
    assert names(select(Product.title)) == ["Tea"]
    assert names(select(Product.title).where(Product.tenant_id == other_shop.id)) == []
    assert names(text("SELECT title FROM products")) == ["Tea"]
    with shop_scope(other_shop):
        assert names(text("SELECT title FROM products")) == ["Kite"]


def test_without_the_filter_a_change_reaches_the_own_rows_alone(tea: Sold, other_shop: Shop) -> None:
    @atomic
    def change(statement: Any) -> int:
        return db.session.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]

    assert change(update(Product).values(title="Renamed")) == 1
    assert change(update(Product).where(Product.tenant_id == other_shop.id).values(title="Taken")) == 0
    assert change(delete(Category)) == 0
    assert sorted(row[0] for row in everywhere(select(Product.title))) == ["Kite", "Renamed"]


def test_a_row_cannot_be_put_into_another_shop_nor_moved_there(tea: Sold, other_shop: Shop) -> None:
    @atomic
    def put() -> None:
        db.session.execute(
            insert(Category.__table__).values(  # type: ignore[arg-type]
                tenant_id=other_shop.id, id=new_id(), slug="mine", name="Mine"
            )
        )

    @atomic
    def move() -> None:
        db.session.execute(text("UPDATE products SET tenant_id = :other"), {"other": other_shop.id})

    for crime in (put, move):
        with pytest.raises(DBAPIError, match="row-level security"):
            crime()


def test_no_shop_entered_is_no_row_seen_and_none_written(app: Flask, tea: Sold) -> None:
    with database._as_tenant(None, every=False):
        assert names(text("SELECT title FROM products")) == []

        @atomic
        def rename() -> int:
            return db.session.execute(text("UPDATE products SET title = 'x'")).rowcount  # type: ignore[attr-defined, no-any-return]

        assert rename() == 0


def test_the_worker_sees_over_all_shops_what_it_must_and_nothing_else(app: Flask, tea: Sold) -> None:
    with every_shop():
        assert names(text("SELECT title FROM products")) == ["Kite", "Tea"]
        assert names(text("SELECT code FROM locations")) == []
    with db.session.connection() as connection:
        found = connection.execute(
            text("SELECT tablename, cmd FROM pg_policies WHERE qual LIKE '%every_shop%' ORDER BY 1")
        ).all()
    assert {row.tablename for row in found} == MAY_BE_LOOKED_OVER
    assert {row.tablename for row in found if row.cmd == "ALL"} == MAY_BE_CHANGED_FROM_OUTSIDE
    assert {row.cmd for row in found} == {"ALL", "SELECT", "DELETE"}


def test_what_the_worker_only_looks_at_it_cannot_change_from_outside(app: Flask, tea: Sold) -> None:
    @every_shop()
    @atomic
    def change() -> tuple[int, int]:
        orders = db.session.execute(text("UPDATE products SET title = 'x'"))
        events = db.session.execute(update(Event).values(fanned_out=True))
        return orders.rowcount, events.rowcount  # type: ignore[attr-defined]

    count = sum(row[0] for row in everywhere(select(func.count()).select_from(Event)))
    assert change() == (0, count)


def test_the_shop_is_reported_for_one_transaction_and_not_for_the_connection(app: Flask, tea: Sold) -> None:
    """Behind a pooler the connection goes to somebody else after each transaction."""
    assert names(text("SELECT current_setting('lockstep.shop', true)")) == [str(current_shop().id)]
    connection = db.session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)
    db.session.rollback()
    assert connection.execute("SELECT current_setting('lockstep.shop', true)").fetchone() == ("",)
    assert connection.execute("SELECT count(*) FROM products").fetchone() == (0,)


def test_a_use_case_cannot_change_the_shop_it_is_in(app: Flask, in_shop: Shop, other_shop: Shop) -> None:
    @atomic
    def stray() -> None:
        with shop_scope(other_shop):
            pass

    with pytest.raises(RuntimeError, match="belongs to the shop"):
        stray()


def test_every_table_of_a_shop_is_held_to_it_even_for_its_owner(app: Flask, in_shop: Shop) -> None:
    found = db.session.execute(
        text(
            "SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AS forced,"
            " (SELECT string_agg(p.qual, ' or ') FROM pg_policies p"
            "  WHERE p.tablename = c.relname AND p.policyname = 'own_shop' AND p.cmd = 'ALL') AS rule"
            " FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')"
        )
    ).all()
    assert {row.name for row in found} >= {table.name for table in Base.metadata.sorted_tables}
    assert {row.name for row in found if not row.forced} == {"alembic_version"}
    unowned = {row.name for row in found if row.forced and "lockstep.shop" not in (row.rule or "")}
    assert unowned == OF_THE_INSTALLATION


def test_in_a_shop_no_other_shop_and_no_operator_is_seen(tea: Sold, in_shop: Shop, other_shop: Shop) -> None:
    assert names(text("SELECT code FROM tenants")) == [in_shop.code]
    assert names(text("SELECT host FROM tenant_hosts")) == [in_shop.host]
    with database._as_tenant(None, every=False):
        create_operator(email="olga@platform.test", name="Olga", password="a long one, for Olga alone")
        assert names(text("SELECT code FROM tenants")) == [in_shop.code, other_shop.code], "found by host"
        assert names(text("SELECT host FROM tenant_hosts")) == [in_shop.host, other_shop.host]
        assert names(text("SELECT email FROM operators")) == ["olga@platform.test"]
    for table in sorted(OF_THE_INSTALLATION):
        assert names(select(Base.metadata.tables[table].c.id)) == []


@pytest.mark.parametrize(
    "crime",
    [
        "INSERT INTO tenant_hosts (host, tenant_id, is_primary) VALUES ('stolen.example.com', '{other}', false)",
        "UPDATE tenant_hosts SET tenant_id = '{other}'",
        "UPDATE tenants SET id = '{other}'",
    ],
)
def test_in_a_shop_nothing_can_be_put_into_another(tea: Sold, other_shop: Shop, crime: str) -> None:
    with pytest.raises(DBAPIError, match="row-level security"):
        atomic(db.session.execute)(
            text(crime.format(other=other_shop.id)), execution_options={"all_tenants": True}
        )


@pytest.mark.parametrize(
    "crime",
    [
        "UPDATE tenants SET name = 'Taken' WHERE id = '{other}'",
        "DELETE FROM tenants WHERE id = '{other}'",
        "UPDATE tenant_hosts SET host = 'taken.example.com' WHERE tenant_id = '{other}'",
        "DELETE FROM tenant_hosts WHERE tenant_id = '{other}'",
    ],
)
def test_a_shops_own_row_and_its_hosts_are_changed_from_inside_alone(
    tea: Sold, other_shop: Shop, crime: str
) -> None:
    @atomic
    def commit() -> int:
        statement = text(crime.format(other=other_shop.id))
        return db.session.execute(statement, execution_options={"all_tenants": True}).rowcount  # type: ignore[attr-defined, no-any-return]

    assert commit() == 0, "from another shop"
    with database._as_tenant(None, every=False):
        assert commit() == 0, "from no shop"
    with every_shop():
        assert commit() == 0, "by the worker, who looks over all shops"


def test_the_ledger_of_stock_is_only_added_to(tea: Sold) -> None:
    for crime in ("UPDATE stock_movements SET delta = 1", "DELETE FROM stock_movements"):
        with pytest.raises(DBAPIError, match="permission denied"):
            atomic(db.session.execute)(text(crime), execution_options={"all_tenants": True})
    with pytest.raises(DBAPIError, match="only the scratch shop"):
        atomic(db.session.execute)(select(func.delete_selftest_stock_movements(current_shop().id)))


def test_there_is_nothing_through_which_rows_could_be_seen_with_the_rights_of_another(
    app: Flask, in_shop: Shop
) -> None:
    views = (
        "SELECT count(*) FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace"
    )
    assert db.session.execute(text(views)).scalar_one() == 0
    lent = "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    assert names(text(lent)) == [
        "create_order_code_sequence",
        "delete_movements_of_unsold",
        "delete_selftest_stock_movements",
        "drop_order_code_sequence",
        "erase_stock_movement_actors",
        "purge_refused_sign_ins",
    ]


def test_the_role_of_the_application_owns_nothing_and_is_above_nothing(app: Flask, in_shop: Shop) -> None:
    role = db.session.execute(
        text("SELECT rolsuper OR rolbypassrls OR rolcreaterole FROM pg_roles WHERE rolname = current_user")
    ).scalar_one()
    owned = "SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = current_user"
    assert (role, db.session.execute(text(owned)).scalar_one()) == (False, 0)
    for crime in (
        "ALTER TABLE products DISABLE ROW LEVEL SECURITY",
        "DROP POLICY own_shop ON products",
        "TRUNCATE products CASCADE",
        "CREATE TABLE loot (words text)",
        "SET ROLE postgres",
        "UPDATE alembic_version SET version_num = '0001'",
        "UPDATE audit_entries SET action = 'nothing'",
    ):
        with pytest.raises(DBAPIError, match=r"(?i)must be owner|permission denied"):
            atomic(db.session.execute)(text(crime), execution_options={"all_tenants": True})


def test_outside_of_a_use_case_nothing_can_be_written(in_shop: Shop) -> None:
    with pytest.raises(DBAPIError, match="read-only transaction"):
        db.session.execute(
            text("UPDATE products SET title = 'loot'"), execution_options={"all_tenants": True}
        )
    db.session.rollback()


def test_a_connection_keeps_what_it_has_prepared_when_a_page_has_been_read(in_shop: Shop) -> None:
    """The driver forgets it at a ROLLBACK, and every statement of every page would be planned anew."""
    for _ in range(10):
        db.session.scalars(select(Product.title)).all()
        db.session.close()
    prepared = text(
        "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'SELECT products.title%'"
    )
    assert db.session.execute(prepared, execution_options={"all_tenants": True}).scalar_one() == 1
