"""Stock as its clients see it: one order of all reservations, releases and pages explains every answer they got.

Orders are placed and cancelled, and pages read, over HTTP at a server of two processes, one of which is killed in the
middle of it. The history that the clients noted is judged by `tests/support/linearizable.py`.
LOCKSTEP_HISTORY_CALLS makes it longer than the calls of a usual run.
"""

import os
import random
import re
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import update

from commerce.cart.services import add_line, new_shopper_key, save_details, shopper_hash
from commerce.db import atomic, db
from commerce.tenants.models import Shop, Tenant
from tests.factories.checkout import details
from tests.factories.shop import Sold, make_product
from tests.faults.worker_setup import wait_until
from tests.support.buyer import Buyer, NoAnswer
from tests.support.invariants import broken_invariants
from tests.support.linearizable import NEVER, Call, unexplained
from tests.support.server import LiveServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the server's processes in /proc")
CALLS = int(os.environ.get("LOCKSTEP_HISTORY_CALLS", "120"))
CLIENTS = 6
CALLS_PER_CART = 8
"""A client that has used up its carts goes on reading and cancelling."""
SHELVES = {"Assam": 5, "Bancha": 8}
LEFT = re.compile(r"Only (\d+) left|(Sold out)")
History = dict[str, list[Call]]


class Client(threading.Thread):
    """Reads, orders and cancels in no order, and notes every call with its times and its answer."""

    def __init__(self, server: LiveServer, shelves: dict[str, Sold], number: int) -> None:
        super().__init__(name=f"client {number}")
        self._server = server
        self._shelves = shelves
        self._dice = random.Random(number)
        self._stranger = Buyer(server)
        self._carts: list[tuple[str, int, Buyer, dict[str, str]]] = []
        self._orders: list[tuple[str, int, Buyer, str]] = []
        self.history: History = {title: [] for title in shelves}
        self.begin = threading.Event()
        self.left = 0
        self.surprises: list[str] = []

    def prepare(self, calls: int) -> None:
        """Come as far as the last button with the carts for so many calls, while there is stock for each of them."""
        self.left = calls
        for _ in range(calls // CALLS_PER_CART + 2):
            title = self._dice.choice(list(self._shelves))
            units = self._dice.randrange(1, 4)
            buyer = Buyer(self._server, cart_key=fill_cart(self._shelves[title], units))
            self._carts.append((title, units, buyer, buyer.form(buyer.get("/checkout/review"), "/checkout")))
        self._dice.shuffle(self._carts)

    def run(self) -> None:
        self.begin.wait(60)
        while self.left > 0:
            self.left -= 1
            chance = self._dice.random()
            if chance < 0.35 and self._carts:
                self._place(*self._carts.pop(0))
            elif chance < 0.6 and self._orders:
                self._cancel(*self._orders.pop(0))
            else:
                self._read(self._dice.choice(list(self._shelves)))

    def _place(self, title: str, units: int, buyer: Buyer, form: dict[str, str]) -> None:
        called = time.perf_counter()
        try:
            answer = buyer.post("/checkout", form)
        except NoAnswer:
            self._note(title, Call("reserve", units, called, NEVER))
            return
        returned = time.perf_counter()
        if answer.status == 303 and answer.location.startswith("/orders/"):
            self._note(title, Call("reserve", units, called, returned))
            self._orders.append((title, units, buyer, answer.location))
        elif answer.status == 422:
            assert "no longer available" in answer.text
            self._note(title, Call("reserve", units, called, returned, done=False))
            self._carts.append((title, units, buyer, form))
        elif answer.status in (409, 503):
            # Too many at once: nothing was ordered, and nothing is said about stock.
            self._carts.append((title, units, buyer, form))
        else:
            self.surprises.append(f"placement: {answer.status} {answer.location}")

    def _cancel(self, title: str, units: int, buyer: Buyer, path: str) -> None:
        try:
            form = buyer.form(buyer.get(path), f"{path}/cancellation")
        except NoAnswer:
            self._orders.append((title, units, buyer, path))
            return
        called = time.perf_counter()
        try:
            answer = buyer.post(f"{path}/cancellation", form, reason="Changed my mind")
        except NoAnswer:
            self._note(title, Call("release", units, called, NEVER))
            return
        returned = time.perf_counter()
        if answer.status == 303:
            self._note(title, Call("release", units, called, returned))
        elif answer.status == 503:
            self._orders.append((title, units, buyer, path))
        else:
            self.surprises.append(f"cancellation: {answer.status}")

    def _read(self, title: str) -> None:
        """Look at the product's page or at the first page, which is kept for strangers until anything is committed."""
        path = self._dice.choice(("/", self._shelves[title].path))
        self._stranger.cookies.clear()
        called = time.perf_counter()
        try:
            answer = self._stranger.get(path)
        except NoAnswer:
            return
        returned = time.perf_counter()
        left = told(answer.text, f'card__title">{title}<' if path == "/" else 'id="offer"')
        self._note(title, Call("read", left, called, returned))

    def _note(self, title: str, call: Call) -> None:
        self.history[title].append(call)


def told(page: str, mark: str) -> int:
    """Return how many units a page says there are, first after a mark."""
    found = LEFT.search(page, page.index(mark))
    assert found is not None
    return int(found[1] or 0)


def fill_cart(sold: Sold, units: int) -> str:
    """Fill a cart with all details and return the browser's cookie: all that is left is to place the order."""
    key = new_shopper_key()
    add_line(shopper_hash(key), sold.variant_id, units)
    save_details(shopper_hash(key), details())
    return key


@atomic
def tell_every_number(shop: Shop) -> None:
    """Let pages say how many units are left, however many there are."""
    db.session.execute(update(Tenant).where(Tenant.id == shop.id).values(low_stock_at=1000))


def play(server: LiveServer, shelves: dict[str, Sold], calls: int, *, kill: bool = True) -> list[Client]:
    """Let all clients loose, kill one of the two web processes in the middle, and return the clients."""
    clients = [Client(server, shelves, number) for number in range(CLIENTS)]
    for client in clients:
        client.prepare(calls // CLIENTS)
        client.start()
    for client in clients:
        client.begin.set()
    if kill:
        wait_until(lambda: clients[0].left < calls // CLIENTS // 2, "the clients do nothing", 60 + calls)
        os.kill(server.web_processes()[0], signal.SIGKILL)
    for client in clients:
        client.join(60 + calls)
    assert not any(client.is_alive() for client in clients)
    return clients


def together(clients: list[Client], title: str) -> list[Call]:
    """Return what all clients saw of a shelf."""
    return [call for client in clients for call in client.history[title]]


def kinds(history: list[Call]) -> Counter[str]:
    """Count the calls by what became of them."""
    return Counter(
        f"{call.kind} {'unknown' if call.unknown else 'done' if call.done else 'refused'}" for call in history
    )


@pytest.mark.parametrize(
    ("database_url", "mode"),
    [("sqlite", "standard"), ("postgresql", "standard"), ("postgresql", "sport")],
    indirect=["database_url"],
)
def test_one_order_of_all_calls_explains_what_every_client_saw(
    in_shop: Shop, live_server: Callable[..., LiveServer], mode: str
) -> None:
    tell_every_number(in_shop)
    shelves = {title: make_product(title, stock=stock) for title, stock in SHELVES.items()}
    server = live_server(WEB_PROCESSES="2", WORKER_THREAD="0", COMMERCE_MODE=mode)
    clients = play(server, shelves, CALLS)
    seen = Counter[str]()
    for title, stock in SHELVES.items():
        history = together(clients, title)
        assert unexplained(history, stock) == []
        seen += kinds(history)
    assert min(seen[kind] for kind in ("reserve done", "reserve refused", "release done", "read done")) > 0, (
        seen
    )
    assert [surprise for client in clients for surprise in client.surprises] == []
    db.session.close()
    assert broken_invariants() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("guard", ["stock", "pages"])
def test_control_a_shop_without_a_guard_is_found_out(
    in_shop: Shop, live_server: Callable[..., LiveServer], guard: str
) -> None:
    tell_every_number(in_shop)
    shelves = {title: make_product(title, stock=stock) for title, stock in SHELVES.items()}
    program = ("tests.faults.unguarded", guard)
    clients = play(live_server(program, WEB_PROCESSES="2", WORKER_THREAD="0"), shelves, 60, kill=False)
    assert any(unexplained(together(clients, title), stock) for title, stock in SHELVES.items())
