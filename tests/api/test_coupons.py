"""Coupons are created, listed with their uses, limited and disabled."""

from typing import Any

import pytest
from flask import Flask

from commerce.pricing.queries import list_promotions
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.api_clients import Program, make_program, new_key, order_body
from tests.factories.pricing import make_coupon, make_promotion
from tests.factories.shop import make_product

TEN_OFF = {"label": "Welcome", "kind": "percentage", "percent": 10}


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def test_a_coupon_is_created_once_with_its_promotion_and_gives_a_discount(program: Program) -> None:
    make_product("Wireless Mouse", price=3000, sku="PRD-001")
    body, key = {"code": "welcome10", "promotion": TEN_OFF, "usageLimit": 5}, new_key()
    first, again = (program.post("/api/coupons", body, key=key) for _ in range(2))
    assert first.status_code == 201, first.text
    assert again.data == first.data
    assert first.json | {"version": 0, "promotionId": ""} == {
        "code": "WELCOME10",
        "version": 0,
        "promotionId": "",
        "label": "Welcome",
        "enabled": True,
        "usageLimit": 5,
        "perCustomerLimit": None,
        "uses": 0,
    }
    assert len(list_promotions()) == 1
    order = program.post("/api/orders", order_body(("PRD-001", 2), couponCodes=["WELCOME10"]))
    assert order.json["attributes"]["discount"] == 6.0
    assert program.get(first.headers["Location"]).json == {**first.json, "uses": 1}


def test_every_kind_of_promotion_can_be_created(program: Program) -> None:
    target = str(make_product("Wireless Mouse", sku="PRD-001").product_id)
    kinds: list[dict[str, Any]] = [
        {"kind": "fixed", "amount": 5.5, "minSubtotal": 20},
        {"kind": "free_shipping", "startsAt": "2026-01-15T10:30:00+09:00", "endsAt": "2099-01-15T00:00:00Z"},
        {"kind": "buy_x_get_y", "buyQuantity": 2, "getQuantity": 1, "percent": 100},
        {"kind": "percentage", "percent": 12.5, "scope": "products", "targets": [target], "combines": False},
        {"kind": "percentage", "percent": 5, "skipReduced": True},
    ]
    for kind in kinds:
        made = program.post("/api/coupons", {"promotion": {"label": "Offer", **kind}})
        assert made.status_code == 201, made.text
        assert len(made.json["code"]) == 10
    fixed, free, some, percent, full_price = list_promotions()
    assert (percent.skip_reduced, full_price.skip_reduced) == (False, True)
    assert (fixed.amount, fixed.min_subtotal, fixed.needs_code) == (550, 2000, True)
    assert free.starts_at is not None
    assert free.starts_at.isoformat() == "2026-01-15T01:30:00+00:00"
    assert (some.buy_quantity, some.get_quantity, some.percent_ppm) == (2, 1, 1_000_000)
    assert (percent.percent_ppm, percent.targets, percent.combines) == (125_000, [target], False)


def test_an_invalid_coupon_is_rejected_by_field(program: Program) -> None:
    make_coupon("TAKEN")
    open_to_all = str(make_promotion())
    refused: list[tuple[dict[str, Any], str]] = [
        ({"promotion": {**TEN_OFF, "percent": None}}, "promotion.percent"),
        ({"promotion": {**TEN_OFF, "percent": 0.00001}}, "promotion.percent"),
        ({"promotion": {**TEN_OFF, "percent": "10"}}, "promotion.percent"),
        ({"promotion": {"label": "Five", "kind": "fixed", "amount": 5.555}}, "promotion.amount"),
        ({"promotion": {**TEN_OFF, "startsAt": 1768473000}}, "promotion.startsAt"),
        ({"promotion": {**TEN_OFF, "startsAt": "2026-01-15T10:30:00"}}, "promotion.startsAt"),
        ({"promotion": {**TEN_OFF, "startsAt": "0001-01-01T00:00:00+14:00"}}, "promotion.startsAt"),
        ({"promotion": {**TEN_OFF, "scope": "products"}}, "promotion.targets"),
        ({"promotion": TEN_OFF, "code": "taken"}, "code"),
        ({"promotion": TEN_OFF, "code": "no spaces"}, "code"),
        ({"promotion": TEN_OFF, "usageLimit": 0}, "usageLimit"),
        ({"promotionId": open_to_all}, "promotion"),
        ({"promotion": TEN_OFF, "promotionId": open_to_all}, "body"),
        ({}, "body"),
    ]
    for body, field in refused:
        answer = program.post("/api/coupons", body)
        assert (answer.status_code, [each["field"] for each in answer.json["errors"]]) == (422, [field])
    assert len(list_promotions()) == 2
    unknown = {"promotionId": "0198c0de-0000-7000-8000-000000000001"}
    assert program.post("/api/coupons", unknown).status_code == 404


def test_a_coupon_is_changed_only_with_its_current_version(program: Program) -> None:
    make_coupon("WELCOME10", limit=5)
    path = "/api/coupons/welcome10"
    seen = program.get(path).json
    changed = program.patch(path, {"enabled": False, "version": seen["version"]})
    assert (changed.json["enabled"], changed.json["usageLimit"]) == (False, 5)
    stale = program.patch(path, {"usageLimit": None, "version": seen["version"]})
    assert (stale.status_code, stale.json["code"]) == (409, "stale_version")
    assert stale.json["currentVersion"] == changed.json["version"]
    again = program.patch(path, {"usageLimit": None, "perCustomerLimit": 2}, If_Match=changed.headers["ETag"])
    assert (again.json["enabled"], again.json["usageLimit"], again.json["perCustomerLimit"]) == (
        False,
        None,
        2,
    )
    blind = program.patch(path, {"enabled": True})
    assert [each["field"] for each in blind.json["errors"]] == ["version"]


def test_it_rejects_a_limit_below_the_number_of_uses(program: Program) -> None:
    make_product("Wireless Mouse", price=3000, sku="PRD-001")
    make_coupon("WELCOME10")
    for _ in range(2):
        assert program.post("/api/orders", order_body(("PRD-001", 1), couponCodes=["WELCOME10"])).json["code"]
    seen = program.get("/api/coupons/WELCOME10").json
    refused = program.patch(
        "/api/coupons/WELCOME10", {"usageLimit": 1, "enabled": False, "version": seen["version"]}
    )
    assert [each["field"] for each in refused.json["errors"]] == ["usageLimit"]
    assert program.get("/api/coupons/WELCOME10").json == seen


def test_pages_of_coupons_do_not_shift(program: Program) -> None:
    for code in ("FIRST", "SECOND", "THIRD"):
        make_coupon(code)
    page = program.get("/api/coupons?limit=2&total=true").json
    make_coupon("FOURTH")
    rest = program.get(f"/api/coupons?limit=2&cursor={page['nextCursor']}").json
    assert [row["code"] for row in page["items"] + rest["items"]] == ["THIRD", "SECOND", "FIRST"]
    assert (page["total"], rest["nextCursor"], rest["total"]) == (3, None, None)
    of_one = program.get(f"/api/coupons?promotionId={page['items'][0]['promotionId']}").json
    assert [row["code"] for row in of_one["items"]] == ["THIRD"]
    other = program.get(
        f"/api/coupons?promotionId={rest['items'][0]['promotionId']}&cursor={page['nextCursor']}"
    )
    assert [each["field"] for each in other.json["errors"]] == ["cursor"]


def test_coupons_of_another_shop_are_not_found(program: Program, app: Flask, other_shop: Shop) -> None:
    make_coupon("WELCOME10")
    with shop_scope(other_shop):
        charlie = make_program(app, host="other.localhost")
    assert charlie.get("/api/coupons").json["items"] == []
    assert charlie.get("/api/coupons/WELCOME10").status_code == 404
    assert charlie.patch("/api/coupons/WELCOME10", {"enabled": False, "version": 1}).status_code == 404
    promotion = program.get("/api/coupons/WELCOME10").json["promotionId"]
    assert charlie.post("/api/coupons", {"promotionId": promotion}).status_code == 404
    assert program.get("/api/coupons/WELCOME10").json["enabled"] is True


def test_a_read_only_key_cannot_create_coupons(app: Flask, in_shop: Shop) -> None:
    reader = make_program(app, ["coupons:read"])
    assert reader.get("/api/coupons").status_code == 200
    answer = reader.post("/api/coupons", {"promotion": TEN_OFF})
    assert (answer.status_code, answer.json["scope"]) == (403, "coupons:write")
