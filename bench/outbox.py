"""How fast the outbox is worked off, with a long backlog beside a short one, and what one claim costs in each.

`python -m bench.outbox [--events N]`. One process, PostgreSQL with fsync, one shop. The handler writes nothing and
sends nothing, so what is measured is the outbox itself: fan-out, claims, leases, outcomes. The tables are never
analyzed, as on the first busy day of a new shop.
"""

import statistics
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from flask import Flask
from sqlalchemy import func, select

from bench.support import report
from bench.support.stage import SHOP, Stage, postgres_stage
from commerce.db import atomic, db, every_shop, new_id
from commerce.events.claims import Lane, Turns, claim
from commerce.events.dispatcher import Dispatcher
from commerce.events.models import Delivery
from commerce.events.outbox import SYSTEM, DomainEvent, publish
from commerce.events.relay import DeliveredEvent, Relay
from commerce.tenants.queries import get_shop, get_shop_by_code
from commerce.tenants.scope import shop_scope

SHORT = 1_000
PUBLISHED_AT_ONCE = 1_000
CLAIMS = 20
CLAIM_OF = 20
LEAST_RATE = 1_000
"""Events a second that one process works off, whatever waits."""
MOST_GROWTH = 3.0
"""How much more a claim may cost with the long backlog: noise, not growth; an index has a level more."""
FIRST_WITHIN = 2.0
"""Seconds until the first delivery, however many events wait to be fanned out."""


@dataclass(frozen=True, kw_only=True)
class Measured(DomainEvent):
    """Something happened that one handler hears."""


class Count:
    """A handler that counts, and remembers when it was called first."""

    __name__ = "count"

    def __init__(self) -> None:
        self.told = 0
        self.first_at = 0.0

    def __call__(self, _happening: DeliveredEvent) -> None:
        self.first_at = self.first_at or time.monotonic()
        self.told += 1


def main() -> int:
    """Measure a short and a long backlog."""
    parser = report.arguments(__doc__ or "", seconds=0)
    parser.add_argument(
        "--events", type=int, default=50_000, help="of the long backlog (default: %(default)s)"
    )
    options = parser.parse_args()
    rows = []
    for count in (SHORT, options.events):
        with postgres_stage() as stage:
            _keep_from_analyzing(stage)
            rows.append(_measure(stage.app(), f"{count:,} events", count))
    short, long = rows
    growth = long["claim ms"] / short["claim ms"]
    claims = {
        f"all of {options.events:,} events are told exactly once ({long['told']:,})": long["told"]
        == long["done"]
        == options.events
        > 0,
        f"{long['events/s']:.0f} events a second with the long backlog (at least {LEAST_RATE})": long[
            "events/s"
        ]
        >= LEAST_RATE,
        f"the first delivery after {long['first s']:.2f} s (at most {FIRST_WITHIN:g})": 0
        < long["first s"]
        <= FIRST_WITHIN,
        f"a claim costs {growth:.2f} times as much (at most {MOST_GROWTH:g})": growth <= MOST_GROWTH,
    }
    return report.publish(
        "Working off the outbox, one process, PostgreSQL with fsync", rows, claims, as_json=options.json
    )


def _keep_from_analyzing(stage: Stage) -> None:
    """Let nobody gather statistics: what is measured is the worst that a planner can know."""
    with psycopg.connect(stage.admin_url(), autocommit=True) as connection:
        for table in ("events", "deliveries"):
            connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)".encode())


def _measure(app: Flask, what: str, count: int) -> dict[str, Any]:
    report.note(f"publishing {what}")
    with app.app_context(), shop_scope(get_shop_by_code(SHOP)):
        for _ in range(0, count, PUBLISHED_AT_ONCE):
            _publish(min(PUBLISHED_AT_ONCE, count))
    handler = Count()
    relay = Relay({Measured: [handler]}, (Measured,), lambda tenant_id: shop_scope(get_shop(tenant_id)))
    report.note("working off what waits")
    began = time.monotonic()
    _work_off(app, relay, lambda: handler.told >= count)
    seconds = time.monotonic() - began
    with app.app_context():
        done = _done()
    report.note("claiming while as many wait again")
    with app.app_context():
        with shop_scope(get_shop_by_code(SHOP)):
            for _ in range(0, count, PUBLISHED_AT_ONCE):
                _publish(min(PUBLISHED_AT_ONCE, count))
        while relay.fan_out():
            pass
        milliseconds = _claim_times()
        db.session.remove()
        db.engine.dispose()
    return {
        "backlog": what,
        "told": handler.told,
        "done": done,
        "events/s": handler.told / seconds,
        "first s": handler.first_at - began,
        "claim ms": statistics.median(milliseconds),
        "slowest claim ms": max(milliseconds),
    }


@atomic
def _publish(count: int) -> None:
    publish(SYSTEM, *(Measured(subject_id=new_id(), subject_version=1) for _ in range(count)))


def _work_off(app: Flask, relay: Relay, finished: Callable[[], bool]) -> None:
    stop = threading.Event()
    dispatcher = Dispatcher(relay, app.app_context, stop)
    thread = threading.Thread(target=dispatcher.run, args=(lambda: (0.25,),))
    thread.start()
    while not finished():
        time.sleep(0.01)
    stop.set()
    dispatcher.wake.set()
    thread.join()


@every_shop()
def _done() -> int:
    return (
        db.session.scalar(
            select(func.count()).select_from(Delivery).where(Delivery.state == "done"),
            execution_options={"all_tenants": True},
        )
        or 0
    )


def _claim_times() -> list[float]:
    """Return what claims cost one after the other, in milliseconds; each leaves what it has leased where it is."""
    turns, times = Turns(), []
    for _ in range(CLAIMS):
        began = time.monotonic()
        if len(claim(Lane.MAILS, CLAIM_OF, turns)) != CLAIM_OF:
            raise SystemExit("a claim did not find what waits")
        times.append((time.monotonic() - began) * 1000)
    return times


if __name__ == "__main__":
    sys.exit(main())
