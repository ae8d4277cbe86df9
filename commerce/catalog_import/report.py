"""What an import did, in numbers that add up and in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from commerce.catalog.text import make_slug
from commerce.catalog_import.parsed import NOTES, RowError
from commerce.csv_files import ImportNote
from commerce.money import to_decimal

Outcome = Literal["imported", "updated", "unchanged", "rejected"]
OUTCOMES: tuple[Outcome, ...] = ("imported", "updated", "unchanged", "rejected")
MAX_SLUG = 200
_ROWS_KEPT = 20
_ERRORS_SHOWN = 50
_CHANGES_SHOWN = 100


@dataclass(slots=True)
class NoteGroup:
    """All remarks of one kind: how many, and the first rows and details."""

    count: int = 0
    rows: list[int] = field(default_factory=list)
    details: list[str] = field(default_factory=list)

    def add(self, note: ImportNote) -> None:
        """Count `note`; remember where it was while there are few."""
        self.count += 1
        if note.row and len(self.rows) < _ROWS_KEPT:
            self.rows.append(note.row)
        if note.detail and note.detail not in self.details and len(self.details) < _ROWS_KEPT:
            self.details.append(note.detail)

    def merge(self, other: NoteGroup) -> None:
        """Take in the same remark on further rows."""
        self.count += other.count
        self.rows += other.rows[: _ROWS_KEPT - len(self.rows)]
        fresh = [each for each in other.details if each not in self.details]
        self.details += fresh[: _ROWS_KEPT - len(self.details)]


_EXCERPT = 160
_AMOUNTS = frozenset({"price", "compare_at_price", "unit_cost"})


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field of a product, or of its variant `sku`, that an import changed; long texts from where they differ."""

    handle: str
    sku: str
    field: str
    before: str
    after: str

    @classmethod
    def of(cls, handle: str, sku: str, name: str, before: Any, after: Any, currency: str) -> FieldChange:
        """Return a change of values as they are in the database; amounts are in minor units of `currency`."""
        old, new = (_text(name, value, currency) for value in (before, after))
        return cls(handle, sku, name, *_excerpts(old, new))


def _text(name: str, value: Any, currency: str) -> str:
    if value is None:
        return ""
    if name in _AMOUNTS:
        return str(to_decimal(value, currency))
    if isinstance(value, dict):
        return "; ".join(f"{key}: {text}" for key, text in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _excerpts(old: str, new: str) -> tuple[str, str]:
    if max(len(old), len(new)) <= _EXCERPT:
        return old, new
    same = next(
        (at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )
    start = max(0, same - 20)
    return _excerpt(old, start), _excerpt(new, start)


def _excerpt(text: str, start: int) -> str:
    end = start + _EXCERPT
    return f"{'...' if start else ''}{text[start:end]}{'...' if len(text) > end else ''}"


@dataclass(slots=True)
class ImportReport:
    """Counts rows and products by outcome; rows read is the sum of the four.

    With `dry_run` the outcomes are what would have happened.
    """

    tenant: str
    file: str
    dry_run: bool
    rows: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    products: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    variants_created: int = 0
    stock_set: int = 0
    categories_created: list[str] = field(default_factory=list)
    changes: list[FieldChange] = field(default_factory=list)
    not_taken: list[tuple[str, int]] = field(default_factory=list)
    errors: list[RowError] = field(default_factory=list)
    notes: dict[str, NoteGroup] = field(default_factory=dict)

    @property
    def rows_read(self) -> int:
        """Rows below the headings that held anything."""
        return sum(self.rows.values())

    def count(self, outcome: Outcome, rows: int, *, product: bool = True) -> None:
        """Count a product's outcome with its rows (`product=False`: rows that belong to no product)."""
        self.rows[outcome] += rows
        self.products[outcome] += product

    def note(self, note: ImportNote) -> None:
        """Count a remark under its kind."""
        self.notes.setdefault(note.code, NoteGroup()).add(note)

    def created(self, categories: Iterable[str]) -> None:
        """Name new categories, each once."""
        known = {make_slug(name, MAX_SLUG) for name in self.categories_created}
        for name in categories:
            if (slug := make_slug(name, MAX_SLUG)) not in known:
                known.add(slug)
                self.categories_created.append(name)

    def add(self, part: ImportReport) -> None:
        """Take in what came of further rows of the same file."""
        for outcome in OUTCOMES:
            self.rows[outcome] += part.rows[outcome]
            self.products[outcome] += part.products[outcome]
        self.variants_created += part.variants_created
        self.stock_set += part.stock_set
        self.created(part.categories_created)
        self.changes += part.changes
        self.errors += part.errors
        for code, group in part.notes.items():
            self.notes.setdefault(code, NoteGroup()).merge(group)

    def as_json(self) -> dict[str, Any]:
        """Return the report as one JSON object."""
        return {
            "tenant": self.tenant,
            "file": self.file,
            "dryRun": self.dry_run,
            "rowsRead": self.rows_read,
            "rows": dict(self.rows),
            "products": dict(self.products),
            "variantsCreated": self.variants_created,
            "stockSet": self.stock_set,
            "categoriesCreated": list(self.categories_created),
            "changes": [asdict(change) for change in self.changes],
            "columnsNotTaken": [{"column": name, "rows": rows} for name, rows in self.not_taken],
            "errors": [asdict(error) for error in self.errors],
            "notes": [
                {"code": code, "text": NOTES[code], **asdict(group)} for code, group in self.notes.items()
            ],
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> ImportReport:
        """Return the report that `as_json` has written down."""
        return cls(
            found["tenant"],
            found["file"],
            found["dryRun"],
            rows={outcome: found["rows"][outcome] for outcome in OUTCOMES},
            products={outcome: found["products"][outcome] for outcome in OUTCOMES},
            variants_created=found["variantsCreated"],
            stock_set=found["stockSet"],
            categories_created=list(found["categoriesCreated"]),
            changes=[FieldChange(**change) for change in found["changes"]],
            not_taken=[(each["column"], each["rows"]) for each in found["columnsNotTaken"]],
            errors=[RowError(**error) for error in found["errors"]],
            notes={
                note["code"]: NoteGroup(note["count"], list(note["rows"]), list(note["details"]))
                for note in found["notes"]
            },
        )

    def lines(self) -> Iterator[str]:
        """Yield the report as a person reads it on a terminal."""
        for error in self.errors[:_ERRORS_SHOWN]:
            product = f" [{error.handle}]" if error.handle else ""
            yield f"Row {error.row}, {error.column}{product}: '{error.value}' {_joined(error)}"
        if len(self.errors) > _ERRORS_SHOWN:
            yield f"... and {len(self.errors) - _ERRORS_SHOWN} more errors; --json lists all of them."
        for code, group in self.notes.items():
            yield f"Note: {NOTES[code]}{_where(group)}"
        if self.not_taken:
            columns = ", ".join(f"'{name}' ({_count(rows, 'row')})" for name, rows in self.not_taken)
            yield f"Not taken, because nothing here matches these columns: {columns}."
        yield from self._change_lines()
        if self.categories_created:
            yield f"New categories: {', '.join(self.categories_created)}"
        prefix = "Dry run, nothing was kept. " if self.dry_run else ""
        rows = ", ".join(f"{self.rows[outcome]} {outcome}" for outcome in OUTCOMES)
        products = ", ".join(f"{self.products[outcome]} {outcome}" for outcome in OUTCOMES)
        yield f"{prefix}{_count(self.rows_read, 'row')} read = {rows}."
        yield (
            f"{_count(sum(self.products.values()), 'product')}: {products}; "
            f"{_count(self.variants_created, 'new variant')}; stock set for {_count(self.stock_set, 'known variant')}."
        )

    def _change_lines(self) -> Iterator[str]:
        shown = self.changes[:_CHANGES_SHOWN]
        for change in shown:
            of = f"{change.handle} {change.sku}".rstrip()
            yield f"Changed: {of}: {change.field}: '{change.before}' -> '{change.after}'"
        if len(self.changes) > len(shown):
            counts = Counter(change.field for change in self.changes)
            fields = ", ".join(f"{name} {count}" for name, count in counts.most_common())
            yield f"... {len(self.changes)} changes in all ({fields}); --json lists all of them."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _joined(error: RowError) -> str:
    return error.reason if error.reason.startswith(("is ", "has ")) else f"- {error.reason}"


def _where(group: NoteGroup) -> str:
    parts = []
    if group.rows:
        shown = ", ".join(str(row) for row in group.rows[:8])
        more = ", ..." if group.count > len(group.rows[:8]) else ""
        parts.append(f"row {shown}" if group.count == 1 else f"{group.count} times, rows {shown}{more}")
    if group.details and len(group.details) <= 3:
        parts.append(", ".join(group.details))
    return f" ({'; '.join(parts)})" if parts else ""
