"""Payments received by hand are recorded, and an order lists its payments."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from commerce import clock
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.api.order_helpers import (
    assert_rejected,
    captured_and_refunded,
    make_tea,
    order_url,
    paid_order,
    snapshot,
)
from tests.factories.api_clients import Program, make_program, new_key
from tests.factories.checkout import make_order
from tests.factories.orders import fresh


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def test_the_amount_due_is_recorded_and_the_order_is_paid(program: Program) -> None:
    order = fresh(make_order((make_tea(), 1)).id)
    waiting = program.get(order_url(order, "payments")).json
    assert (waiting["total"], waiting["paid"], waiting["due"], waiting["surplus"]) == (15, 0, 15, 0)
    answer = program.post(order_url(order, "payments"), {"reference": "T-1", "receivedOn": "2026-01-15"})
    assert answer.status_code == 201, answer.text
    told = ("status", "paymentStatus", "paid", "due", "surplus", "currency")
    assert [answer.json[name] for name in told] == ["confirmed", "paid", 15, 0, 0, "USD"]
    (payment,) = answer.json["items"]
    assert (payment["state"], payment["captured"], payment["payUrl"]) == ("captured", 15, "")
    assert "T-1, 2026-01-15" in payment["reference"]
    assert program.get(order_url(order, "payments")).json == answer.json
    assert program.get(order_url(order)).json["version"] == answer.json["version"]


def test_partial_payments_add_up_and_an_overpayment_is_flagged(program: Program) -> None:
    order = fresh(make_order((make_tea(), 1)).id)
    part = program.post(order_url(order, "payments"), {"amount": 4.99}).json
    assert (part["status"], part["paid"], part["due"]) == ("pending", 4.99, 10.01)
    rest = program.post(order_url(order, "payments"), {"amount": 12}).json
    assert (rest["status"], rest["paid"], rest["due"], rest["surplus"]) == ("confirmed", 16.99, 0, 1.99)
    assert program.get(order_url(order)).json["attributes"]["attention"]
    assert captured_and_refunded(order) == (1699, 0)


def test_a_payment_is_recorded_once_per_key(program: Program) -> None:
    order, key = fresh(make_order((make_tea(), 1)).id), new_key()
    first, again = (program.post(order_url(order, "payments"), {"amount": 5}, key=key) for _ in range(2))
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert captured_and_refunded(order) == (500, 0)
    other = program.post(order_url(order, "payments"), {"amount": 6}, key=key)
    assert_rejected(other, 422, "idempotency_key_reused")
    assert captured_and_refunded(order) == (500, 0)


def test_a_payment_requires_an_idempotency_key(program: Program) -> None:
    order = fresh(make_order((make_tea(), 1)).id)
    before = snapshot(order)
    assert_rejected(program.post(order_url(order, "payments"), {}, key=None), 400, "idempotency_key_missing")
    assert snapshot(order) == before


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
def test_an_invalid_field_is_rejected_by_name(
    program: Program, body: dict[str, Any], code: str, field: str
) -> None:
    order = fresh(make_order((make_tea(), 1)).id)
    before = snapshot(order)
    assert_rejected(program.post(order_url(order, "payments"), body), 422, code, field)
    assert snapshot(order) == before


def test_an_amount_is_required_if_nothing_is_due(program: Program) -> None:
    order = paid_order(make_tea(), 1)
    before = snapshot(order)
    assert_rejected(program.post(order_url(order, "payments"), {}), 409, "illegal_transition")
    stale = {"amount": 1, "version": order.version - 1}
    assert_rejected(program.post(order_url(order, "payments"), stale), 409, "stale_version")
    assert snapshot(order) == before


def test_cash_on_delivery_is_recorded_without_a_change_of_status(program: Program) -> None:
    order = fresh(make_order((make_tea(), 1), payment_method="cash_on_delivery").id)
    program.patch(order_url(order, "status"), {"status": "confirmed"})
    assert_rejected(program.patch(order_url(order, "status"), {"status": "paid"}), 409, "illegal_transition")
    answer = program.post(order_url(order, "payments"), {"note": "Cash"})
    assert (answer.json["status"], answer.json["paymentStatus"]) == ("confirmed", "paid")


def test_a_key_without_the_scope_can_only_read(app: Flask, program: Program) -> None:
    order = fresh(make_order((make_tea(), 1)).id)
    looker = make_program(app, ["orders:read", "orders:write"])
    assert looker.get(order_url(order, "payments")).status_code == 200
    problem = assert_rejected(looker.post(order_url(order, "payments"), {}), 403, "insufficient_scope")
    assert problem["scope"] == "payments:write"
    assert captured_and_refunded(order) == (0, 0)


def test_payments_of_another_shop_are_not_found(app: Flask, program: Program, other_shop: Shop) -> None:
    order = fresh(make_order((make_tea(), 1)).id)
    with shop_scope(other_shop):
        charlie = make_program(app, host=other_shop.host)
    assert_rejected(charlie.get(order_url(order, "payments")), 404, "not_found")
    assert_rejected(charlie.post(order_url(order, "payments"), {}), 404, "not_found")
    assert captured_and_refunded(order) == (0, 0)
