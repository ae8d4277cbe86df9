"""A guest buys: product page, into the cart, cart, checkout, details, review, place order, order page.

Every form is read from the page before it, as a browser without JavaScript does, and every answer is checked. The
worker that writes the mails runs beside the server. Promised: at most 8 requests, redirects included; the aim is more
than 100 orders a second.
"""

import random
import re
import statistics
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from bench.support import cpu, load, report
from bench.support.forms import encode, read_form
from bench.support.stage import Stage, postgres_stage, product_slug, put_up_products

PRODUCTS = 1000
CLIENTS = 8
MOST_REQUESTS = 8
AIM = 100
CARD = "4242 4242 4242 4242"
ANN = {
    "email": "ann@example.com",
    "name": "Ann Buyer",
    "country_code": "US",
    "street_address": "1600 Amphitheatre Parkway",
    "city": "Mountain View",
    "country_area": "CA",
    "postal_code": "94043",
    "shipping_method": "parcel",
}
METHODS = {"bank transfer": "bank_transfer", "test card": "card"}
CODE = re.compile(rb"ORD-\d{6}")
# PostgreSQL's log names each statement once, however it was sent; continuation lines begin with a tab.
LOGGED = re.compile(r"^.*LOG:  (?:statement|execute [^:]*): (.*)$", re.MULTILINE)
TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK")


def main() -> int:
    """Measure both ways to pay, then count what one purchase asks of the database."""
    options = report.arguments(__doc__ or "", seconds=10).parse_args()
    rows: list[dict[str, Any]] = []
    claims: dict[str, bool] = {}
    with postgres_stage() as stage:
        put_up_products(stage, PRODUCTS)
        counts = _counts(stage)
        for name, method in METHODS.items():
            report.note(f"buying by {name}")
            rows.append({"way to pay": name} | _measure(stage, method, options.seconds) | counts[method])
        floor = _ceiling(stage, options.seconds / 5)
    for row in rows:
        claims[f"{row['way to pay']}: {row['requests']} requests (at most {MOST_REQUESTS})"] = (
            row["requests"] <= MOST_REQUESTS
        )
        claims[f"{row['way to pay']}: {row['orders/s']:.0f} orders a second (aim: past {AIM})"] = (
            row["orders/s"] > AIM
        )
    rows.append(
        {"way to pay": "ceiling: 8 requests for /healthz", "orders/s": floor, "requests": MOST_REQUESTS}
    )
    title = f"Whole guest purchase, PostgreSQL with fsync, 2 processes x 4 threads, {CLIENTS} clients, worker running"
    return report.publish(
        title, rows, claims, as_json=options.json, counts=("requests", "statements", "transactions")
    )


def buy(connection: load.Connection, slug: str, method: str) -> str:
    """Buy one product as a new visitor and return the order's page's path. Raises LoadFailed for any surprise."""
    connection.forget()
    page = _ok(connection.get(f"/products/{slug}"))
    answer = connection.post("/cart/lines", encode(read_form(page, "/cart/lines"), quantity="1"))
    _ok(connection.get(_next(answer)))
    page = _ok(connection.get("/checkout"))
    form = read_form(page, "/checkout/details")
    answer = connection.post("/checkout/details", encode(form, **ANN, payment_method=method))
    page = _ok(connection.get(_next(answer)))
    typed = {"card_number": CARD} if method == "card" else {}
    answer = connection.post("/checkout", encode(read_form(page, "/checkout"), **typed))
    path = _next(answer)
    page = _ok(connection.get(path))
    if not path.startswith("/orders/") or not CODE.search(page.body):
        raise load.LoadFailed(f"{path} shows no order")
    return path


def _ok(answer: load.Answer) -> load.Answer:
    if answer.status != 200:
        raise load.LoadFailed(f"status {answer.status}: {answer.body[-600:]!r}")
    return answer


def _next(answer: load.Answer) -> str:
    if answer.status != 303:
        raise load.LoadFailed(f"no redirect but status {answer.status}: {answer.body[-600:]!r}")
    return answer.location


def _measure(stage: Stage, method: str, seconds: float) -> dict[str, Any]:
    def task(connection: load.Connection, _number: int) -> bool:
        buy(connection, product_slug(random.randrange(PRODUCTS)), method)
        return True

    assert stage.postgres is not None
    with stage.served() as server, stage.delivering():
        load.run(
            server.port, server.host(), task, seconds=1, clients=CLIENTS
        )  # caches and prepared statements
        before = cpu.seconds(server.pid), cpu.seconds(stage.postgres.pid)
        result = load.run(server.port, server.host(), task, seconds=seconds, clients=CLIENTS)
        after = cpu.seconds(server.pid), cpu.seconds(stage.postgres.pid)
    return {
        "orders/s": result.rate,
        "p50 ms": statistics.median(result.times) * 1000,
        "p99 ms": report.percentile(result.times, 0.99) * 1000,
        "requests": round(result.requests / len(result.times)),
        "CPU ms server": (after[0] - before[0]) / result.done * 1000,
        "CPU ms PostgreSQL": (after[1] - before[1]) / result.done * 1000,
    }


def _ceiling(stage: Stage, seconds: float) -> float:
    """Return how many times a second the clients could send eight requests that need nothing."""

    def task(connection: load.Connection, _number: int) -> bool:
        return all(connection.get("/healthz").status == 200 for _ in range(MOST_REQUESTS))

    with stage.served() as server:
        return load.run(server.port, server.host(), task, seconds=seconds, clients=CLIENTS).rate


def _counts(stage: Stage) -> dict[str, dict[str, int]]:
    """Return the statements of one purchase by each method, as PostgreSQL itself logs them."""
    assert stage.postgres is not None
    _log_statements(stage, "all")
    found = {}
    with stage.served(processes=1) as server:
        connection = load.Connection(server.port, server.host())
        for method in METHODS.values():
            for _ in range(3):
                buy(connection, product_slug(0), method)
            log = stage.postgres.home / "log"
            begin = log.stat().st_size
            buy(connection, product_slug(0), method)
            found[method] = _count(LOGGED.findall(log.read_text(errors="replace")[begin:]))
    _log_statements(stage, "none")
    return found


def _count(statements: Sequence[str]) -> dict[str, int]:
    marks = [text for text in statements if text.split()[0].upper().rstrip(";") in TRANSACTION]
    commits = sum(text.upper().startswith("COMMIT") for text in marks)
    return {"statements": len(statements) - len(marks), "BEGIN, COMMIT": len(marks), "transactions": commits}


def _log_statements(stage: Stage, what: str) -> None:
    # The application's own role: the server connects as it, not as the owner of the tables.
    role = urlsplit(stage.url).username or ""
    with psycopg.connect(stage.admin_url(), autocommit=True) as connection:
        connection.execute(
            sql.SQL("ALTER ROLE {} SET log_statement = {}").format(sql.Identifier(role), sql.Literal(what))
        )


if __name__ == "__main__":
    raise SystemExit(main())
