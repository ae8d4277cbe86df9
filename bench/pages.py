"""Twelve pages and the eight requests of a purchase: processor time of the server, statements, bytes.

The application is called in this process, without sockets, so that nothing but its own work is counted; statements
that wait for PostgreSQL cost it nothing. `--against REV` measures the same in a checkout of another revision, both in
turns, and prints the ratio: milliseconds change from hour to hour, the ratio hardly. `--profile STEP` shows what one
step or page spends its time on.
"""

import argparse
import contextlib
import cProfile
import io
import json
import os
import pstats
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from bench.support import report
from bench.support.forms import encode, read_form
from bench.support.load import Answer, LoadFailed
from bench.support.stage import postgres_stage, product_slug, put_up_products, sqlite_stage

PRODUCTS = 300
HOST = "demo.localhost"
WARM_UP = 8
PURCHASES, VIEWS = 6, 4
"""In each round."""
ANN = {
    "email": "ann@example.com",
    "name": "Ann Buyer",
    "country_code": "US",
    "street_address": "1600 Amphitheatre Parkway",
    "city": "Mountain View",
    "country_area": "CA",
    "postal_code": "94043",
    "shipping_method": "parcel",
    "payment_method": "bank_transfer",
}
STEPS = ("product", "add", "cart", "checkout", "details", "review", "place", "order")
PAGES = {
    "/healthz": "/healthz",
    "home": "/",
    "home, cookie": "/",
    "category": "/categories/tea",
    "category, cookie": "/categories/tea",
    "all products, cookie": "/search",
    "search": "/search?q=lantern",
    "product, no cookie": f"/products/{product_slug(1)}",
    "empty cart": "/cart",
    "sign-in": "/account/sign-in",
    "no such page": "/nothing",
    "no such product, cookie": "/products/nothing",
}
NOT_COUNTED = ("BEGIN", "PRAGMA", "SAVEPOINT", "RELEASE")
Measured = dict[str, list[float]]


class Browser:
    """Calls an application as its server would, keeps cookies, and the processor time of each answer by name."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.cookies: dict[str, str] = {}
        self.milliseconds: Measured = {}
        self.bytes: dict[str, int] = {}
        self.around: Callable[[str], contextlib.AbstractContextManager[Any]] = contextlib.nullcontext

    def get(self, name: str, path: str) -> Answer:
        """Ask for a page."""
        return self._send(name, "GET", path, b"")

    def post(self, name: str, path: str, form: bytes) -> Answer:
        """Send a form, already encoded."""
        return self._send(name, "POST", path, form)

    def _send(self, name: str, method: str, path: str, body: bytes) -> Answer:
        place, _, query = path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": place,
            "QUERY_STRING": query,
            "SERVER_NAME": HOST,
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": HOST,
            "HTTP_ACCEPT": "text/html",
            "HTTP_ACCEPT_LANGUAGE": "en",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        if self.cookies:
            environ["HTTP_COOKIE"] = "; ".join(f"{key}={value}" for key, value in self.cookies.items())
        if body:
            environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
            environ["CONTENT_LENGTH"] = str(len(body))
        started: list[Any] = []
        with self.around(name):
            begin = time.thread_time()
            parts = self.app(environ, lambda status, headers, _error=None: started.extend((status, headers)))
            content = b"".join(parts)
            parts.close()
            spent = time.thread_time() - begin
        self.milliseconds.setdefault(name, []).append(spent * 1000)
        self.bytes[name] = len(content)
        status, headers = started
        for key, value in headers:
            if key.lower() == "set-cookie":
                cookie, _, rest = value.partition("=")
                self.cookies[cookie] = rest.partition(";")[0]
        head = "\r\n".join(["", *(f"{key}: {value}" for key, value in headers), ""])
        return Answer(int(status[:3]), head.encode("latin-1"), content)


def _ok(answer: Answer) -> Answer:
    if answer.status != 200:
        raise LoadFailed(f"status {answer.status}: {answer.body[-600:]!r}")
    return answer


def _next(answer: Answer) -> str:
    if answer.status != 303:
        raise LoadFailed(f"no redirect but status {answer.status}: {answer.body[-600:]!r}")
    return answer.location


def buy(browser: Browser, slug: str) -> None:
    """Buy one product as a new visitor, by the forms of the pages. Raises LoadFailed for any surprise."""
    browser.cookies.clear()
    page = _ok(browser.get("product", f"/products/{slug}"))
    path = _next(browser.post("add", "/cart/lines", encode(read_form(page, "/cart/lines"), quantity="1")))
    _ok(browser.get("cart", path))
    page = _ok(browser.get("checkout", "/checkout"))
    form = encode(read_form(page, "/checkout/details"), **ANN)
    page = _ok(browser.get("review", _next(browser.post("details", "/checkout/details", form))))
    path = _next(browser.post("place", "/checkout", encode(read_form(page, "/checkout"))))
    if b"ORD-" not in _ok(browser.get("order", path)).body:
        raise LoadFailed(f"{path} shows no order")


def look(browser: Browser) -> None:
    """Ask for each of the pages, those of a visitor with a cookie with one that names nobody."""
    for name, path in PAGES.items():
        browser.cookies = {"other": "1"} if name.endswith("cookie") and "no cookie" not in name else {}
        answer = browser.get(name, path)
        if answer.status != (404 if name.startswith("no such") else 200):
            raise LoadFailed(f"{path} answers {answer.status}")


@contextlib.contextmanager
def _ready(*, sqlite: bool) -> Iterator[Browser]:
    """Yield a browser before a warm application."""
    with (sqlite_stage if sqlite else postgres_stage)() as stage:
        put_up_products(stage, PRODUCTS)
        browser = Browser(stage.app())
        for number in range(WARM_UP):
            buy(browser, product_slug(number))
            look(browser)
        browser.milliseconds.clear()
        yield browser


def _count(browser: Browser) -> dict[str, int]:
    """Return the statements of each step and page, by one purchase and one look around."""
    found: dict[str, int] = {}

    @contextlib.contextmanager
    def counting(name: str) -> Iterator[None]:
        found[name] = 0

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if not statement.lstrip().upper().startswith(NOT_COUNTED):
                found[name] += 1

        event.listen(Engine, "before_cursor_execute", note)
        try:
            yield
        finally:
            event.remove(Engine, "before_cursor_execute", note)

    browser.around = counting
    buy(browser, product_slug(0))
    look(browser)
    browser.around = contextlib.nullcontext
    browser.milliseconds.clear()
    return found


def _serve(*, sqlite: bool) -> int:
    """Measure one round for each line on standard input and answer it by a line of JSON: one side of a comparison."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what else is printed is not an answer
    with _ready(sqlite=sqlite) as browser:
        print(json.dumps({"statements": _count(browser), "bytes": browser.bytes}), file=answers, flush=True)
        for _line in sys.stdin:
            browser.milliseconds.clear()
            for _ in range(PURCHASES):
                buy(browser, product_slug(random.randrange(PRODUCTS)))
            for _ in range(VIEWS):
                look(browser)
            print(json.dumps(browser.milliseconds), file=answers, flush=True)
    return 0


class Side:
    """One revision under measurement, in a process of its own."""

    def __init__(self, tree: Path, *, sqlite: bool) -> None:
        command = [sys.executable, "-m", "bench.pages", "--serve", *(["--sqlite"] if sqlite else [])]
        self._process = subprocess.Popen(
            command, cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.times: Measured = {}
        self.facts: dict[str, dict[str, int]] = {}

    def wait(self) -> None:
        """Wait until the application is warm."""
        self.facts = self._answer()

    def measure(self) -> None:
        """Measure one round more."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        for name, times in self._answer().items():
            self.times.setdefault(name, []).extend(times)

    def close(self) -> None:
        """End the process, which takes its database down."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)

    def milliseconds(self, name: str) -> float:
        """Return what a step or page takes: the lower quartile, which other programs on the machine disturb least."""
        return statistics.quantiles(self.times[name], n=4)[0]

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise LoadFailed("a measured process ended; what it said is above")
        return json.loads(line)


@contextlib.contextmanager
def _checkout(revision: str) -> Iterator[Path]:
    """Yield a worktree of a revision that has this benchmark too."""
    root = Path(__file__).resolve().parent.parent
    tree = Path(tempfile.mkdtemp(prefix="lockstep-against-"))
    git = [shutil.which("git") or "git", "-C", str(root), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--force", "--detach", str(tree), revision], check=True)
    try:
        shutil.copy(__file__, tree / "bench" / "pages.py")
        yield tree
    finally:
        subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def _profile(step: str, *, sqlite: bool, times: int = 40) -> int:
    """Print what a step or page spends its processor time on."""
    if step not in (*STEPS, *PAGES):
        print(f"There is no step {step!r}. There are: {', '.join((*STEPS, *PAGES))}.", file=sys.stderr)
        return 2
    profile = cProfile.Profile(time.thread_time)

    @contextlib.contextmanager
    def profiling(name: str) -> Iterator[None]:
        if name != step:
            yield
            return
        profile.enable()
        try:
            yield
        finally:
            profile.disable()

    with _ready(sqlite=sqlite) as browser:
        browser.around = profiling
        for number in range(times):
            if step in STEPS:
                buy(browser, product_slug(number))
            else:
                look(browser)
    text = io.StringIO()
    found = pstats.Stats(profile, stream=text).strip_dirs()
    print(f"{step}, {times} times; {report.machine()}")
    for order, what in (("cumulative", "with what it calls"), ("tottime", "by itself")):
        text.truncate(text.seek(0))
        found.sort_stats(order).print_stats(45)
        print(f"\n== {what}\n{text.getvalue().strip()}")
    return 0


def main() -> int:
    """Measure this revision, and another one beside it when asked."""
    parser = report.arguments(__doc__ or "", seconds=20)
    parser.add_argument("--against", metavar="REV", help="measure this revision too, in turns")
    parser.add_argument("--profile", metavar="STEP", help="show where the time of a step or page goes")
    parser.add_argument("--sqlite", action="store_true", help="on SQLite instead of PostgreSQL")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return _serve(sqlite=options.sqlite)
    if options.profile:
        return _profile(options.profile, sqlite=options.sqlite)
    with contextlib.ExitStack() as stack:
        trees = [Path(__file__).resolve().parent.parent]
        if options.against:
            trees.append(stack.enter_context(_checkout(options.against)))
        sides = [Side(tree, sqlite=options.sqlite) for tree in trees]
        for side in sides:
            stack.callback(side.close)
        for side in sides:
            side.wait()
        report.note("measuring")
        until = time.monotonic() + options.seconds * len(sides)
        while time.monotonic() < until or not sides[0].times:
            for side in sides:
                side.measure()
    rows = _rows(sides[0], sides[1] if options.against else None)
    database = "SQLite" if options.sqlite else "PostgreSQL"
    return report.publish(
        f"Processor time of the server for one answer, {database}, called in its own process",
        rows,
        {},
        as_json=options.json,
        counts=("ms", "bytes"),
    )


def _rows(now: Side, then: Side | None) -> list[dict[str, Any]]:
    def row(name: str, names: tuple[str, ...]) -> dict[str, Any]:
        spent = sum(map(now.milliseconds, names))
        cells: dict[str, Any] = {
            "answer": name,
            "ms": round(spent, 3),
            "statements": sum(now.facts["statements"][each] for each in names),
            "bytes": sum(now.facts["bytes"][each] for each in names),
        }
        if then:
            before = sum(map(then.milliseconds, names))
            cells |= {
                "ms before": round(before, 3),
                "statements before": sum(then.facts["statements"][each] for each in names),
                "bytes before": sum(then.facts["bytes"][each] for each in names),
                "ratio": round(spent / before, 3),
            }
        return cells

    steps = [row(name, (name,)) for name in STEPS]
    return [*steps, row("the whole purchase", STEPS), *(row(name, (name,)) for name in PAGES)]


if __name__ == "__main__":
    raise SystemExit(main())
