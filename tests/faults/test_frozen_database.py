"""A database that is frozen takes every connection and answers none: each request is answered within one bound."""

import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.factories.shop import Sold, make_product
from tests.faults.test_killing_the_database import at_home
from tests.faults.worker_setup import wait_until
from tests.support.buyer import Buyer, NoAnswer
from tests.support.postgres import PostgresServer
from tests.support.server import LiveServer
from tests.support.spawn import Nursery

pytestmark = [
    pytest.mark.durable,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the server's processes in /proc"),
]
BOUND = 10.0
"""Seconds: six of silence, or three for a rested connection and three for a new one, and a busy machine."""
VISITORS = 24
"""Three times as many as the process has threads: the last ones wait for those before them."""
ROUNDS = 3


class Visitor(threading.Thread):
    """Asks for one page after the other and notes what came back."""

    def __init__(self, server: LiveServer, tea: Sold, number: int) -> None:
        super().__init__(name=f"visitor {number}", daemon=True)
        self._server = server
        # Kept pages, pages that read, forms that write.
        self._paths = [tea.path, "/", "/cart", "/checkout", "/search?q=tea", "/readyz"]
        self._number = number
        self.answers: Counter[str] = Counter()

    def run(self) -> None:
        for turn in range(ROUNDS):
            buyer = Buyer(self._server, seconds=BOUND)
            path = self._paths[(self._number + turn) % len(self._paths)]
            try:
                answer = buyer.get(path)
                self.answers[str(answer.status)] += 1
                if answer.status == 503 and path != "/readyz" and not int(answer.headers["Retry-After"]) > 0:
                    self.answers[f"{path} without Retry-After"] += 1
            except NoAnswer as error:
                self.answers[f"{path}: {type(error).__name__}"] += 1
            buyer.close()


def test_every_request_is_answered_while_the_database_is_frozen_and_the_shop_sells_again(
    nursery: Nursery, tmp_path: Path
) -> None:
    with PostgresServer() as postgres, at_home(postgres, tmp_path / "app") as (_, url):
        tea = make_product("Green tea", stock=5)
        server = LiveServer(url, tmp_path / "server", nursery, WORKER_THREAD="0").start()
        try:
            buyer = Buyer(server)
            assert buyer.get(tea.path).status == 200
            visitors = [Visitor(server, tea, number) for number in range(VISITORS)]
            with postgres.frozen():
                for visitor in visitors:
                    visitor.start()
                for visitor in visitors:
                    visitor.join((ROUNDS + 1) * BOUND)
                assert Buyer(server, seconds=BOUND).get("/healthz").status == 200
            answers = sum((visitor.answers for visitor in visitors), Counter[str]())
            assert answers == {"503": VISITORS * ROUNDS}
            wait_until(
                lambda: Buyer(server).get(tea.path).status == 200, "the shop does not come back", BOUND
            )
            wait_until(lambda: Buyer(server).get("/readyz").status == 200, "it is not ready again", BOUND)
        finally:
            server.kill()
