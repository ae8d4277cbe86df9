"""A program sends parcels: all or a part of an order, once."""

from typing import Any

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.api.order_helpers import assert_refused, at, bought, tea, traces
from tests.factories.api_clients import Program, make_program, new_key
from tests.factories.orders import fresh
from tests.factories.shop import counters


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def test_an_order_leaves_in_two_parcels(program: Program) -> None:
    sold = tea()
    order = bought(sold, 3, "process")
    lines = [{"productCode": "TEA-1", "quantity": 1}, {"lineId": str(order.lines[0].id), "quantity": 1}]
    first = program.post(at(order, "shipments"), {"lines": lines, "carrier": "DHL", "trackingCode": "0034"})
    assert first.status_code == 201, first.text
    parcel = first.json["shipment"]
    assert (first.json["status"], parcel["number"], parcel["lines"][0]["quantity"]) == ("processing", 1, 2)
    assert parcel["trackingUrl"].endswith("0034")
    assert counters(sold) == (98, 1)
    second = program.post(at(order, "shipments"), {"version": first.json["version"]})
    assert (second.json["status"], second.json["shipment"]["lines"][0]["quantity"]) == ("shipped", 1)
    assert counters(sold) == (97, 0)
    shown = program.get(first.headers["Location"]).json
    assert shown["items"] == [parcel, second.json["shipment"]]
    assert program.get(at(order)).json["version"] == second.json["version"]


def test_the_same_key_sends_it_once(program: Program) -> None:
    sold, key = tea(), new_key()
    order = bought(sold, 2, "process")
    body = {"lines": [{"productCode": "TEA-1", "quantity": 1}]}
    first, again = (program.post(at(order, "shipments"), body, key=key) for _ in range(2))
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert counters(sold) == (99, 1)
    assert_refused(program.post(at(order, "shipments"), body, key=None), 400, "idempotency_key_missing")
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
def test_what_cannot_be_taken_is_named(program: Program, body: dict[str, Any], code: str, field: str) -> None:
    order = bought(tea(), 2, "process")
    before = traces(order)
    assert_refused(program.post(at(order, "shipments"), body), 422, code, field)
    assert traces(order) == before


def test_only_what_is_being_processed_leaves(program: Program) -> None:
    order = bought(tea(), 2)
    before = traces(order)
    problem = assert_refused(program.post(at(order, "shipments"), {}), 409, "illegal_transition")
    assert (problem["orderStatus"], problem["action"]) == ("confirmed", "ship")
    stale = program.post(at(order, "shipments"), {"version": order.version + 1})
    assert_refused(stale, 409, "stale_version")
    assert traces(order) == before


def test_a_key_that_only_reads_sends_nothing(app: Flask, program: Program) -> None:
    order = bought(tea(), 2, "process")
    reader = make_program(app, ["orders:read", "payments:write"])
    assert_refused(reader.post(at(order, "shipments"), {}), 403, "insufficient_scope")
    assert reader.get(at(order, "shipments")).json["items"] == []


def test_charlie_finds_nothing_and_sends_nothing(app: Flask, program: Program, other_shop: Shop) -> None:
    order = bought(tea(), 1, "process")
    with shop_scope(other_shop):
        charlie = make_program(app, host=other_shop.host)
    assert_refused(charlie.get(at(order, "shipments")), 404, "not_found")
    assert_refused(charlie.post(at(order, "shipments"), {}), 404, "not_found")
    assert fresh(order.id).version == order.version
