"""`flask tenants export` and `flask tenants import`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext

from commerce.error_messages import describe
from commerce.errors import CommerceError
from commerce.orders.stock_check import check_stock
from commerce.tenant_transfer.comparison import Books, describe_difference
from commerce.tenant_transfer.export_shop import export_to_file
from commerce.tenant_transfer.import_shop import import_shop
from commerce.tenants.queries import get_shop_by_code
from commerce.tenants.scope import shop_scope


def _media() -> Path:
    folder: Path = current_app.config["LOCKSTEP"].media
    return folder


def _passphrase(given: bool) -> str:
    return sys.stdin.readline().rstrip("\r\n") if given else ""


def _progress(quiet: bool) -> Callable[[str, int], None]:
    def tell(table: str, rows: int) -> None:
        if rows and not quiet:
            click.echo(f"  {table:24} {rows:>9} rows", err=True)

    return tell


def _say_books(books: Books) -> None:
    for name, much in describe_difference(books):
        click.echo(f"  {name:24} {much}")


_passphrase_option = click.option(
    "--passphrase-stdin", is_flag=True, help="Read a passphrase for the secrets from standard input."
)


@click.command("export")
@with_appcontext
@click.argument("code")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@_passphrase_option
@click.option("--json", "as_json", is_flag=True)
def tenants_export(*, code: str, file: Path, passphrase_stdin: bool, as_json: bool) -> None:
    """Write all of the shop CODE into a new FILE: products, stock, orders, customers, staff, settings, pictures.

    Left out are sessions, mailed links and keys of programs; without a passphrase also keys of gateways, secrets of
    webhooks and second factors. Suspend the shop first when it moves for good, so that no order is placed behind its
    back.
    """
    try:
        shop = get_shop_by_code(code)
        done = export_to_file(
            shop,
            file,
            _media(),
            passphrase=_passphrase(passphrase_stdin),
            progress=_progress(as_json),
        )
    except FileExistsError as error:
        raise click.ClickException(f"{file} is there already.") from error
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}.") from error
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    notes = []
    if shop.status == "active":
        notes.append("The shop is open: what is ordered from now on is not in the file.")
    if done.waiting:
        notes.append(f"{done.waiting} mails or webhooks wait to be sent: both installations would send them.")
    if done.secrets_left:
        notes.append(f"{done.secrets_left} secrets were left out; --passphrase-stdin takes them along.")
    if done.keys_left:
        notes.append(
            f"{done.keys_left} keys of programs were left out: make new ones where the shop moves to."
        )
    if as_json:
        facts = {"file": str(file), "rows": done.rows, "pictures": done.pictures, "books": done.books}
        click.echo(json.dumps({**facts, "notes": notes}))
        return
    click.echo(f"{sum(done.rows.values())} rows and {done.pictures} pictures of {shop.name} are in {file}.")
    _say_books(done.books)
    for note in notes:
        click.echo(f"Note: {note}", err=True)


@click.command("import")
@with_appcontext
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--code", default="", help="Another code than the shop had.")
@click.option(
    "--host", "hosts", multiple=True, help="Host names instead of those it had; the first is used in mails."
)
@_passphrase_option
@click.option("--json", "as_json", is_flag=True)
def tenants_import(
    *, file: Path, code: str, hosts: tuple[str, ...], passphrase_stdin: bool, as_json: bool
) -> None:
    """Take in the shop of a FILE that `flask tenants export` wrote: all of it, or nothing.

    Numbers of rows, sums of money and the stock of every SKU are compared with the file. Exit code 1 when the shop was
    not taken in, or its stock does not agree with itself.
    """
    try:
        done = import_shop(
            file,
            _media(),
            code=code,
            hosts=hosts,
            passphrase=_passphrase(passphrase_stdin),
            progress=_progress(as_json),
        )
        with shop_scope(done.shop):
            breaks = [str(each) for each in check_stock()]
    except CommerceError as error:
        raise click.ClickException(describe(error)) from error
    if as_json:
        shop = {"id": str(done.shop.id), "code": done.shop.code, "host": done.shop.host}
        facts = {**shop, "rows": done.rows, "pictures": done.pictures, "books": done.books}
        click.echo(json.dumps({**facts, "secrets_missing": done.secrets_left, "breaks": breaks}))
    else:
        click.echo(
            f"{done.shop.name} ({done.shop.code}) is here, at {done.shop.host}; the same as in the file are:"
        )
        click.echo(f"  {'rows, pictures':24} {sum(done.rows.values())}, {done.pictures}")
        _say_books(done.books)
        for line in breaks:
            click.echo(f"  stock check: {line}")
        if done.secrets_left:
            click.echo(
                f"Note: {done.secrets_left} secrets were not in the file; what needs them is off.", err=True
            )
    sys.exit(1 if breaks else 0)
