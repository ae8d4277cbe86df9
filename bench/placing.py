"""place_order() as a function, without HTTP, beside the same statements through bare psycopg from as many threads.

Even products and one product in every order, on PostgreSQL with fsync; for the hot product also the two other ways to
guard a stock: comparing the version and swapping, and SELECT FOR UPDATE. Then the same function on SQLite.
"""

import contextlib
import random
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from bench.place_order import BLOCK, SHIPPING, prices_of, record
from bench.support import crew, report
from bench.support.stage import (
    Stage,
    cart_key,
    checkout_token,
    in_shop,
    numbered_id,
    postgres_stage,
    prepare_carts,
    put_up_products,
    sqlite_stage,
)
from commerce.cart.services import shopper_hash
from commerce.checkout.services import place_order
from commerce.db import db
from commerce.events.outbox import Actor
from commerce.tenants.queries import get_shop_by_code
from commerce.tenants.scope import shop_scope

PRODUCTS = 10_000
PROCESSES, THREADS = 2, 4
MOST_TRIES = 200
VARIABLE = re.compile(r"(?<!:):([nab])\b")
STOCK_UPDATE = re.compile(r"UPDATE stock_items SET reserved")
LOOK = "SELECT on_hand - reserved, version FROM stock_items WHERE tenant_id = %s AND id = %s"
SWAP = (
    "UPDATE stock_items SET reserved = reserved + 1, version = version + 1"
    " WHERE tenant_id = %s AND id = %s AND version = %s"
)
Lines = list[tuple[int, int]]


def main() -> int:
    """Measure each way on the same carts, one after another, and compare."""
    parser = report.arguments(__doc__ or "", seconds=0)
    parser.add_argument("--carts", type=int, default=4000, help="for each measurement (default: %(default)s)")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    rates: dict[str, float] = {}
    with postgres_stage() as stage:
        put_up_products(stage, PRODUCTS)
        prices = prices_of(stage)
        script, _count = record(stage, prices)
        # Nobody is measured on tables that nothing has been read from yet: the first one would pay for the others.
        warm_up = workloads(options.carts // 4)["even"]
        block = 1
        _ours(stage, warm_up, block * BLOCK, prices, "warming up", {})
        for kind, lines in workloads(options.carts).items():
            for way in (
                ("guard", "compare and swap", "select for update") if kind == "one hot" else ("guard",)
            ):
                block += 1
                rows.append(_bare(stage, script, lines, block * BLOCK, kind, way, rates))
            block += 1
            rows.append(_ours(stage, lines, block * BLOCK, prices, kind, rates))
    with sqlite_stage() as stage:
        put_up_products(stage, PRODUCTS)
        prices = sqlite_prices(stage)
        for index, (kind, lines) in enumerate(workloads(options.carts // 2).items(), start=1):
            rows.append(_ours(stage, lines, index * BLOCK, prices, f"{kind}, SQLite", rates))
    return report.publish(
        f"Placing an order of two lines as a function call, {PROCESSES} processes x {THREADS} threads",
        rows,
        claims(rows, rates),
        as_json=options.json,
    )


def claims(rows: Sequence[dict[str, Any]], rates: dict[str, float]) -> dict[str, bool]:
    """Return what is promised, with the figures, and whether it was kept."""
    even, floor = rates["place_order, even"], rates["psycopg, even, guard"]
    hot = rates["place_order, one hot"]
    [hot_row] = [row for row in rows if row["what"] == "place_order, one hot"]
    ours = [row for row in rows if row["what"].startswith("place_order")]
    return {
        f"even: {even / floor:.0%} of the same statements through bare psycopg (at least 50 %)": even
        >= floor / 2,
        f"one hot product: {hot / even:.0%} of the even rate (at least 70 %)": hot >= 0.7 * even,
        f"one hot product: p99 is {hot_row['p99 ms'] / hot_row['p50 ms']:.1f} times p50 (below 10)": hot_row[
            "p99 ms"
        ]
        < 10 * hot_row["p50 ms"],
        "nobody was refused, and no lock or deadlock reached anybody": not any(
            row["refused"] for row in ours
        ),
    }


def workloads(count: int) -> dict[str, Lines]:
    """Return the products of each cart."""
    dice = random.Random(1)
    even = [
        (a, (a + dice.randrange(1, PRODUCTS)) % PRODUCTS)
        for a in (dice.randrange(PRODUCTS) for _ in range(count))
    ]
    return {"even": even, "one hot": [(0, dice.randrange(1, PRODUCTS)) for _ in range(count)]}


def sqlite_prices(stage: Stage) -> list[int]:
    """Return the price of each numbered product."""
    from commerce.catalog.models import Variant

    with in_shop(stage):
        rows = {row.id: row.price for row in db.session.query(Variant.id, Variant.price)}
    return [rows[numbered_id("variant", number)] for number in range(PRODUCTS)]


# --- ours ---------------------------------------------------------------------------------------------


def _ours(
    stage: Stage, lines: Lines, first: int, prices: Sequence[int], kind: str, rates: dict[str, float]
) -> dict[str, Any]:
    report.note(f"place_order, {kind}: {len(lines)} carts")
    prepare_carts(stage, lines, first=first)
    totals = [prices[a] + prices[b] + SHIPPING for a, b in lines]
    work = crew.run(buyers, (stage.url, stage.var, first, totals), range(len(lines)), PROCESSES, THREADS)
    return _row(f"place_order, {kind}", work, rates)


@contextlib.contextmanager
def buyers(url: str, var: Path, first: int, totals: list[int]) -> Iterator[Callable[[], crew.Do]]:
    """Build the application in this process; each thread places orders in its own context."""
    app = Stage(url, var, None, "").app()

    def hire() -> crew.Do:
        app.app_context().push()
        shop = get_shop_by_code("demo")

        def buy(number: int) -> int:
            with shop_scope(shop):
                place_order(
                    shopper=shopper_hash(cart_key(first + number)),
                    checkout_token=checkout_token(first + number),
                    cart_version=1,
                    shown_total=totals[number],
                    actor=Actor("guest", request_id=f"bench{number}"),
                )
                db.session.remove()
            return 0

        return buy

    yield hire


# --- the same statements, bare --------------------------------------------------------------------------


def _bare(
    stage: Stage, script: str, lines: Lines, first: int, kind: str, way: str, rates: dict[str, float]
) -> dict[str, Any]:
    report.note(f"psycopg, {kind}, {way}: {len(lines)} carts")
    prepare_carts(stage, lines, first=first)
    with psycopg.connect(stage.admin_url()) as connection:
        tenant = connection.execute("SELECT id FROM tenants").fetchone()
    assert tenant is not None
    arguments = (stage.admin_url(), steps_of(script), lines, first, way, tenant[0])
    work = crew.run(drivers, arguments, range(len(lines)), PROCESSES, THREADS)
    return _row(f"psycopg, {kind}, {way}", work, rates)


def steps_of(script: str) -> list[list[str]]:
    """Return the statements of a pgbench script for psycopg, one list for each round trip."""
    steps: list[list[str]] = []
    inside: list[str] | None = None
    words: list[str] = []
    for line in script.splitlines():
        if line.strip() == "\\startpipeline":
            inside = []
        elif line.strip() == "\\endpipeline":
            steps.append(inside or [])
            inside = None
        else:
            words.append(line)
            if line.endswith(";"):
                statement = VARIABLE.sub(r"%(\1)s", "\n".join(words).removesuffix(";").replace("%", "%%"))
                words = []
                if statement in ("BEGIN", "COMMIT"):
                    continue
                if inside is None:
                    steps.append([statement])
                else:
                    inside.append(statement)
    return steps


@contextlib.contextmanager
def drivers(
    url: str, steps: list[list[str]], lines: Lines, first: int, way: str, tenant: Any
) -> Iterator[Callable[[], crew.Do]]:
    """Give each thread a connection of its own."""

    def hire() -> crew.Do:
        connection = psycopg.connect(url, autocommit=False, prepare_threshold=0)

        def buy(number: int) -> int:
            for attempt in range(MOST_TRIES):
                if _once(connection, steps, first + number, lines[number], way, tenant):
                    return attempt
                connection.rollback()
            raise TimeoutError("lost every race")

        return buy

    yield hire


def _once(
    connection: Any, steps: list[list[str]], cart: int, products: tuple[int, int], way: str, tenant: Any
) -> bool:
    values = {"n": cart, "a": products[0], "b": products[1]}
    shelves = sorted(numbered_id("stock", product) for product in products)
    for step in steps:
        if way == "select for update" and step[0].startswith("INSERT INTO reservations"):
            # Before the reservations: their reference to a shelf is a lock too, and would be taken crosswise.
            for shelf in shelves:
                connection.execute(f"{LOOK} FOR UPDATE", (tenant, shelf))
        if way == "compare and swap" and STOCK_UPDATE.search(step[0]):
            if not _swapped(connection, shelves, tenant):
                return False
        elif len(step) > 1:
            with connection.pipeline():
                for statement in step:
                    connection.execute(statement, values)
        else:
            connection.execute(step[0], values)
    connection.commit()
    return True


def _swapped(connection: Any, shelves: list[Any], tenant: Any) -> bool:
    """Reserve one unit of each shelf if it still has the version that was read."""
    for shelf in shelves:
        row = connection.execute(LOOK, (tenant, shelf)).fetchone()
        changed = connection.execute(SWAP, (tenant, shelf, row[1]))
        if row[0] < 1 or changed.rowcount != 1:
            return False
    return True


def _row(what: str, work: crew.Work, rates: dict[str, float]) -> dict[str, Any]:
    rates[what] = work.rate
    for words, count in work.problems.items():
        report.note(f"{what}: {count} x {words}")
    return {
        "what": what,
        "orders/s": work.rate,
        "p50 ms": statistics.median(work.times) * 1000,
        "p99 ms": report.percentile(work.times, 0.99) * 1000,
        "orders": len(work.times),
        "retries": work.retries,
        "refused": sum(work.problems.values()),
    }


if __name__ == "__main__":
    raise SystemExit(main())
