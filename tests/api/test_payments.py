"""A program records money that arrived, and sees what an order was paid."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from commerce import clock
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.api.order_helpers import assert_refused, at, bought, money, tea, traces
from tests.factories.api_clients import Program, make_program, new_key
from tests.factories.checkout import make_order
from tests.factories.orders import fresh


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def test_what_is_open_is_recorded_and_the_order_goes_on(program: Program) -> None:
    order = fresh(make_order((tea(), 1)).id)
    waiting = program.get(at(order, "payments")).json
    assert (waiting["total"], waiting["paid"], waiting["due"], waiting["surplus"]) == (15, 0, 15, 0)
    answer = program.post(at(order, "payments"), {"reference": "T-1", "receivedOn": "2026-01-15"})
    assert answer.status_code == 201, answer.text
    told = ("status", "paymentStatus", "paid", "due", "surplus", "currency")
    assert [answer.json[name] for name in told] == ["confirmed", "paid", 15, 0, 0, "USD"]
    (payment,) = answer.json["items"]
    assert (payment["state"], payment["captured"], payment["payUrl"]) == ("captured", 15, "")
    assert "T-1, 2026-01-15" in payment["reference"]
    assert program.get(at(order, "payments")).json == answer.json
    assert program.get(at(order)).json["version"] == answer.json["version"]


def test_parts_add_up_and_too_much_is_flagged(program: Program) -> None:
    order = fresh(make_order((tea(), 1)).id)
    part = program.post(at(order, "payments"), {"amount": 4.99}).json
    assert (part["status"], part["paid"], part["due"]) == ("pending", 4.99, 10.01)
    rest = program.post(at(order, "payments"), {"amount": 12}).json
    assert (rest["status"], rest["paid"], rest["due"], rest["surplus"]) == ("confirmed", 16.99, 0, 1.99)
    assert program.get(at(order)).json["attributes"]["attention"]
    assert money(order) == (1699, 0)


def test_the_same_key_records_it_once(program: Program) -> None:
    order, key = fresh(make_order((tea(), 1)).id), new_key()
    first, again = (program.post(at(order, "payments"), {"amount": 5}, key=key) for _ in range(2))
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert money(order) == (500, 0)
    other = program.post(at(order, "payments"), {"amount": 6}, key=key)
    assert_refused(other, 422, "idempotency_key_reused")
    assert money(order) == (500, 0)


def test_nothing_is_recorded_without_a_key(program: Program) -> None:
    order = fresh(make_order((tea(), 1)).id)
    before = traces(order)
    assert_refused(program.post(at(order, "payments"), {}, key=None), 400, "idempotency_key_missing")
    assert traces(order) == before


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"amount": 0}, "invalid_value", "amount"),
        ({"amount": -5}, "invalid_value", "amount"),
        ({"amount": 5.001}, "invalid_value", "amount"),
        ({"amount": "5"}, "invalid_request", "amount"),
        ({"receivedOn": "1999-12-31"}, "invalid_value", "receivedOn"),
        ({"receivedOn": "yesterday"}, "invalid_request", "receivedOn"),
        ({"receivedOn": (clock.now() + timedelta(days=2)).date().isoformat()}, "invalid_value", "receivedOn"),
        ({"state": "captured"}, "invalid_request", "state"),
    ],
)
def test_what_cannot_be_taken_is_named(program: Program, body: dict[str, Any], code: str, field: str) -> None:
    order = fresh(make_order((tea(), 1)).id)
    before = traces(order)
    assert_refused(program.post(at(order, "payments"), body), 422, code, field)
    assert traces(order) == before


def test_where_nothing_is_open_an_amount_is_needed(program: Program) -> None:
    order = bought(tea(), 1)
    before = traces(order)
    assert_refused(program.post(at(order, "payments"), {}), 409, "illegal_transition")
    stale = {"amount": 1, "version": order.version - 1}
    assert_refused(program.post(at(order, "payments"), stale), 409, "stale_version")
    assert traces(order) == before


def test_money_at_the_door_is_recorded_and_the_status_stays(program: Program) -> None:
    order = fresh(make_order((tea(), 1), payment_method="cash_on_delivery").id)
    program.patch(at(order, "status"), {"status": "confirmed"})
    assert_refused(program.patch(at(order, "status"), {"status": "paid"}), 409, "illegal_transition")
    answer = program.post(at(order, "payments"), {"note": "Cash"})
    assert (answer.json["status"], answer.json["paymentStatus"]) == ("confirmed", "paid")


def test_a_key_without_the_scope_only_looks(app: Flask, program: Program) -> None:
    order = fresh(make_order((tea(), 1)).id)
    looker = make_program(app, ["orders:read", "orders:write"])
    assert looker.get(at(order, "payments")).status_code == 200
    problem = assert_refused(looker.post(at(order, "payments"), {}), 403, "insufficient_scope")
    assert problem["scope"] == "payments:write"
    assert money(order) == (0, 0)


def test_charlie_finds_nothing_and_records_nothing(app: Flask, program: Program, other_shop: Shop) -> None:
    order = fresh(make_order((tea(), 1)).id)
    with shop_scope(other_shop):
        charlie = make_program(app, host=other_shop.host)
    assert_refused(charlie.get(at(order, "payments")), 404, "not_found")
    assert_refused(charlie.post(at(order, "payments"), {}), 404, "not_found")
    assert money(order) == (0, 0)
