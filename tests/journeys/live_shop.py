"""The installation that the journeys visit: two shops, a running server, and a look behind the counter."""

import email
import email.policy
import itertools
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from flask import Flask
from psycopg import sql
from sqlalchemy import func, select, update

from commerce import clock
from commerce.db import atomic, db
from commerce.inventory.models import Reservation, StockItem, StockMovement
from commerce.orders.models import Order, OrderLine
from commerce.payments.models import Payment
from commerce.shipping.models import Shipment
from commerce.tenant_setup import ShippingRule, TaxRule, set_up_shop
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories import shop as rows
from tests.factories.shop import Sold
from tests.factories.staff import make_staff
from tests.support.server import ROOT, LiveServer
from tests.support.spawn import Nursery

MAIL_SECONDS = 20
WAIT_SECONDS = 10
ACCENTS = {"demo": "#1f5a46", "other": "#7a1f3d"}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Stock:
    """What the counters of a variant say, after it was seen that they agree with the ledger and the reservations."""

    on_hand: int
    reserved: int


class House:
    """Alice's shop (dollars) and Charlie's (yen), each with a theme of its own, behind one server."""

    def __init__(self, app: Flask, database_url: str, var: Path, nursery: Nursery) -> None:
        self._app = app
        self._var = var
        self._shops = {code: self._found(code) for code in ("demo", "other")}
        with self.inside():
            for name in ("bob", "rita"):
                make_staff("manager", email=f"{name}@shop.test", name=name.capitalize())
        self.bench_url = database_url
        self._off = False
        self.server = LiveServer(database_url, var, nursery)

    def __enter__(self) -> Self:
        self.server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.kill()

    def url(self, path: str = "/", shop: str = "demo") -> str:
        """Return the address of a page."""
        return self.server.url(path, shop)

    @contextmanager
    def inside(self, shop: str = "demo") -> Iterator[Shop]:
        """Enter a shop, behind the counter: services and rows."""
        with self._app.app_context(), shop_scope(self._shops[shop]) as entered:
            yield entered

    def _found(self, code: str) -> Shop:
        yen = code == "other"
        with self._app.app_context():
            return set_up_shop(
                code=code,
                name="Charlie's Kites" if yen else "Alice's Tea",
                currency="JPY" if yen else "USD",
                country="JP" if yen else "US",
                theme={"accent": ACCENTS[code]},
                taxes=(TaxRule("*", "standard", 100_000, "Tax"),),
                shipping=(ShippingRule("parcel", "Parcel", "3 days", ((("*",), 0, 800 if yen else 500),)),),
                test_card=True,
                bank_details="Transfer the total to account 1234567.",
            )

    # --- goods ----------------------------------------------------------------------------------------

    def sell(self, title: str, *, shop: str = "demo", **values: Any) -> Sold:
        """Put a new product on the shelf; a number behind its title keeps it apart from those of other journeys."""
        with self.inside(shop):
            return rows.make_product(f"{title} {next(_numbers)}", **values)

    def set_price(self, sold: Sold, price: int) -> None:
        """Change a price (minor units)."""
        with self.inside():
            rows.set_price(sold, price)

    def change_stock(self, sold: Sold, delta: int) -> None:
        """Receive or lose units."""
        with self.inside():
            rows.change_stock(sold, delta)

    def stock(self, sold: Sold, shop: str = "demo") -> Stock:
        """Return the counters of a product; the ledger and the open reservations must say the same."""
        with self.inside(shop):
            found = db.session.scalars(select(StockItem).where(StockItem.variant_id == sold.variant_id)).one()
            moved = db.session.scalar(
                select(func.sum(StockMovement.delta)).where(StockMovement.stock_item_id == found.id)
            )
            open_units = Reservation.quantity - Reservation.deducted - Reservation.released
            held = db.session.scalar(
                select(func.coalesce(func.sum(open_units), 0)).where(
                    Reservation.stock_item_id == found.id, Reservation.state.in_(("held", "committed"))
                )
            )
            assert (found.on_hand, found.reserved) == (moved, held), "counters and ledger disagree"
            return Stock(found.on_hand, found.reserved)

    # --- orders ----------------------------------------------------------------------------------------

    def orders_of(self, sold: Sold, shop: str = "demo") -> list[Order]:
        """Return the orders that have a product on them."""
        with self.inside(shop):
            found = db.session.scalars(
                select(Order)
                .join(OrderLine, (OrderLine.tenant_id == Order.tenant_id) & (OrderLine.order_id == Order.id))
                .where(OrderLine.variant_id == sold.variant_id)
            ).all()
            db.session.expunge_all()
            return list(found)

    def shipments_of(self, order: Order) -> int:
        """Return how many shipments an order has."""
        with self.inside():
            return (
                db.session.scalar(
                    select(func.count()).select_from(Shipment).where(Shipment.order_id == order.id)
                )
                or 0
            )

    def payments_of(self, order: Order) -> list[tuple[str, int]]:
        """Return (state, captured) of every attempt to pay an order, oldest first."""
        with self.inside():
            found = db.session.scalars(
                select(Payment).where(Payment.order_id == order.id).order_by(Payment.id)
            )
            return [(each.state, each.captured) for each in found]

    def let_payments_age(self, order: Order) -> None:
        """Pretend that an order's payment has been without an answer for minutes, so that its provider is asked."""

        @atomic
        def age() -> None:
            long_ago = clock.now() - timedelta(minutes=5)
            db.session.execute(
                update(Payment).where(Payment.order_id == order.id).values(updated_at=long_ago)
            )

        with self.inside():
            age()

    def reconcile(self) -> None:
        """Run the command that asks the providers; it must find out about every payment that is old enough."""
        subprocess.run(
            [sys.executable, "-m", "flask", "--app", "app", "payments", "reconcile"],
            cwd=ROOT,
            env=os.environ | {"DATABASE_URL": self.bench_url, "VAR_DIR": str(self._var), "DEMO": "0"},
            stdout=subprocess.DEVNULL,
            check=True,
        )

    # --- mails -----------------------------------------------------------------------------------------

    def mail_to(self, address: str, words: str) -> EmailMessage:
        """Return the mail to somebody whose subject contains `words`, waiting for the worker to write it."""
        deadline = time.monotonic() + MAIL_SECONDS
        while time.monotonic() < deadline:
            for mail in self.mails_to(address):
                if words in mail["Subject"]:
                    return mail
            time.sleep(0.2)
        subjects = [mail["Subject"] for mail in self.mails_to(address)]
        raise AssertionError(f"no mail to {address} says {words!r}; there are {subjects}")

    def mails_to(self, address: str) -> list[EmailMessage]:
        """Return all mails to somebody, in no order."""
        found = []
        for file in (self._var / "mail").glob("*.eml"):
            mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
            if mail["To"] == address:
                found.append(mail)
        return found

    # --- accidents -------------------------------------------------------------------------------------

    @contextmanager
    def in_the_way(self, table: str) -> Iterator["InTheWay"]:
        """Make whoever writes to `table` wait, until the end of the `with`.

        PostgreSQL: that table alone, so a transaction stops right there. SQLite has one lock for everything.
        """
        obstacle = InTheWay(self.bench_url, table)
        try:
            yield obstacle
        finally:
            obstacle.close()

    @property
    def postgresql(self) -> bool:
        """Whether the house is built on PostgreSQL."""
        return self.bench_url.startswith("postgresql")

    def kill_web_process(self) -> None:
        """Kill the process that answers requests (SIGKILL); its parent starts another."""
        children = Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split()
        assert children, "the server has no processes of its own"
        for child in children:
            os.kill(int(child), signal.SIGKILL)

    def lose_power(self) -> None:
        """Kill the whole server; `recover` starts it again."""
        self.server.kill()
        self._off = True

    def recover(self) -> None:
        """Start the server again if it lost its power, and wait until it answers."""
        if self._off:
            # The processes are dead, but the kernel may still be closing their sockets: the port would seem taken.
            _wait_until(lambda: not _answers(self.server.port), "the old server kept its port")
            self.server.start()
            self._off = False
        _wait_until(lambda: _answers(self.server.port), "the server did not come back")


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_until(true: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)


class InTheWay:
    """A connection of its own that holds a lock."""

    def __init__(self, database_url: str, table: str) -> None:
        self._connection: sqlite3.Connection | psycopg.Connection
        if database_url.startswith("sqlite"):
            self._connection = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
            self._connection.execute("BEGIN IMMEDIATE")
        else:
            self._connection = psycopg.connect(database_url.replace("+psycopg", "", 1))
            name = sql.Identifier(table)
            self._connection.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(name))

    def wait_for_somebody(self) -> None:
        """Return when somebody waits. SQLite cannot tell, so half a second must do."""
        if isinstance(self._connection, sqlite3.Connection):
            time.sleep(0.5)
            return
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        deadline = time.monotonic() + WAIT_SECONDS
        while self._connection.execute(waiting).fetchone() is None:
            assert time.monotonic() < deadline, "nobody came"
            time.sleep(0.02)

    def close(self) -> None:
        """Step aside."""
        self._connection.rollback()
        self._connection.close()
