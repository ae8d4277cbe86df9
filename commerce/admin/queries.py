"""What the lists of the back office share: the rows of one page, and a search for a part of a text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from commerce.db import db
from commerce.paging import Page, counted_page

PAGE = 30


def page_of(statement: Any, total: int, number: int, make: Callable[[Any], Any] | None = None) -> Page[Any]:
    """Return page `number` of a statement that finds `total` rows; `make` turns each into what is shown."""

    def fetch(limit: int, offset: int) -> Sequence[Any]:
        rows = db.session.execute(statement.limit(limit).offset(offset)).all()
        return [make(row) for row in rows] if make else rows

    return counted_page(total, number, PAGE, fetch)


def page_by_keys(
    keys: Any, total: int, number: int, rows: Callable[[Any], Any], make: Callable[[Any], Any] | None = None
) -> Page[Any]:
    """Return page `number` of a list of which `keys` finds the sorted ids.

    `rows` returns the statement for what is shown, sorted alike, of the keys in a subquery: what a row consists of is
    read for one page, however many pages come before it.
    """

    def fetch(limit: int, offset: int) -> Sequence[Any]:
        found = db.session.execute(rows(keys.limit(limit).offset(offset).subquery("page"))).all()
        return [make(row) for row in found] if make else found

    return counted_page(total, number, PAGE, fetch)


def contains(text: str) -> str:
    """Return the LIKE pattern, escaped by a backslash, for a text in small letters that has `text` in it."""
    return "%" + text.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
