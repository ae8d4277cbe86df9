"""Is the database's schema the one that this code was written for, and what may the application do with it?"""

from __future__ import annotations

from functools import lru_cache

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from commerce.config import ROOT
from commerce.db import db


@lru_cache(maxsize=1)
def head() -> str:
    """Return the newest revision in `migrations/`."""
    revision = ScriptDirectory(str(ROOT / "migrations")).get_current_head()
    if revision is None:
        raise RuntimeError("migrations/ holds no revision")
    return revision


def is_current() -> bool:
    """Tell whether the database stands at the newest revision. Raises SQLAlchemyError when it does not answer."""
    with db.engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head()


LOGS = ("audit_entries", "operator_entries", "stock_movements", "invoice_documents")
"""Tables that are only added to."""


def grant_app_role(connection: Connection, role: str) -> None:
    """Let a PostgreSQL role that owns nothing read and change rows, and nothing else. The owner needs no leave.

    It may neither empty, change nor make tables, so that row security cannot be taken off by whoever gets hold of it.
    """
    if not role or connection.execute(text("SELECT current_user")).scalar_one() == role:
        return
    name = connection.dialect.identifier_preparer.quote(role)
    tables = set(inspect(connection).get_table_names())
    for statement in (
        f"GRANT USAGE ON SCHEMA public TO {name}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}",
        f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {name}",
        *(f"REVOKE UPDATE, DELETE ON {log} FROM {name}" for log in LOGS if log in tables),
        f"GRANT SELECT, USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {name}",
        f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO {name}",
    ):
        connection.execute(text(statement))
