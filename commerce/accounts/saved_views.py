"""Saved views: lists as somebody filtered them, for themselves or for all of the staff."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, delete, func, or_, select

from commerce.accounts.models import SavedView
from commerce.db import atomic, db, insert_rows
from commerce.errors import InvalidValue, NotFound

MAX_NAME = 60
MAX_QUERY = 1_000
MOST = 30
"""Views of one person."""


def views_for(staff_id: uuid.UUID) -> Sequence[SavedView]:
    """Return the views that one of the staff sees: their own, then what others share; each by name."""
    mine = SavedView.staff_id == staff_id
    return db.session.scalars(
        select(SavedView)
        .where(or_(mine, SavedView.shared))
        .order_by(mine.desc(), func.lower(SavedView.name), SavedView.id)
        .limit(2 * MOST)
    ).all()


@atomic
def save_view(staff_id: uuid.UUID, name: str, query: str, *, shared: bool = False) -> None:
    """Keep the query of an address under a name; one of the same name becomes this one. Raises InvalidValue."""
    called = name.strip()
    if not called or len(called) > MAX_NAME or not called.isprintable():
        raise InvalidValue("name", "view_name_invalid", maximum=MAX_NAME)
    if len(query) > MAX_QUERY or not query.isprintable():
        raise InvalidValue("name", "view_too_long")
    _delete(staff_id, SavedView.name == called)
    if (db.session.scalar(select(func.count()).where(SavedView.staff_id == staff_id)) or 0) >= MOST:
        raise InvalidValue("name", "too_many_views", limit=MOST)
    insert_rows(SavedView, [{"staff_id": staff_id, "name": called, "query": query, "shared": shared}])


@atomic
def delete_view(staff_id: uuid.UUID, view_id: uuid.UUID) -> None:
    """Delete one of one's own views. Raises NotFound, also for one that a colleague shares."""
    if not _delete(staff_id, SavedView.id == view_id):
        raise NotFound("view_not_found")


def _delete(staff_id: uuid.UUID, condition: ColumnElement[bool]) -> int:
    statement = delete(SavedView).where(SavedView.staff_id == staff_id, condition)
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount
