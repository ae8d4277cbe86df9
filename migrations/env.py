"""Runs migrations on the database of the Flask app.

On SQLite foreign keys are switched off while tables are rebuilt: with them on, Alembic's batch mode would cascade into
child rows and wipe them. They are checked afterwards.
"""

from __future__ import annotations

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, NullPool, create_engine, text

import commerce.models  # noqa: F401 - every table must be known
from commerce.db import Base, UtcDateTime, db
from commerce.schema_state import grant_app_role

SEARCH_TABLES = ("product_search", "order_search")
"""Written by hand per database; on SQLite with the shadow tables of its full-text index."""


def include_object(_object: Any, name: str | None, kind: str, _reflected: bool, _compare_to: Any) -> bool:
    """Leave the search index out of comparisons."""
    return not (kind == "table" and name is not None and name.startswith(SEARCH_TABLES))


def render_item(kind: str, item: Any, _context: Any) -> str | bool:
    """Write our column types as plain SQLAlchemy ones, so that old migrations never depend on today's code."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def run(connection: Connection) -> None:
    """Migrate over one connection, in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=include_object,
        render_item=render_item,
        render_as_batch=True,
        compare_type=False,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_on_sqlite() -> None:
    """Migrate the one file that there is."""
    with db.engine.connect() as connection:
        raw = connection.connection.driver_connection
        raw.execute("PRAGMA foreign_keys=OFF")
        run(connection)
        connection.commit()
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        connection.rollback()
        raw.execute("PRAGMA foreign_keys=ON")
        if broken:
            raise RuntimeError(f"the migration left {len(broken)} rows without their parents")


def run_on_postgresql(owner: str) -> None:
    """Migrate as the role that owns the tables, and let the role of the application at them."""
    # An engine of its own: the application's begins transactions only for a shop.
    engine = create_engine(owner or db.engine.url, poolclass=NullPool)
    with engine.connect() as connection:
        # A migration may wait for a lock longer than a shopper, but not so long that it stops the shop.
        connection.execute(text("SET lock_timeout = '5s'; SET statement_timeout = '600s'"))
        connection.commit()
        run(connection)
        grant_app_role(connection, str(db.engine.url.username or ""))
        connection.commit()


if db.engine.dialect.name == "sqlite":
    run_on_sqlite()
else:
    run_on_postgresql(current_app.config["LOCKSTEP"].migration_database_url)
