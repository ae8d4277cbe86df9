"""Carts of API clients: lines, coupons, details and the quote."""

import uuid
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.api_clients import ADDRESS, Program, make_program, new_key
from tests.factories.pricing import make_coupon
from tests.factories.shop import allow_backorder, change_stock, make_product, set_price, stop_selling


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def opened(program: Program, *items: tuple[str, int]) -> Any:
    answer = program.post(
        "/api/carts", {"items": [{"productCode": code, "quantity": units} for code, units in items]}
    )
    assert answer.status_code == 201, answer.text
    return answer.json


def test_a_cart_is_created_once_with_its_items(program: Program) -> None:
    sold = make_product("Wireless Mouse", price=2999, sku="PRD-001")
    body, key = {"items": [{"productCode": "PRD-001", "quantity": 2, "price": 29.99}]}, new_key()
    first, again = (program.post("/api/carts", body, key=key) for _ in range(2))
    cart = first.json
    assert len(cart["cartId"]) == 43
    assert [(line["productCode"], line["quantity"], line["price"]) for line in cart["items"]] == [
        ("PRD-001", 2, 29.99)
    ]
    assert (cart["subtotal"], cart["currency"], cart["quote"], cart["capped"]) == (59.98, "USD", None, False)
    assert cart["items"][0]["variantId"] == str(sold.variant_id)
    assert again.data == first.data
    assert program.get(first.headers["Location"]).json == cart


def test_lines_are_added_to_an_empty_cart_and_change_its_version(program: Program) -> None:
    make_product("Wireless Mouse", sku="PRD-001", stock=5)
    cart = opened(program)
    path, key = f"/api/carts/{cart['cartId']}", new_key()
    item = {"productCode": "PRD-001", "quantity": 2}
    first, again = (program.post(f"{path}/lines", item, key=key) for _ in range(2))
    assert again.json == first.json
    line = f"{path}/lines/{first.json['items'][0]['lineId']}"
    added = program.post(f"{path}/lines", {"variantId": first.json["items"][0]["variantId"], "quantity": 9})
    assert (added.json["items"][0]["quantity"], added.json["capped"]) == (5, True)
    changed = program.patch(line, {"quantity": 3})
    assert (changed.json["items"][0]["quantity"], changed.json["capped"]) == (3, False)
    gone = program.call("DELETE", line)
    assert (gone.status_code, gone.json["items"]) == (200, [])
    versions = [answer.json["version"] for answer in (first, added, changed, gone)]
    assert versions == [cart["version"] + step for step in (1, 2, 3, 4)]
    assert program.call("DELETE", line).status_code == 404


def test_unavailable_items_are_reported_with_their_path(program: Program) -> None:
    make_product("Wireless Mouse", sku="PRD-001", stock=0)
    stop_selling(make_product("Old Mouse", sku="PRD-002"))
    body = {"items": [{"productCode": code, "quantity": 1} for code in ("PRD-001", "PRD-002", "NONE")]}
    refused = program.post("/api/carts", body)
    assert refused.status_code == 422
    assert [each["field"] for each in refused.json["errors"]] == [
        "items.1.productCode",
        "items.2.productCode",
    ]
    short = program.post("/api/carts", {"items": body["items"][:1]})
    assert (short.status_code, short.json["code"]) == (422, "out_of_stock")
    assert [(each["productCode"], each["available"]) for each in short.json["shortages"]] == [("PRD-001", 0)]
    path = f"/api/carts/{opened(program)['cartId']}/lines"
    other_price = program.post(path, {"productCode": "PRD-002", "quantity": 1})
    assert [each["field"] for each in other_price.json["errors"]] == ["productCode"]
    assert program.post(path, {"productCode": "PRD-001", "quantity": 1000}).status_code == 422
    assert program.post(path, {"productCode": "PRD-001", "quantity": 1, "colour": "red"}).status_code == 422


def test_it_rejects_another_price(program: Program) -> None:
    make_product("Wireless Mouse", price=2999, sku="PRD-001")
    path = f"/api/carts/{opened(program)['cartId']}/lines"
    answer = program.post(path, {"productCode": "PRD-001", "quantity": 1, "price": 19.99})
    assert (answer.status_code, [each["field"] for each in answer.json["errors"]]) == (422, ["price"])


def test_details_with_an_address_return_a_quote_with_methods(program: Program) -> None:
    make_product("Wireless Mouse", price=2999, sku="PRD-001")
    path = f"/api/carts/{opened(program, ('PRD-001', 2))['cartId']}"
    first = program.call("PUT", f"{path}/details", {"shippingAddress": {"name": "Alice", **ADDRESS}})
    assert first.status_code == 200, first.text
    assert first.json["details"]["name"] == "Alice"
    assert first.json["details"]["shippingAddress"]["country"] == "JP"
    offered = first.json["quote"]["shippingMethods"][0]
    chosen = {
        "email": "alice@example.com",
        "shippingAddress": {"name": "Alice", **ADDRESS},
        "shippingMethod": offered["code"],
        "paymentMethod": "bank_transfer",
        "note": "Please ring",
        "locale": "ja",
    }
    quoted = program.call("PUT", f"{path}/details", chosen).json
    quote = quoted["quote"]
    assert quoted["details"] | {"shippingAddress": None} == {
        "email": "alice@example.com",
        "name": "Alice",
        "phone": "",
        "shippingAddress": None,
        "shippingMethod": offered["code"],
        "paymentMethod": "bank_transfer",
        "note": "Please ring",
        "locale": "ja",
    }
    assert quote["shipping"] == offered["price"]
    added_tax = 0 if quote["pricesIncludeTax"] else quote["tax"]
    assert quote["total"] == pytest.approx(59.98 + quote["shipping"] + quote["fee"] + added_tax)
    assert "bank_transfer" in [each["code"] for each in quote["paymentMethods"]]


def test_invalid_details_are_rejected_by_field(program: Program) -> None:
    make_product("Wireless Mouse", sku="PRD-001")
    path = f"/api/carts/{opened(program, ('PRD-001', 1))['cartId']}"
    refused: list[tuple[Any, str]] = [
        ({"email": "nobody"}, "email"),
        ({"paymentMethod": "seashells"}, "paymentMethod"),
        ({"shippingMethod": "parcel"}, "shippingAddress"),
        ({"shippingAddress": ADDRESS, "shippingMethod": "balloon"}, "shippingMethod"),
        ({"shippingAddress": {**ADDRESS, "postalCode": "X"}}, "shippingAddress.postalCode"),
        ({"shippingAddress": {**ADDRESS, "country": "XX"}}, "shippingAddress.country"),
    ]
    for sent, field in refused:
        answer = program.call("PUT", f"{path}/details", {"note": "kept?", **sent})
        assert (answer.status_code, [each["field"] for each in answer.json["errors"]]) == (422, [field])
    assert program.get(path).json["details"]["note"] == ""


def test_a_coupon_can_be_applied_and_removed(program: Program) -> None:
    make_product("Wireless Mouse", price=3000, sku="PRD-001")
    make_coupon("WELCOME10")
    path = f"/api/carts/{opened(program, ('PRD-001', 2))['cartId']}"
    program.call("PUT", f"{path}/details", {"shippingAddress": ADDRESS})
    entered = program.post(f"{path}/coupons", {"code": " welcome10 "})
    assert entered.status_code == 200, entered.text
    assert (entered.json["couponCodes"], entered.json["idleCodes"]) == (["WELCOME10"], {})
    assert entered.json["quote"]["discounts"] == [
        {"label": "Welcome (WELCOME10)", "amount": 6.0, "code": "WELCOME10"}
    ]
    removed = program.call("DELETE", f"{path}/coupons/welcome10")
    assert (removed.json["couponCodes"], removed.json["quote"]["discounts"]) == ([], [])
    assert program.call("DELETE", f"{path}/coupons/welcome10").status_code == 404
    for pasted in ("wel\u200bcome10", "\u3000\uff37elcome10\u2060"):
        entered = program.post(f"{path}/coupons", {"code": pasted})
        assert (entered.status_code, entered.json["couponCodes"]) == (200, ["WELCOME10"])
        removed = program.call("DELETE", f"{path}/coupons/{quote(pasted)}")
        assert removed.status_code == 200, removed.text
        assert removed.json["couponCodes"] == []
    unknown = program.post(f"{path}/coupons", {"code": "NOPE"})
    assert (unknown.status_code, unknown.json["code"]) == (422, "coupon_refused")
    assert unknown.json["couponCodes"] == {"NOPE": "unknown"}


def test_a_cart_shows_current_prices_and_stock(program: Program) -> None:
    sold = make_product("Wireless Mouse", price=2999, sku="PRD-001", stock=5)
    path = f"/api/carts/{opened(program, ('PRD-001', 4))['cartId']}"
    set_price(sold, 1999)
    change_stock(sold, -2)
    allow_backorder(sold, 10)
    [line] = program.get(path).json["items"]
    assert (line["price"], line["available"], line["backordered"]) == (19.99, 13, 1)


def test_a_cart_is_not_found_by_another_client(program: Program, app: Flask, other_shop: Shop) -> None:
    make_product("Wireless Mouse", sku="PRD-001")
    cart = opened(program, ("PRD-001", 1))
    with shop_scope(other_shop):
        charlie = make_program(app, host="other.localhost")
    path, line = f"/api/carts/{cart['cartId']}", cart["items"][0]["lineId"]
    for other in (make_program(app), charlie):
        answers = [
            other.get(path),
            other.post(f"{path}/coupons", {"code": "X"}),
            other.patch(f"{path}/lines/{line}", {"quantity": 0}),
            other.call("DELETE", f"{path}/lines/{line}"),
            other.call("DELETE", f"{path}/coupons/X"),
            other.call("PUT", f"{path}/details", {"email": "eve@example.com"}),
            other.post(f"{path}/checkout", {"total": 1, "version": 1}),
        ]
        assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert (
        make_program(app).post(f"{path}/lines", {"productCode": "PRD-001", "quantity": 1}).status_code == 404
    )
    assert program.get(path).json == cart
    assert program.get(f"/api/carts/{'A' * 43}").status_code == 404
    assert program.patch(f"{path}/lines/{uuid.uuid4()}", {"quantity": 1}).status_code == 404
    browser = app.test_client()
    browser.set_cookie("cart", cart["cartId"], domain="demo.localhost")
    assert "Wireless Mouse" not in browser.get("/cart", base_url="http://demo.localhost").text


def test_a_key_without_the_scope_cannot_use_carts(app: Flask, in_shop: Shop) -> None:
    reader = make_program(app, ["orders:read", "orders:write"])
    answer = reader.post("/api/carts", {})
    assert (answer.status_code, answer.json["scope"]) == (403, "carts:write")
