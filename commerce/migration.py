"""Is the database's schema the one that this code was written for?"""

from __future__ import annotations

from functools import lru_cache

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

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
