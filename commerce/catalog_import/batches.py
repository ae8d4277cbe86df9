"""Writing a batch of read products, with their categories, pictures, former addresses and stock."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import select, text, update

from commerce.catalog.models import (
    Category,
    Product,
    ProductAttribute,
    ProductCategory,
    ProductImage,
    ProductRedirect,
    Variant,
)
from commerce.catalog.plan_limits import enforce_product_limit
from commerce.catalog.product_changes import products_changed
from commerce.catalog.text import digest, make_slug
from commerce.catalog_import.export import ExportContext, category_names
from commerce.catalog_import.grouping import with_made_skus
from commerce.catalog_import.known_products import (
    KnownProducts,
    find_known_categories,
    find_known_products,
    find_sku_owners,
    find_unchanged,
)
from commerce.catalog_import.matching import (
    WriteResult,
    category_slug,
    digest_of,
    image_rows,
    match,
    product_values,
    variant_rows,
)
from commerce.catalog_import.merging import apply, merge
from commerce.catalog_import.parsed import ParsedProduct, RowError
from commerce.catalog_import.product import DUPLICATE_HINT
from commerce.catalog_import.report import MAX_SLUG
from commerce.csv_files import ImportNote
from commerce.db import atomic, db, insert_rows, new_id
from commerce.tenants.scope import current_shop

WAITING = "waiting_for_stock"


class StockWriter(Protocol):
    """What the catalogue needs of the stock room, which stands above it: handed in by the command.

    All methods are steps of the caller's transaction; quantities are units by variant id.
    """

    def open(
        self,
        quantities: Mapping[uuid.UUID, int],
        *,
        uncounted: Collection[uuid.UUID],
        actor: str,
        reference: str,
    ) -> None:
        """Give new variants their first stock; `uncounted` are sold however few there are."""

    def replace(self, quantities: Mapping[uuid.UUID, int], *, actor: str, reference: str) -> set[uuid.UUID]:
        """Set the units on hand of known variants; return those that this changed. Raises Conflict."""

    def stocked(self, variant_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """Return those of the variants that have a stock, be it 0."""


@dataclass(frozen=True, slots=True)
class ImportTask:
    """How one import is to be done.

    `replace_stock`: the file's quantities also replace those of known variants; `missing_stock` is one of
    MISSING_STOCK or empty, `duplicate_sku` what becomes of a SKU of another product; `heading` gives the file's word
    for a field, `base` is the address of the shop, `definitions` are the names of attributes by key. A dry run keeps
    nothing, so it notes what a later batch must know: SKUs that would be free, and how many products would be new.
    """

    stock: StockWriter
    actor: str
    reference: str
    dry_run: bool
    replace_stock: bool
    missing_stock: str
    duplicate_sku: str
    started: datetime
    heading: Callable[[str], str]
    base: str
    has_stock: bool
    definitions: Mapping[str, str]
    released: set[str] = field(default_factory=set)
    undone_products: list[uuid.UUID] = field(default_factory=list)


class _Undo(Exception):
    """Carries a dry run's results out of the transaction that must not be kept."""

    def __init__(self, results: list[WriteResult]) -> None:
        self.results = results
        super().__init__("dry run")


def write_batch(
    products: list[ParsedProduct],
    task: ImportTask,
    done: int,
    keep: Callable[[list[WriteResult]], None] | None = None,
) -> list[WriteResult]:
    """Write products in one transaction and return what each came to; `done` counts those of earlier batches.

    `keep` notes the outcome in the same transaction. Raises CommerceError or IntegrityError when anything in it fails;
    nothing is written then.
    """
    try:
        return _write_batch(products, task, done, keep)
    except _Undo as undo:
        return undo.results


@atomic
def _write_batch(
    products: list[ParsedProduct],
    task: ImportTask,
    done: int,
    keep: Callable[[list[WriteResult]], None] | None,
) -> list[WriteResult]:
    results = _write_products(products, task, done) if products else []
    if keep is not None:
        keep(results)
    return results


def _write_products(products: list[ParsedProduct], task: ImportTask, done: int) -> list[WriteResult]:
    _plan_for_the_present()
    _define_attributes(task.definitions)
    unchanged = set() if task.replace_stock else find_unchanged(products)
    looked_at = [product for product in products if product.slug not in unchanged]
    known = find_known_products(looked_at)
    around = _around(known, task)
    if task.dry_run:
        _release(looked_at, task.released)
    owners = find_sku_owners(looked_at)
    categories = find_known_categories(looked_at)
    results = []
    new = _NewRows()
    for index, parsed in enumerate(products):
        if parsed.slug in unchanged:
            results.append(WriteResult(parsed, "unchanged"))
            continue
        # The first row of the file stands first in a list that shows the newest first.
        moment = task.started - timedelta(microseconds=done + index)
        result = _write_product(parsed, known, owners, new, moment, around, task)
        if result.outcome in ("imported", "updated"):
            _set_categories(result.parsed, known.by_key.get(parsed.slug), result, new, categories)
        results.append(result)
    db.session.flush()
    new.insert()
    if new.tables[Product]:
        enforce_product_limit(beyond=len(task.undone_products))
    changed = [result.product_id for result in results if result.product_id is not None]
    if changed:
        products_changed(changed)
    _write_stock(results, task)
    if task.dry_run:
        task.undone_products.extend(row["id"] for row in new.tables[Product])
        task.released.update(
            change.before for result in results for change in result.changes if change.field == "sku"
        )
        raise _Undo(results)
    return results


def _around(known: KnownProducts, task: ImportTask) -> ExportContext:
    ids = [product.id for product in known.by_slug.values()]
    return ExportContext(current_shop().currency, task.base, category_names(ids) if ids else {}, {})


def _define_attributes(definitions: Mapping[str, str]) -> None:
    """Make the attributes that the file has columns for and the shop does not know; shoppers do not see them yet."""
    if not definitions:
        return
    known = set(db.session.scalars(select(ProductAttribute.key).where(ProductAttribute.key.in_(definitions))))
    insert_rows(
        ProductAttribute,
        [
            {"id": new_id(), "key": key, "name": name or key, "shown": False}
            for key, name in definitions.items()
            if key not in known
        ],
    )


def _release(products: Sequence[ParsedProduct], released: set[str]) -> None:
    """Take the SKUs away that earlier batches of a dry run would have freed, until this one is undone, too."""
    freed = {variant.sku for product in products for variant in product.variants} & released
    for sku in sorted(freed):
        db.session.execute(
            update(Variant)
            .where(Variant.sku == sku)
            .values(sku=f"released {new_id()}")
            .execution_options(synchronize_session=False)
        )


def _plan_for_the_present() -> None:
    """Let PostgreSQL plan each statement and foreign key check again: a plan kept from when the tables were small reads
    ever more of them as they grow (10,000 products into an empty shop took three times as long)."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))


class _NewRows:
    """Rows that the batch adds, by table; inserted in a few statements, parents first."""

    def __init__(self) -> None:
        self.tables: dict[type[Any], list[dict[str, Any]]] = {
            Category: [],
            Product: [],
            ProductImage: [],
            Variant: [],
            ProductCategory: [],
        }
        self.redirects: list[tuple[str, uuid.UUID]] = []

    def insert(self) -> None:
        for model, rows in self.tables.items():
            insert_rows(model, rows)
        self._insert_redirects()

    def _insert_redirects(self) -> None:
        """Let former addresses lead to the products, unless one is in use or leads elsewhere already."""
        if not self.redirects:
            return
        slugs = {slug for slug, _ in self.redirects}
        taken = set(db.session.scalars(select(Product.slug).where(Product.slug.in_(slugs))))
        taken |= set(db.session.scalars(select(ProductRedirect.slug).where(ProductRedirect.slug.in_(slugs))))
        rows = {slug: product_id for slug, product_id in reversed(self.redirects) if slug not in taken}
        insert_rows(ProductRedirect, [{"slug": slug, "product_id": rows[slug]} for slug in sorted(rows)])


def _write_product(
    parsed: ParsedProduct,
    known: KnownProducts,
    owners: Mapping[str, tuple[uuid.UUID, str]],
    new: _NewRows,
    moment: datetime,
    around: ExportContext,
    task: ImportTask,
) -> WriteResult:
    product = known.of(parsed)
    if product is None and parsed.slug in known.taken:
        parsed = replace(parsed, slug=make_slug(f"{parsed.slug} {digest(parsed.handle)}", MAX_SLUG))
    taken = _taken_skus(parsed, product, owners)
    if taken and task.duplicate_sku == "blank":
        parsed = with_made_skus(parsed, taken)
        taken = _taken_skus(parsed, product, owners)
    if taken:
        return WriteResult(parsed, "rejected", _sku_errors(parsed, taken, task.heading("sku")))
    if product is not None:
        return _update_product(product, parsed, new, around, task)
    if parsed.only_known:
        return WriteResult(parsed, "rejected", parsed.only_known)
    return _make_product(parsed, new, moment, task)


def _update_product(
    product: Product, parsed: ParsedProduct, new: _NewRows, around: ExportContext, task: ImportTask
) -> WriteResult:
    if task.missing_stock == "wait" and parsed.status == "active":
        known = match(product.variants, parsed.variants)
        unsaid = {
            known[each.sku].id for each in parsed.variants if each.quantity is None and each.sku in known
        }
        if unsaid - task.stock.stocked(unsaid):
            parsed = _waiting(parsed)
    merged = merge(product, parsed, around, task.heading)
    unsaid_new = [
        each for at, each in enumerate(parsed.variants) if at not in merged.matched and each.quantity is None
    ]
    if unsaid_new and not (task.has_stock or task.missing_stock or merged.errors):
        merged.errors.append(
            RowError(
                unsaid_new[0].row,
                task.heading("quantity"),
                "",
                "the variant is new, and the file has no quantities; use --missing-stock zero, untracked or wait",
                parsed.handle,
            )
        )
    if merged.errors:
        return WriteResult(parsed, "rejected", tuple(merged.errors))
    result = WriteResult(parsed, "updated", product_id=product.id)
    rows = apply(merged, result)
    if not result.changes:
        return WriteResult(parsed, "unchanged", found=result.found, notes=result.notes)
    _prepare_stock(result, rows, task)
    new.tables[Variant] += rows
    product.source, product.source_digest = parsed.source, _digest_to_keep(parsed)
    _redirect(parsed, product.id, product.slug, new)
    return result


def _make_product(parsed: ParsedProduct, new: _NewRows, moment: datetime, task: ImportTask) -> WriteResult:
    if task.missing_stock == "wait" and any(each.quantity is None for each in parsed.variants):
        parsed = _waiting(parsed)
    product_id = new_id()
    result = WriteResult(parsed, "imported", product_id=product_id)
    values = product_values(parsed) | {"source_digest": _digest_to_keep(parsed)}
    new.tables[Product].append(values | {"id": product_id, "published_at": moment})
    images = image_rows(parsed, product_id)
    new.tables[ProductImage] += images
    variants = variant_rows(parsed, product_id, {row["source_url"]: row["id"] for row in images})
    new.tables[Variant] += variants
    result.made = [(row["id"], each) for row, each in zip(variants, parsed.variants, strict=True)]
    _prepare_stock(result, variants, task)
    _redirect(parsed, product_id, parsed.slug, new)
    return result


def _waiting(parsed: ParsedProduct) -> ParsedProduct:
    """Return the product as a draft, until its stock is here."""
    if parsed.status != "active":
        return parsed
    note = ImportNote(parsed.rows[0], WAITING, parsed.handle)
    return replace(parsed, status="draft", status_with_price=None, notes=(*parsed.notes, note))


def _digest_to_keep(parsed: ParsedProduct) -> str:
    """Return the fingerprint of what was read, empty while the product waits for its stock: it is looked at again."""
    return "" if any(note.code == WAITING for note in parsed.notes) else digest_of(parsed)


def _prepare_stock(result: WriteResult, rows: Sequence[dict[str, Any]], task: ImportTask) -> None:
    """Say what the stock of new variants is that the file says nothing about."""
    by_id = {row["id"]: row for row in rows}
    for variant_id, each in result.made:
        waits = task.missing_stock == "wait" and any(note.code == WAITING for note in result.parsed.notes)
        if each.quantity is not None or waits:
            continue
        if task.missing_stock == "untracked":
            by_id[variant_id]["backorder"] = True
        code = "not_counted" if task.missing_stock == "untracked" else "no_quantity"
        result.notes.append(ImportNote(each.row, code))


def _redirect(parsed: ParsedProduct, product_id: uuid.UUID, slug: str, new: _NewRows) -> None:
    new.redirects += [(former, product_id) for former in parsed.former_slugs if former != slug]


def _taken_skus(
    parsed: ParsedProduct, product: Product | None, owners: Mapping[str, tuple[uuid.UUID, str]]
) -> dict[str, str]:
    """Return the SKUs of the product that another one of the shop has, with that one's address."""
    return {
        variant.sku: owners[variant.sku][1]
        for variant in parsed.variants
        if variant.sku in owners and (product is None or owners[variant.sku][0] != product.id)
    }


def _sku_errors(parsed: ParsedProduct, taken: Mapping[str, str], column: str) -> tuple[RowError, ...]:
    return tuple(
        RowError(
            variant.row,
            column,
            variant.sku,
            f"the shop's product '{taken[variant.sku]}' has the same SKU; {DUPLICATE_HINT}",
            parsed.handle,
        )
        for variant in parsed.variants
        if variant.sku in taken
    )


def _set_categories(
    parsed: ParsedProduct,
    product: Product | None,
    result: WriteResult,
    new: _NewRows,
    known: dict[str, uuid.UUID],
) -> None:
    """Put the product into its categories; those that staff chose for it stay as they are."""
    wanted: set[uuid.UUID] = set()
    for name in parsed.categories:
        slug = category_slug(name)
        if slug not in known:
            known[slug] = new_id()
            new.tables[Category].append({"id": known[slug], "slug": slug, "name": name})
            result.categories_made.append(name)
        wanted.add(known[slug])
    if product is not None and wanted:
        present = select(ProductCategory.category_id).where(ProductCategory.product_id == product.id)
        wanted -= set(db.session.scalars(present))
    new.tables[ProductCategory] += [
        {"category_id": category_id, "product_id": result.product_id} for category_id in sorted(wanted)
    ]


def _write_stock(results: Sequence[WriteResult], task: ImportTask) -> None:
    made = [pair for result in results for pair in result.made]
    waiting = task.missing_stock == "wait"
    first = {
        variant_id: each.quantity or 0
        for variant_id, each in made
        if each.quantity is not None or not waiting
    }
    if first:
        uncounted = {variant_id for variant_id, each in made if each.quantity is None}
        task.stock.open(
            first,
            uncounted=uncounted if task.missing_stock == "untracked" else (),
            actor=task.actor,
            reference=task.reference,
        )
    if not task.replace_stock:
        return
    counted = {
        variant_id: each.quantity
        for result in results
        for variant_id, each in result.found
        if each.quantity is not None
    }
    changed = task.stock.replace(counted, actor=task.actor, reference=task.reference) if counted else set()
    for result in results:
        result.stock_set = sum(variant_id in changed for variant_id, _ in result.found)
        if result.stock_set and result.outcome == "unchanged":
            result.outcome = "updated"
