"""Redirects by hand and from CSV files: what staff type is checked against what leads where already."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from sqlalchemy import func, select

from commerce.csv_files import CsvTable
from commerce.db import atomic, db, lock
from commerce.errors import InvalidValue, NotFound, Refusal, Rejected
from commerce.redirects.models import Redirect
from commerce.redirects.services import checked_path, checked_target, keep_redirect
from commerce.tenants.services import touch_catalogue

MAX_ROWS = 1000
"""Rows of one file: they are added in one transaction."""
MAX_REDIRECTS = 50_000
HEADINGS = {
    "path": ("path", "from", "old path", "redirect from"),
    "target": ("target", "to", "new path", "redirect to"),
}
"""Column -> how a file may call it; the last are Shopify's."""


@dataclass(frozen=True, slots=True)
class RedirectLine:
    """A row of a file, as it was written. `problem` says why it cannot be taken."""

    row: int
    path: str
    target: str
    problem: Refusal | None = None


class RedirectRowRefused(Rejected):
    """A row of a file cannot be added; nothing of the file was. `line` says which and why."""

    def __init__(self, line: RedirectLine) -> None:
        self.line = line
        super().__init__("redirect_row_refused")


@atomic
def add_redirect(path: str, target: str) -> None:
    """Let a path lead somewhere else. Raises InvalidValue, for what leads back to it, too."""
    touch_catalogue()  # one change at a time
    _add(path, target)


@atomic
def add_redirects(lines: Sequence[RedirectLine]) -> None:
    """Add all redirects of a file or none. Raises RedirectRowRefused."""
    touch_catalogue()
    for line in lines:
        try:
            _add(line.path, line.target)
        except InvalidValue as error:
            refusal = Refusal(error.reason, error.facts)
            raise RedirectRowRefused(replace(line, problem=refusal)) from error


@atomic
def remove_redirect(redirect_id: uuid.UUID, *, seen_version: int) -> str:
    """Let nothing lead away from a path any more and return it. Raises NotFound, StaleVersion."""
    row = lock(Redirect, redirect_id, missing=NotFound("redirect_not_found"), version=seen_version)
    db.session.delete(row)
    return row.path


def read_redirects(stream: BinaryIO) -> list[RedirectLine]:
    """Return the rows of a CSV file. Raises Rejected for a file that is not CSV or lacks a column."""
    table = CsvTable(stream)
    names = [heading.strip().casefold() for heading in table.header]
    places = {
        column: next((names.index(each) for each in known if each in names), None)
        for column, known in HEADINGS.items()
    }
    at, to = places["path"], places["target"]
    if at is None or to is None:
        raise Rejected("redirect_headings_missing")
    found: list[RedirectLine] = []
    for number, cells in table.rows():
        if len(found) == MAX_ROWS:
            raise Rejected("redirect_file_too_long", limit=MAX_ROWS)
        path, target = (cells[place].strip() if place < len(cells) else "" for place in (at, to))
        found.append(RedirectLine(number, path, target, _problem(path, target)))
    return found


def _problem(path: str, target: str) -> Refusal | None:
    try:
        checked_path(path)
        checked_target(target)
    except InvalidValue as error:
        return Refusal(error.reason, error.facts)
    return None


def _add(path: str, target: str) -> None:
    old, new = checked_path(path), checked_target(target)
    if (db.session.scalar(select(func.count(Redirect.id))) or 0) >= MAX_REDIRECTS:
        raise InvalidValue("path", "too_many_redirects", limit=MAX_REDIRECTS)
    if new.startswith("/"):
        # Where it leads to may lead on: then this leads there at once, and never back to where it began.
        there = unquote(urlsplit(new).path).rstrip("/")
        further = db.session.scalar(select(Redirect.target).where(Redirect.path == there))
        if further is not None:
            if unquote(urlsplit(further).path).rstrip("/") == old:
                raise InvalidValue("target", "redirect_loop", path=old)
            new = further
    keep_redirect(old, new)
