"""Files in which each row stands for itself, such as customers: read, compared, and written batch by batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import Any, BinaryIO, ClassVar, NamedTuple

from commerce.catalog_import.parsed import RowError
from commerce.catalog_import.report import FieldChange, ImportReport, Outcome
from commerce.catalog_import.rows import BLANKS, plain
from commerce.catalog_import.services import ImportJournal
from commerce.csv_files import CsvTable, ImportNote
from commerce.db import atomic, db
from commerce.error_messages import describe
from commerce.errors import InvalidValue, Rejected
from commerce.tenants.scope import current_shop

BATCH_ROWS = 100
"""Rows of one transaction."""


class FileRow(NamedTuple):
    """A row of a file: its number as a spreadsheet counts, and its cells by field, none that is blank."""

    number: int
    cells: Mapping[str, str]

    def get(self, name: str) -> str:
        """Return the text of a field, '' when the file says nothing of it."""
        return self.cells.get(name, "")


class RowResult(NamedTuple):
    """What comes of a row: new, changed or the same as before; with what changes, and groups that are new."""

    outcome: Outcome
    changes: Sequence[FieldChange] = ()
    groups: Sequence[str] = ()


class RowFile(ABC):
    """What a kind of file knows of its columns, and what becomes of a row.

    `headings` are by field all words for it, in lower case; `key` is the field by which a row is known: a file without
    it is refused, and a row that repeats an earlier one.
    """

    headings: ClassVar[Mapping[str, Sequence[str]]]
    key: ClassVar[str]
    is_personal: ClassVar[bool] = False
    """Whether rows are about people: then what is kept of a finished import has no values."""
    columns: frozenset[str] = frozenset()
    """The fields of which the file has a column: a cell may be empty for a reason there."""

    @abstractmethod
    def missing(self) -> Rejected:
        """Return the error of a file without the column of the key."""

    @abstractmethod
    def key_of(self, row: FileRow) -> str:
        """Return by what a row is known, in the form in which it is compared."""

    @abstractmethod
    def load(self, rows: Sequence[FileRow], *, lock: bool) -> None:
        """Find what the shop has of these rows. A step."""

    @abstractmethod
    def take(self, row: FileRow, *, dry_run: bool) -> RowResult:
        """Compare a row with what there is and, unless it is a dry run, write it. A step. Raises InvalidValue."""


def import_rows(
    stream: BinaryIO,
    kind: RowFile,
    *,
    file_name: str,
    dry_run: bool = False,
    journal: ImportJournal | None = None,
    on_start: Callable[[int], None] | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> ImportReport:
    """Import a file of rows into the current shop; report the outcome of each row.

    Good rows are taken in even when others are refused. With a `journal` it goes on where an earlier run was cut off,
    and reports both. Opens a transaction for each batch. Raises UnreadableFile and Rejected before anything is written.
    """
    table = CsvTable(stream)
    places, headings, not_read = _places(table.header, kind)
    if kind.key not in places:
        raise kind.missing()
    kind.columns = frozenset(places)
    report = ImportReport(current_shop().code, file_name, dry_run)
    for note in table.notes:
        report.note(note)
    total, filled = _survey(table, not_read)
    report.not_taken = [(table.header[place], filled[place]) for place in not_read]
    if not total:
        report.note(ImportNote(0, "no_rows"))
    if on_start:
        on_start(total)
    for part in journal.parts() if journal else ():
        report.add(part)
    seen: dict[str, int] = {}
    done = journal.done if journal else 0
    with closing(_rows(table, places)) as rows:
        for row in islice(rows, done):
            seen.setdefault(kind.key_of(row), row.number)
        while batch := list(islice(rows, BATCH_ROWS)):
            first = [seen.setdefault(kind.key_of(row), row.number) for row in batch]
            report.add(_take(batch, first, done, kind, headings, report, journal))
            done += len(batch)
            if on_rows:
                on_rows(len(batch))
    report.errors.sort(key=lambda error: error.row)
    return report


def _places(header: Sequence[str], kind: RowFile) -> tuple[dict[str, int], dict[str, str], list[int]]:
    """Return by field its column and how the file calls it; and the columns that are not read."""
    folded = [" ".join(name.replace("_", " ").casefold().split()) for name in header]
    places: dict[str, int] = {}
    for field, words in kind.headings.items():
        place = next((folded.index(word) for word in words if word in folded), None)
        if place is not None:
            places[field] = place
    taken = set(places.values())
    rest = [place for place, name in enumerate(folded) if name and place not in taken]
    return places, {field: header[place] for field, place in places.items()}, rest


def _survey(table: CsvTable, columns: Sequence[int]) -> tuple[int, dict[int, int]]:
    """Return how many rows there are, and in how many each of these columns says something."""
    total, filled = 0, dict.fromkeys(columns, 0)
    for _number, cells in table.rows():
        total += 1
        for place in columns:
            filled[place] += place < len(cells) and bool(cells[place].strip())
    return total, filled


def _rows(table: CsvTable, places: Mapping[str, int]) -> Generator[FileRow]:
    with closing(table.rows()) as rows:
        for number, cells in rows:
            found = {name: cells[place].strip() for name, place in places.items() if place < len(cells)}
            yield FileRow(number, {name: plain(cell) for name, cell in found.items() if cell not in BLANKS})


@atomic
def _take(
    batch: Sequence[FileRow],
    first: Sequence[int],
    done: int,
    kind: RowFile,
    headings: Mapping[str, str],
    report: ImportReport,
    journal: ImportJournal | None,
) -> ImportReport:
    """Take in some rows; `first` has for each the row that says it first, itself or an earlier one."""
    part = ImportReport(report.tenant, report.file, report.dry_run)
    kind.load(batch, lock=not report.dry_run)
    for row, earlier in zip(batch, first, strict=True):
        try:
            result = _take_one(row, earlier, kind, dry_run=report.dry_run)
        except InvalidValue as error:
            part.errors.append(_row_error(row, kind, headings, error, shown=report.dry_run))
            part.count("rejected", 1)
            continue
        part.count(result.outcome, 1)
        part.created(result.groups)
        if report.dry_run or not kind.is_personal:
            part.changes.extend(result.changes)
    if journal is not None:
        journal.record(done + len(batch), part)
    return part


def _take_one(row: FileRow, earlier: int, kind: RowFile, *, dry_run: bool) -> RowResult:
    if earlier != row.number:
        raise InvalidValue(kind.key, "row_repeats", row=earlier)
    if dry_run:
        return kind.take(row, dry_run=True)
    with db.session.begin_nested():
        return kind.take(row, dry_run=False)


def _row_error(
    row: FileRow, kind: RowFile, headings: Mapping[str, str], error: InvalidValue, *, shown: bool
) -> RowError:
    name = error.field if error.field in headings else kind.key
    value, key = (row.get(name), row.get(kind.key)) if shown or not kind.is_personal else ("", "")
    return RowError(row.number, headings[name], value[:200], describe(error), key[:200])


def words_in(cells: Iterable[Any]) -> str:
    """Return parts of a text in one line, those that say something."""
    return " ".join(str(cell) for cell in cells if cell)
