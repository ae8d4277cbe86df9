"""Stock by CSV: read a file, say what it would change, and change exactly that.

Understood are our own columns and the stock columns of Shopify's and WooCommerce's exports. A row either says what is
on the shelf (a count) or what came or went (a change, with its cause).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from sqlalchemy import bindparam, select, update

from commerce.catalog.models import Variant
from commerce.catalog.text import clean_line
from commerce.catalog.values import parse_quantity
from commerce.csv_files import CsvTable, UnreadableFile
from commerce.db import atomic, current_tenant_id, db, execute_many
from commerce.inventory.adjustments import default_location, set_initial_stock
from commerce.inventory.models import MAX_QUANTITY, Location, StockItem
from commerce.inventory.services import StockChanges

COLUMNS: dict[str, tuple[str, ...]] = {
    "sku": ("sku", "variant sku", "productcode", "product code"),
    "location": ("location", "warehousecode", "warehouse", "warehouse code"),
    "on_hand": (
        "on hand",
        "on_hand",
        "quantity",
        "stock",
        "variant inventory qty",
        "inventory quantity",
        "on hand (new)",
        "on hand (current)",
        "available",
    ),
    "change": ("change", "delta"),
    "cause": ("cause", "reason"),
    "note": ("note", "reference"),
    "limit": ("backorder_limit", "backorder limit", "may be promised beyond stock"),
}
"""Headings by what they mean; the first that a file has is read. Compared in lower case."""
CAUSES = ("received", "found", "damaged", "lost", "count")
BLANK = ("", "not stocked")
"""Cells that say nothing about stock (the second is Shopify's word for a location without the product)."""
_stock = StockItem.__table__
_SET_LIMIT = (
    update(StockItem.__table__)  # type: ignore[arg-type]
    .where(_stock.c.tenant_id == bindparam("b_tenant"), _stock.c.id == bindparam("b_id"))
    .values(backorder_limit=bindparam("b_limit"), version=_stock.c.version + 1)
)
BATCH = 200
MAX_ROWS = 100_000
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class StockFileLine:
    """What one row means here. `after` is units on hand; `version` is that of the shelf when it was looked at.

    `limit` is how many units may be promised beyond them, None when the row does not say.

    `problem` says why the row cannot be followed; then nothing of it is done.
    """

    row: int
    sku: str
    location: str
    before: int = 0
    after: int = 0
    reserved: int = 0
    cause: str = "count"
    note: str = ""
    limit_before: int = 0
    limit: int | None = None
    variant_id: uuid.UUID | None = None
    stock_item_id: uuid.UUID | None = None
    location_id: uuid.UUID | None = None
    version: int = 0
    problem: str = ""

    @property
    def delta(self) -> int:
        """Units that come (positive) or go."""
        return 0 if self.problem else self.after - self.before

    @property
    def changes(self) -> bool:
        """Whether the row changes anything."""
        return bool(self.delta) or (not self.problem and self.limit not in (None, self.limit_before))


@dataclass(frozen=True, slots=True)
class StockPlan:
    """What a file would do. `seen` stands for the shelves as they were looked at: another value, another plan."""

    lines: tuple[StockFileLine, ...]
    seen: str

    @property
    def changes(self) -> tuple[StockFileLine, ...]:
        """The rows that change something."""
        return tuple(line for line in self.lines if line.changes)

    @property
    def problems(self) -> tuple[StockFileLine, ...]:
        """The rows that cannot be followed."""
        return tuple(line for line in self.lines if line.problem)

    @property
    def unchanged(self) -> int:
        """How many rows say what the changes say already."""
        return len(self.lines) - len(self.changes) - len(self.problems)


def plan_stock(stream: BinaryIO) -> StockPlan:
    """Read a CSV file (seekable, bytes) and return what it would change; nothing is written.

    Raises UnreadableFile for what is no CSV, has no column with SKUs or none with units, or too many rows.
    """
    lines = _refuse_twice(_look_up(list(_read(stream))))
    return StockPlan(tuple(lines), _fingerprint(lines))


def apply_stock(
    plan: StockPlan, *, actor: str, reference: str, progress: Progress = lambda _rows: None
) -> list[StockFileLine]:
    """Do what a plan says, in transactions of 200 rows, and return every changing row with what became of it.

    A shelf that moved since the plan was made is left alone, and its row says so: nobody's count is lost.
    """
    results: list[StockFileLine] = []
    changes = plan.changes
    for start in range(0, len(changes), BATCH):
        batch = changes[start : start + BATCH]
        results += _apply(batch, actor, reference)
        progress(len(batch))
    return results


# --- reading ---------------------------------------------------------------------------------------


def _read(stream: BinaryIO) -> Iterator[StockFileLine]:
    table = CsvTable(stream)
    index = _find_columns(table.header)
    for count, (row, cells) in enumerate(table.rows()):
        if count >= MAX_ROWS:
            raise UnreadableFile(f"The file has more than {MAX_ROWS} rows; please send it in parts.")
        line = _parse(row, {name: _cell(cells, at) for name, at in index.items()})
        if line is not None:
            yield line


def _find_columns(header: Sequence[str]) -> dict[str, int]:
    names = [clean_line(cell).lower() for cell in header]
    index = {
        field: next(names.index(heading) for heading in headings if heading in names)
        for field, headings in COLUMNS.items()
        if any(heading in names for heading in headings)
    }
    found = ", ".join(f"'{clean_line(cell)}'" for cell in header[:12])
    if "sku" not in index:
        raise UnreadableFile(f"There is no column 'SKU'. Found: {found}.")
    if index.keys().isdisjoint(("on_hand", "change", "limit")):
        raise UnreadableFile(
            f"There is no column with units: 'on hand' for counts or 'change' for what came or went. Found: {found}."
        )
    return index


def _cell(cells: Sequence[str], at: int) -> str:
    return clean_line(cells[at]) if at < len(cells) else ""


def _parse(row: int, cells: dict[str, str]) -> StockFileLine | None:
    """Return what a row says, or None when it says nothing about stock."""
    counted, change, limit = cells.get("on_hand", ""), cells.get("change", ""), cells.get("limit", "")
    line = StockFileLine(row, cells["sku"], cells.get("location", ""), note=cells.get("note", "")[:255])
    if counted.lower() in BLANK and not change and not limit:
        return None
    if not line.sku:
        return replace(line, problem="The row names no SKU.")
    if counted.lower() not in BLANK and change:
        return replace(line, problem="The row has both a count and a change: one of them must be empty.")
    try:
        line = replace(line, limit=parse_quantity(limit) if limit else None)
        if not change and counted.lower() in BLANK:
            return replace(line, version=-1)
        if change:
            sign = -1 if change.startswith("-") else 1
            cause = cells.get("cause", "").lower() or ("received" if sign > 0 else "damaged")
            if cause not in CAUSES:
                return replace(line, problem=f"'{cause}' is no cause: use {', '.join(CAUSES)}.")
            # Only relative yet: the shelf is not known. `after` becomes absolute in the look-up.
            return replace(line, after=sign * parse_quantity(change.lstrip("+-")), cause=cause, version=-1)
        return replace(line, after=parse_quantity(counted))
    except ValueError as error:
        return replace(line, problem=f"'{', '.join(filter(None, (counted, change, limit)))}': {error}.")


def _refuse_twice(lines: Sequence[StockFileLine]) -> list[StockFileLine]:
    """Refuse a second row about the same shelf: which of them is right, nobody can say."""
    seen: set[tuple[uuid.UUID | None, uuid.UUID | None]] = set()
    checked = []
    for line in lines:
        shelf = (line.variant_id, line.location_id)
        twice = not line.problem and shelf in seen
        checked.append(
            replace(line, problem="An earlier row is about the same SKU and location.") if twice else line
        )
        seen.add(shelf)
    return checked


# --- looking up ------------------------------------------------------------------------------------


def _look_up(lines: Sequence[StockFileLine]) -> list[StockFileLine]:
    places = {
        row.code.lower(): (row.id, row.code) for row in db.session.execute(select(Location.id, Location.code))
    }
    names = {
        row.name.lower(): (row.id, row.code)
        for row in db.session.execute(select(Location.id, Location.code, Location.name))
    }
    first = db.session.execute(
        select(Location.id, Location.code).order_by(Location.position, Location.id).limit(1)
    ).first()
    known: list[StockFileLine] = []
    for start in range(0, len(lines), BATCH):
        batch = lines[start : start + BATCH]
        variants = _variants({line.sku for line in batch if not line.problem})
        shelves = _stock_items(set(variants.values()))
        for line in batch:
            key = line.location.lower()
            place = (first or (None, "main")) if not key else places.get(key) or names.get(key)
            known.append(_resolve(line, variants, shelves, tuple(place) if place else None))
    return known


def _variants(skus: set[str]) -> dict[str, uuid.UUID]:
    rows = db.session.execute(select(Variant.sku, Variant.id).where(Variant.sku.in_(skus)))
    return {row.sku: row.id for row in rows}


Shelf = tuple[uuid.UUID, int, int, int, int]
"""Stock item id, units on hand, units reserved, version, units that may be promised beyond."""


def _stock_items(variant_ids: set[uuid.UUID]) -> dict[tuple[uuid.UUID, uuid.UUID], Shelf]:
    rows = db.session.execute(
        select(
            StockItem.variant_id,
            StockItem.location_id,
            StockItem.id,
            StockItem.on_hand,
            StockItem.reserved,
            StockItem.version,
            StockItem.backorder_limit,
        ).where(StockItem.variant_id.in_(variant_ids))
    )
    return {(row[0], row[1]): (row[2], row[3], row[4], row[5], row[6]) for row in rows}


def _resolve(
    line: StockFileLine,
    variants: dict[str, uuid.UUID],
    shelves: dict[tuple[uuid.UUID, uuid.UUID], Shelf],
    place: tuple[uuid.UUID | None, str] | None,
) -> StockFileLine:
    if line.problem:
        return line
    if place is None:
        return replace(line, problem=f"There is no location '{line.location}'.")
    if line.sku not in variants:
        return replace(line, problem="There is no such SKU.")
    location_id, code = place
    variant_id = variants[line.sku]
    nothing: tuple[None, int, int, int, int] = (None, 0, 0, 0, 0)
    shelf = shelves.get((variant_id, location_id), nothing) if location_id else nothing
    stock_item_id, on_hand, reserved, version, limit_before = shelf
    after = on_hand + line.after if line.version == -1 else line.after
    known = replace(
        line,
        location=code,
        before=on_hand,
        after=after,
        reserved=reserved,
        limit_before=limit_before,
        variant_id=variant_id,
        stock_item_id=stock_item_id,
        location_id=location_id,
        version=version,
    )
    limit = limit_before if line.limit is None else line.limit
    if after + limit < reserved:
        beyond = f" and {limit} beyond it" if limit or line.limit is not None else ""
        return replace(
            known, problem=f"{reserved} units are reserved for orders, so {after} cannot be on hand{beyond}."
        )
    if max(after, limit) > MAX_QUANTITY:
        return replace(known, problem=f"More than {MAX_QUANTITY} units cannot be right.")
    return known


def _fingerprint(lines: Sequence[StockFileLine]) -> str:
    facts = "\n".join(
        f"{line.row}|{line.stock_item_id}|{line.version}|{line.after}|{line.limit}" for line in lines
    )
    return hashlib.sha256(facts.encode()).hexdigest()


# --- writing ---------------------------------------------------------------------------------------


@atomic
def _apply(batch: Sequence[StockFileLine], actor: str, reference: str) -> list[StockFileLine]:
    ids = sorted(line.stock_item_id for line in batch if line.stock_item_id)
    rows = db.session.execute(
        select(StockItem.id, StockItem.version)
        .where(StockItem.id.in_(ids))
        .order_by(StockItem.id)
        .with_for_update()
    )
    versions = {row.id: row.version for row in rows}
    results = [_still(line, versions) for line in batch]
    _set_limits(results, raising=True)
    for cause in CAUSES:
        changes = StockChanges(cause, actor, reference)
        for line in results:
            if line.stock_item_id and line.cause == cause:
                changes.add(line.stock_item_id, on_hand=line.delta)
        changes.apply_or_raise()
    _set_limits(results, raising=False)
    _open_stock_items([line for line in results if not line.stock_item_id], actor, reference)
    return results


def _set_limits(lines: Sequence[StockFileLine], *, raising: bool) -> None:
    """Set the limits that rise, or those that fall: a limit rises before the units go, and falls after they came."""
    rows = [
        {"b_tenant": current_tenant_id(), "b_id": line.stock_item_id, "b_limit": line.limit}
        for line in sorted(lines, key=lambda each: str(each.stock_item_id))
        if line.stock_item_id and not line.problem and line.limit not in (None, line.limit_before)
        if (line.limit > line.limit_before) == raising
    ]
    if rows:
        execute_many(_SET_LIMIT, rows)


def _still(line: StockFileLine, versions: Mapping[uuid.UUID, int]) -> StockFileLine:
    if line.stock_item_id is None or versions.get(line.stock_item_id) == line.version:
        return line
    return replace(line, problem="The shelf moved while the file was being read: look at it again.")


def _open_stock_items(lines: Sequence[StockFileLine], actor: str, reference: str) -> None:
    by_place: dict[uuid.UUID, dict[uuid.UUID, int]] = {}
    limits = {line.variant_id: line.limit or 0 for line in lines}
    for line in lines:
        place = line.location_id or default_location()
        if line.variant_id is not None:
            by_place.setdefault(place, {})[line.variant_id] = line.after
    for place, quantities in by_place.items():
        set_initial_stock(
            quantities, cause="count", actor=actor, reference=reference, location_id=place, limits=limits
        )
