"""COMMERCE_MODE=sport beside standard: product page and lists, made anew for each request.

The cache is the memory of each process here; what it saves is the reading of facts, never of stock. Both servers run
on the same PostgreSQL and take turns.
"""

import statistics
from typing import Any

from bench.catalogue import COOKIE, getter
from bench.support import cpu, load, report
from bench.support.stage import postgres_stage, product_slug, put_up_products
from tests.support.server import LiveServer

PRODUCTS = 5000
PAGES = {"product page": f"/products/{product_slug(7)}", "category": "/categories/tea", "home": "/"}
ROUNDS = 3
CLIENTS = 16


def main() -> int:
    """Ask both for the same pages, in turns."""
    options = report.arguments(__doc__ or "", seconds=2).parse_args()
    rows: list[dict[str, Any]] = []
    claims: dict[str, bool] = {}
    with postgres_stage() as stage:
        put_up_products(stage, PRODUCTS)
        with stage.served() as standard, stage.served(COMMERCE_MODE="sport") as sport:
            for name, path in PAGES.items():
                report.note(name)
                rates = _in_turns({"standard": standard, "sport": sport}, path, options.seconds)
                for mode, (rate, cost) in rates.items():
                    rows.append({"what": f"{name}, {mode}", "requests/s": rate, "server CPU ms": cost})
                gain = rates["sport"][0] / rates["standard"][0]
                claims[f"{name}: {gain:.2f} times the requests of standard (not fewer)"] = gain >= 0.95
    title = "Facts of products from rows and from a cache, PostgreSQL, 2 processes x 4 threads, 16 clients"
    return report.publish(title, rows, claims, as_json=options.json)


def _in_turns(servers: dict[str, LiveServer], path: str, seconds: float) -> dict[str, tuple[float, float]]:
    measured: dict[str, list[tuple[float, float]]] = {mode: [] for mode in servers}
    for _ in range(ROUNDS):
        for mode, server in servers.items():
            before = cpu.seconds(server.pid)
            result = load.run(
                server.port, server.host(), getter(path, COOKIE), seconds=seconds, clients=CLIENTS
            )
            measured[mode].append((result.rate, (cpu.seconds(server.pid) - before) / result.done * 1000))
    return {
        mode: (statistics.median(rate for rate, _ in each), statistics.median(cost for _, cost in each))
        for mode, each in measured.items()
    }


if __name__ == "__main__":
    raise SystemExit(main())
