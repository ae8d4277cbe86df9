"""Placing an order of two lines by POST /checkout, beside pgbench running the same statements on the same PostgreSQL.

Promised: the transaction takes at most 12 statements. Measured with products chosen evenly and with one product in
every order. Carts with all details are prepared beforehand, so that only placing is measured; fsync is on.
"""

import random
import re
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import psycopg

from bench.support import cpu, load, report, transcript
from bench.support.forms import read_form
from bench.support.stage import (
    Stage,
    cart_key,
    checkout_token,
    in_shop,
    numbered_id,
    postgres_stage,
    prepare_carts,
    product_slug,
    put_up_products,
)
from commerce.cart.services import shopper_hash
from commerce.checkout.services import place_order
from commerce.events.outbox import Actor

PRODUCTS = 10_000
CLIENTS = 8
MOST_STATEMENTS = 12
SHIPPING = 500
TRIAL = (1, 2)
"""The products of the placements that are recorded."""
BLOCK = 10_000_000
"""Cart numbers of one measurement begin at a multiple of this."""
Lines = list[tuple[int, int]]


def main() -> int:
    """Record, then measure evenly chosen products and the hot one, each by pgbench and by HTTP."""
    parser = report.arguments(__doc__ or "", seconds=8)
    parser.add_argument("--carts", type=int, default=3000, help="for each measurement (default: %(default)s)")
    options = parser.parse_args()
    per_client = options.carts // CLIENTS
    rows: list[dict[str, Any]] = []
    with postgres_stage() as stage, TemporaryDirectory() as scratch:
        report.note(f"{PRODUCTS} products")
        put_up_products(stage, PRODUCTS)
        prices = prices_of(stage)
        script, count = record(stage, prices)
        for index, (name, lines) in enumerate(_workloads(per_client * CLIENTS).items(), start=1):
            report.note(f"{name}: {len(lines)} carts for each")
            path = Path(scratch) / f"{index}.sql"
            path.write_text(_choice(name, index * 2 * BLOCK, per_client) + script)
            prepare_carts(stage, lines, first=index * 2 * BLOCK)
            rows.append({"what": f"pgbench, {name}"} | _pgbench(stage, path, per_client, Path(scratch)))
            first = (index * 2 + 1) * BLOCK
            prepare_carts(stage, lines, first=first)
            rows.append(
                {"what": f"POST /checkout, {name}"} | _http(stage, lines, first, prices, options.seconds)
            )
    title = f"Placing an order of two lines, PostgreSQL with fsync, 2 web processes x 4 threads, {CLIENTS} clients"
    claims = {
        f"{count} statements in the transaction, BEGIN and COMMIT aside (at most {MOST_STATEMENTS})": 0
        < count
        <= MOST_STATEMENTS
    }
    return report.publish(title, rows, claims, as_json=options.json)


def _workloads(count: int) -> dict[str, Lines]:
    dice = random.Random(1)
    even = [(number, (number + dice.randrange(1, PRODUCTS)) % PRODUCTS) for number in _numbers(dice, count)]
    hot = [(0, dice.randrange(1, PRODUCTS)) for _ in range(count)]
    return {"even": even, "one hot": hot}


def _numbers(dice: random.Random, count: int) -> list[int]:
    return [dice.randrange(PRODUCTS) for _ in range(count)]


def prices_of(stage: Stage, products: int = PRODUCTS) -> list[int]:
    with psycopg.connect(stage.admin_url()) as connection:
        rows: dict[Any, int] = dict(connection.execute("SELECT id, price FROM variants").fetchall())
    return [rows[numbered_id("variant", number)] for number in range(products)]


# --- pgbench ------------------------------------------------------------------------------------------


def record(stage: Stage, prices: Sequence[int]) -> tuple[str, int]:
    """Place three orders in this process; return the script of the last two and how many statements there are."""
    prepare_carts(stage, [TRIAL] * 3, first=0)
    recordings = []
    with in_shop(stage):
        for number in range(3):
            with transcript.recorded() as seen:
                place_order(
                    shopper=shopper_hash(cart_key(number)),
                    checkout_token=checkout_token(number),
                    cart_version=1,
                    shown_total=sum(prices[product] for product in TRIAL) + SHIPPING,
                    actor=Actor("guest", request_id=f"bench{number}"),
                )
            recordings.append(list(seen))
    with psycopg.connect(stage.admin_url()) as connection:
        first, second = (transcript.with_values(each, connection) for each in recordings[1:])
    return transcript.pgbench_script(first, second, (1, 2), TRIAL), len(recordings[-1])


def _choice(name: str, first: int, per_client: int) -> str:
    """Return the head of the script: the number of this client's next cart, and two different products."""
    a = "0" if name == "one hot" else f"random(0, {PRODUCTS - 1})"
    return (
        f"\\set n {first} + :client_id * {per_client} + :i\n\\set i :i + 1\n\\set a {a}\n"
        f"\\set b mod(:a + random(1, {PRODUCTS - 1}), {PRODUCTS})\n"
    )


def _pgbench(stage: Stage, script: Path, transactions: int, scratch: Path) -> dict[str, Any]:
    assert stage.postgres is not None
    log = scratch / f"{script.stem}-log"
    before = cpu.seconds(stage.postgres.pid)
    done = subprocess.run(
        [
            *(stage.postgres.binaries / "pgbench", "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2"),
            *("-t", str(transactions), "-D", "i=0", "-f", script, "-l", "--log-prefix", log),
            stage.admin_url(),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise load.LoadFailed(f"pgbench: {done.stderr[-1500:]}")
    spent = cpu.seconds(stage.postgres.pid) - before
    rate = re.search(r"tps = ([\d.]+) \(without", done.stdout)
    assert rate is not None, done.stdout
    times = [int(line.split()[2]) / 1e6 for each in scratch.glob(f"{log.name}.*") for line in each.open()]
    return _row(float(rate.group(1)), times) | {"CPU ms PostgreSQL": spent / len(times) * 1000}


# --- HTTP ---------------------------------------------------------------------------------------------


def _http(stage: Stage, lines: Lines, first: int, prices: Sequence[int], seconds: float) -> dict[str, Any]:
    sessions: dict[int, tuple[str, str]] = {}

    def task(connection: load.Connection, number: int) -> bool:
        key = id(connection)
        if key not in sessions:
            form = read_form(connection.get(f"/products/{product_slug(1)}"), "/cart/lines")
            sessions[key] = form["csrf_token"], connection.cookies["session"]
        token, session = sessions[key]
        connection.cookies = {"session": session, "cart": cart_key(first + number)}
        total = sum(prices[product] for product in lines[number]) + SHIPPING
        form = {
            "csrf_token": token,
            "checkout_token": checkout_token(first + number),
            "cart_version": "1",
            "shown_total": str(total),
        }
        answer = connection.post("/checkout", urlencode(form).encode())
        if answer.status != 303 or not answer.location.startswith("/orders/"):
            raise load.LoadFailed(f"status {answer.status} for cart {number}: {answer.body[-400:]!r}")
        return True

    assert stage.postgres is not None
    share = len(lines) // CLIENTS
    numbers = [range(client * share, (client + 1) * share) for client in range(CLIENTS)]
    with stage.served() as server:
        before = cpu.seconds(server.pid), cpu.seconds(stage.postgres.pid)
        result = load.run(server.port, server.host(), task, seconds=seconds, clients=CLIENTS, numbers=numbers)
        after = cpu.seconds(server.pid), cpu.seconds(stage.postgres.pid)
    orders = _orders(stage, first, len(lines))
    return _row(result.rate, result.times) | {
        "CPU ms PostgreSQL": (after[1] - before[1]) / orders * 1000,
        "CPU ms server": (after[0] - before[0]) / orders * 1000,
    }


def _orders(stage: Stage, first: int, count: int) -> int:
    """Return how many of the carts became orders, the warm-up included."""
    keys = [shopper_hash(cart_key(first + number)) for number in range(count)]
    with psycopg.connect(stage.admin_url()) as connection:
        row = connection.execute(
            "SELECT count(*) FROM orders JOIN carts ON carts.id = cart_id WHERE shopper_hash = ANY(%s)",
            (keys,),
        ).fetchone()
    assert row is not None
    return int(row[0])


def _row(rate: float, times: Sequence[float]) -> dict[str, Any]:
    return {
        "orders/s": rate,
        "p50 ms": statistics.median(times) * 1000,
        "p99 ms": report.percentile(times, 0.99) * 1000,
        "orders": len(times),
    }


if __name__ == "__main__":
    raise SystemExit(main())
