"""What an order costs in a shop that has a million of them and 100,000 SKUs, beside the same shop when it was new.

The million is copied by PostgreSQL itself from one placed order, with its lines, reservations, movements and events, so
that afterwards `flask stock check` must find every book right; its memory is measured, too.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import psycopg

from bench.place_order import BLOCK, SHIPPING
from bench.placing import buyers
from bench.support import crew, report
from bench.support.large_shop import copy_rows
from bench.support.stage import (
    STOCK,
    Stage,
    in_shop,
    numbered_id,
    postgres_stage,
    prepare_carts,
    put_up_products,
)
from commerce.catalog.models import Variant
from commerce.config import ROOT
from commerce.db import db

SMALL = 1_000
PROCESSES, THREADS = 2, 4
MOST_GROWTH = 1.3
MOST_MEMORY = 400
"""MiB that a stock check may take, however many orders there are."""


def main() -> int:
    """Measure, grow, measure again, and check the books."""
    parser = report.arguments(__doc__ or "", seconds=0)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--skus", type=int, default=100_000)
    parser.add_argument("--carts", type=int, default=2000, help="for each measurement (default: %(default)s)")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with postgres_stage() as stage:
        put_up_products(stage, SMALL)
        rows.append(_place(stage, "a new shop", SMALL, options.carts, BLOCK))
        report.note(f"putting up {options.skus} SKUs")
        put_up_products(stage, options.skus - SMALL, first=SMALL)
        report.note(f"copying {options.orders} orders")
        grow(stage, options.orders, options.skus)
        rows.append(
            _place(
                stage,
                f"{options.orders:,} orders, {options.skus:,} SKUs",
                options.skus,
                options.carts,
                2 * BLOCK,
            )
        )
        check = _check(stage)
    growth = rows[1]["p50 ms"] / rows[0]["p50 ms"]
    claims = {
        f"the median order costs {growth:.2f} times as much (at most {MOST_GROWTH})": growth <= MOST_GROWTH,
        f"stock check: {check['breaks']} rules broken, {check['seconds']:.0f} s, {check['memory']:.0f} MiB"
        f" (none broken, at most {MOST_MEMORY} MiB)": not check["breaks"] and check["memory"] <= MOST_MEMORY,
    }
    return report.publish(
        "The cost of an order as a shop grows, PostgreSQL with fsync", rows, claims, as_json=options.json
    )


def _place(stage: Stage, what: str, skus: int, carts: int, first: int) -> dict[str, Any]:
    report.note(f"{what}: {carts} carts")
    lines = [(number * 7 % skus, (number * 7 + 3) % skus) for number in range(carts)]
    prepare_carts(stage, lines, first=first)
    with in_shop(stage):
        prices = {row.id: row.price for row in db.session.query(Variant.id, Variant.price)}
    totals = [sum(prices[numbered_id("variant", each)] for each in pair) + SHIPPING for pair in lines]
    work = crew.run(buyers, (stage.url, stage.var, first, totals), range(carts), PROCESSES, THREADS)
    if work.problems:
        raise RuntimeError(str(work.problems))
    return {
        "what": what,
        "orders/s": work.rate,
        "p50 ms": statistics.median(work.times) * 1000,
        "p99 ms": report.percentile(work.times, 0.99) * 1000,
        "orders": len(work.times),
    }


# --- growing ------------------------------------------------------------------------------------------


def grow(stage: Stage, orders: int, skus: int) -> None:
    """Copy the first order so often, delivered and done, each for another SKU, and write the books to fit."""
    with psycopg.connect(stage.admin_url(), autocommit=True) as connection:
        model = connection.execute("SELECT id FROM orders ORDER BY number LIMIT 1").fetchone()
        assert model is not None
        connection.execute("SET synchronous_commit = off; SET session_replication_role = replica")
        for table, fresh in _fresh(skus).items():
            owner = {"orders": "id", "events": "subject_id"}.get(table, "order_id")
            copy_rows(connection, table, orders, fresh, f"{owner} = '{model[0]}'")
        connection.execute(
            "UPDATE stock_items s SET on_hand = on_hand - taken.units FROM"
            " (SELECT stock_item_id, sum(quantity) AS units FROM reservations"
            " WHERE state = 'deducted' GROUP BY 1) taken WHERE taken.stock_item_id = s.id"
        )
        connection.execute(
            "INSERT INTO stock_movements (tenant_id, id, stock_item_id, delta, cause, actor, reference, occurred_at)"
            " SELECT r.tenant_id, gen_random_uuid(), r.stock_item_id, -r.quantity, 'shipped', 'bench', o.code, now()"
            " FROM reservations r JOIN orders o ON o.id = r.order_id WHERE r.state = 'deducted'"
        )
        connection.execute(
            "INSERT INTO stock_movements (tenant_id, id, stock_item_id, delta, cause, actor, reference, occurred_at)"
            " SELECT tenant_id, gen_random_uuid(), id, %s, 'opening', 'bench', '', now() FROM stock_items",
            (STOCK,),
        )
        connection.execute("SET session_replication_role = DEFAULT")
        connection.execute("VACUUM ANALYZE")


def _fresh(skus: int) -> dict[str, dict[str, str]]:
    """Return the expressions of what differs from copy to copy: `n` is its number, `m` the row that is copied."""
    order, line = "md5('grown' || n)::uuid", "md5(m.id::text || n)::uuid"
    reserved_line = "md5(m.order_line_id::text || n)::uuid"
    placed = "m.placed_at - n * interval '20 seconds'"
    stock = f"md5('stock' || (n * 13 + ascii(right(m.order_line_id::text, 1))) % {skus})::uuid"
    return {
        "orders": {
            "id": order,
            "cart_id": "NULL",
            "number": "10000000 + n",
            "code": "'OLD-' || n",
            "token": "md5('token' || n) || md5('old' || n)",
            "status": "'completed'",
            "payment_status": "'paid'",
            "placed_at": placed,
            "hold_expires_at": placed,
        },
        "order_lines": {"id": line, "order_id": order, "shipped": "m.quantity"},
        "order_adjustments": {"id": line, "order_id": order},
        "payments": {"id": line, "order_id": order, "state": "'captured'", "captured": "m.amount"},
        "events": {"id": line, "subject_id": order, "fanned_out": "true"},
        "reservations": {
            "id": line,
            "order_id": order,
            "order_line_id": reserved_line,
            "stock_item_id": stock,
            "state": "'deducted'",
            "deducted": "m.quantity",
        },
    }


def _check(stage: Stage) -> dict[str, Any]:
    """Run the command as an operator does; return seconds, MiB and how many rules it found broken."""
    report.note("flask stock check")
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "app", "stock", "check", "--json"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": stage.url, "VAR_DIR": str(stage.var), "SECRET_KEY": "bench" * 10},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - begun
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr[-2000:])
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"seconds": seconds, "memory": memory, "breaks": len(json.loads(done.stdout)["breaks"])}


if __name__ == "__main__":
    raise SystemExit(main())
