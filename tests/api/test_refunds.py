"""Refunds by line, by amount, or of everything: never more than was paid, and once."""

from typing import Any

import pytest
from flask import Flask

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
from tests.factories.orders import fresh, order_in
from tests.factories.shop import counters
from tests.support.invariants import broken_invariants

SENT = ("process", "ship")


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def test_returned_units_are_refunded_and_restocked(program: Program) -> None:
    sold = make_tea()
    order = paid_order(sold, 3, *SENT)
    lines = [{"productCode": "TEA-1", "quantity": 2, "restock": 1}]
    body = {"lines": lines, "returned": True, "reason": "Broken", "expectedAmount": 20}
    answer = program.post(order_url(order, "refunds"), body)
    assert answer.status_code == 201, answer.text
    made = answer.json
    assert [made[name] for name in ("status", "paymentStatus")] == ["shipped", "partially_refunded"]
    credit, (refund,) = made["credit"], made["refunds"]
    assert (credit["number"], credit["amount"], credit["shipping"]) == (1, 20, 0)
    line = credit["lines"][0]
    assert (line["productCode"], line["quantity"], line["restocked"]) == ("TEA-1", 2, 1)
    assert (line["amount"], line["tax"]) == (20, credit["tax"])
    assert (refund["amount"], refund["state"], refund["creditId"]) == (20, "queued", credit["id"])
    assert counters(sold) == (98, 0)
    assert captured_and_refunded(order) == (3500, 2000)
    shown = program.get(order_url(order, "refunds")).json
    assert (shown["credits"], shown["items"]) == ([credit], [refund])
    assert broken_invariants() == []


def test_unshipped_units_are_released(program: Program) -> None:
    sold = make_tea()
    order = paid_order(sold, 3, "process")
    line_id = str(order.lines[0].id)
    lines = [{"lineId": line_id, "quantity": 1}, {"productCode": "GREEN-TEA", "quantity": 1}]
    answer = program.post(order_url(order, "refunds"), {"lines": lines, "reason": "Sold out"})
    assert answer.json["credit"]["lines"][0]["quantity"] == 2
    assert (counters(sold), captured_and_refunded(order)) == ((100, 1), (3500, 2000))


def test_goodwill_and_shipping_are_refunded_beside_lines(program: Program) -> None:
    order = paid_order(make_tea(), 1, *SENT)
    goodwill = program.post(order_url(order, "refunds"), {"amount": 1.5, "reason": "For the trouble"}).json
    assert (goodwill["credit"]["amount"], goodwill["credit"]["lines"]) == (1.5, [])
    shipping = program.post(order_url(order, "refunds"), {"shipping": True, "reason": "Too late"}).json
    assert (shipping["credit"]["amount"], shipping["credit"]["shipping"]) == (5, 5)
    assert captured_and_refunded(order) == (1500, 650)


def test_refunding_everything_completes_the_refund_of_the_order(program: Program) -> None:
    sold = make_tea()
    order = paid_order(sold, 2, *SENT)
    program.post(order_url(order, "refunds"), {"amount": 0.01, "reason": "For the trouble"})
    program.post(order_url(order, "returns"), {"reason": "Too small"})
    body = {"everything": True, "restock": True, "reason": "Granted", "expectedAmount": 24.99}
    answer = program.post(order_url(order, "refunds"), body)
    assert (answer.json["status"], answer.json["paymentStatus"]) == ("refunded", "refunded"), answer.text
    assert answer.json["credit"]["amount"] == 24.99
    assert (counters(sold), captured_and_refunded(order)) == ((100, 0), (2500, 2500))
    (request,) = program.get(order_url(order, "returns")).json["items"]
    assert (request["state"], request["answer"]) == ("closed", "Granted")


def test_a_refund_is_made_once_per_key(program: Program) -> None:
    order, key = paid_order(make_tea(), 3, *SENT), new_key()
    body = {"lines": [{"productCode": "TEA-1", "quantity": 1}], "reason": "Broken"}
    first, again = (program.post(order_url(order, "refunds"), body, key=key) for _ in range(2))
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert captured_and_refunded(order) == (3500, 1000)
    assert_rejected(program.post(order_url(order, "refunds"), body, key=None), 400, "idempotency_key_missing")
    assert captured_and_refunded(order) == (3500, 1000)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"amount": 1}, "invalid_request", "reason"),
        ({"amount": 1, "reason": " "}, "invalid_request", "reason"),
        ({"reason": "No"}, "invalid_value", "lines"),
        ({"reason": "No", "amount": -1}, "invalid_request", "amount"),
        ({"reason": "No", "amount": 0.001}, "invalid_value", "amount"),
        ({"reason": "No", "amount": 25.01}, "invalid_value", "amount"),
        ({"reason": "No", "amount": 1, "expectedAmount": 0.001}, "invalid_value", "expectedAmount"),
        ({"reason": "No", "amount": 1, "restock": True}, "invalid_value", "restock"),
        ({"reason": "No", "everything": True, "amount": 1}, "invalid_value", "amount"),
        ({"reason": "No", "lines": [{"quantity": 1}]}, "invalid_value", "lines.0.productCode"),
        (
            {"reason": "No", "lines": [{"productCode": "X", "quantity": 1}]},
            "invalid_value",
            "lines.0.productCode",
        ),
        (
            {"reason": "No", "lines": [{"productCode": "TEA-1", "quantity": 0}]},
            "invalid_request",
            "lines.0.quantity",
        ),
        ({"reason": "No", "lines": [{"productCode": "TEA-1", "quantity": 3}]}, "invalid_value", "lines"),
        (
            {"reason": "No", "lines": [{"productCode": "TEA-1", "quantity": 1, "restock": 2}]},
            "invalid_value",
            "restock",
        ),
    ],
)
def test_an_invalid_field_is_rejected_by_name(
    program: Program, body: dict[str, Any], code: str, field: str
) -> None:
    order = paid_order(make_tea(), 2, *SENT)
    before = snapshot(order)
    assert_rejected(program.post(order_url(order, "refunds"), body), 422, code, field)
    assert snapshot(order) == before


def test_a_stale_version_or_amount_is_a_conflict(program: Program) -> None:
    order = paid_order(make_tea(), 2)
    before = snapshot(order)
    for body, code in (
        ({"amount": 1, "expectedAmount": 2}, "conflict"),
        ({"amount": 1, "version": order.version - 1}, "stale_version"),
        ({"everything": True}, "illegal_transition"),
        ({"lines": [{"productCode": "TEA-1", "quantity": 2}]}, "conflict"),
    ):
        assert_rejected(program.post(order_url(order, "refunds"), {**body, "reason": "No"}), 409, code)
    assert snapshot(order) == before


def test_an_unpaid_order_cannot_be_refunded(program: Program) -> None:
    order = order_in("pending", sku=make_tea().sku)
    answer = program.post(order_url(order, "refunds"), {"amount": 1, "reason": "No"})
    assert_rejected(answer, 409, "illegal_transition")
    assert captured_and_refunded(order) == (0, 0)


def test_a_key_without_the_scope_cannot_refund(app: Flask, program: Program) -> None:
    order = paid_order(make_tea(), 1)
    writer = make_program(app, ["orders:read", "orders:write"])
    answer = writer.post(order_url(order, "refunds"), {"amount": 1, "reason": "No"})
    assert_rejected(answer, 403, "insufficient_scope")
    assert writer.get(order_url(order, "refunds")).json["items"] == []
    assert captured_and_refunded(order) == (1500, 0)


def test_refunds_of_another_shop_are_not_found(app: Flask, program: Program, other_shop: Shop) -> None:
    order = paid_order(make_tea(), 1)
    with shop_scope(other_shop):
        charlie = make_program(app, host=other_shop.host)
    assert_rejected(charlie.get(order_url(order, "refunds")), 404, "not_found")
    body = {"amount": 1, "reason": "For me"}
    assert_rejected(charlie.post(order_url(order, "refunds"), body), 404, "not_found")
    assert (captured_and_refunded(order), fresh(order.id).version) == ((1500, 0), order.version)
