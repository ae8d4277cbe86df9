"""What keeps the cost of a list's page from growing with the list: counts that stop at a bound, pages by keyset."""

from __future__ import annotations

import uuid
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ScalarSelect, Uuid, func, literal, literal_column, select, tuple_

from commerce import paging
from commerce.db import UtcDateTime, db
from commerce.paging import Cursor

Key = TypeVar("Key", bound=Hashable)


def bounded(statement: Any) -> ScalarSelect[int]:
    """Return how many rows a statement finds, at most MOST_COUNTED + 1, as an expression for another."""
    # The bound is written out: PostgreSQL plans for few rows only when it knows how many.
    some = statement.order_by(None).limit(literal_column(str(paging.MOST_COUNTED + 1))).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def bounded_count(statement: Any) -> int:
    """Return how many rows a statement finds, at most MOST_COUNTED + 1. One statement."""
    return db.session.execute(select(bounded(statement))).scalar_one()


def bounded_counts(statements: Mapping[Key, Any]) -> dict[Key, int]:
    """Return how many rows each of some statements finds, at most MOST_COUNTED + 1 each. One for all."""
    if not statements:
        return {}
    counts = [bounded(each).label(f"count_{number}") for number, each in enumerate(statements.values())]
    return dict(zip(statements, db.session.execute(select(*counts)).one(), strict=True))


def newest_first(
    statement: Any, at: Any, key: Any, before: tuple[datetime, uuid.UUID] | None, size: int
) -> tuple[Sequence[Any], Cursor | None]:
    """Return a page of what a statement finds, newest first, and the position to go on from, None at the end.

    `at` and `key` are the columns it is sorted by, which its rows have under the same names. By keyset: no page costs
    more than the first, and none shifts.
    """
    found = db.session.execute(keyset_page(statement, at, key, before, size)).all()
    rows = found[:size]
    if len(found) <= size:
        return rows, None
    return rows, Cursor(getattr(rows[-1], at.key), getattr(rows[-1], key.key))


def keyset_page(
    statement: Any, at: Any, key: Any, before: tuple[datetime, uuid.UUID] | None, size: int
) -> Any:
    """Return the statement for a page of `newest_first` and one row more, which says whether another page follows."""
    if before is not None:
        # As one comparison of pairs: only then do both databases go on in the index where the last page ended.
        position = tuple_(literal(before[0], UtcDateTime()), literal(before[1], Uuid()))
        statement = statement.where(tuple_(at, key) < position)
    return statement.order_by(at.desc(), key.desc()).limit(size + 1)
