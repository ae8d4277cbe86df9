"""`kill -9` for PostgreSQL and for the web server's processes while customers buy: nothing acknowledged is ever lost.

The shop is never started again by anybody; PostgreSQL is, after its first process was killed, as its operator's
supervisor would. LOCKSTEP_KILLS multiplies the accidents of a usual run.
"""

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy import func, select

from bench.support.load import LoadFailed
from commerce.db import db
from commerce.orders.models import Order, OrderLine
from commerce.tenant_setup import ShippingRule, set_up_shop
from commerce.tenants.scope import shop_scope
from tests.factories.shop import Sold, counters, make_product
from tests.faults.worker_setup import left_to_do, time_passes, wait_until
from tests.support.buyer import Buyer, NoAnswer, Reply
from tests.support.databases import bench_config, build_app, disconnect, migrate
from tests.support.invariants import broken_invariants
from tests.support.postgres import APPLICATION, Databases, PostgresServer
from tests.support.server import LiveServer
from tests.support.spawn import Nursery

pytestmark = [
    pytest.mark.durable,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the server's processes in /proc"),
]
ROUNDS = int(os.environ.get("LOCKSTEP_KILLS", "1"))
CUSTOMERS = 5
STOCK = 100_000
SELLS_AGAIN = 30.0
"""Seconds after an accident within which a customer who comes then has his order; the slowest machine's."""
PAUSE = 0.1
DETAILS = {
    "name": "Ann Buyer",
    "country_code": "US",
    "street_address": "1600 Amphitheatre Parkway",
    "city": "Mountain View",
    "country_area": "CA",
    "postal_code": "94043",
    "shipping_method": "parcel",
    "payment_method": "cash_on_delivery",
}


@dataclass(frozen=True)
class Bought:
    """A purchase that was acknowledged: whose, the order's link, and when it began and ended."""

    email: str
    path: str
    began: float
    ended: float


class Customer(threading.Thread):
    """Buys again and again, each time as a new visitor, and sends again what was not answered."""

    def __init__(self, server: LiveServer, tea: Sold, number: int, closing: threading.Event) -> None:
        super().__init__(name=f"customer {number}", daemon=True)
        self._server = server
        self._tea = tea
        self._number = number
        self._closing = closing
        self.bought: list[Bought] = []
        self.surprise = ""
        self.answers: Counter[str] = Counter()

    def run(self) -> None:
        try:
            while not self._closing.is_set():
                began = time.monotonic()
                email = f"customer-{self._number}-{len(self.bought)}@example.com"
                path = self._buy(Buyer(self._server), email)
                self.bought.append(Bought(email, path, began, time.monotonic()))
        except (AssertionError, LoadFailed) as surprise:
            self.surprise = f"{self.name}: {surprise}"

    def _buy(self, buyer: Buyer, email: str) -> str:
        page = self._ask(lambda: buyer.get(self._tea.path), 200)
        form = buyer.form(page, "/cart/lines")
        self._ask(lambda: buyer.post("/cart/lines", form, quantity="1"), 303)
        details = buyer.form(self._ask(lambda: buyer.get("/checkout"), 200), "/checkout/details")
        self._ask(lambda: buyer.post("/checkout/details", details, email=email, **DETAILS), 303)
        while True:
            review = buyer.form(self._ask(lambda: buyer.get("/checkout/review"), 200), "/checkout")
            answer = self._ask(lambda form=review: buyer.post("/checkout", form), 303, 409)
            if answer.status == 303:
                break
        self._ask(lambda: buyer.get(answer.location), 200)
        buyer.close()
        return answer.location

    def _ask(self, request: Callable[[], Reply], *expected: int) -> Reply:
        """Send a request until there is an answer; 503 is one that asks to send it again."""
        deadline = time.monotonic() + SELLS_AGAIN
        while time.monotonic() < deadline:
            try:
                answer = request()
            except NoAnswer:
                self.answers["none"] += 1
            else:
                self.answers[str(answer.status)] += 1
                if answer.status in expected:
                    return answer
                assert answer.status == 503, f"{answer.status}: {answer.text[:3000]}"
                assert int(answer.headers["Retry-After"]) > 0
            time.sleep(PAUSE)
        raise AssertionError("no answer in all the time")


class Shop:
    """A shop on a PostgreSQL of its own, the customers in it, and the accidents."""

    def __init__(self, postgres: PostgresServer, server: LiveServer, tea: Sold) -> None:
        self._postgres = postgres
        self.server = server
        self._closing = threading.Event()
        self.customers = [Customer(server, tea, number, self._closing) for number in range(CUSTOMERS)]
        self._dice = random.Random(5)

    @property
    def bought(self) -> list[Bought]:
        """All purchases so far."""
        return [each for customer in self.customers for each in customer.bought]

    @property
    def surprises(self) -> list[str]:
        """What customers were told that nobody may be told."""
        return [customer.surprise for customer in self.customers if customer.surprise]

    def open(self) -> None:
        """Let the customers in."""
        for customer in self.customers:
            customer.start()
        self.wait_for_orders(CUSTOMERS)

    def close(self) -> None:
        """Let the customers finish what they are buying, and go."""
        self._closing.set()
        for customer in self.customers:
            customer.join(2 * SELLS_AGAIN)
        assert self.surprises == []
        assert not any(customer.is_alive() for customer in self.customers)

    def leave(self) -> None:
        """Send the customers away, whatever happened."""
        self._closing.set()

    def wait_for_orders(self, count: int) -> None:
        """Wait until so many more orders were placed by customers who came after now."""
        now = time.monotonic()

        def enough() -> bool:
            assert self.surprises == []
            return sum(each.began > now for each in self.bought) >= count

        wait_until(enough, "the shop does not sell again", SELLS_AGAIN)

    def kill_backend(self) -> None:
        """Kill a process of PostgreSQL that works for the shop; it takes all others down and recovers by itself."""
        with psycopg.connect(self._postgres.admin_url(), autocommit=True) as connection:
            found = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE usename = %s ORDER BY state LIKE 'idle', random()",
                (APPLICATION,),
            ).fetchone()
        assert found is not None
        os.kill(found[0], signal.SIGKILL)

    def kill_postgres(self) -> None:
        """Kill the first process of PostgreSQL and start it again: it recovers from its log."""
        self._postgres.kill(signal.SIGKILL)
        self._postgres.restart()

    def kill_web_process(self) -> None:
        """Kill one of the two processes that answer requests; the server starts another."""
        before = self.server.web_processes()
        os.kill(self._dice.choice(before), signal.SIGKILL)
        wait_until(
            lambda: len(self.server.web_processes()) == 2 and self.server.web_processes() != before,
            "the process was not replaced",
        )


@contextmanager
def at_home(postgres: PostgresServer, var: Path) -> Iterator[tuple[Flask, str]]:
    """Found a shop in a new database of a PostgreSQL and enter it; yields the app and the database's address."""
    databases = Databases(postgres.url("postgres"), postgres.admin_url())
    url = databases.create("lockstep")
    app = build_app(bench_config(url, var, databases.owner_url("lockstep")))
    migrate(app)
    with app.app_context():
        shop = set_up_shop(
            code="demo",
            name="Alice's Tea",
            currency="USD",
            country="US",
            taxes=(),
            shipping=(ShippingRule("parcel", "Parcel", "3 days", ((("*",), 0, 500),)),),
            test_card=False,
            bank_details="Transfer the total to account 1234567.",
        )
        with shop_scope(shop):
            yield app, url
    disconnect(app)


def check_books(shop: Shop, app: Flask, tea: Sold) -> None:
    """Every acknowledged order is there once, no visitor has two, and stock, ledger and orders agree."""
    db.session.close()
    orders = db.session.execute(select(Order.email, Order.token, Order.cart_id, Order.status)).all()
    units = db.session.scalar(select(func.sum(OrderLine.quantity)))
    db.session.close()
    assert Counter(f"/orders/{order.token}" for order in orders) == Counter(each.path for each in shop.bought)
    assert Counter(order.email for order in orders) == Counter(each.email for each in shop.bought)
    assert {order.status for order in orders} == {"confirmed"}
    assert max(Counter(order.cart_id for order in orders).values()) == 1
    assert counters(tea) == (STOCK, units)
    assert broken_invariants() == []
    checked = app.test_cli_runner().invoke(args=["stock", "check"])
    assert checked.exit_code == 0, checked.output


def test_whoever_was_notified_that_they_ordered_has_one_order_whatever_was_killed(
    nursery: Nursery, tmp_path: Path
) -> None:
    with PostgresServer(durable=True) as postgres, at_home(postgres, tmp_path / "app") as (app, url):
        tea = make_product("Green tea", stock=STOCK)
        server = LiveServer(url, tmp_path / "server", nursery, WEB_PROCESSES="2", WEB_THREADS="4")
        shop = Shop(postgres, server.start(), tea)
        try:
            shop.open()
            for accident in [shop.kill_backend, shop.kill_web_process, shop.kill_postgres] * ROUNDS:
                accident()
                shop.wait_for_orders(CUSTOMERS)
            shop.close()
            answers = sum((customer.answers for customer in shop.customers), Counter[str]())
            assert set(answers) <= {"200", "303", "409", "503", "none"}
            assert answers["503"] + answers["none"] > 0, "nobody noticed anything: the accidents were none"
            time_passes()
            wait_until(lambda: left_to_do() == 0, "the worker of the server does not finish", SELLS_AGAIN)
        finally:
            shop.leave()
            server.kill()
        check_books(shop, app, tea)
