"""What the most expensive requests that anybody may send cost in processor time, beside /healthz.

The application is called in this process on SQLite, so that the time of the database counts too. What is measured is
the processor time of the thread, which other programs on the machine disturb less than they disturb a clock; on a busy
machine it rises all the same. With --strict the promise counts: at most 30 ms each.

Then 16 clients sign in as nobody, as fast as they can, at the real server, while others look at products; in turns with
and without them. Limits are off, as if each try came from an address of its own, and then as they are in production.
"""

import io
import itertools
import logging
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from werkzeug.test import EnvironBuilder

from bench.support import load, report
from bench.support.forms import encode, read_form
from bench.support.stage import (
    Stage,
    in_shop,
    numbered_id,
    postgres_stage,
    product_slug,
    put_up_products,
    sqlite_stage,
)
from commerce.cart.services import MAX_LINES, add_line, new_shopper_key, save_details, shopper_hash
from commerce.catalog.models import Product, Variant
from commerce.db import atomic, db
from commerce.inventory.adjustments import set_initial_stock
from commerce.request_limits import ANYBODY, MAX_COOKIES
from tests.factories.checkout import details
from tests.support.client import ShopClient
from tests.support.visitor import Visitor

MOST_MS = 30.0
LINE = 4_000
"""Bytes of a query string that the server lets in."""
MOST_SLOWED = 2.0
GUESSERS, VISITORS, ROUNDS = 16, 4, 5
SIGN_IN = "/account/sign-in"
PRODUCTS = 2_000
VARIANTS = 500
HOST = "demo.localhost"
URLENCODED = "application/x-www-form-urlencoded"
Environ = dict[str, Any]


@dataclass(frozen=True)
class Attack:
    """A request; `environ` is made anew for each time it is sent, as its body can be read once."""

    name: str
    path: str
    method: str = "GET"
    body: bytes = b""
    kind: str = URLENCODED
    headers: dict[str, str] = field(default_factory=dict)

    def environ(self) -> Environ:
        """Return what a server would hand over."""
        builder = EnvironBuilder(
            self.path,
            base_url=f"http://{HOST}",
            method=self.method,
            input_stream=io.BytesIO(self.body) if self.body else None,
            content_type=self.kind if self.body else None,
            content_length=len(self.body) if self.body else None,
            headers=self.headers,
        )
        return builder.get_environ()


def main() -> int:
    """Measure each request and compare it with /healthz."""
    parser = report.arguments(__doc__ or "", seconds=0.5)
    parser.add_argument("--strict", action="store_true", help=f"fail when a request costs over {MOST_MS} ms")
    parser.add_argument(
        "--turn", type=float, default=4, help="seconds of each turn at the server (default: %(default)s)"
    )
    options = parser.parse_args()
    # Each refusal is a line of the log.
    logging.disable(logging.WARNING)
    with sqlite_stage() as stage:
        put_up_products(stage, PRODUCTS)
        slug, cart = _put_up_wide_product(stage), _fill_cart(stage)
        app = stage.app()
        rows = [_measure(app, each, options.seconds) for each in _attacks(app, slug, cart)]
    worst = max(rows, key=lambda row: row["ms"])
    claim = f"the most expensive, {worst['request']}, costs {worst['ms']:.1f} ms (at most {MOST_MS:.0f})"
    claims = {claim: worst["ms"] <= MOST_MS} if options.strict else {}
    title = "Processor time of one request of an anonymous visitor (median)"
    failed = report.publish(title, rows, claims, as_json=options.json)
    with postgres_stage() as stage:
        put_up_products(stage, 300)
        beside = [_beside_guessers(stage, options.turn, limits) for limits in ("off", "all")]
    claims = {
        f"{row['limits']}: the p50 of others rises {row['times']:.1f} times (at most {MOST_SLOWED:.0f})": (
            row["times"] <= MOST_SLOWED
        )
        for row in beside
    }
    title = f"{VISITORS} visitors of product pages while {GUESSERS} clients sign in as nobody"
    counts = ("tries/s",)
    return (
        report.publish(title, beside, claims if options.strict else {}, as_json=options.json, counts=counts)
        or failed
    )


def _beside_guessers(stage: Stage, seconds: float, limits: str) -> dict[str, Any]:
    """Measure visitors alone and beside guessers, in turns: of each pair of turns the p50 are compared."""
    alone, beside, tries = [], [], []
    with stage.served(threads=8, limits=limits) as server:

        def visit() -> list[float]:
            times = load.run(server.port, server.host(), _look, seconds=seconds, clients=VISITORS).times
            return [each * 1000 for each in times]

        for turn in range(ROUNDS):
            report.note(f"limits {limits}, turn {turn + 1}")
            alone.append(visit())
            context = multiprocessing.get_context("fork")
            answers: Any = context.SimpleQueue()
            guessers = context.Process(
                target=_guess_all, args=(answers, server.port, server.host(), seconds * 1.2 + 1)
            )
            guessers.start()
            time.sleep(0.5)
            beside.append(visit())
            tries.append(answers.get())
            guessers.join()
    ratios = [statistics.median(b) / statistics.median(a) for a, b in zip(alone, beside, strict=True)]
    return {
        "limits": limits,
        "alone p50 ms": statistics.median(list(itertools.chain(*alone))),
        "beside p50 ms": statistics.median(list(itertools.chain(*beside))),
        "beside p99 ms": report.percentile(list(itertools.chain(*beside)), 0.99),
        "times": statistics.median(ratios),
        "tries/s": statistics.median(tries),
    }


def _look(connection: load.Connection, number: int) -> bool:
    """Look at a product, with a cookie, so that no page is kept."""
    connection.cookies["cart"] = "none"
    answer = connection.get(f"/products/{product_slug(number % 300)}")
    if answer.status != 200:
        raise load.LoadFailed(f"a product answers {answer.status}")
    return True


def _guess_all(answers: Any, port: int, host: str, seconds: float) -> None:
    # Those that wait for long are counted too, or there would be none on a slow machine.
    answers.put(load.run(port, host, _guess, seconds=seconds, clients=GUESSERS).done / seconds)


def _guess(connection: load.Connection, number: int) -> bool:
    """Sign in as nobody; whoever is refused for trying too often tries again all the same."""
    if not connection.form:
        connection.form = read_form(connection.get(SIGN_IN), SIGN_IN)
    typed = {"email": f"nobody{number}@example.com", "password": "wrong-horse-battery"}
    answer = connection.post(SIGN_IN, encode(connection.form, **typed))
    if answer.status not in (422, 429, 503):
        raise load.LoadFailed(f"a wrong password answers {answer.status}")
    return True


def _attacks(app: Flask, slug: str, cart: str) -> Iterator[Attack]:
    """Yield /healthz, and then what costs most."""
    app.test_client_class = ShopClient
    # Each visitor gets a page with the token of its forms, so that what is behind the token is measured too.
    visitor = Visitor(app)
    token = visitor.token()
    session = visitor.client.get_cookie("session", domain=HOST)
    assert session is not None
    known = {"Cookie": f"session={session.value}", "X-CSRFToken": token}
    owning = {**known, "Cookie": f"{known['Cookie']}; cart={cart}"}
    sign_in = b"email=nobody@example.com&password=wrong-horse-battery"
    yield Attack("/healthz", "/healthz")
    yield Attack("search, longest query", "/search?q=" + "+".join(["amber"] * (LINE // 6 - 2)), headers=known)
    yield Attack("search, as many parameters", "/search?" + "q=1&" * (LINE // 4 - 1), headers=known)
    yield Attack(f"product with {VARIANTS} variants", f"/products/{slug}", headers=known)
    yield Attack(f"cart with {MAX_LINES} lines", "/cart", headers=owning)
    yield Attack(f"checkout with {MAX_LINES} lines", "/checkout", headers=owning)
    yield Attack(f"review with {MAX_LINES} lines", "/checkout/review", headers=owning)
    yield Attack(f"sitemap of {PRODUCTS:,} products", "/sitemap.xml", headers=known)
    yield Attack("sign-in, unknown address", "/account/sign-in", "POST", sign_in, headers=known)
    yield Attack("staff sign-in, unknown address", "/admin/sign-in", "POST", sign_in, headers=known)
    yield Attack(
        "password reset", "/account/password-reset", "POST", b"email=nobody@example.com", headers=known
    )
    dotted = b"name=Ann&email=" + b"a." * 50_000 + b"@example.com"
    yield Attack("registration, endless address", "/account/register", "POST", dotted, headers=known)
    full = b"1=&" * (ANYBODY.fields - 1)
    yield Attack(f"form of {ANYBODY.fields:,} fields", "/account/sign-in", "POST", full, headers=known)
    escaped = b"email=" + b"%ff" * ANYBODY.escapes
    yield Attack("form of escapes that are no text", "/account/sign-in", "POST", escaped, headers=known)
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    parts = part * (ANYBODY.parts - 1) + b"--x--\r\n"
    yield Attack("form of many parts", "/cart/lines", "POST", parts, "multipart/form-data; boundary=x", known)
    huge = b"1=&2=&" * 1_900_000
    yield Attack("11.4 MB to a page that takes pictures", "/admin/settings/look/logo", "POST", huge)
    deep = b"[" * (1024 * 1024)
    yield Attack("1 MB of nested JSON without a key", "/api/orders", "POST", deep, "application/json")
    yield Attack("1 MB of nested JSON to a form", "/cart/lines", "POST", deep, "application/json", known)
    cookies = "; ".join(f"c{number}=x" for number in range(10_000))[: MAX_COOKIES - 10]
    yield Attack("piles of cookies", "/", headers={"Cookie": cookies})


def _measure(app: Flask, attack: Attack, seconds: float) -> dict[str, Any]:
    report.note(attack.name)
    _cost(app, attack)
    costs, until = [], time.perf_counter() + seconds
    status = 0
    while len(costs) < 3 or time.perf_counter() < until:
        cost, status = _cost(app, attack)
        costs.append(cost * 1000)
    return {"request": attack.name, "status": status, "ms": statistics.median(costs), "times": len(costs)}


def _cost(app: Flask, attack: Attack) -> tuple[float, int]:
    """Return the seconds of processor time of one request, and its status."""
    environ, said = attack.environ(), []
    start: Callable[..., Any] = lambda status, _headers, *_rest: said.append(status)  # noqa: E731
    begun = time.thread_time()
    answer = app.wsgi_app(environ, start)
    for _ in answer:
        pass
    spent = time.thread_time() - begun
    close = getattr(answer, "close", None)
    if close is not None:
        close()
    return spent, int(said[0].split()[0])


def _put_up_wide_product(stage: Stage) -> str:
    """Put up a product with as many variants as there may be, and return its slug."""
    with in_shop(stage):
        _write_wide_product()
    return "wide"


@atomic
def _write_wide_product() -> None:
    product = Product(slug="wide", title="Wide", option_names=["Size", "Colour"])
    product.variants += [
        Variant(sku=f"WIDE-{n}", price=1000 + n, weight_grams=100, option_values=[f"{n // 25}", f"{n % 25}"])
        for n in range(VARIANTS)
    ]
    db.session.add(product)
    db.session.flush()
    units = {each.id: 10 for each in product.variants}
    set_initial_stock(units, cause="opening", actor="bench", reference="bench")


def _fill_cart(stage: Stage) -> str:
    """Fill a guest's cart with as many lines as it holds, ready for review, and return the value of its cookie."""
    key = new_shopper_key()
    with in_shop(stage):
        for number in range(MAX_LINES):
            add_line(shopper_hash(key), numbered_id("variant", number), 2)
        save_details(shopper_hash(key), details())
    return key


if __name__ == "__main__":
    raise SystemExit(main())
