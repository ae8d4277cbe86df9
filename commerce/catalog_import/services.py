"""Writing a read catalogue into the current shop: in small transactions, whole products only."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, BinaryIO, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from commerce import clock
from commerce.catalog.models import Category, Product, ProductCategory, ProductImage, Variant
from commerce.catalog.plan_limits import enforce_product_limit
from commerce.catalog.search import index_products
from commerce.catalog.text import make_slug
from commerce.catalog_import.export import ExportContext, category_names
from commerce.catalog_import.formats import open_catalogue
from commerce.catalog_import.grouping import ProductFile
from commerce.catalog_import.matching import (
    WriteResult,
    change,
    digest_of,
    image_rows,
    match,
    product_values,
    says_the_same,
    variant_rows,
)
from commerce.catalog_import.parsed import ParsedProduct, RejectedProduct, RowError
from commerce.catalog_import.report import ImportReport
from commerce.db import atomic, db, insert_rows, new_id
from commerce.error_messages import describe
from commerce.errors import Busy, CommerceError
from commerce.tenants.scope import current_shop
from commerce.tenants.services import touch_catalogue

BATCH_PRODUCTS = 50
BATCH_VARIANTS = 400
"""One transaction takes no more: few enough that a shopper's order never waits long, many enough to be quick."""


class StockWriter(Protocol):
    """What the catalogue needs of the stock room, which stands above it: handed in by the command.

    Both methods are steps of the caller's transaction; quantities are units by variant id.
    """

    def open(self, quantities: Mapping[uuid.UUID, int], *, actor: str, reference: str) -> None:
        """Give new variants their first stock."""

    def replace(self, quantities: Mapping[uuid.UUID, int], *, actor: str, reference: str) -> set[uuid.UUID]:
        """Set the units on hand of known variants; return those that this changed. Raises Conflict."""


@dataclass(frozen=True, slots=True)
class ImportTask:
    """How one import is to be done. `replace_stock`: the file's quantities also replace those of known variants;
    `heading` gives the file's word for a field, `base` is the address of the shop."""

    stock: StockWriter
    actor: str
    reference: str
    dry_run: bool
    replace_stock: bool
    started: datetime
    heading: Callable[[str], str]
    base: str


class _Undo(Exception):
    """Carries a dry run's results out of the transaction that must not be kept."""

    def __init__(self, results: list[WriteResult]) -> None:
        self.results = results
        super().__init__("dry run")


def import_catalogue(
    stream: BinaryIO,
    *,
    file_name: str,
    stock: StockWriter,
    actor: str,
    base: str = "",
    file_format: str = "",
    dry_run: bool = False,
    replace_stock: bool = False,
    on_start: Callable[[int], None] | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> ImportReport:
    """Import a product CSV of Shopify, WooCommerce or ourselves into the current shop; report what became of each row.

    Good products are kept even when others are rejected; a product is written as a whole or not at all; the same file
    again changes nothing. `base` is the address of the shop, by which our own export names its pictures; `file_format`
    is one of `formats.FORMATS`, empty when the headings shall tell. `on_start` gets the number of rows, `on_rows` how
    many more are done. Not itself a transaction: it opens one for each batch. Raises UnreadableFile before anything is
    written.
    """
    shop = current_shop()
    file = open_catalogue(stream, shop.currency, file_format=file_format, today=local_today())
    report = ImportReport(shop.code, file_name, dry_run)
    for note in file.notes:
        report.note(note)
    task = ImportTask(stock, actor, file_name[-255:], dry_run, replace_stock, clock.now(), file.heading, base)
    if on_start:
        on_start(file.row_count)
    for batch in _batches(file):
        before = report.rows_read
        for product in batch:
            if isinstance(product, RejectedProduct):
                report.errors.extend(product.errors)
                report.count("rejected", len(product.rows), product=bool(product.handle))
        _write([each for each in batch if isinstance(each, ParsedProduct)], task, report)
        if on_rows:
            on_rows(report.rows_read - before)
    report.errors.sort(key=lambda error: error.row)
    return report


def local_today() -> date:
    """Return the date in the shop."""
    return clock.now().astimezone(ZoneInfo(current_shop().timezone)).date()


def _batches(
    file: ProductFile,
) -> Iterator[list[ParsedProduct | RejectedProduct]]:
    batch: list[ParsedProduct | RejectedProduct] = []
    variants = 0
    for product in file:
        batch.append(product)
        variants += len(product.rows)
        if len(batch) >= BATCH_PRODUCTS or variants >= BATCH_VARIANTS:
            yield batch
            batch, variants = [], 0
    if batch:
        yield batch


def _write(products: list[ParsedProduct], task: ImportTask, report: ImportReport) -> None:
    """Write a batch; when anything in it fails, write its products one by one, so that only the culprit is left out."""
    if not products:
        return
    done = sum(report.products.values())
    try:
        results = _attempt(products, task, done)
    except (CommerceError, IntegrityError) as error:
        if len(products) > 1:
            for product in products:
                _write([product], task, report)
            return
        results = [_failed(products[0], error, task)]
    for result in results:
        _report(result, report)


def _attempt(products: list[ParsedProduct], task: ImportTask, done: int) -> list[WriteResult]:
    try:
        return _write_batch(products, task, done)
    except _Undo as undo:
        return undo.results


def _failed(product: ParsedProduct, error: CommerceError | IntegrityError, task: ImportTask) -> WriteResult:
    if isinstance(error, Busy):
        reason = "the shop was too busy to take the product in; import the file again"
    elif isinstance(error, CommerceError):
        reason = describe(error)
    else:
        reason = "somebody changed the shop's products at the same moment; import the file again"
    column = task.heading("handle")
    return WriteResult(
        product, "rejected", (RowError(product.rows[0], column, product.handle, reason, product.handle),)
    )


def _report(result: WriteResult, report: ImportReport) -> None:
    report.count(result.outcome, len(result.parsed.rows))
    report.errors.extend(result.errors)
    if result.outcome not in ("imported", "updated"):
        return
    for note in (*result.parsed.notes, *result.notes):
        report.note(note)
    report.variants_created += len(result.made)
    report.stock_set += result.stock_set
    for name in result.categories_made:
        if name not in report.categories_created:
            report.categories_created.append(name)


@atomic
def _write_batch(products: list[ParsedProduct], task: ImportTask, done: int) -> list[WriteResult]:
    _plan_for_the_present()
    unchanged = set() if task.replace_stock else _unchanged(products)
    known = _known_products([product for product in products if product.slug not in unchanged])
    around = _around(known, task)
    owners = _sku_owners(products)
    shelves = _known_categories(products)
    results = []
    new = _NewRows()
    for index, parsed in enumerate(products):
        if parsed.slug in unchanged:
            results.append(WriteResult(parsed, "unchanged"))
            continue
        product = known.get(parsed.slug)
        errors = _foreign_skus(parsed, product, owners, task.heading("sku"))
        if errors:
            results.append(WriteResult(parsed, "rejected", errors))
            continue
        # The first row of the file stands first in a list that shows the newest first.
        moment = task.started - timedelta(microseconds=done + index)
        result = _write_product(parsed, product, new, moment, around, replace_stock=task.replace_stock)
        if result.outcome != "unchanged":
            _set_categories(parsed, product, result, new, shelves)
        results.append(result)
    db.session.flush()
    new.insert()
    if new.tables[Product]:
        enforce_product_limit()
    index_products([result.product_id for result in results if result.product_id is not None])
    if any(result.outcome in ("imported", "updated") for result in results):
        touch_catalogue()
    _write_stock(results, task)
    if task.dry_run:
        raise _Undo(results)
    return results


def _plan_for_the_present() -> None:
    """Let PostgreSQL plan each statement and foreign key check anew: a plan kept from when the tables were small reads
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

    def insert(self) -> None:
        for model, rows in self.tables.items():
            insert_rows(model, rows)


def _write_product(
    parsed: ParsedProduct,
    product: Product | None,
    new: _NewRows,
    moment: datetime,
    around: ExportContext,
    *,
    replace_stock: bool,
) -> WriteResult:
    if product is None:
        return _make_product(parsed, new, moment)
    if product.source_digest == digest_of(parsed) or says_the_same(product, parsed, around):
        result = WriteResult(parsed, "unchanged")
        if replace_stock:
            known = match(product.variants, parsed.variants)
            result.found = [(known[each.sku].id, each) for each in parsed.variants if each.sku in known]
        return result
    result = WriteResult(parsed, "updated", product_id=product.id)
    new.tables[Variant] += change(product, parsed, result, around.base)
    return result


def _make_product(parsed: ParsedProduct, new: _NewRows, moment: datetime) -> WriteResult:
    product_id = new_id()
    result = WriteResult(parsed, "imported", product_id=product_id)
    new.tables[Product].append(product_values(parsed) | {"id": product_id, "published_at": moment})
    images = image_rows(parsed, product_id)
    new.tables[ProductImage] += images
    variants = variant_rows(parsed, product_id, {row["source_url"]: row["id"] for row in images})
    new.tables[Variant] += variants
    result.made = [(row["id"], each) for row, each in zip(variants, parsed.variants, strict=True)]
    return result


def _unchanged(products: Sequence[ParsedProduct]) -> set[str]:
    """Return the slugs of those that the shop has exactly as the file has them, without loading them."""
    rows = db.session.execute(
        select(Product.slug, Product.source_digest).where(Product.slug.in_([each.slug for each in products]))
    )
    digests = {row.slug: row.source_digest for row in rows}
    return {each.slug for each in products if digests.get(each.slug) == digest_of(each)}


def _known_products(products: Sequence[ParsedProduct]) -> dict[str, Product]:
    found = db.session.scalars(
        select(Product)
        .where(Product.slug.in_([product.slug for product in products]))
        .options(selectinload(Product.variants), selectinload(Product.images))
    )
    return {product.slug: product for product in found}


def _around(known: Mapping[str, Product], task: ImportTask) -> ExportContext:
    shelves = category_names([product.id for product in known.values()]) if known else {}
    return ExportContext(current_shop().currency, task.base, shelves, {})


def _sku_owners(products: Sequence[ParsedProduct]) -> dict[str, tuple[uuid.UUID, str]]:
    """Return who has the batch's SKUs in the shop now: SKU -> product id and slug."""
    skus = [variant.sku for product in products for variant in product.variants]
    rows = db.session.execute(
        select(Variant.sku, Product.id, Product.slug)
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .where(Variant.sku.in_(skus))
    )
    return {sku: (product_id, slug) for sku, product_id, slug in rows}


def _foreign_skus(
    parsed: ParsedProduct, product: Product | None, owners: dict[str, tuple[uuid.UUID, str]], column: str
) -> tuple[RowError, ...]:
    errors = []
    for variant in parsed.variants:
        owner = owners.get(variant.sku)
        if owner is not None and (product is None or owner[0] != product.id):
            reason = f"the shop's product '{owner[1]}' has the same SKU"
            errors.append(RowError(variant.row, column, variant.sku, reason, parsed.handle))
    return tuple(errors)


def _known_categories(products: Sequence[ParsedProduct]) -> dict[str, uuid.UUID]:
    slugs = {_category_slug(name) for product in products for name in product.categories}
    rows = db.session.execute(select(Category.slug, Category.id).where(Category.slug.in_(slugs)))
    return {row.slug: row.id for row in rows}


def _category_slug(name: str) -> str:
    return make_slug(name, 200)


def _set_categories(
    parsed: ParsedProduct,
    product: Product | None,
    result: WriteResult,
    new: _NewRows,
    shelves: dict[str, uuid.UUID],
) -> None:
    """Put the product on the shelves of its categories; shelves that staff chose for it stay as they are."""
    wanted: set[uuid.UUID] = set()
    for name in parsed.categories:
        slug = _category_slug(name)
        if slug not in shelves:
            shelves[slug] = new_id()
            new.tables[Category].append({"id": shelves[slug], "slug": slug, "name": name})
            result.categories_made.append(name)
        wanted.add(shelves[slug])
    if product is not None and wanted:
        shelved = select(ProductCategory.category_id).where(ProductCategory.product_id == product.id)
        wanted -= set(db.session.scalars(shelved))
    new.tables[ProductCategory] += [
        {"category_id": category_id, "product_id": result.product_id} for category_id in sorted(wanted)
    ]


def _write_stock(results: Sequence[WriteResult], task: ImportTask) -> None:
    first = {variant_id: each.quantity for result in results for variant_id, each in result.made}
    if first:
        task.stock.open(first, actor=task.actor, reference=task.reference)
    if not task.replace_stock:
        return
    counted = {variant_id: each.quantity for result in results for variant_id, each in result.found}
    changed = task.stock.replace(counted, actor=task.actor, reference=task.reference) if counted else set()
    for result in results:
        result.stock_set = sum(variant_id in changed for variant_id, _ in result.found)
        if result.stock_set and result.outcome == "unchanged":
            result.outcome = "updated"
