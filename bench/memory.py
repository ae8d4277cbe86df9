"""Memory of one web process and of the worker while visitors look around and buy, and whether it stays flat.

Each round is a fifth of the requests. A page that is kept, a prepared statement or a compiled template is there after
the first round; what still grows in the last ones would go on growing.
"""

import random
from pathlib import Path
from typing import Any

from bench.pages import PAGES
from bench.purchase import PRODUCTS, buy
from bench.support import load, report
from bench.support.stage import postgres_stage, product_slug, put_up_products

REQUESTS = 20_000
ROUNDS = 5
CLIENTS = 8
MOST_WEB, MOST_WORKER = 140, 120
"""MB."""
MOST_GROWTH = 1.05
"""From half-way to the end."""


def main() -> int:
    """Send the requests and look at the memory after each round."""
    parser = report.arguments(__doc__ or "", seconds=15)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="how many in all")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with postgres_stage() as stage:
        put_up_products(stage, PRODUCTS)
        with stage.served(processes=1) as server, stage.delivering() as worker:
            sent = 0
            while sent < options.requests:
                round_ends = (len(rows) + 1) * options.requests // ROUNDS
                while sent < round_ends:
                    found = load.run(
                        server.port, server.host(), visit, seconds=options.seconds, clients=CLIENTS
                    )
                    sent += found.requests
                report.note(f"{sent} requests")
                rows.append({"requests": sent, "web MB": _web(server.pid), "worker MB": _resident(worker)})
    web, worker_mb = ([float(row[name]) for row in rows] for name in ("web MB", "worker MB"))
    growth = web[-1] / web[len(web) // 2]
    claims = {
        f"web: {web[-1]:.0f} MB (at most {MOST_WEB})": web[-1] <= MOST_WEB,
        f"worker: {worker_mb[-1]:.0f} MB (at most {MOST_WORKER})": worker_mb[-1] <= MOST_WORKER,
        f"web: {growth:.2f} times what it was half-way (at most {MOST_GROWTH})": growth <= MOST_GROWTH,
    }
    title = f"Resident memory, PostgreSQL, 1 process x 4 threads, {CLIENTS} clients, worker running"
    return report.publish(title, rows, claims, as_json=options.json, counts=("requests",))


def visit(connection: load.Connection, _number: int) -> bool:
    """Buy something, then look around with the cookies of that purchase."""
    buy(connection, product_slug(random.randrange(PRODUCTS)), "bank_transfer")
    for path in PAGES.values():
        connection.get(path)
    return True


def _web(server: int) -> float:
    """Return the memory of the largest process of the server."""
    family = [server, *(int(each) for each in _children(server))]
    return max(_resident(pid) for pid in family)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def _resident(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return round(int(line.split()[1]) / 1024, 1)


if __name__ == "__main__":
    raise SystemExit(main())
