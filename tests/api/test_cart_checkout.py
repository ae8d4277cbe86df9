"""A cart is ordered as the shopper saw it: exactly once, or not at all."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from commerce.orders.queries import count_orders
from commerce.tenants.models import Shop
from tests.factories.api_clients import ADDRESS, Program, make_program, new_key, order_body
from tests.factories.pricing import make_coupon, used
from tests.factories.shop import change_stock, counters, make_product, set_price
from tests.support.invariants import broken_invariants

DETAILS = {
    "email": "alice@example.com",
    "shippingAddress": {"name": "Alice", **ADDRESS},
    "shippingMethod": "parcel",
    "paymentMethod": "bank_transfer",
}


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def ready(program: Program, *codes: str, units: int = 2) -> Any:
    """Open a cart with all that an order needs and return it."""
    items = [{"productCode": "PRD-001", "quantity": units}]
    path = program.post("/api/carts", {"items": items}).headers["Location"]
    for code in codes:
        assert program.post(f"{path}/coupons", {"code": code}).status_code == 200
    cart = program.call("PUT", f"{path}/details", DETAILS)
    assert cart.status_code == 200, cart.text
    return cart.json


def asked(cart: Any, **changes: Any) -> tuple[str, dict[str, Any]]:
    """Return where and how a cart is ordered as it was shown."""
    body = {"total": cart["quote"]["total"], "version": cart["version"], **changes}
    return f"/api/carts/{cart['cartId']}/checkout", body


def test_a_cart_can_be_filled_and_ordered_through_the_api_alone(program: Program) -> None:
    sold = make_product("Wireless Mouse", price=2999, sku="PRD-001")
    coupon = make_coupon("WELCOME10", limit=5)
    cart = ready(program, "WELCOME10")
    placed = program.post(*asked(cart))
    assert placed.status_code == 201, placed.text
    order = placed.json["attributes"]
    assert (order["total"], order["discount"]) == (cart["quote"]["total"], cart["quote"]["discount"])
    assert [(line["productCode"], line["quantity"]) for line in order["items"]] == [("PRD-001", 2)]
    assert (order["email"], order["name"], order["paymentMethod"]) == (
        "alice@example.com",
        "Alice",
        "bank_transfer",
    )
    assert (counters(sold), used(coupon)) == ((10, 2), 1)
    assert program.get(placed.headers["Location"]).json == placed.json
    assert program.get(f"/api/carts/{cart['cartId']}").status_code == 404


def test_a_cart_is_ordered_once_with_any_key(program: Program) -> None:
    sold = make_product("Wireless Mouse", price=2999, sku="PRD-001")
    cart_path = f"/api/carts/{ready(program)['cartId']}"
    key, line = new_key(), {"productCode": "PRD-001", "quantity": 1}
    added = program.post(f"{cart_path}/lines", line, key=key)
    path, body = asked(added.json)
    first, replayed = (program.post(path, body, key=key) for _ in range(2))
    other_key = program.post(path, {**body, "version": 99})
    assert [each.status_code for each in (first, replayed, other_key)] == [201, 201, 200]
    assert replayed.data == first.data
    assert (replayed.headers["Idempotency-Replayed"], other_key.json["code"]) == ("true", first.json["code"])
    assert program.post(f"{cart_path}/lines", line).status_code == 404
    assert program.post(f"{cart_path}/lines", line, key=key).data == added.data
    assert (counters(sold), count_orders()) == ((10, 3), 1)
    assert program.post(path, body, key=None).json["code"] == "idempotency_key_missing"


def test_it_rejects_a_total_or_version_that_was_not_shown(program: Program) -> None:
    sold = make_product("Wireless Mouse", price=2999, sku="PRD-001")
    cart = ready(program)
    path, body = asked(cart)
    set_price(sold, 1999)
    dearer = program.post(path, body)
    assert (dearer.status_code, dearer.json["code"]) == (409, "price_changed")
    assert (dearer.json["shownTotal"], dearer.json["currency"]) == (cart["quote"]["total"], "USD")
    now = program.get(path.removesuffix("/checkout")).json
    assert dearer.json["currentTotal"] == now["quote"]["total"]
    program.patch(f"/api/carts/{cart['cartId']}/lines/{cart['items'][0]['lineId']}", {"quantity": 1})
    changed = program.post(path, {"total": now["quote"]["total"], "version": now["version"]})
    assert (changed.status_code, changed.json["code"]) == (409, "cart_changed")
    change_stock(sold, -10)
    _path, latest = asked(program.get(path.removesuffix("/checkout")).json)
    short = program.post(path, latest)
    assert (short.status_code, short.json["shortages"][0]["available"]) == (422, 0)
    assert (counters(sold), count_orders()) == ((0, 0), 0)


def test_an_incomplete_cart_is_rejected_with_what_is_missing(program: Program) -> None:
    make_product("Wireless Mouse", price=2999, sku="PRD-001")
    path = program.post("/api/carts", {}).headers["Location"]
    empty = program.post(f"{path}/checkout", {"total": 0, "version": 1})
    assert (empty.status_code, empty.json["code"]) == (422, "cart_empty")
    cart = program.post(f"{path}/lines", {"productCode": "PRD-001", "quantity": 1}).json
    body = {"total": 29.99, "version": cart["version"]}
    nobody = program.post(f"{path}/checkout", body)
    assert [each["field"] for each in nobody.json["errors"]] == ["email"]
    program.call("PUT", f"{path}/details", {**DETAILS, "shippingMethod": None})
    unshipped = program.post(f"{path}/checkout", {**body, "version": cart["version"] + 1})
    assert [each["field"] for each in unshipped.json["errors"]] == ["shippingMethod"]
    assert program.post(f"{path}/checkout", {**body, "total": 29.999}).json["errors"][0]["field"] == "total"


def test_a_used_up_coupon_is_removed_and_the_checkout_can_be_retried_with_the_same_key(
    program: Program,
) -> None:
    make_product("Wireless Mouse", price=2999, sku="PRD-001")
    make_coupon("ONCE", limit=1)
    cart, key = ready(program, "ONCE"), new_key()
    taken = program.post("/api/orders", order_body(("PRD-001", 1), couponCodes=["ONCE"]))
    assert taken.status_code == 201, taken.text
    path, body = asked(cart)
    gone = program.post(path, body, key=key)
    assert (gone.status_code, gone.json["code"]) == (409, "coupon_exhausted")
    assert gone.json["couponCodes"] == {"ONCE": "used_up"}
    left = program.get(path.removesuffix("/checkout")).json
    assert left["couponCodes"] == []
    placed = program.post(*asked(left), key=key)
    assert placed.status_code == 201, placed.text
    assert placed.json["attributes"]["total"] == left["quote"]["total"]


def test_eight_concurrent_checkouts_with_different_keys_create_one_order(program: Program) -> None:
    sold = make_product("Wireless Mouse", price=2999, sku="PRD-001")
    path, body = asked(ready(program))
    with ThreadPoolExecutor(8) as clicks:
        answers = list(clicks.map(lambda _click: program.post(path, body), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201], answers[0].text
    assert len({answer.json["code"] for answer in answers}) == 1
    assert (counters(sold), count_orders()) == ((10, 2), 1)
    assert broken_invariants() == []
