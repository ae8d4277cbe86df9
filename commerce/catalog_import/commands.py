"""`flask catalog ...`: take in another shop system's catalogue and its pictures, and hand out ours."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Self, TextIO

import click
from flask import current_app
from flask.cli import AppGroup

from commerce.catalog.attributes import list_attributes, show_attributes
from commerce.catalog.images import FetchReport, fetch_images
from commerce.catalog.search import reindex_catalogue
from commerce.catalog_import.batches import StockWriter
from commerce.catalog_import.export import OnHand, export_catalogue
from commerce.catalog_import.formats import FORMATS
from commerce.catalog_import.mapping import BadMapping
from commerce.catalog_import.report import ImportReport
from commerce.catalog_import.rows import DUPLICATES
from commerce.catalog_import.services import MISSING_STOCK, import_catalogue
from commerce.config import Config
from commerce.error_messages import describe
from commerce.errors import CommerceError
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop_by_code
from commerce.tenants.scope import shop_scope

ACTOR = "system"
ALL_GOOD, SOME_REJECTED, NOT_DONE = 0, 1, 2

_tenant = click.option("--tenant", "code", required=True, metavar="CODE", help="The shop, by its code.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")


class Progress:
    """A bar on standard error, when that is a terminal; otherwise nothing."""

    def __init__(self, label: str) -> None:
        self._label = label
        self._stack = ExitStack()
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def start(self, length: int) -> None:
        """Show the bar for `length` steps."""
        if sys.stderr.isatty() and length:
            bar = click.progressbar(length=length, label=self._label, file=sys.stderr)
            self._bar = self._stack.enter_context(bar)

    def advance(self, steps: int = 1) -> None:
        """Move the bar on."""
        if self._bar is not None:
            self._bar.update(steps)


def catalog_commands(
    stock: StockWriter, on_hand: OnHand, address_of: Callable[[Config, Shop], str]
) -> AppGroup:
    """Return the group `catalog`.

    `stock` and `on_hand` are the stock room and `address_of` tells where a shop is: the catalogue may not import them.
    """
    group = AppGroup("catalog", help="Import and export a catalogue, its pictures and attributes.")

    @group.command("import")
    @click.argument("file", metavar="FILE")
    @_tenant
    @click.option("--dry-run", is_flag=True, help="Do everything, keep nothing, and say what would happen.")
    @click.option(
        "--format", "file_format", type=click.Choice(FORMATS), help="Unless the headings shall tell."
    )
    @click.option(
        "--set-stock", is_flag=True, help="Also set the stock of variants that the shop has already."
    )
    @click.option(
        "--missing-stock",
        type=click.Choice(MISSING_STOCK),
        help="What new variants have when the file does not say: no stock, a stock that is not counted (sold without "
        "limit), or none yet (the products stay drafts until you import the stock file, then this file again).",
    )
    @click.option(
        "--duplicate-sku",
        type=click.Choice(DUPLICATES),
        default=DUPLICATES[0],
        show_default=True,
        help="What to do when a SKU comes again: refuse the product, or make a SKU for the second variant.",
    )
    @click.option(
        "--map",
        "mappings",
        multiple=True,
        metavar="HEADING=MEANING",
        help="Read a heading of the file as another one, such as 'price=Variant Price'; or a JSON file of such pairs. "
        "It is remembered for the shop; 'price=' forgets it. May be given several times.",
    )
    @_json
    def import_(
        file: str,
        code: str,
        *,
        dry_run: bool,
        file_format: str | None,
        set_stock: bool,
        missing_stock: str | None,
        duplicate_sku: str,
        mappings: tuple[str, ...],
        as_json: bool,
    ) -> None:
        """Import products from FILE ('-' reads standard input): a product CSV of Shopify, of WooCommerce, or one that
        `catalog export` wrote.

        Good products are imported, bad ones are left out as a whole, and each error names row, column, value and
        reason. The same file again changes nothing, and what the file has no column for stays as it is; every field
        that changes is listed. Stock is set for new variants only, unless --set-stock is given. Pictures are not
        fetched: see fetch-images.

        Exit status: 0 all rows taken in; 1 some rejected; 2 nothing done (no such file, shop or column).
        """
        with _refusals(as_json=as_json), Progress("Importing") as progress:
            shop = get_shop_by_code(code)
            with _opened(file) as stream, shop_scope(shop):
                report = import_catalogue(
                    stream,
                    file_name="standard input" if file == "-" else Path(file).name,
                    stock=stock,
                    actor=ACTOR,
                    base=address_of(current_app.config["LOCKSTEP"], shop),
                    file_format=file_format or "",
                    dry_run=dry_run,
                    replace_stock=set_stock,
                    missing_stock=missing_stock or "",
                    duplicate_sku=duplicate_sku,
                    mapping=_mapping(mappings),
                    on_start=progress.start,
                    on_rows=progress.advance,
                )
        _say_import(report, as_json=as_json)

    @group.command("export")
    @click.argument("file", metavar="FILE", type=click.File("w", encoding="utf-8", atomic=True))
    @_tenant
    def export_(file: TextIO, code: str) -> None:
        """Write all products into FILE ('-' writes standard output): a CSV with Shopify's columns and a few more.

        `catalog import` reads it: in the same shop it changes nothing, in another one it makes the same products.
        Stock is that of the first location. Pictures are given by their addresses.
        """
        with _refusals(as_json=False):
            shop: Shop = get_shop_by_code(code)
            with shop_scope(shop):
                base = address_of(current_app.config["LOCKSTEP"], shop)
                count = export_catalogue(file, base=base, on_hand=on_hand)
        click.echo(f"{count} products exported.", err=True)

    @group.command("attributes")
    @_tenant
    @click.option(
        "--show", multiple=True, metavar="KEY", help="Show it on product pages. May be given several times."
    )
    @click.option("--hide", multiple=True, metavar="KEY", help="Show it no longer.")
    @_json
    def attributes_(code: str, show: tuple[str, ...], hide: tuple[str, ...], *, as_json: bool) -> None:
        """List what imports have brought beyond the usual fields (Shopify's metafields), and say which of it shoppers
        see under "Details" on a product page. A new one is not shown.

        Exit status: 0 done; 2 no such shop or attribute.
        """
        with _refusals(as_json=as_json):
            shop: Shop = get_shop_by_code(code)
            with shop_scope(shop):
                if show or hide:
                    show_attributes(show=show, hide=hide)
                rows = [
                    {"key": each.key, "name": each.name, "shown": each.shown} for each in list_attributes()
                ]
        if as_json:
            click.echo(json.dumps({"attributes": rows}, ensure_ascii=False))
            return
        for row in rows:
            click.echo(f"{row['key']}\t{row['name']}\t{'shown' if row['shown'] else 'not shown'}")

    @group.command("reindex")
    @_tenant
    def reindex_(code: str) -> None:
        """Rebuild the search index of a shop, after an update that asks for it. The shop stays open meanwhile."""
        with _refusals(as_json=False), Progress("Indexing") as progress:
            shop: Shop = get_shop_by_code(code)
            with shop_scope(shop):
                count = reindex_catalogue(progress.advance)
        click.echo(f"{count} products indexed.")

    @group.command("fetch-images")
    @_tenant
    @click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Fetch at most N pictures.")
    @_json
    def fetch_images_(code: str, limit: int | None, *, as_json: bool) -> None:
        """Fetch the pictures whose addresses an import has recorded, and keep them as WebP.

        Only http(s) addresses of the public internet, without redirects; only JPEG, PNG and WebP. What fails is
        listed and tried again the next time.

        Exit status: 0 all fetched; 1 some failed; 2 no such shop.
        """
        with _refusals(as_json=as_json), Progress("Fetching") as progress:
            shop: Shop = get_shop_by_code(code)
            with shop_scope(shop):
                report = fetch_images(
                    current_app.config["LOCKSTEP"].media,
                    tenant=shop.code,
                    limit=limit,
                    on_start=progress.start,
                    on_done=progress.advance,
                )
        _say_fetch(report, as_json=as_json)

    return group


def _mapping(given: tuple[str, ...]) -> dict[str, str]:
    """Return what headings mean, from pairs and from JSON files with such pairs. Raises BadMapping."""
    mapping: dict[str, str] = {}
    for each in given:
        if each.lower().endswith(".json"):
            mapping |= _mapping_file(Path(each))
            continue
        heading, mark, meaning = each.rpartition("=")
        if not mark or not heading.strip():
            raise BadMapping("mapping_unreadable", text=each)
        mapping[heading] = meaning
    return mapping


def _mapping_file(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise BadMapping("mapping_file_not_json", path=str(path), error=str(error)) from error
    if not isinstance(found, dict) or not all(isinstance(meaning, str) for meaning in found.values()):
        raise BadMapping("mapping_file_shape", path=str(path))
    return found


@contextmanager
def _refusals(*, as_json: bool) -> Generator[None]:
    """Turn what a command refuses into one sentence (or one JSON object) and exit status 2."""
    try:
        yield
    except CommerceError as error:
        _refuse(error.code, describe(error), as_json=as_json)
    except OSError as error:
        if error.filename is None:
            raise
        _refuse("unreadable_file", f"{error.filename}: {error.strerror}.", as_json=as_json)


def _refuse(code: str, sentence: str, *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps({"error": {"code": code, "detail": sentence}}, ensure_ascii=False))
    else:
        click.echo(f"Error: {sentence}", err=True)
    raise SystemExit(NOT_DONE)


@contextmanager
def _opened(file: str) -> Generator[BinaryIO]:
    if file != "-":
        with Path(file).open("rb") as stream:
            yield stream
        return
    # The reader goes over the file more than once, which a pipe does not allow.
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        yield copy


def _say_import(report: ImportReport, *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        for line in report.lines():
            click.echo(line)
    raise SystemExit(SOME_REJECTED if report.rows["rejected"] else ALL_GOOD)


def _say_fetch(report: FetchReport, *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(json.dumps(report.as_json(), ensure_ascii=False))
    else:
        for failure in report.failures:
            click.echo(f"{failure.product}: {failure.url}: {failure.reason}")
        click.echo(
            f"{report.fetched} pictures fetched, {len(report.failures)} failed, {report.left} without a file."
        )
    raise SystemExit(SOME_REJECTED if report.failures else ALL_GOOD)
