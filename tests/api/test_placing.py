"""A program places an order: once, at the shop's prices, with its stock held, or not at all."""

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from tests.factories.programs import Program, make_program, new_key, order_body
from tests.factories.shop import counters, make_product


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def test_an_order_is_placed_and_its_stock_held(program: Program) -> None:
    sold = make_product("Wireless Mouse", price=2999, sku="PRD-001")
    answer = program.post("/api/orders", order_body(("PRD-001", 2)))
    assert answer.status_code == 201, answer.text
    order = answer.json
    assert order["name"] == f"Order {order['code']}"
    assert counters(sold) == (10, 2)
    assert answer.headers["Location"] == f"/api/orders/{order['code']}"
    shown = program.get(answer.headers["Location"])
    assert shown.status_code == 200, shown.text
    assert shown.json == order


def test_the_same_key_again_is_the_same_order(program: Program) -> None:
    make_product("Wireless Mouse", price=2999, sku="PRD-001")
    key = new_key()
    first, again = (program.post("/api/orders", order_body(("PRD-001", 2)), key=key) for _ in range(2))
    assert again.data == first.data
    assert again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    other = program.post("/api/orders", order_body(("PRD-001", 1)), key=key)
    assert (other.status_code, other.json["code"]) == (422, "idempotency_key_reused")
