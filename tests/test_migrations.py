"""The migrations make exactly what the models say, on both databases, and leave SQLite's foreign keys switched on."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import CheckConstraint, inspect, select, update

from commerce.catalog.categories import CategoryValues, create_category
from commerce.catalog.models import Category
from commerce.config import ROOT
from commerce.db import Base, atomic, db
from commerce.schema_state import head, is_current
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.support.databases import bench_config, build_app, disconnect

# Indexes of expressions cannot be read back from SQLite; PostgreSQL's are compared.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index"),
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index"),
]
sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SEARCH = ("product_search", "order_search")


def flask(app: Flask, *command: str) -> Any:
    """Run a command of the product as a shell would."""
    try:
        return app.test_cli_runner().invoke(args=list(command))
    finally:
        disconnect(app)


def test_a_migrated_database_is_what_the_models_say(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    assert flask(app, "db", "check").exit_code == 0, caplog.text


@sqlite
@pytest.mark.parametrize("change", ["ADD COLUMN forgotten TEXT", "RENAME COLUMN tagline TO forgotten"])
def test_a_difference_from_the_models_is_noticed(
    app: Flask, caplog: pytest.LogCaptureFixture, change: str
) -> None:
    with app.app_context(), db.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE tenants {change}")
    assert flask(app, "db", "check").exit_code == 1
    assert "forgotten" in caplog.text


def test_every_check_and_unique_constraint_is_in_the_database(app: Flask) -> None:
    """The comparison above does not look at checks, and they are the last guard of stock and money."""
    with app.app_context():
        found = inspect(db.engine)
        for table in Base.metadata.sorted_tables:
            wanted = {str(each.name) for each in table.constraints if isinstance(each, CheckConstraint)}
            assert {each["name"] for each in found.get_check_constraints(table.name)} == wanted, table.name
    assert "ck_stock_items_within_bounds" in {
        str(each.name) for each in Base.metadata.tables["stock_items"].constraints
    }


def test_the_database_has_the_tables_of_the_models_and_the_search_index(app: Flask) -> None:
    with app.app_context():
        shadows = tuple(f"{name}_" for name in SEARCH)
        found = {name for name in inspect(db.engine).get_table_names() if not name.startswith(shadows)}
    assert found == {table.name for table in Base.metadata.sorted_tables} | {*SEARCH, "alembic_version"}


def test_partial_indexes_are_partial(app: Flask) -> None:
    with app.app_context():
        indexes = {each["name"]: each for each in inspect(db.engine).get_indexes("carts")}
        dialect = db.engine.dialect.name
    assert indexes["uq_carts_open"]["unique"]
    condition = str(indexes["uq_carts_open"]["dialect_options"][f"{dialect}_where"])
    assert "status" in condition
    assert "'open'" in condition


def test_a_migrated_database_is_current(app: Flask) -> None:
    with app.app_context():
        assert is_current()
    assert len(list((ROOT / "migrations" / "versions").glob(f"{head()}_*.py"))) == 1


@pytest.fixture
def empty_app(tmp_path: Path) -> Any:
    """An app on a SQLite file that does not exist yet."""
    app = build_app(bench_config(f"sqlite:///{tmp_path / 'new.db'}", tmp_path))
    yield app
    disconnect(app)


def test_an_empty_file_is_not_current_until_it_is_migrated(empty_app: Flask) -> None:
    with empty_app.app_context():
        assert not is_current()
    assert flask(empty_app, "db", "upgrade").exit_code == 0
    with empty_app.app_context():
        assert is_current()


def test_foreign_keys_are_on_again_after_a_migration(empty_app: Flask) -> None:
    with empty_app.app_context():
        result = empty_app.test_cli_runner().invoke(args=["db", "upgrade"])
        assert result.exit_code == 0, result.output
        # The pool gives out the connection that has just migrated: no new one was needed.
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_a_migration_that_leaves_rows_without_their_parents_is_refused(
    empty_app: Flask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert flask(empty_app, "db", "upgrade").exit_code == 0
    with sqlite3.connect(tmp_path / "new.db") as raw:
        raw.execute(
            "INSERT INTO tenant_hosts (host, tenant_id, is_primary) VALUES ('lost.test', 'nobody', 0)"
        )
    raw.close()
    with empty_app.app_context():
        result = empty_app.test_cli_runner().invoke(args=["db", "upgrade"])
        assert result.exit_code == 1
        assert "the migration left 1 rows without their parents" in caplog.text
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1


def test_every_migration_says_why() -> None:
    for file in (ROOT / "migrations" / "versions").glob("*.py"):
        text = file.read_text()
        assert text.startswith('"""'), file.name
        assert len(text.splitlines()[0]) > 20, file.name


def test_backorders_can_be_taken_out_and_put_in_again(app: Flask) -> None:
    bounds = []
    for command in (("db", "downgrade", "0005"), ("db", "upgrade")):
        assert flask(app, *command).exit_code == 0
        with app.app_context():
            bounds.append([each["name"] for each in inspect(db.engine).get_check_constraints("stock_items")])
    assert bounds == [["ck_stock_items_reserved_within_on_hand"], ["ck_stock_items_within_bounds"]]


def test_plain_descriptions_of_categories_become_html_and_plain_again(app: Flask, shop: Shop) -> None:
    own = next((ROOT / "migrations" / "versions").glob("*_category_html.py")).name[:4]
    before = f"{int(own) - 1:04d}"
    with app.app_context(), shop_scope(shop):
        category = create_category(CategoryValues("Table"))
    typed = "Less < more & <b>bold</b>\nby hand\n\nSecond"
    found = []
    # Up again at the end: the tests after this one use the same database.
    for command in (("downgrade", before), ("upgrade",), ("downgrade", before), ("upgrade",)):
        assert flask(app, "db", *command).exit_code == 0
        with app.app_context(), shop_scope(shop):
            if not found:
                change = update(Category).where(Category.id == category).values(description=typed)
                atomic(lambda statement=change: db.session.execute(statement))()
            found.append(db.session.scalar(select(Category.description)))
    as_html = "<p>Less &lt; more &amp; &lt;b&gt;bold&lt;/b&gt;<br>by hand</p>\n<p>Second</p>"
    assert found == [typed, as_html, typed, as_html]
