"""Stock by CSV: read a file, say what it would change, and change exactly that.

Understood are our own columns, Shopify's inventory file, and the stock columns of Shopify's and WooCommerce's exports.
A row either says what is there (a count) or what came or went (a change, with its cause).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO, NamedTuple

from sqlalchemy import bindparam, select, update

from commerce.catalog.models import Product, ProductRedirect, Variant
from commerce.catalog.text import (
    clean_line,
    digest,
    folded,
    former_slugs,
    make_slug,
    slugify,
    without_accents,
)
from commerce.catalog.values import is_rounded, parse_quantity, parse_sku, parse_stock
from commerce.catalog_import.product import DEFAULT_VALUE
from commerce.catalog_import.rows import plain
from commerce.catalog_import.woocommerce_headings import find_columns
from commerce.csv_files import CsvTable, UnreadableFile
from commerce.db import atomic, current_tenant_id, db, execute_many
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.inventory.adjustments import default_location, set_initial_stock
from commerce.inventory.locations import create_location
from commerce.inventory.models import MAX_QUANTITY, Location, StockItem
from commerce.inventory.services import StockChanges

COLUMNS: dict[str, tuple[str, ...]] = {
    "sku": ("sku", "variant sku", "productcode", "product code"),
    "handle": ("handle", "url handle"),
    "option1": ("option1 value",),
    "option2": ("option2 value",),
    "option3": ("option3 value",),
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
ON_HAND_BEFORE = ("on hand (current)", "on hand")
"""Where Shopify's inventory file has the count of rows that nobody has filled in under 'On hand (new)'."""
CAUSES = ("received", "found", "damaged", "lost", "count")
BLANK = ("", "not stocked")
"""Cells that say nothing about stock (the second is Shopify's word for a location without the product)."""
_stock = StockItem.__table__
_SET_LIMIT = (
    update(StockItem.__table__)  # type: ignore[arg-type]
    .where(_stock.c.tenant_id == bindparam("b_tenant"), _stock.c.id == bindparam("b_id"))
    .values(backorder_limit=bindparam("b_limit"), version=_stock.c.version + 1)
)
MAX_CODE = 40
MAX_SLUG = 200
BATCH = 200
MAX_ROWS = 100_000
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class StockFileLine:
    """What one row means here. `after` is units on hand; `version` is that of the stock item when it was looked at.

    `limit` is how many units may be promised beyond them, None when the row does not say. `handle` and `options` name
    the variant where the SKU does not. `remark` says what was understood otherwise than it is written.

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
    handle: str = ""
    options: tuple[str, ...] = ()
    remark: str = ""

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
    """What a file would do. `seen` stands for the stock as it was looked at: another value, another plan.

    `unknown_locations` are the locations of the file that the shop does not have, and how many rows are about them.
    """

    lines: tuple[StockFileLine, ...]
    seen: str
    unknown_locations: Mapping[str, int] = field(default_factory=dict)

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


def plan_stock(stream: BinaryIO, *, new_locations: bool = False) -> StockPlan:
    """Read a CSV file (seekable, bytes) and return what it would change; nothing is written.

    With `new_locations` the plan is what it would be if unknown locations had been made. Raises UnreadableFile for what
    is no CSV, has no column with SKUs or handles or none with units, has no row about stock, or too many.
    """
    table = CsvTable(stream)
    index, before = _find_columns(table.header)
    lines = list(_read(table, index, before))
    if not lines:
        counted = [f"'{table.header[at]}'" for field, at in index.items() if field in _UNITS]
        raise UnreadableFile("stock_file_without_units", columns=counted)
    known, unknown = _look_up(lines, new_locations=new_locations)
    lines = _refuse_twice(known)
    return StockPlan(tuple(lines), _fingerprint(lines), unknown)


def create_locations(names: Iterable[str]) -> None:
    """Make locations with these names, in a transaction each. Raises InvalidValue for a name that cannot be one."""
    for name in names:
        code = slugify(without_accents(name))[:MAX_CODE].strip("-")
        create_location(code if code.isascii() and code else f"location-{digest(name)}", name)


def apply_stock(
    plan: StockPlan, *, actor: str, reference: str, progress: Progress = lambda _rows: None
) -> list[StockFileLine]:
    """Do what a plan says, in transactions of 200 rows, and return every changing row with its outcome.

    Stock that moved since the plan was made is left alone, and its row says so: nobody's count is lost.
    """
    results: list[StockFileLine] = []
    changes = plan.changes
    for start in range(0, len(changes), BATCH):
        batch = changes[start : start + BATCH]
        results += _apply(batch, actor, reference)
        progress(len(batch))
    return results


# --- reading ---------------------------------------------------------------------------------------


def _read(table: CsvTable, index: Mapping[str, int], before: Sequence[int]) -> Iterator[StockFileLine]:
    for count, (row, cells) in enumerate(table.rows()):
        if count >= MAX_ROWS:
            raise UnreadableFile("stock_file_too_long", limit=MAX_ROWS)
        known = {name: _cell(cells, at) for name, at in index.items()}
        for at in before:
            if known.get("on_hand", "").lower() in BLANK:
                known["on_hand"] = _cell(cells, at)
        line = _parse(row, known)
        if line is not None:
            yield line


def _find_columns(header: Sequence[str]) -> tuple[dict[str, int], list[int]]:
    """Return where the fields stand, and where else the count stands when its own cell is blank."""
    names = [clean_line(cell).lower() for cell in header]
    index = {
        field: next(names.index(heading) for heading in headings if heading in names)
        for field, headings in COLUMNS.items()
        if any(heading in names for heading in headings)
    }
    before = []
    if "on hand (new)" in names:
        index["on_hand"] = names.index("on hand (new)")
        before = [names.index(name) for name in ON_HAND_BEFORE if name in names]
    if "on_hand" not in index and "change" not in index:
        # WooCommerce writes its headings in the language of the shop.
        there = find_columns(header)
        index |= {ours: there[its] for ours, its in (("sku", "sku"), ("on_hand", "quantity")) if its in there}
    found = [f"'{clean_line(cell)}'" for cell in header[:12]]
    if "sku" not in index and "handle" not in index:
        raise UnreadableFile("stock_file_sku_missing", found=found)
    if index.keys().isdisjoint(_UNITS):
        raise UnreadableFile("stock_file_units_missing", found=found)
    return index, before


_UNITS = ("on_hand", "change", "limit")


def _cell(cells: Sequence[str], at: int) -> str:
    return clean_line(plain(cells[at].strip())) if at < len(cells) else ""


def _parse(row: int, cells: dict[str, str]) -> StockFileLine | None:
    """Return what a row says, or None when it says nothing about stock."""
    counted, change, limit = cells.get("on_hand", ""), cells.get("change", ""), cells.get("limit", "")
    line = StockFileLine(
        row,
        cells.get("sku", ""),
        cells.get("location", ""),
        note=cells.get("note", "")[:255],
        handle=cells.get("handle", ""),
        options=tuple(cells.get(f"option{axis}", "") for axis in (1, 2, 3)),
    )
    if counted.lower() in BLANK and not change and not limit:
        return None
    if not line.sku and not line.handle:
        return replace(line, problem="The row names no SKU.")
    if counted.lower() not in BLANK and change:
        return replace(line, problem="The row has both a count and a change: one of them must be empty.")
    try:
        parse_sku(line.sku)
        line = replace(line, limit=parse_quantity(limit) if limit else None)
        if not change and counted.lower() in BLANK:
            return replace(line, version=-1)
        if change:
            return _parse_change(line, change, cells.get("cause", "").lower())
        units, oversold = parse_stock(counted)
        remark = (
            f"{counted} was read as 0: {oversold} more had been sold than there were." if oversold else ""
        )
        return replace(line, after=units, remark=remark)
    except InvalidValue as error:
        given = line.sku if is_rounded(line.sku) else ", ".join(filter(None, (counted, change, limit)))
        return replace(line, problem=f"'{given}': {describe(error)}.")


def _parse_change(line: StockFileLine, change: str, cause: str) -> StockFileLine:
    sign = -1 if change.startswith(("-", "\u2212")) else 1
    cause = cause or ("received" if sign > 0 else "damaged")
    if cause not in CAUSES:
        return replace(line, problem=f"'{cause}' is no cause: use {', '.join(CAUSES)}.")
    # Only relative yet: the stock is not known. `after` becomes absolute in the look-up.
    return replace(line, after=sign * parse_quantity(change.lstrip("+-\u2212")), cause=cause, version=-1)


def _refuse_twice(lines: Sequence[StockFileLine]) -> list[StockFileLine]:
    """Refuse a second row about the same stock item: which of them is right, nobody can say."""
    seen: set[tuple[uuid.UUID | None, uuid.UUID | str]] = set()
    checked = []
    for line in lines:
        item = (line.variant_id, line.location_id or line.location.lower())
        twice = not line.problem and item in seen
        checked.append(
            replace(line, problem="An earlier row is about the same SKU and location.") if twice else line
        )
        seen.add(item)
    return checked


# --- looking up ------------------------------------------------------------------------------------


Place = tuple[uuid.UUID | None, str]
"""A location's id, None while it is not made yet, and its code."""


def _look_up(
    lines: Sequence[StockFileLine], *, new_locations: bool
) -> tuple[list[StockFileLine], dict[str, int]]:
    """Return the lines with what they mean here, and the locations that there are not with their rows."""
    rows = db.session.execute(
        select(Location.id, Location.code, Location.name).order_by(Location.position, Location.id)
    ).all()
    places: dict[str, Place] = {row.name.lower(): (row.id, row.code) for row in reversed(rows)}
    places |= {row.code.lower(): (row.id, row.code) for row in rows}
    first: Place = (rows[0].id, rows[0].code) if rows else (None, "main")
    known: list[StockFileLine] = []
    unknown: dict[str, int] = {}
    for start in range(0, len(lines), BATCH):
        batch = [
            _place(line, places, first, unknown, new=new_locations) for line in lines[start : start + BATCH]
        ]
        variants = _variants(batch)
        stock = _stock_of(set(variants.values()))
        known += [_resolve(line, variants.get(line.row), stock) for line in batch]
    return known, unknown


def _place(
    line: StockFileLine, places: Mapping[str, Place], first: Place, unknown: dict[str, int], *, new: bool
) -> StockFileLine:
    """Return the line with its location's id and code; count those that there are not in `unknown`."""
    if line.problem:
        return line
    place = places.get(line.location.lower()) if line.location else first
    if place is not None:
        return replace(line, location_id=place[0], location=place[1])
    unknown[line.location] = unknown.get(line.location, 0) + 1
    return line if new else replace(line, problem=f"There is no location '{line.location}'.")


def _variants(lines: Sequence[StockFileLine]) -> dict[int, uuid.UUID]:
    """Return the variants that the lines mean, by row: by SKU, or else by handle and options."""
    skus = {line.sku for line in lines if line.sku and not line.problem}
    rows = db.session.execute(select(Variant.sku, Variant.id).where(Variant.sku.in_(skus)))
    by_sku = {row.sku: row.id for row in rows}
    found = {line.row: by_sku[line.sku] for line in lines if line.sku in by_sku}
    others = [line for line in lines if line.row not in found and line.handle and not line.problem]
    if not others:
        return found
    named = _named_products({line.handle for line in others})
    for line in others:
        options = tuple(value for value in line.options if value and value.casefold() != DEFAULT_VALUE)
        variants = named.get(line.handle, [])
        matching = [each for each, values in variants if folded(values) == folded(options)]
        if len(matching) == 1:
            found[line.row] = matching[0]
    return found


def _named_products(handles: Collection[str]) -> dict[str, list[tuple[uuid.UUID, list[str]]]]:
    """Return ids and options of the variants of products by the handles that they have or had at another shop."""
    slugs = {handle: (make_slug(handle, MAX_SLUG), *former_slugs(handle, MAX_SLUG)) for handle in handles}
    wanted = {slug for each in slugs.values() for slug in each}
    moved = select(ProductRedirect.slug, ProductRedirect.product_id).where(ProductRedirect.slug.in_(wanted))
    products = {row.slug: row.product_id for row in db.session.execute(moved)}
    there = select(Product.slug, Product.id).where(Product.slug.in_(wanted))
    products |= {row.slug: row.id for row in db.session.execute(there)}
    variants: dict[uuid.UUID, list[tuple[uuid.UUID, list[str]]]] = {}
    for row in db.session.execute(
        select(Variant.product_id, Variant.id, Variant.option_values).where(
            Variant.product_id.in_(set(products.values()))
        )
    ):
        variants.setdefault(row.product_id, []).append((row.id, row.option_values))
    found = {}
    for handle, (slug, *former) in slugs.items():
        product = next((products[each] for each in (*former, slug) if each in products), None)
        if product is not None:
            found[handle] = variants.get(product, [])
    return found


class StockNow(NamedTuple):
    """A stock item as it is now; without an id there is none. `limit` is how many units may be promised beyond it."""

    stock_item_id: uuid.UUID | None = None
    on_hand: int = 0
    reserved: int = 0
    version: int = 0
    limit: int = 0


_NOTHING = StockNow()


def _stock_of(variant_ids: set[uuid.UUID]) -> dict[tuple[uuid.UUID, uuid.UUID], StockNow]:
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
    return {
        (row.variant_id, row.location_id): StockNow(
            row.id, row.on_hand, row.reserved, row.version, row.backorder_limit
        )
        for row in rows
    }


def _resolve(
    line: StockFileLine,
    variant_id: uuid.UUID | None,
    stock: Mapping[tuple[uuid.UUID, uuid.UUID], StockNow],
) -> StockFileLine:
    if line.problem:
        return line
    if variant_id is None:
        by_options = f" and '{line.handle}' has no such variant" if line.handle else ""
        return replace(line, problem=f"There is no such SKU{by_options}.")
    now = stock.get((variant_id, line.location_id), _NOTHING) if line.location_id else _NOTHING
    stock_item_id, on_hand, reserved, version, limit_before = now
    after = on_hand + line.after if line.version == -1 else line.after
    known = replace(
        line,
        sku=line.sku or line.handle,
        before=on_hand,
        after=after,
        reserved=reserved,
        limit_before=limit_before,
        variant_id=variant_id,
        stock_item_id=stock_item_id,
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
    return replace(line, problem="The stock changed while the file was being read: check this row again.")


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
