"""Orders over JSON: POST /api/commerce/checkout of two lines, beside a bare Flask view with the same statements.

PostgreSQL with fsync, two web processes; the bare view is served in the same way and runs, by bare psycopg and in one
transaction, the statements that were recorded of one such request. Then pages 1 and 10,000 of GET /api/orders.
"""

import json
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from bench.growth import grow
from bench.place_order import BLOCK
from bench.placing import steps_of
from bench.support import bare_checkout, cpu, load, report, transcript
from bench.support.floor import bare_server
from bench.support.stage import SHOP, Stage, in_shop, postgres_stage, put_up_products
from commerce.accounts.api_clients import create_client, issue_key
from commerce.accounts.scopes import SCOPES

PRODUCTS = 10_000
CLIENTS = 8
WARM_UP = 40
"""Orders of each client that are not counted."""
PATH = "/api/commerce/checkout"
TRIAL = (1, 2)
"""The products of the orders that are recorded."""
LEAST_SHARE = 0.5
PAGE, FAR = 20, 10_000
STRIDE = 100
MOST_GROWTH = 1.3
GREETING = "Authorization: Bearer {key}\r\nIdempotency-Key: {once}\r\n"


@dataclass(frozen=True)
class Door:
    """Where orders go: a port, a host name and a key."""

    port: int
    host: str
    key: str
    pid: int


def main() -> int:
    """Record, measure both, grow, and turn pages."""
    parser = report.arguments(__doc__ or "", seconds=10)
    parser.add_argument("--rounds", type=int, default=3, help="of each, in turn (default: %(default)s)")
    parser.add_argument("--orders", type=int, default=1_000_000, help="when pages are turned; 0: no pages")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    claims: dict[str, bool] = {}
    with postgres_stage() as stage, TemporaryDirectory() as scratch:
        report.note(f"{PRODUCTS} products")
        put_up_products(stage, PRODUCTS)
        key = let_in(stage)
        steps, answer = record(stage, key)
        bare_checkout.write_plan(Path(scratch), stage.admin_url(), steps, answer)
        shares = []
        for number in range(options.rounds):
            with bare_server(Path(scratch), app=bare_checkout.APP) as (port, pid):
                door = Door(port, f"{SHOP}.localhost", key, pid)
                rows.append(_measure(stage, door, "bare psycopg", 10 + 2 * number, options.seconds))
            with stage.served() as server:
                door = Door(server.port, server.host(), key, server.pid)
                rows.append(_measure(stage, door, PATH, 11 + 2 * number, options.seconds))
            shares.append(rows[-1]["orders/s"] / rows[-2]["orders/s"])
        share = statistics.median(shares)
        words = f"{share:.0%} of a bare view's orders with the same {len(steps)} statements (at least 50 %)"
        claims[words] = share >= LEAST_SHARE
        if options.orders:
            report.note(f"copying {options.orders} orders")
            grow(stage, options.orders, PRODUCTS)
            pages = _pages(stage, key, options.seconds)
            rows += pages
            growth = pages[1]["p50 ms"] / pages[0]["p50 ms"]
            words = f"page {FAR:,} of {options.orders:,} orders takes {growth:.2f} times page 1 (at most {MOST_GROWTH})"
            claims[words] = growth <= MOST_GROWTH
    title = f"Orders over JSON, PostgreSQL with fsync, 2 web processes x 4 threads, {CLIENTS} clients"
    return report.publish(title, rows, claims, as_json=options.json)


def let_in(stage: Stage) -> str:
    """Let a program into the shop that may call as often as it likes; return its key."""
    with in_shop(stage):
        client_id = create_client("Benchmark", by="bench", requests_per_minute=60_000)
        return issue_key(client_id, scopes=list(SCOPES), by="bench")


def order_of(products: Sequence[int]) -> bytes:
    """Return what is sent for one unit of each product."""
    order = {
        "customerId": "CUST-001",
        "items": [{"productCode": f"SKU-{number:06d}", "quantity": 1} for number in products],
        "shippingAddress": {
            "name": "Ann Buyer",
            "street": "1600 Amphitheatre Parkway",
            "city": "Mountain View",
            "region": "CA",
            "postalCode": "94043",
            "country": "US",
        },
        "paymentMethod": "bank_transfer",
    }
    return json.dumps(order).encode()


def once(number: int) -> str:
    """Return the idempotency key of a numbered order."""
    return f"bench-order-number-{number}"


# --- the same statements --------------------------------------------------------------------------------


def record(stage: Stage, key: str) -> tuple[list[list[str]], str]:
    """Place three orders in this process; return the statements of the last two, generalised, and the answer."""
    client = stage.app().test_client(use_cookies=False)
    recordings, answer = [], ""
    for number in range(3):
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": once(number)}
        with transcript.recorded() as seen:
            placed = client.post(
                PATH,
                base_url=f"http://{SHOP}.localhost",
                data=order_of(TRIAL),
                content_type="application/json",
                headers=headers,
            )
        if placed.status_code != 201:
            raise load.LoadFailed(placed.text)
        answer = placed.text
        recordings.append(list(seen))
    with psycopg.connect(stage.admin_url()) as connection:
        first, second = (transcript.with_values(each, connection) for each in recordings[1:])
    known = {once(1): "('bench-order-number-' || :n::text)"} | {
        f"SKU-{product:06d}": f"('SKU-' || lpad(:{letter}::text, 6, '0'))"
        for product, letter in zip(TRIAL, "ab", strict=True)
    }
    return steps_of(transcript.pgbench_script(first, second, (1, 2), TRIAL, known)), answer


def _measure(stage: Stage, door: Door, what: str, block: int, seconds: float) -> dict[str, Any]:
    report.note(what)
    dice = random.Random(block)
    chosen = [dice.sample(range(PRODUCTS), 2) for _ in range(PRODUCTS)]

    def task(connection: load.Connection, number: int) -> bool:
        headers = GREETING.format(key=door.key, once=once(block * BLOCK + number))
        answer = connection.post_json(PATH, order_of(chosen[number % PRODUCTS]), headers)
        if answer.status != 201:
            raise load.LoadFailed(f"status {answer.status}: {answer.body[-400:]!r}")
        return True

    assert stage.postgres is not None
    share = BLOCK // CLIENTS
    numbers = [range(client * share, (client + 1) * share) for client in range(CLIENTS)]
    # Each connection has prepared its statements by then; the time is only a bound.
    warm_up = [each[-WARM_UP:] for each in numbers]
    load.run(door.port, door.host, task, seconds=120, clients=CLIENTS, numbers=warm_up)
    before = cpu.seconds(door.pid), cpu.seconds(stage.postgres.pid)
    result = load.run(door.port, door.host, task, seconds=seconds, clients=CLIENTS, numbers=numbers)
    after = cpu.seconds(door.pid), cpu.seconds(stage.postgres.pid)
    return _row(what, "orders/s", result) | {
        "CPU ms server": (after[0] - before[0]) / result.done * 1000,
        "CPU ms PostgreSQL": (after[1] - before[1]) / result.done * 1000,
    }


# --- pages ----------------------------------------------------------------------------------------------


def _pages(stage: Stage, key: str, seconds: float) -> list[dict[str, Any]]:
    """Turn to page 10,000 as a program does, by its cursors, and ask for it and for page 1 again and again."""
    headers = f"Authorization: Bearer {key}\r\n"
    rows = []
    with stage.served() as server:
        connection = load.Connection(server.port, server.host())
        cursor = ""
        for _ in range((FAR - 1) * PAGE // STRIDE):
            cursor = _next(connection.get(f"/api/orders?limit={STRIDE}{cursor}", headers))
        for _ in range((FAR - 1) * PAGE % STRIDE // PAGE):
            cursor = _next(connection.get(f"/api/orders?limit={PAGE}{cursor}", headers))
        connection.close()
        for what, place in (("page 1", ""), (f"page {FAR:,}", cursor)):
            path = f"/api/orders?limit={PAGE}{place}"

            def task(connection: load.Connection, _number: int, path: str = path) -> bool:
                if len(json.loads(connection.get(path, headers).body)["items"]) != PAGE:
                    raise load.LoadFailed(f"{path} is not a full page")
                return True

            result = load.run(server.port, server.host(), task, seconds=seconds, clients=1)
            rows.append(_row(f"GET /api/orders, {what}", "pages/s", result))
    return rows


def _next(answer: load.Answer) -> str:
    page = json.loads(answer.body)
    if answer.status != 200 or not page["nextCursor"]:
        raise load.LoadFailed(f"status {answer.status}: {answer.body[-400:]!r}")
    return f"&cursor={page['nextCursor']}"


def _row(what: str, unit: str, result: load.Result) -> dict[str, Any]:
    return {
        "what": what,
        unit: result.rate,
        "p50 ms": statistics.median(result.times) * 1000,
        "p99 ms": report.percentile(result.times, 0.99) * 1000,
        "done": len(result.times),
    }


if __name__ == "__main__":
    raise SystemExit(main())
