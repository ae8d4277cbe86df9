"""Orders over JSON, asked for many times at once at a server of two processes: one order for one idempotency key.

LOCKSTEP_KEY_ROUNDS repeats the race of one key; a usual run has two.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import urllib3
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from commerce.accounts.api_clients import issue_key, keys_of, revoke_key
from commerce.checkout import direct_orders
from commerce.db import db
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from tests.factories.api_clients import Program, make_program, new_key, order_body
from tests.factories.shop import Sold, counters, make_product
from tests.support.api_caller import CHECKOUT, Caller, Sent
from tests.support.invariants import broken_invariants
from tests.support.server import LiveServer

ROUNDS = int(os.environ.get("LOCKSTEP_KEY_ROUNDS", "2"))
AT_ONCE = 50
REPLAYED = "Idempotency-Replayed"
MOUSE = order_body(("PRD-001", 1))
Answers = Sequence[urllib3.BaseHTTPResponse]


@pytest.fixture
def sold(in_shop: Shop) -> Sold:
    return make_product("Wireless Mouse", price=2999, stock=10_000, sku="PRD-001")


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app, ["orders:write"])


@pytest.fixture
def server(live_server: Callable[..., LiveServer]) -> LiveServer:
    """Two processes that serve 50 requests between them at once."""
    return live_server(WEB_PROCESSES="2", WEB_THREADS=str(AT_ONCE // 2))


@pytest.fixture
def caller(server: LiveServer) -> Iterator[Caller]:
    with Caller(server, requests=AT_ONCE) as made:
        yield made


def orders() -> int:
    db.session.close()
    found = db.session.scalar(select(func.count()).select_from(Order)) or 0
    db.session.close()
    return found


def check_in_flight(answers: Answers) -> Answers:
    """Return those that were answered at last; the others were asked to come again, in so many words."""
    for answer in answers:
        if answer.status == 409:
            assert answer.json()["code"] == "idempotency_key_in_flight"
            assert int(answer.headers["Retry-After"]) > 0
    return [answer for answer in answers if answer.status != 409]


def test_fifty_requests_with_one_key_in_one_instant_are_one_order_and_one_answer(
    program: Program, sold: Sold, caller: Caller
) -> None:
    for number in range(1, ROUNDS + 1):
        sent = Sent(program.key, new_key(), MOUSE)
        answers = check_in_flight(caller.place_at_once([sent] * AT_ONCE))
        assert Counter(answer.status for answer in answers) == {201: len(answers)}, answers[0].data
        assert len({(answer.data, answer.headers["Location"]) for answer in answers}) == 1
        assert sum(REPLAYED not in answer.headers for answer in answers) == 1
        assert orders() == number
        again = caller.place(sent)
        assert (again.status, again.data, again.headers[REPLAYED]) == (201, answers[0].data, "true")
    assert counters(sold) == (10_000, ROUNDS)
    assert broken_invariants() == []


def test_the_same_key_of_two_programs_is_two_orders(
    app: Flask, program: Program, sold: Sold, caller: Caller
) -> None:
    other, once = make_program(app), new_key()
    keys = [program.key, other.key] * 5
    answers = check_in_flight(caller.place_at_once([Sent(key, once, MOUSE) for key in keys]))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json()["data"]["code"] for answer in answers}) == orders() == 2


def test_a_program_whose_key_was_changed_is_answered_as_before(
    program: Program, sold: Sold, caller: Caller
) -> None:
    assert program.client_id is not None
    once = new_key()
    first = caller.place(Sent(program.key, once, MOUSE))
    (former,) = keys_of([program.client_id])[program.client_id]
    fresh = issue_key(program.client_id, scopes=["orders:write"], by="Alice")
    revoke_key(program.client_id, former.id)
    assert caller.place(Sent(program.key, once, MOUSE)).status == 401
    again = caller.place(Sent(fresh, once, MOUSE))
    assert (again.status, again.data, again.headers[REPLAYED]) == (201, first.data, "true")
    assert orders() == 1


def test_the_last_unit_goes_to_one_of_fifty_and_the_others_read_what_is_left(
    program: Program, in_shop: Shop, caller: Caller
) -> None:
    last = make_product("Last one", stock=1, sku="LAST-1")
    body = order_body(("LAST-1", 1))
    answers = caller.place_at_once([Sent(program.key, new_key(), body) for _ in range(AT_ONCE)])
    assert Counter(answer.status for answer in answers) == {201: 1, 422: AT_ONCE - 1}
    told = [answer.json() for answer in answers if answer.status == 422]
    assert {problem["code"] for problem in told} == {"out_of_stock"}
    assert all([each["available"] for each in problem["shortages"]] == [0] for problem in told)
    assert (orders(), counters(last)) == (1, (1, 1))
    assert broken_invariants() == []


@pytest.mark.skipif(sys.platform == "win32", reason="kills processes")
@pytest.mark.parametrize("died", ["before", "after"])
def test_a_server_killed_before_or_after_the_commit_has_ordered_once_when_the_program_asks_again(
    program: Program, sold: Sold, live_server: Callable[..., LiveServer], died: str
) -> None:
    server = live_server(program=["tests.faults.kill_points", died], WEB_PROCESSES="2")
    sent = Sent(program.key, new_key(), MOUSE)
    with Caller(server) as caller:
        with pytest.raises(urllib3.exceptions.HTTPError):
            caller.place(sent)
        assert orders() == (died == "after")
        answer = caller.place(sent)
        assert (answer.status, REPLAYED in answer.headers) == (201, died == "after"), answer.data
        again = caller.place(sent)
        assert (again.data, again.headers[REPLAYED]) == (answer.data, "true")
    assert (orders(), counters(sold)) == (1, (10_000, 1))
    assert broken_invariants() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_asks_again_while_the_first_request_is_still_at_work_is_reported_when_to_come_back(
    program: Program, sold: Sold, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer: there the second request waits for its turn, and gets the first one's answer."""
    key, write_order = new_key(), direct_orders.write_order
    meanwhile: list[TestResponse] = []

    def ask_meanwhile(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(direct_orders, "write_order", write_order)
        with ThreadPoolExecutor(1) as pool:
            meanwhile.append(pool.submit(program.post, CHECKOUT, MOUSE, key=key).result())
        return write_order(*args, **kwargs)

    monkeypatch.setattr(direct_orders, "write_order", ask_meanwhile)
    first = program.post(CHECKOUT, MOUSE, key=key)
    (second,) = meanwhile
    assert (first.status_code, second.status_code) == (201, 409)
    assert (second.json["code"], second.headers["Retry-After"]) == ("idempotency_key_in_flight", "1")
    assert program.post(CHECKOUT, MOUSE, key=key).data == first.data
    assert orders() == 1
