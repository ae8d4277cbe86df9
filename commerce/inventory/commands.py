"""`flask stock import`: counts and deliveries from a file."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import click
from flask.cli import with_appcontext

from commerce.error_messages import describe
from commerce.errors import CommerceError
from commerce.inventory.stock_file import StockFileLine, StockPlan, apply_stock, plan_stock
from commerce.tenants.queries import get_shop_by_code
from commerce.tenants.scope import shop_scope

SHOWN = 50
ALL_DONE, SOME_LEFT, NOT_DONE = 0, 1, 2


@click.command("import")
@click.argument("file", metavar="FILE")
@click.option("--tenant", "code", required=True, metavar="CODE", help="The shop, by its code.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@with_appcontext
def import_stock(file: str, code: str, *, dry_run: bool, as_json: bool) -> None:
    """Set stock from FILE, a CSV with SKU and 'on hand' (counts) or 'change' ('-' reads standard input).

    A 'location' column names the warehouse; without it the first one is meant. The stock columns of Shopify's and
    WooCommerce's exports are understood. A change may carry its 'cause': received, found, damaged, lost, count.

    Exit status: 0 everything done; 1 some rows left alone; 2 nothing done (no such file, shop or column).
    """
    try:
        stream = io.BytesIO(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
        with shop_scope(get_shop_by_code(code)):
            plan = plan_stock(stream)
            done = [] if dry_run else _apply(plan, Path(file).name)
    except (OSError, CommerceError) as error:
        problem = describe(error) if isinstance(error, CommerceError) else f"{file}: {error.strerror}"
        click.echo(json.dumps({"error": problem}) if as_json else f"Error: {problem}", err=not as_json)
        sys.exit(NOT_DONE)
    left = [*plan.problems, *(line for line in done if line.problem)]
    _report(plan, done, left, dry_run=dry_run, as_json=as_json)
    sys.exit(SOME_LEFT if left else ALL_DONE)


def _apply(plan: StockPlan, name: str) -> list[StockFileLine]:
    if not sys.stderr.isatty():
        return apply_stock(plan, actor="system", reference=name[:255])
    with click.progressbar(length=len(plan.changes), label="Stock", file=sys.stderr) as bar:
        return apply_stock(plan, actor="system", reference=name[:255], progress=bar.update)


def _report(
    plan: StockPlan, done: list[StockFileLine], left: list[StockFileLine], *, dry_run: bool, as_json: bool
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
            "problems": [{"row": e.row, "sku": e.sku, "problem": e.problem} for e in left],
        }
        click.echo(json.dumps(report, ensure_ascii=False))
        return
    for line in changed[:SHOWN] if dry_run else ():
        beyond = f", {line.limit} beyond stock" if line.limit not in (None, line.limit_before) else ""
        click.echo(f"Row {line.row}: {line.sku} at {line.location}: {line.before} -> {line.after}{beyond}")
    for line in left[:SHOWN]:
        click.echo(f"Row {line.row}: {line.sku}: {line.problem}")
    prefix = "Dry run, nothing was changed. " if dry_run else ""
    click.echo(
        f"{prefix}{len(plan.lines)} rows read = {len(changed)} changed, {plan.unchanged} unchanged, "
        f"{len(left)} left alone."
    )
