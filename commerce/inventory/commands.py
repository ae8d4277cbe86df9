"""`flask stock import`: counts and deliveries from a file."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import click
from flask.cli import with_appcontext

from commerce.error_messages import describe
from commerce.errors import CommerceError
from commerce.inventory.stock_file import StockFileLine, StockPlan, apply_stock, plan_stock
from commerce.inventory.stock_file import create_locations as make_locations
from commerce.tenants.queries import get_shop_by_code
from commerce.tenants.scope import shop_scope

SHOWN = 50
ALL_DONE, SOME_LEFT, NOT_DONE = 0, 1, 2


@click.command("import")
@click.argument("file", metavar="FILE")
@click.option("--tenant", "code", required=True, metavar="CODE", help="The shop, by its code.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option(
    "--create-locations", is_flag=True, help="Make the locations of the file that the shop does not have."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@with_appcontext
def import_stock(file: str, code: str, *, dry_run: bool, create_locations: bool, as_json: bool) -> None:
    """Set stock from FILE, a CSV with SKU and 'on hand' (counts) or 'change' ('-' reads standard input).

    A 'location' column names the warehouse; without it the first one is meant. Shopify's inventory file and the stock
    columns of Shopify's and WooCommerce's exports are understood; a row without SKU is about the variant with its
    handle and options. A change may carry its 'cause': received, found, damaged, lost, count.

    Exit status: 0 everything done; 1 some rows left alone; 2 nothing done (no such file, shop or column, or no row
    about stock).
    """
    try:
        stream = io.BytesIO(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
        with shop_scope(get_shop_by_code(code)):
            plan = _plan(stream, create=create_locations, dry_run=dry_run)
            done = [] if dry_run else _apply(plan, Path(file).name)
    except (OSError, CommerceError) as error:
        problem = describe(error) if isinstance(error, CommerceError) else f"{file}: {error.strerror}"
        click.echo(json.dumps({"error": problem}) if as_json else f"Error: {problem}", err=not as_json)
        sys.exit(NOT_DONE)
    left = [*plan.problems, *(line for line in done if line.problem)]
    offered = {} if create_locations else plan.unknown_locations
    _report(plan, done, left, offered, dry_run=dry_run, as_json=as_json)
    sys.exit(SOME_LEFT if left else ALL_DONE)


def _plan(stream: BinaryIO, *, create: bool, dry_run: bool) -> StockPlan:
    plan = plan_stock(stream, new_locations=create)
    if create and not dry_run and plan.unknown_locations:
        make_locations(plan.unknown_locations)
        return plan_stock(stream)
    return plan


def _apply(plan: StockPlan, name: str) -> list[StockFileLine]:
    if not sys.stderr.isatty():
        return apply_stock(plan, actor="system", reference=name[:255])
    with click.progressbar(length=len(plan.changes), label="Stock", file=sys.stderr) as bar:
        return apply_stock(plan, actor="system", reference=name[:255], progress=bar.update)


def _report(
    plan: StockPlan,
    done: list[StockFileLine],
    left: list[StockFileLine],
    offered: Mapping[str, int],
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    changed = plan.changes if dry_run else [line for line in done if not line.problem]
    if as_json:
        report = {
            "dryRun": dry_run,
            "rowsRead": len(plan.lines),
            "changed": len(changed),
            "unchanged": plan.unchanged,
            "leftAlone": len(left),
            "changes": [
                {"row": e.row, "sku": e.sku, "location": e.location, "before": e.before, "after": e.after}
                for e in changed
            ],
            "unknownLocations": [{"name": name, "rows": rows} for name, rows in offered.items()],
            "remarks": [{"row": e.row, "sku": e.sku, "remark": e.remark} for e in plan.lines if e.remark],
            "problems": [{"row": e.row, "sku": e.sku, "problem": e.problem} for e in left],
        }
        click.echo(json.dumps(report, ensure_ascii=False))
        return
    for line in changed[:SHOWN] if dry_run else ():
        beyond = f", {line.limit} beyond stock" if line.limit not in (None, line.limit_before) else ""
        click.echo(f"Row {line.row}: {line.sku} at {line.location}: {line.before} -> {line.after}{beyond}")
    for line in [each for each in plan.lines if each.remark and not each.problem][:SHOWN]:
        click.echo(f"Row {line.row}: {line.sku}: {line.remark}")
    for line in left[:SHOWN]:
        click.echo(f"Row {line.row}: {line.sku}: {line.problem}")
    if offered:
        names = ", ".join(f"'{name}' ({rows} rows)" for name, rows in offered.items())
        click.echo(f"Locations that the shop does not have: {names}. --create-locations makes them.")
    prefix = "Dry run, nothing was changed. " if dry_run else ""
    click.echo(
        f"{prefix}{len(plan.lines)} rows read = {len(changed)} changed, {plan.unchanged} unchanged, "
        f"{len(left)} left alone."
    )
