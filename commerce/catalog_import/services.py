"""Writing a read catalogue into the current shop: in small transactions, whole products only."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, BinaryIO, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from commerce import clock
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
from commerce.catalog.search import index_products
from commerce.catalog.text import digest, make_slug, same_handle, slugify
from commerce.catalog_import.export import ExportContext, category_names
from commerce.catalog_import.formats import open_catalogue
from commerce.catalog_import.grouping import ProductFile, with_made_skus
from commerce.catalog_import.mapping import checked_mapping, remember_mapping, remembered_mapping
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
from commerce.catalog_import.parsed import ParsedProduct, RejectedProduct, RowError
from commerce.catalog_import.product import DUPLICATE_HINT
from commerce.catalog_import.report import MAX_SLUG, ImportReport
from commerce.csv_files import CsvTable, ImportNote
from commerce.db import atomic, db, insert_rows, new_id
from commerce.error_messages import describe
from commerce.errors import Busy, CommerceError, Rejected
from commerce.tenants.scope import current_shop
from commerce.tenants.services import touch_catalogue

WAITING = "waiting_for_stock"
BATCH_PRODUCTS = 50
BATCH_VARIANTS = 400
"""One transaction takes no more: few enough that a shopper's order never waits long, many enough to be quick."""


MISSING_STOCK = ("zero", "untracked", "wait")
"""Stock of new variants without a quantity in the file: sold out, not tracked, or drafts until the stock file is
imported."""


class StockMissing(Rejected):
    """Raised when the file has no quantities and the stock of its new products was not chosen."""

    code = "stock_not_in_file"


class NothingToSet(Rejected):
    """Raised when stock should be set from a file that has none."""

    code = "nothing_to_set"


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


class ImportJournal(Protocol):
    """Where an import that may be cut off notes how far it got, in the transactions that write the products."""

    @property
    def done(self) -> int:
        """How many products of the file earlier runs have finished, in the order of the file."""

    @property
    def started(self) -> datetime:
        """When the first run began: it decides the order in which the new products are listed."""

    def parts(self) -> Iterable[ImportReport]:
        """Return what came of the rows that earlier runs have finished."""

    def record(self, done: int, part: ImportReport) -> None:
        """Note that `done` products are finished and the outcome of those since the last call. A step."""


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
    journal: ImportJournal | None = None
    released: set[str] = field(default_factory=set)
    undone_products: list[uuid.UUID] = field(default_factory=list)


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
    missing_stock: str = "",
    duplicate_sku: str = "refuse",
    mapping: Mapping[str, str] | None = None,
    journal: ImportJournal | None = None,
    on_start: Callable[[int], None] | None = None,
    on_rows: Callable[[int], None] | None = None,
) -> ImportReport:
    """Import a product CSV of Shopify, WooCommerce or ourselves into the current shop; report the outcome of each row.

    Good products are kept even when others are rejected; a product is written as a whole or not at all; the same file
    again changes nothing; what the file has no column for stays as it is. `base` is the address of the shop, by which
    our own export names its pictures; `file_format` is one of `formats.FORMATS`, empty when the headings shall tell.
    `missing_stock` is one of MISSING_STOCK, `duplicate_sku` one of `rows.DUPLICATES`; `mapping` says what headings of
    the file mean, and is remembered. With a `journal` the import goes on where an earlier run was cut off, and reports
    both; a dry run keeps nothing and has none. `on_start` gets the number of rows, `on_rows` how many more are done.
    Not itself a transaction: it opens one for each batch. Raises UnreadableFile, BadMapping, StockMissing and NothingToSet
    before anything is written.
    """
    shop = current_shop()
    header = CsvTable(stream).header
    said = checked_mapping(mapping or {}, header)
    mapped = {heading: meaning for heading, meaning in (remembered_mapping(header) | said).items() if meaning}
    file = open_catalogue(
        stream,
        shop.currency,
        file_format=file_format,
        today=local_today(),
        mapping=mapped,
        duplicate_sku=duplicate_sku,
    )
    _ask_for_stock(file, missing_stock, replace_stock=replace_stock)
    report = ImportReport(shop.code, file_name, dry_run, not_taken=file.not_taken)
    for note in (*file.notes, *_choices(file, mapped, missing_stock)):
        report.note(note)
    task = ImportTask(
        stock,
        actor,
        file_name[-255:],
        dry_run,
        replace_stock,
        missing_stock,
        duplicate_sku,
        journal.started if journal else clock.now(),
        file.heading,
        base,
        file.has("quantity"),
        file.definitions,
        journal,
    )
    if on_start:
        on_start(file.row_count)
    for part in journal.parts() if journal else ():
        report.add(part)
    done = journal.done if journal else 0
    for batch in _batches(islice(file, done, None)):
        before = report.rows_read
        _write(batch, done, task, report)
        done += len(batch)
        if on_rows:
            on_rows(report.rows_read - before)
    report.errors.sort(key=lambda error: error.row)
    if not dry_run and said:
        remember_mapping(said)
    return report


def _ask_for_stock(file: ProductFile, missing_stock: str, *, replace_stock: bool) -> None:
    """Go on if it is known what becomes of the stock. Raises StockMissing, NothingToSet."""
    if file.has("quantity"):
        return
    if replace_stock:
        raise NothingToSet("no_stock_to_set", column=file.heading("quantity"))
    makes = file.has("title") and file.has("price")  # without these it can only change what is there
    if makes and not missing_stock and _any_is_new(file):
        raise StockMissing("stock_not_in_file", column=file.heading("quantity"))


def _choices(file: ProductFile, mapped: Mapping[str, str], missing_stock: str) -> Iterator[ImportNote]:
    """Yield notes of what a person has decided about the file as a whole."""
    if mapped:
        yield ImportNote(0, "mapped", ", ".join(f"'{name}' as '{to}'" for name, to in mapped.items()))
    if missing_stock and not file.has("quantity"):
        yield ImportNote(0, "no_stock_column", missing_stock)


def _any_is_new(file: ProductFile) -> bool:
    """Tell whether the file has a product that the shop has not."""
    slugs = iter(file.slugs)
    while some := list(islice(slugs, 500)):
        if len(set(db.session.scalars(select(Product.slug).where(Product.slug.in_(some))))) < len(some):
            db.session.rollback()
            return True
    db.session.rollback()
    return False


def local_today() -> date:
    """Return the date in the shop."""
    return clock.now().astimezone(ZoneInfo(current_shop().timezone)).date()


FileProduct = ParsedProduct | RejectedProduct


def _batches(products: Iterable[FileProduct]) -> Iterator[list[FileProduct]]:
    batch: list[FileProduct] = []
    variants = 0
    for product in products:
        batch.append(product)
        variants += len(product.rows)
        if len(batch) >= BATCH_PRODUCTS or variants >= BATCH_VARIANTS:
            yield batch
            batch, variants = [], 0
    if batch:
        yield batch


def _write(batch: list[FileProduct], done: int, task: ImportTask, report: ImportReport) -> None:
    """Write a batch; when anything in it fails, write its products one by one, so that only the culprit is left out.

    `done` products of the file come before it.
    """
    try:
        part = _attempt(batch, done, task, report)
    except (CommerceError, IntegrityError) as error:
        if len(batch) > 1:
            for offset, product in enumerate(batch):
                _write([product], done + offset, task, report)
            return
        part = _refuse(batch[0], error, done, task, report)
    report.add(part)


def _attempt(batch: list[FileProduct], done: int, task: ImportTask, report: ImportReport) -> ImportReport:
    parsed = [each for each in batch if isinstance(each, ParsedProduct)]
    if not parsed and task.journal is None:
        return _part(batch, [], report)
    try:
        return _write_batch(batch, parsed, done, task, report)
    except _Undo as undo:
        return _part(batch, undo.results, report)


def _refuse(
    product: FileProduct,
    error: CommerceError | IntegrityError,
    done: int,
    task: ImportTask,
    report: ImportReport,
) -> ImportReport:
    """Report a product that could not be written."""
    if isinstance(product, RejectedProduct):
        part = _part([product], [], report)
    else:
        part = _part([], [_failed(product, error, task)], report)
    if task.journal is not None:
        atomic(task.journal.record)(done + 1, part)
    return part


def _part(batch: Sequence[FileProduct], results: Sequence[WriteResult], report: ImportReport) -> ImportReport:
    """Return what came of a batch, as the part of a report."""
    part = ImportReport(report.tenant, report.file, report.dry_run)
    for product in batch:
        if isinstance(product, RejectedProduct):
            part.errors.extend(product.errors)
            part.count("rejected", len(product.rows), product=bool(product.handle))
    for result in results:
        _report(result, part)
    return part


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
        for note in result.notes:
            report.note(note)
        return
    report.changes.extend(result.changes)
    kept = {each.row for _, each in result.found}
    for note in (*result.parsed.notes, *result.notes):
        if note.code != "made_sku" or note.row not in kept:  # a known variant keeps the SKU that it has
            report.note(note)
    report.variants_created += len(result.made)
    report.stock_set += result.stock_set
    report.created(result.categories_made)


@atomic
def _write_batch(
    batch: list[FileProduct], products: list[ParsedProduct], done: int, task: ImportTask, report: ImportReport
) -> ImportReport:
    results = _write_products(products, done, task)
    part = _part(batch, results, report)
    if task.journal is not None:
        task.journal.record(done + len(batch), part)
    return part


def _write_products(products: list[ParsedProduct], done: int, task: ImportTask) -> list[WriteResult]:
    if not products:
        return []
    _plan_for_the_present()
    _define_attributes(task.definitions)
    unchanged = set() if task.replace_stock else _unchanged(products)
    looked_at = [product for product in products if product.slug not in unchanged]
    known = _known_products(looked_at)
    around = _around(known, task)
    if task.dry_run:
        _release(looked_at, task.released)
    owners = _sku_owners(looked_at)
    categories = _known_categories(looked_at)
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
    index_products([result.product_id for result in results if result.product_id is not None])
    if any(result.outcome in ("imported", "updated") for result in results):
        touch_catalogue()
    _write_stock(results, task)
    if task.dry_run:
        task.undone_products.extend(row["id"] for row in new.tables[Product])
        task.released.update(
            change.before for result in results for change in result.changes if change.field == "sku"
        )
        raise _Undo(results)
    return results


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


def _unchanged(products: Sequence[ParsedProduct]) -> set[str]:
    """Return the slugs of those that the shop has exactly as the file has them, without loading them."""
    rows = db.session.execute(
        select(Product.slug, Product.source_digest).where(Product.slug.in_([each.slug for each in products]))
    )
    digests = {row.slug: row.source_digest for row in rows}
    return {each.slug for each in products if digests.get(each.slug) == digest_of(each)}


@dataclass(frozen=True, slots=True)
class KnownProducts:
    """Products of the shop that a batch may be about: by address, and by the addresses that they had."""

    by_slug: Mapping[str, Product]
    redirects: Mapping[str, uuid.UUID]
    by_key: dict[str, Product] = field(default_factory=dict)

    @property
    def taken(self) -> Collection[str]:
        """The addresses that are in use."""
        return self.by_slug

    def of(self, parsed: ParsedProduct) -> Product | None:
        """Return the product of the shop that one of the file is, if there is one.

        A handle that is an address here as it is means that product. One that had to be changed to become an address
        means the product that it led to before; the address alone could be that of another one ('cafe' and 'café').
        """
        product = self._find(parsed)
        if product is not None:
            self.by_key[parsed.slug] = product
        return product

    def _find(self, parsed: ParsedProduct) -> Product | None:
        by_id = {product.id: product for product in self.by_slug.values()}
        for former in parsed.former_slugs:
            if (led_to := by_id.get(self.redirects.get(former, new_id()))) is not None:
                return led_to
        if same_handle(parsed.handle) == parsed.slug:
            return self.by_slug.get(parsed.slug)
        for former in parsed.former_slugs:
            if former in self.by_slug:
                return self.by_slug[former]
        found = self.by_slug.get(parsed.slug)
        skus = {variant.sku for variant in parsed.variants}
        if found is not None and (
            found.title == parsed.title or any(variant.sku in skus for variant in found.variants)
        ):
            return found
        return None


def _known_products(products: Sequence[ParsedProduct]) -> KnownProducts:
    slugs = {slug for product in products for slug in (product.slug, *product.former_slugs)}
    led = db.session.execute(
        select(ProductRedirect.slug, ProductRedirect.product_id).where(ProductRedirect.slug.in_(slugs))
    )
    redirects = {row.slug: row.product_id for row in led}
    found = db.session.scalars(
        select(Product)
        .where(or_(Product.slug.in_(slugs), Product.id.in_(redirects.values())))
        .options(selectinload(Product.variants), selectinload(Product.images))
    )
    return KnownProducts({product.slug: product for product in found}, redirects)


def _around(known: KnownProducts, task: ImportTask) -> ExportContext:
    ids = [product.id for product in known.by_slug.values()]
    return ExportContext(current_shop().currency, task.base, category_names(ids) if ids else {}, {})


def _sku_owners(products: Sequence[ParsedProduct]) -> dict[str, tuple[uuid.UUID, str]]:
    """Return who has the batch's SKUs in the shop now: SKU -> product id and slug."""
    skus = {
        sku for product in products for variant in product.variants for sku in (variant.sku, variant.made_sku)
    }
    rows = db.session.execute(
        select(Variant.sku, Product.id, Product.slug)
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .where(Variant.sku.in_(skus))
    )
    return {sku: (product_id, slug) for sku, product_id, slug in rows}


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


def _known_categories(products: Sequence[ParsedProduct]) -> dict[str, uuid.UUID]:
    """Return the shop's categories by the address that their names lead to now."""
    slugs: dict[str, str] = {}
    for product in products:
        for name in product.categories:
            # Categories that are older than the rule for accents have them in their addresses.
            slugs |= {slugify(name): category_slug(name), category_slug(name): category_slug(name)}
    rows = db.session.execute(select(Category.slug, Category.id).where(Category.slug.in_(slugs)))
    return {slugs[row.slug]: row.id for row in rows}


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
