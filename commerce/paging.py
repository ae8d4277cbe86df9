"""Pages of lists, by number or from a position on, and the addresses beside them. Knows no request and no SQL.

No page may cost more because its list is long: counts stop at a bound (`list_queries.bounded_count`).
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

from commerce.errors import InvalidValue

Row = TypeVar("Row")
MOST_COUNTED = 10_000
"""Rows up to which a list is counted; one row more means: there are more. Pages show it as "10,000+"."""
MOST_NUMBERED = 1_000
"""Rows of a list beyond that bound whose pages have numbers: to pass over more of them costs too much."""
Asked = tuple[tuple[str, str], ...]
"""What an address asks for besides the page: names and values of its query string."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9]{1,17})-([0-9a-f]{32})")


# --- by number --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """One page of a list; `more` pages may follow.

    `last` and `total` are None for a list that is not counted; of one that was counted up to the bound, `last` is.
    `after` and `before` are the positions from which the next page and the one before go on where these are too far
    down the list to be found by number, '' elsewhere.
    """

    rows: Sequence[Row]
    current: int
    last: int | None = None
    total: int | None = None
    more: bool = False
    after: str = ""
    before: str = ""


Fetch = Callable[[int, int], Sequence[Row]]
"""Takes a limit and an offset."""


def counted_page(total: int, number: int, size: int, fetch: Fetch[Row]) -> Page[Row]:
    """Return page `number` of a list of `total` rows, which is a bounded count; beyond the end is the last page."""
    if total > MOST_COUNTED:
        page = uncounted_page(number, size, fetch)
        return Page(page.rows, page.current, None, total, more=page.more)
    last = max(1, math.ceil(total / size))
    current = min(number, last)
    return Page(fetch(size, (current - 1) * size), current, last, total, more=current < last)


def uncounted_page(number: int, size: int, fetch: Fetch[Row]) -> Page[Row]:
    """Return page `number` of a list that is too long to count: one row too many tells whether a page follows."""
    found = fetch(size + 1, (number - 1) * size)
    return Page(found[:size], number, more=len(found) > size)


class AskedPage(NamedTuple):
    """The page of a list that an address asks for: by number, and far down also by where it begins or ends."""

    number: int = 1
    after: str = ""
    before: str = ""


FIRST_PAGE = AskedPage()
Walk = Callable[[AskedPage, int], Sequence[Row]]
"""Takes positions, of which it reads back from `before` if there is one, and a limit; keeps the list's order."""


def deep_page(
    total: int,
    asked: AskedPage,
    size: int,
    fetch: Fetch[Row],
    walk: Walk[Row],
    position: Callable[[Row], str],
) -> Page[Row]:
    """Return a page of a list of `total` rows, which is a bounded count, at the same cost however far down it is.

    Of a list beyond the bound the first MOST_NUMBERED rows are found by number. From there on each page goes on from a
    row of the one before or after it, whose `position` the addresses of these pages say.
    """
    numbered = min(MOST_COUNTED, MOST_NUMBERED) // size
    if total <= MOST_COUNTED:
        return counted_page(total, asked.number, size, fetch)
    number, more, rows = asked.number, True, []
    if asked.before:
        rows = list(walk(asked, size))
    elif asked.after:
        found = walk(asked, size + 1)
        rows, more = list(found[:size]), len(found) > size
    if not rows:
        number = min(number, numbered)
        found = fetch(size + 1, (number - 1) * size)
        rows, more = list(found[:size]), len(found) > size
    return Page(
        rows,
        number,
        None,
        total,
        more=more,
        after=position(rows[-1]) if more and number >= numbered else "",
        before=position(rows[0]) if rows and number > numbered + 1 else "",
    )


def parse_page_number(text: str) -> int | None:
    """Return the number of a page as an address gives it, None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


# --- by position ------------------------------------------------------------------------------------


class Cursor(NamedTuple):
    """Where a page ends of a list that is sorted by a moment and an id, newest first."""

    at: datetime
    id: uuid.UUID

    def __str__(self) -> str:
        """Name the position in an address. It only says where to go on reading, so there is nothing in it to forge."""
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.id.hex}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """Return the position that `?before=` names, None for ''. Raises InvalidValue."""
        if not text:
            return None
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise InvalidValue("before", "list_position_invalid")
        return cls(EPOCH + timedelta(microseconds=int(match[1])), uuid.UUID(match[2]))


@dataclass(frozen=True, slots=True)
class CursorPage(Generic[Row]):
    """One page of a list, newest first; `older` is the position to go on from, None at the end."""

    rows: Sequence[Row]
    older: Cursor | None


# --- the addresses around a page --------------------------------------------------------------------


class PageLinks(NamedTuple):
    """What `shared/_pagination.html` shows of a list by numbers."""

    path: str
    asked: Asked
    current: int
    last: int | None = None
    total: int | None = None
    more: bool = False
    after_position: str = ""
    before_position: str = ""

    @property
    def numbers(self) -> list[int | None]:
        """The page numbers to show: first, last, those around this one, None for a gap.

        Of a list that was counted up to the bound the last one is not known: the next one ends it, unless it is one
        that is found by position alone.
        """
        if self.total is None:
            return []
        end = self.last or self.current + (self.more and not self.after_position)
        near = range(max(2, self.current - (not self.before_position)), min(end, self.current + 2))
        wanted = [1, *near, end] if end > 1 else [1]
        shown: list[int | None] = []
        for number in wanted:
            if shown and number - (shown[-1] or 0) > 1:
                shown.append(None)
            shown.append(number)
        return shown

    @property
    def previous(self) -> str:
        """The address of the page before this one, '' on the first."""
        return self.url(self.current - 1, before=self.before_position) if self.current > 1 else ""

    @property
    def next(self) -> str:
        """The address of the page after this one, '' on the last."""
        return self.url(self.current + 1, after=self.after_position) if self.more else ""

    def asks(self, name: str) -> str:
        """Return what the address asks for under `name`, '' for nothing."""
        return dict(self.asked).get(name, "")

    def url(self, number: int, **positions: str) -> str:
        """Return the address of page `number`, with everything else that was asked for kept."""
        return _address(
            self.path, (*self.asked, ("page", str(number) if number > 1 else ""), *positions.items())
        )


class CursorLinks(NamedTuple):
    """What `shared/_pagination.html` shows of a list by positions: the way to its beginning, and to older rows."""

    path: str
    asked: Asked
    older: str
    first: bool

    @property
    def numbers(self) -> list[int | None]:
        """None: such a list is not counted."""
        return []

    @property
    def previous(self) -> str:
        """The address of the newest rows, '' when these are they."""
        return "" if self.first else _address(self.path, self.asked)

    @property
    def next(self) -> str:
        """The address of the rows that follow, '' at the end."""
        return _address(self.path, (*self.asked, ("before", self.older))) if self.older else ""


def _address(path: str, asked: Asked) -> str:
    query = urlencode([(name, value) for name, value in asked if value])
    return f"{path}?{query}" if query else path
