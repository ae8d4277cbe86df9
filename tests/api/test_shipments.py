"""All or part of an order is shipped, once."""

from typing import Any

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.api.order_helpers import assert_rejected, make_tea, order_url, paid_order, snapshot
from tests.factories.api_clients import Program, make_program, new_key
from tests.factories.orders import fresh
from tests.factories.shop import counters


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def test_an_order_is_shipped_in_two_parcels(program: Program) -> None:
    sold = make_tea()
    order = paid_order(sold, 3, "process")
    lines = [{"productCode": "TEA-1", "quantity": 1}, {"lineId": str(order.lines[0].id), "quantity": 1}]
    first = program.post(
        order_url(order, "shipments"), {"lines": lines, "carrier": "DHL", "trackingCode": "0034"}
    )
    assert first.status_code == 201, first.text
    parcel = first.json["shipment"]
    assert (first.json["status"], parcel["number"], parcel["lines"][0]["quantity"]) == ("processing", 1, 2)
    assert parcel["trackingUrl"].endswith("0034")
    assert counters(sold) == (98, 1)
    second = program.post(order_url(order, "shipments"), {"version": first.json["version"]})
    assert (second.json["status"], second.json["shipment"]["lines"][0]["quantity"]) == ("shipped", 1)
    assert counters(sold) == (97, 0)
    shown = program.get(first.headers["Location"]).json
    assert shown["items"] == [parcel, second.json["shipment"]]
    assert program.get(order_url(order)).json["version"] == second.json["version"]


def test_a_shipment_is_created_once_per_key(program: Program) -> None:
    sold, key = make_tea(), new_key()
    order = paid_order(sold, 2, "process")
    body = {"lines": [{"productCode": "TEA-1", "quantity": 1}]}
    first, again = (program.post(order_url(order, "shipments"), body, key=key) for _ in range(2))
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert counters(sold) == (99, 1)
    assert_rejected(
        program.post(order_url(order, "shipments"), body, key=None), 400, "idempotency_key_missing"
    )
    assert counters(sold) == (99, 1)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"lines": []}, "invalid_request", "lines"),
        ({"lines": [{"productCode": "TEA-1", "quantity": 3}]}, "invalid_value", "lines"),
        ({"lines": [{"productCode": "NOPE", "quantity": 1}]}, "invalid_value", "lines.0.productCode"),
        ({"lines": [{"lineId": "0" * 32, "quantity": 1}]}, "invalid_value", "lines.0.lineId"),
        ({"carrier": "x" * 256}, "invalid_request", "carrier"),
        ({"shippedAt": "2026-01-15"}, "invalid_request", "shippedAt"),
    ],
)
def test_an_invalid_field_is_rejected_by_name(
    program: Program, body: dict[str, Any], code: str, field: str
) -> None:
    order = paid_order(make_tea(), 2, "process")
    before = snapshot(order)
    assert_rejected(program.post(order_url(order, "shipments"), body), 422, code, field)
    assert snapshot(order) == before


def test_only_an_order_in_processing_can_be_shipped(program: Program) -> None:
    order = paid_order(make_tea(), 2)
    before = snapshot(order)
    problem = assert_rejected(program.post(order_url(order, "shipments"), {}), 409, "illegal_transition")
    assert (problem["orderStatus"], problem["action"]) == ("confirmed", "ship")
    stale = program.post(order_url(order, "shipments"), {"version": order.version + 1})
    assert_rejected(stale, 409, "stale_version")
    assert snapshot(order) == before


def test_a_read_only_key_cannot_ship(app: Flask, program: Program) -> None:
    order = paid_order(make_tea(), 2, "process")
    reader = make_program(app, ["orders:read", "payments:write"])
    assert_rejected(reader.post(order_url(order, "shipments"), {}), 403, "insufficient_scope")
    assert reader.get(order_url(order, "shipments")).json["items"] == []


def test_shipments_of_another_shop_are_not_found(app: Flask, program: Program, other_shop: Shop) -> None:
    order = paid_order(make_tea(), 1, "process")
    with shop_scope(other_shop):
        charlie = make_program(app, host=other_shop.host)
    assert_rejected(charlie.get(order_url(order, "shipments")), 404, "not_found")
    assert_rejected(charlie.post(order_url(order, "shipments"), {}), 404, "not_found")
    assert fresh(order.id).version == order.version
