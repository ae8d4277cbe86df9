"""Importing a product file into the current shop: in small transactions, whole products only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from typing import BinaryIO, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from commerce import clock
from commerce.catalog.models import Product
from commerce.catalog_import.batches import ImportTask, StockWriter, write_batch
from commerce.catalog_import.formats import open_catalogue
from commerce.catalog_import.grouping import ProductFile
from commerce.catalog_import.mapping import checked_mapping, remember_mapping, remembered_mapping
from commerce.catalog_import.matching import WriteResult
from commerce.catalog_import.parsed import ParsedProduct, RejectedProduct, RowError
from commerce.catalog_import.report import ImportReport
from commerce.csv_files import CsvTable, ImportNote
from commerce.db import atomic, db
from commerce.error_messages import describe
from commerce.errors import Busy, CommerceError, Rejected
from commerce.tenants.scope import current_shop

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
    Not itself a transaction: it opens one for each batch. Raises UnreadableFile, BadMapping, StockMissing and
    NothingToSet before anything is written.
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
    )
    if on_start:
        on_start(file.row_count)
    for part in journal.parts() if journal else ():
        report.add(part)
    done = journal.done if journal else 0
    for batch in _batches(islice(file, done, None)):
        before = report.rows_read
        _write(batch, done, task, report, journal)
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


def _write(
    batch: list[FileProduct],
    done: int,
    task: ImportTask,
    report: ImportReport,
    journal: ImportJournal | None,
) -> None:
    """Write a batch; when anything in it fails, write its products one by one, so that only the culprit is left out.

    `done` products of the file come before it.
    """
    try:
        part = _attempt(batch, done, task, report, journal)
    except (CommerceError, IntegrityError) as error:
        if len(batch) > 1:
            for offset, product in enumerate(batch):
                _write([product], done + offset, task, report, journal)
            return
        product = batch[0]
        if isinstance(product, RejectedProduct):  # it is not written, so the shop was too busy to take a note
            raise
        part = _part([], [_failed(product, error, task)], report)
        if journal is not None:
            atomic(journal.record)(done + 1, part)
    report.add(part)


def _attempt(
    batch: list[FileProduct],
    done: int,
    task: ImportTask,
    report: ImportReport,
    journal: ImportJournal | None,
) -> ImportReport:
    parsed = [each for each in batch if isinstance(each, ParsedProduct)]
    if journal is None:
        return _part(batch, write_batch(parsed, task, done) if parsed else [], report)

    def keep(results: list[WriteResult]) -> None:
        journal.record(done + len(batch), _part(batch, results, report))

    return _part(batch, write_batch(parsed, task, done, keep), report)


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
