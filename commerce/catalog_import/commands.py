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

from commerce.catalog.images import FetchReport, fetch_images
from commerce.catalog_import.export import OnHand, export_catalogue
from commerce.catalog_import.formats import FORMATS
from commerce.catalog_import.report import ImportReport
from commerce.catalog_import.services import StockWriter, import_catalogue
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
    group = AppGroup("catalog", help="Import and export a catalogue, and fetch its pictures.")

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
    @_json
    def import_(
        file: str, code: str, *, dry_run: bool, file_format: str | None, set_stock: bool, as_json: bool
    ) -> None:
        """Import products from FILE ('-' reads standard input): a product CSV of Shopify, of WooCommerce in English, or
        one that `catalog export` wrote.

        Good products are imported, bad ones are left out as a whole, and each error names row, column, value and
        reason. The same file again changes nothing. Stock is set for new variants only, unless --set-stock is given.
        Pictures are not fetched: see fetch-images.

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
