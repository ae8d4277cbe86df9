"""Refund and return requests of customers, and the decisions on them."""

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

SENT = ("process", "ship")
TWO = [{"productCode": "TEA-1", "quantity": 2}]


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def decide(program: Program, order: Any, decision: str, number: int = 1, **body: Any) -> Any:
    return program.post(order_url(order, f"returns/{number}/decision"), {"decision": decision, **body})


def test_a_return_is_approved_received_and_refunded(program: Program) -> None:
    sold = make_tea()
    order = paid_order(sold, 3, *SENT)
    asked = program.post(order_url(order, "returns"), {"kind": "return", "lines": TWO, "reason": "Too small"})
    assert asked.status_code == 201, asked.text
    request = asked.json["request"]
    told = ("number", "kind", "whole", "state", "reason")
    assert [request[name] for name in told] == [1, "return", False, "requested", "Too small"]
    assert asked.json["status"] == "shipped"
    approved = decide(program, order, "approve", reason="Please send it to us").json["request"]
    assert (approved["state"], approved["answer"]) == ("approved", "Please send it to us")
    came = [{"productCode": "TEA-1", "quantity": 1}]
    received = decide(program, order, "receive", lines=came).json["request"]
    assert (received["state"], received["lines"][0]["received"]) == ("received", 1)
    restock = [{"productCode": "TEA-1", "quantity": 1, "restock": 1}]
    closed = decide(program, order, "refund", lines=restock, expectedAmount=10)
    assert closed.status_code == 200, closed.text
    assert (closed.json["request"]["state"], closed.json["status"]) == ("closed", "shipped")
    assert (counters(sold), captured_and_refunded(order)) == ((98, 0), (3500, 1000))
    assert program.get(order_url(order, "returns")).json["items"] == [closed.json["request"]]


def test_a_request_for_the_whole_order_changes_its_status(program: Program) -> None:
    order = paid_order(make_tea(), 2, *SENT)
    asked = program.post(order_url(order, "returns"), {"reason": "Too late"}).json
    assert (asked["status"], asked["request"]["whole"]) == ("refund_requested", True)
    done = decide(program, order, "refund").json
    assert (done["status"], done["paymentStatus"], done["request"]["state"]) == (
        "refunded",
        "refunded",
        "closed",
    )
    assert captured_and_refunded(order) == (2500, 2500)


def test_refunding_part_of_a_request_restores_the_status(program: Program) -> None:
    order = paid_order(make_tea(), 2, *SENT)
    program.post(order_url(order, "returns"), {"reason": "Too late"})
    done = decide(
        program, order, "refund", lines=[{"productCode": "TEA-1", "quantity": 1}], shipping=False
    ).json
    assert (done["status"], done["paymentStatus"]) == ("shipped", "partially_refunded")
    assert captured_and_refunded(order) == (2500, 1000)


def test_a_request_is_declined_with_a_reason(program: Program) -> None:
    order = paid_order(make_tea(), 2, *SENT)
    program.post(order_url(order, "returns"), {"reason": "Too late"})
    before = snapshot(order)
    assert_rejected(decide(program, order, "decline"), 422, "invalid_value", "reason")
    assert snapshot(order) == before
    done = decide(program, order, "decline", reason="It was in time").json
    assert (done["status"], done["request"]["state"]) == ("shipped", "declined")
    assert_rejected(decide(program, order, "decline", reason="Again"), 409, "conflict")


def test_received_units_are_refunded_by_default(program: Program) -> None:
    order = paid_order(make_tea(), 3, *SENT)
    program.post(order_url(order, "returns"), {"kind": "return", "lines": TWO, "reason": "Too small"})
    decide(program, order, "approve")
    decide(program, order, "receive")
    assert decide(program, order, "refund").status_code == 200
    assert captured_and_refunded(order) == (3500, 2000)


def test_a_request_and_its_decision_happen_once_per_key(program: Program) -> None:
    order, key = paid_order(make_tea(), 3, *SENT), new_key()
    body = {"lines": [{"productCode": "TEA-1", "quantity": 1}], "reason": "Broken"}
    first, again = (program.post(order_url(order, "returns"), body, key=key) for _ in range(2))
    assert (again.data, again.headers["Idempotency-Replayed"]) == (first.data, "true")
    assert program.post(order_url(order, "returns"), body, key=None).json["request"]["number"] == 2
    answers = [
        program.post(order_url(order, "returns/1/decision"), {"decision": "refund"}, key=key)
        for _ in range(2)
    ]
    assert answers[0].data == answers[1].data
    assert answers[0].status_code == 200
    assert captured_and_refunded(order) == (3500, 1000)
    missing = program.post(order_url(order, "returns/2/decision"), {"decision": "refund"}, key=None)
    assert_rejected(missing, 400, "idempotency_key_missing")


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "invalid_request", "reason"),
        ({"reason": "No", "kind": "exchange"}, "invalid_request", "kind"),
        ({"reason": "No", "lines": []}, "invalid_request", "lines"),
        ({"reason": "No", "lines": [{"productCode": "TEA-1", "quantity": 3}]}, "invalid_value", "lines"),
        ({"reason": "No", "kind": "return"}, "invalid_value", "lines"),
    ],
)
def test_an_invalid_request_is_rejected_by_field(
    program: Program, body: dict[str, Any], code: str, field: str
) -> None:
    order = paid_order(make_tea(), 2)
    before = snapshot(order)
    assert_rejected(program.post(order_url(order, "returns"), body), 422, code, field)
    assert snapshot(order) == before


def test_a_decision_accepts_only_its_own_fields_and_a_valid_order(program: Program) -> None:
    order = paid_order(make_tea(), 2, *SENT)
    program.post(order_url(order, "returns"), {"kind": "return", "lines": TWO, "reason": "Too small"})
    before = snapshot(order)
    assert_rejected(decide(program, order, "approve", amount=1), 422, "invalid_value", "amount")
    assert_rejected(decide(program, order, "grant"), 422, "invalid_request", "decision")
    assert_rejected(decide(program, order, "receive"), 409, "conflict")
    assert_rejected(decide(program, order, "refund"), 409, "conflict")
    assert_rejected(decide(program, order, "approve", version=1), 409, "stale_version")
    assert_rejected(decide(program, order, "approve", number=2), 404, "not_found")
    assert snapshot(order) == before


def test_an_unpaid_order_has_nothing_to_request(program: Program) -> None:
    order = order_in("pending", sku=make_tea().sku)
    assert_rejected(program.post(order_url(order, "returns"), {"reason": "No"}), 409, "illegal_transition")


def test_refunding_a_return_requires_the_payment_scope(app: Flask, program: Program) -> None:
    order = paid_order(make_tea(), 1, *SENT)
    writer = make_program(app, ["orders:read", "orders:write"])
    assert writer.post(order_url(order, "returns"), {"reason": "Too late"}).status_code == 201
    problem = assert_rejected(decide(writer, order, "refund"), 403, "insufficient_scope")
    assert problem["scope"] == "payments:write"
    assert captured_and_refunded(order) == (1500, 0)
    reader = make_program(app, ["orders:read"])
    assert_rejected(decide(reader, order, "decline", reason="No"), 403, "insufficient_scope")
    assert decide(writer, order, "decline", reason="No").status_code == 200


def test_returns_of_another_shop_are_not_found(app: Flask, program: Program, other_shop: Shop) -> None:
    order = paid_order(make_tea(), 1, *SENT)
    program.post(order_url(order, "returns"), {"reason": "Too late"})
    version = fresh(order.id).version
    with shop_scope(other_shop):
        charlie = make_program(app, host=other_shop.host)
    assert_rejected(charlie.get(order_url(order, "returns")), 404, "not_found")
    assert_rejected(charlie.post(order_url(order, "returns"), {"reason": "No"}), 404, "not_found")
    assert_rejected(decide(charlie, order, "decline", reason="No"), 404, "not_found")
    assert fresh(order.id).version == version
