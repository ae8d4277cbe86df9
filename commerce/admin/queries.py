"""What the lists of the back office share: the rows of one page, and a search for a part of a text."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement

from commerce.db import db
from commerce.errors import InvalidValue
from commerce.paging import AskedPage, Page, counted_page, deep_page

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


def deep_page_by_keys(
    keys: Any,
    sorted_by: tuple[Any, Any],
    total: int,
    asked: AskedPage,
    rows: Callable[[Any], Any],
    make: Callable[[Sequence[Any]], Sequence[Any]],
    position: Callable[[Any], tuple[Any, uuid.UUID]],
    codec: tuple[Callable[[Any], str], Callable[[str], Any]],
) -> Page[Any]:
    """Return a page of `page_by_keys` whose cost does not grow with what is before it.

    The list is sorted by two columns, of which the first may be null, those last, and the second is an id; `rows` sorts
    alike, and `make` turns rows into what is shown. `position` returns the values of both for what is shown, and
    `codec` writes the first one for an address and reads it again: it raises ValueError for what it did not write.
    """
    first, key = sorted_by
    write, read = codec

    def page(statement: Any) -> Sequence[Any]:
        return make(db.session.execute(rows(statement.subquery("page"))).all())

    def fetch(limit: int, offset: int) -> Sequence[Any]:
        return page(keys.order_by(first.nulls_last(), key).limit(limit).offset(offset))

    def walk(wanted: AskedPage, limit: int) -> Sequence[Any]:
        back = bool(wanted.before)
        text = wanted.before or wanted.after
        try:
            value, last = (read(text[33:]) if text[33:] else None), uuid.UUID(text[:32])
        except ValueError as error:
            raise InvalidValue("before" if back else "after", "list_position_invalid") from error
        found: list[Any] = []
        for part in _parts(first, key, value, last, back=back):
            order = (first.desc().nulls_first(), key.desc()) if back else (first.nulls_last(), key)
            more = list(page(keys.where(part).order_by(*order).limit(limit - len(found))))
            found = [*more, *found] if back else [*found, *more]
            if len(found) >= limit:
                break
        return found

    def written(row: Any) -> str:
        value, last = position(row)
        return f"{last.hex}-{'' if value is None else write(value)}"

    return deep_page(total, asked, PAGE, fetch, walk, written)


def _parts(first: Any, key: Any, value: Any, last: uuid.UUID, *, back: bool) -> Sequence[ColumnElement[bool]]:
    """Return the conditions of what follows a position, or comes before it, from the nearest on.

    Each is a range of an index on both columns, or of one on the first.
    """
    if value is None:
        none = first.is_(None)
        return (none & (key < last), first.is_not(None)) if back else (none & (key > last),)
    if back:
        return ((first <= value) & ((first < value) | (key < last)),)
    following = (first >= value) & ((first > value) | (key > last))
    return (following, first.is_(None)) if first.expression.nullable else (following,)


def contains(text: str) -> str:
    """Return the LIKE pattern, escaped by a backslash, for a text in small letters that has `text` in it."""
    return "%" + text.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
