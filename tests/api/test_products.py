"""Products and variants are created, listed and updated, by the rules of the catalog."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from commerce.catalog.models import Product, ProductImage, Variant
from commerce.db import atomic, current_tenant_id, db
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.scope import shop_scope
from tests.concurrency.race import race
from tests.factories.api_clients import Program, make_program, new_key, order_body
from tests.factories.catalog import Made, put_up
from tests.support.invariants import broken_invariants

MOUSE = {
    "name": "Wireless Mouse",
    "categoryCode": "electronics",
    "sku": "PRD-001",
    "price": 29.99,
    "currency": "USD",
    "description": "A mouse <b>without</b> a tail.<script>alert(1)</script>",
    "images": ["https://example.com/mouse.jpg"],
    "isActive": True,
}
"""A product with the attributes of the source document."""


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Iterator[Program]:
    put_up("Keyboard", shelves=["Electronics"])
    yield make_program(app)
    assert broken_invariants() == []


def products() -> int:
    db.session.close()
    return db.session.scalars(select(func.count()).select_from(Product)).one()


def shirt(**more: Any) -> dict[str, Any]:
    variants = [
        {"sku": f"SHIRT-{size}", "price": 10 + place, "options": {"Size": size}, "quantity": 5 * place}
        for place, size in enumerate("SM")
    ]
    return {"code": "Tea-Shirt", "name": "Tea shirt", "variants": variants, **more}


def faults(answer: Any) -> list[tuple[str, str]]:
    return [(each["field"], each["code"]) for each in answer.json["errors"]]


def test_a_product_is_created_with_stock_and_can_be_ordered(program: Program) -> None:
    answer = program.post("/api/products", {"code": "PRD-001", "quantity": 7, **MOUSE})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == "/api/products/prd-001"
    made = answer.json
    facts = made["attributes"]
    assert (made["code"], made["name"], made["version"]) == ("prd-001", "Wireless Mouse", 1)
    assert {
        name: facts[name] for name in ("categoryCode", "sku", "price", "currency", "images", "isActive")
    } == {name: MOUSE[name] for name in ("categoryCode", "sku", "price", "currency", "images", "isActive")}
    assert facts["description"] == "A mouse <b>without</b> a tail."
    assert program.get("/api/products/PRD-001").json == made
    stock = program.get("/api/inventory/PRD-001").json["attributes"]
    assert (stock["quantity"], stock["availableQuantity"]) == (7, 7)
    assert db.session.scalars(select(ProductImage.file)).one() == ""
    assert program.post("/api/orders", order_body(("PRD-001", 2), total=None)).status_code == 201


def test_a_product_with_variants_is_created_in_one_request(program: Program) -> None:
    answer = program.post("/api/products", shirt(vendor="Alice", tags=["Summer", "summer", "tea"]))
    assert answer.status_code == 201, answer.text
    facts = answer.json["attributes"]
    assert (facts["sku"], facts["price"], facts["options"]) == (None, None, ["Size"])
    assert facts["tags"] == ["Summer", "tea"]
    assert [(each["sku"], each["price"], each["options"]) for each in facts["variants"]] == [
        ("SHIRT-S", 10.0, {"Size": "S"}),
        ("SHIRT-M", 11.0, {"Size": "M"}),
    ]
    assert program.get("/api/inventory/SHIRT-M").json["attributes"]["quantity"] == 5
    assert program.get("/api/products/SHIRT-M").json == answer.json


def test_a_product_type_is_written_read_and_filtered_by(program: Program) -> None:
    made = program.post("/api/products", MOUSE | {"productType": " Pointing  devices "}).json
    assert made["attributes"]["productType"] == "Pointing devices"
    changed = program.patch("/api/products/PRD-001", {"productType": "Mice", "version": made["version"]})
    assert (changed.status_code, changed.json["attributes"]["productType"]) == (200, "Mice")
    found = program.get("/api/products?productType=Mice").json["items"]
    assert [each["attributes"]["sku"] for each in found] == ["PRD-001"]
    assert program.get("/api/products?productType=mice").json["items"] == []
    answer = program.patch("/api/products/PRD-001", {"productType": "x" * 256, "version": 2})
    assert answer.status_code == 422


def test_listing_for_search_engines_cost_and_shipping_are_written_and_read(program: Program) -> None:
    texts = {"seoTitle": "Mouse", "seoDescription": "A silent mouse."}
    sent = MOUSE | {**texts, "unitCost": 12.5, "requiresShipping": False}
    facts = program.post("/api/products", sent).json["attributes"]
    assert {name: facts[name] for name in texts} == texts
    variant = facts["variants"][0]
    assert (variant["unitCost"], variant["requiresShipping"]) == (12.5, False)
    changed = program.patch("/api/variants/PRD-001", {"unitCost": None, "version": variant["version"]})
    assert (changed.status_code, changed.json["attributes"]["unitCost"]) == (200, None)
    answer = program.patch("/api/products/PRD-001", {"unitCost": 1.234, "version": 2})
    assert (answer.status_code, faults(answer)[0][0]) == (422, "unitCost")


def test_a_product_is_scheduled_and_published(program: Program) -> None:
    sent = MOUSE | {"code": "mouse", "publishAt": "2999-01-15T10:30:00+01:00"}
    del sent["isActive"]
    made = program.post("/api/products", sent).json
    facts = made["attributes"]
    assert (facts["status"], facts["publishAt"]) == ("draft", "2999-01-15T09:30:00.000Z")
    active = program.patch("/api/products/mouse", {"isActive": True, "version": 1}).json["attributes"]
    assert (active["status"], active["publishAt"]) == ("active", None)
    late = program.patch("/api/products/mouse", {"publishAt": "2020-01-01T00:00:00Z", "version": 2})
    assert late.json["attributes"]["status"] == "active", "a time that is over publishes now"
    naive = program.patch("/api/products/mouse", {"publishAt": "2999-01-01T00:00:00", "version": 2})
    assert naive.status_code == 422, "which time zone?"


def test_a_new_code_leaves_a_redirect(program: Program) -> None:
    program.post("/api/products", MOUSE | {"code": "mouse"})
    answer = program.patch("/api/products/mouse", {"code": "Silent-Mouse", "version": 1})
    assert (answer.status_code, answer.json["code"]) == (200, "silent-mouse")
    shop = program.app.test_client()
    moved = shop.get("/products/mouse", headers={"Host": "demo.localhost"})
    assert (moved.status_code, moved.location) == (301, "/products/silent-mouse")
    taken = program.post("/api/products", MOUSE | {"code": "other", "sku": "X"}).json
    answer = program.patch("/api/products/other", {"code": "silent-mouse", "version": taken["version"]})
    assert (answer.status_code, faults(answer)) == (409, [("code", "already_exists")])
    assert program.patch("/api/products/other", {"code": "a b", "version": 1}).status_code == 422


def test_only_what_was_never_ordered_is_deleted(program: Program) -> None:
    program.post("/api/products", MOUSE | {"code": "mouse"})
    assert program.delete("/api/products/mouse").status_code == 422, "no version"
    assert program.delete("/api/products/mouse?version=7").json["code"] == "stale_version"
    assert program.delete("/api/products/mouse?version=1").status_code == 204
    assert program.get("/api/products/PRD-001").status_code == 404
    again = program.post("/api/products", MOUSE | {"code": "mouse", "quantity": 7}).json
    placed = program.post("/api/orders", order_body(("PRD-001", 1), total=None))
    assert placed.status_code == 201, placed.text
    answer = program.call("DELETE", "/api/products/mouse", If_Match=f'"{again["version"]}"')
    assert (answer.status_code, answer.json["reason"]) == (422, "product_was_sold")
    assert program.get("/api/products/mouse").status_code == 200


def test_a_retry_with_the_same_key_returns_the_same_product(program: Program) -> None:
    key = new_key()
    first, again = (program.post("/api/products", MOUSE, key=key) for _ in range(2))
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert products() == 2


def test_it_rejects_a_code_or_sku_that_exists(program: Program) -> None:
    assert program.post("/api/products", {"code": "mouse", **MOUSE}).status_code == 201
    for change, field in (({"code": "other"}, "sku"), ({"code": "MOUSE", "sku": "PRD-002"}, "code")):
        answer = program.post("/api/products", MOUSE | change)
        assert (answer.status_code, answer.json["code"]) == (409, "already_exists")
        assert faults(answer) == [(field, "already_exists")]
    unnamed = program.post("/api/products", MOUSE | {"sku": "PRD-002"}, key=None)
    assert unnamed.json["code"] == "wireless-mouse"
    assert products() == 3


def test_one_of_two_concurrent_products_with_the_same_sku_is_rejected(
    app: Flask, in_shop: Shop, program: Program
) -> None:
    answers = race(app, in_shop, [lambda: program.post("/api/products", MOUSE) for _ in range(3)])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert {answer.json.get("code") for answer in answers} == {"already_exists", "wireless-mouse"}
    assert products() == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"price": -0.01}, "price"),
        ({"price": 29.999}, "price"),
        ({"price": 1e14}, "price"),
        ({"price": "NaN"}, "price"),
        ({"quantity": -1}, "quantity"),
        ({"quantity": 1.5}, "quantity"),
        ({"quantity": 1_000_001}, "quantity"),
        ({"quantity": True}, "quantity"),
        ({"currency": "EUR"}, "currency"),
        ({"categoryCode": "unknown"}, "categoryCode"),
        ({"images": ["http://example.com/a.jpg"]}, "images.0"),
        ({"images": ["javascript:alert(1)"]}, "images.0"),
        ({"code": "a  b"}, "code"),
        ({"sku": "a//b"}, "sku"),
        ({"sku": " a"}, "sku"),
        ({"name": "\u200b"}, "name"),
        ({"name": ""}, "name"),
        ({"taxClass": "No class"}, "taxClass"),
        ({"pk": "TENANT#demo"}, "pk"),
        ({"variants": [{"sku": "A", "price": 1}]}, "body"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_rejects_an_invalid_product(program: Program, change: dict[str, Any], field: str) -> None:
    answer = program.post("/api/products", MOUSE | change)
    assert answer.status_code == 422, answer.text
    assert faults(answer)[0][0] == field
    assert products() == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_rejects_variants_with_the_same_options(program: Program) -> None:
    small = {"sku": "S", "price": 1, "options": {"Size": "S"}}
    for second, field in (
        (small, "variants.1.sku"),
        (small | {"sku": "S2"}, "variants.1.options"),
        (small | {"sku": "S2", "options": {"Size": "s"}}, "variants.1.options"),
        (small | {"sku": "S2", "options": {"Colour": "red"}}, "variants.1.options"),
        (small | {"sku": "S2", "options": {}}, "variants.1.options"),
        (small | {"sku": "M", "options": {"Size": "M"}, "price": 0.001}, "variants.1.price"),
    ):
        answer = program.post("/api/products", shirt(variants=[small, second]))
        assert (answer.status_code, faults(answer)[0][0]) == (422, field), answer.text
    assert products() == 1


def test_it_enforces_the_product_limit_of_the_plan(program: Program) -> None:
    _allow_products(1)
    answer = program.post("/api/products", MOUSE)
    assert (answer.status_code, answer.json["code"]) == (422, "plan_full")
    assert products() == 1


@atomic
def _allow_products(count: int) -> None:
    db.session.execute(update(Tenant).where(Tenant.id == current_tenant_id()).values(max_products=count))


def test_a_list_is_filtered_before_it_is_paginated(program: Program) -> None:
    for number in range(3):
        body = MOUSE | {"sku": f"M-{number}", "name": f"Mouse {number}", "isActive": number != 1}
        assert program.post("/api/products", body).status_code == 201

    def names(query: str) -> list[str]:
        return [each["name"] for each in program.get(f"/api/products?{query}").json["items"]]

    assert names("isActive=false&limit=1") == ["Mouse 1"]
    assert names("categoryCode=electronics") == ["Mouse 2", "Mouse 1", "Mouse 0", "Keyboard"]
    assert names("q=mouse") == ["Mouse 2", "Mouse 1", "Mouse 0"]
    assert names("q=M-1") == ["Mouse 1"]
    assert names("q=%25") == []
    first = program.get("/api/products?limit=2&total=true&isActive=true").json
    assert (first["total"], [each["name"] for each in first["items"]]) == (3, ["Mouse 2", "Mouse 0"])
    program.post("/api/products", MOUSE)
    rest = program.get(f"/api/products?limit=2&isActive=true&cursor={first['nextCursor']}").json
    assert ([each["name"] for each in rest["items"]], rest["nextCursor"]) == (["Keyboard"], None)
    other_filter = program.get(f"/api/products?cursor={first['nextCursor']}")
    assert (other_filter.status_code, faults(other_filter)[0][0]) == (422, "cursor")


def test_a_product_is_changed_only_with_its_current_version(program: Program) -> None:
    made = program.post("/api/products", MOUSE).json
    address = f"/api/products/{made['code']}"
    change = {"name": "Mouse", "price": 19.5, "isActive": False, "categoryCode": None, "version": 1}
    answer = program.patch(address, change)
    assert answer.status_code == 200, answer.text
    assert answer.headers["ETag"].startswith('"2')
    facts = answer.json["attributes"]
    assert (answer.json["name"], answer.json["version"], facts["price"]) == ("Mouse", 2, 19.5)
    assert (facts["isActive"], facts["status"], facts["categoryCodes"]) == (False, "draft", [])
    assert facts["description"] == made["attributes"]["description"]
    stale = program.patch(address, change)
    assert (stale.status_code, stale.json["code"], stale.json["currentVersion"]) == (409, "stale_version", 2)
    unseen = program.patch(address, {"name": "Mouse"})
    assert (unseen.status_code, faults(unseen)[0][0]) == (422, "version")
    assert program.patch(address, {"isActive": True}, If_Match='"2"').json["attributes"]["status"] == "active"
    assert [each["name"] for each in program.get("/api/products?q=mouse").json["items"]] == ["Mouse"]


def test_a_variant_is_added_and_changed(program: Program) -> None:
    program.post("/api/products", shirt())
    large = {"sku": "SHIRT-L", "price": 12, "options": {"Size": "L"}, "quantity": 3}
    answer = program.post("/api/products/tea-shirt/variants", large)
    assert answer.status_code == 201, answer.text
    assert (answer.headers["Location"], answer.json["name"]) == ("/api/variants/SHIRT-L", "Tea shirt, L")
    assert program.get("/api/products/tea-shirt").json["version"] == 2
    assert program.get("/api/inventory/SHIRT-L").json["attributes"]["quantity"] == 3
    again = program.post("/api/products/tea-shirt/variants", large | {"options": {"Size": "XL"}})
    assert (again.status_code, again.json["code"]) == (409, "already_exists")
    for wrong in ({"options": {"Size": "l"}}, {"options": {}}, {"options": {"Colour": "red"}}):
        refused = program.post("/api/products/tea-shirt/variants", large | {"sku": "X"} | wrong)
        assert (refused.status_code, faults(refused)[0][0]) == (422, "options")
    change = {"price": 11.5, "compareAt": 15, "isActive": False, "shipsFrom": "2030-01-01"}
    changed = program.patch("/api/variants/SHIRT-L", {**change, "version": 1})
    assert changed.status_code == 200, changed.text
    facts = changed.json["attributes"]
    assert {name: facts[name] for name in change} == change
    assert program.get("/api/variants/SHIRT-L").json == changed.json
    assert program.patch("/api/variants/SHIRT-L", {"price": 1, "version": 1}).status_code == 409
    assert program.get("/api/products/tea-shirt").json["version"] == 3
    several = program.patch("/api/products/tea-shirt", {"price": 1, "version": 3})
    assert (several.status_code, several.json["code"]) == (422, "several_variants")


def test_a_key_is_limited_to_its_scopes_and_its_shop(app: Flask, program: Program, other_shop: Shop) -> None:
    program.post("/api/products", MOUSE | {"code": "mouse"})
    reader = make_program(app, ["products:read"])
    assert reader.get("/api/products/mouse").status_code == 200
    assert reader.post("/api/products", MOUSE | {"sku": "X"}).status_code == 403
    db.session.close()
    with shop_scope(other_shop):
        charlie = make_program(app, host="other.localhost")
    other = Program(app, program.key, "other.localhost")
    assert other.get("/api/products").status_code == 401
    assert charlie.get("/api/products").json["items"] == []
    for path in ("/api/products/mouse", "/api/variants/PRD-001", "/api/inventory/PRD-001"):
        assert charlie.get(path).status_code == 404
    assert charlie.patch("/api/products/mouse", {"name": "Mine", "version": 1}).status_code == 404
    assert charlie.patch("/api/variants/PRD-001", {"price": 1, "version": 1}).status_code == 404
    assert charlie.post("/api/products/mouse/variants", {"sku": "A", "price": 1}).status_code == 404
    assert program.get("/api/products/mouse").json["version"] == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_code_of_a_product_with_several_variants_names_no_variant(program: Program) -> None:
    put_up("Two", Made(("a",)), Made(("b",)), options=["Kind"])
    for code in ("two", "unknown", "%00", "a" * 300):
        assert program.get(f"/api/variants/{code}").status_code == 404
    assert db.session.scalar(select(func.count()).select_from(Variant)) == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_examples_of_the_document_work(app: Flask, in_shop: Shop) -> None:
    program = make_program(app)
    schemas = program.get("/api/openapi.json").json["components"]["schemas"]
    examples = {
        name: schemas[name]["examples"][0]
        for name in ("ProductCreate", "ProductPatch", "VariantPatch", "InventoryPatch")
    }
    assert program.post("/api/products", examples["ProductCreate"]).status_code == 201
    assert program.patch("/api/variants/PRD-001", examples["VariantPatch"]).status_code == 200
    assert program.patch("/api/inventory/PRD-001", examples["InventoryPatch"]).status_code == 200
    renamed = program.patch("/api/products/PRD-001", {**examples["ProductPatch"], "version": 2})
    assert renamed.json["name"] == examples["ProductPatch"]["name"]
