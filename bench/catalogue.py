"""A list of 24 products beside a bare Flask + Jinja page of the same bytes without a database, on the same server.

Promised: at most 6 statements for any number of products, and at least half of the bare page's requests per second.
A list page is kept for visitors without cookies until something changes in the database, so it is measured twice:
kept, and made anew for each request (the visitor has a cookie, so nothing may be kept).
"""

import contextlib
import statistics
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.support import cpu, floor, load, report
from bench.support.stage import Stage, postgres_stage, put_up_products, sqlite_stage
from tests.support.server import LiveServer
from tests.support.statements import count_statements

LISTS = {"home": "/", "category": "/categories/tea", "search": "/search?q=amber", "all": "/search"}
COOKIE = "Cookie: seen=1\r\n"
SIZES = (60, 5000)
MOST_STATEMENTS = 6
ROUNDS = 3
CLIENTS = 16


def main() -> int:
    """Run on both databases."""
    options = report.arguments(__doc__ or "", seconds=2).parse_args()
    rows: list[dict[str, Any]] = []
    claims: dict[str, bool] = {}
    for kind, make in (("SQLite", sqlite_stage), ("PostgreSQL", postgres_stage)):
        _measure(kind, make, options.seconds, rows, claims)
    title = "Lists of 24 products, gunicorn 2 processes x 4 threads, 16 clients (rates: median of 3 interleaved rounds)"
    return report.publish(title, rows, claims, as_json=options.json, counts=("statements",))


def _measure(
    kind: str,
    make: Callable[[], contextlib.AbstractContextManager[Stage]],
    seconds: float,
    rows: list[dict[str, Any]],
    claims: dict[str, bool],
) -> None:
    with make() as stage, TemporaryDirectory() as scratch:
        done = 0
        for size in SIZES:
            report.note(f"{kind}: {size} products")
            put_up_products(stage, size - done, first=done)
            done = size
            most = max(_statements(stage, path) for path in LISTS.values())
            with stage.served() as server:
                rates = _rates(server, Path(scratch), seconds)
            bare = rates["bare page"]
            for name, (rate, cost, length) in rates.items():
                rows.append(
                    {
                        "page": f"{kind}, {size}: {name}",
                        "bytes": length,
                        "requests/s": rate,
                        "server CPU ms": cost,
                        "of bare": rate / bare[0],
                        "statements": _statements(stage, "/search") if name == "list, made anew" else "",
                    }
                )
            share, kept = rates["list, made anew"][0] / bare[0], rates["list, kept"][0] / bare[0]
            claims[
                f"{kind}, {size} products: {most} statements at most on any list (at most {MOST_STATEMENTS})"
            ] = most <= MOST_STATEMENTS
            claims[
                f"{kind}, {size} products: {kept:.0%} of the bare page for visitors without cookies (at least half); "
                f"{share:.0%} made anew for each"
            ] = kept >= 0.5


def _statements(stage: Stage, path: str) -> int:
    """Return how many statements a page takes in a process that has served it before, for a visitor with a cookie."""
    client = stage.app().test_client()
    client.set_cookie("seen", "1", domain="demo.localhost")
    for _ in range(2):
        with count_statements() as seen:
            answer = client.get(path, headers={"Host": "demo.localhost"})
        assert answer.status_code == 200, f"{path} answered {answer.status_code}"
    return len(seen)


def _rates(server: LiveServer, scratch: Path, seconds: float) -> dict[str, tuple[float, float, int]]:
    """Return requests per second, CPU milliseconds and bytes of our list, of the bare page, and of an empty answer."""
    page = load.Connection(server.port, server.host()).get("/search", COOKIE)
    cards = floor.write_floor(page.body.decode(), scratch)
    assert cards == 24, f"the list has {cards} products"
    with floor.bare_server(scratch) as (port, pid):
        bare = load.Connection(port, "localhost").get("/page")
        assert abs(len(bare.body) - len(page.body)) < 200, f"{len(bare.body)} bytes against {len(page.body)}"
        ours, host = server.port, server.host()
        contenders: dict[str, tuple[int, int, str, str, str, int]] = {
            "bare page": (port, pid, "localhost", "/page", "", len(bare.body)),
            "list, made anew": (ours, server.pid, host, "/search", COOKIE, len(page.body)),
            "list, kept": (ours, server.pid, host, "/search", "", len(page.body)),
            "nothing (ceiling of load and server)": (port, pid, "localhost", "/nothing", "", 2),
        }
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
        for _ in range(ROUNDS):
            for name, (its_port, its_pid, its_host, path, headers, _length) in contenders.items():
                before = cpu.seconds(its_pid)
                result = load.run(its_port, its_host, getter(path, headers), seconds=seconds, clients=CLIENTS)
                spent = cpu.seconds(its_pid) - before
                measured[name].append((result.rate, spent / result.done * 1000))
    return {
        name: (
            *(statistics.median(column) for column in zip(*measured[name], strict=True)),
            contenders[name][5],
        )
        for name in contenders
    }


def getter(path: str, headers: str) -> load.Task:
    def get(connection: load.Connection, _number: int) -> bool:
        answer = connection.get(path, headers)
        if answer.status != 200:
            raise load.LoadFailed(f"{path} answered {answer.status}")
        return True

    return get


if __name__ == "__main__":
    raise SystemExit(main())
