"""Stock is read, counted and moved: no count is lost, and reserved units stay reserved."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from commerce.db import db
from commerce.inventory.locations import create_location
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.concurrency.race import race
from tests.factories.api_clients import Program, make_program, new_key, order_body
from tests.factories.catalog import Made, put_up
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants

MOUSE = "/api/inventory/PRD-001"


@pytest.fixture
def sold(in_shop: Shop) -> Sold:
    return make_product("Wireless Mouse", sku="PRD-001", stock=10)


@pytest.fixture
def program(app: Flask, sold: Sold) -> Iterator[Program]:
    yield make_program(app, name="Till")
    assert broken_invariants() == []


def faults(answer: Any) -> list[str]:
    return [each["field"] for each in answer.json["errors"]]


def test_stock_is_returned_as_in_the_mbc_example(program: Program) -> None:
    assert program.post("/api/orders", order_body(("PRD-001", 2))).status_code == 201
    answer = program.get(MOUSE)
    assert answer.status_code == 200, answer.text
    stock = answer.json
    assert program.get("/api/inventory/Wireless-Mouse").data == answer.data
    facts = stock["attributes"]
    (main,) = facts.pop("warehouses")
    restocked = facts.pop("lastRestockedAt")
    assert (stock["code"], stock["name"], stock["version"]) == ("PRD-001", "Wireless Mouse", 2)
    assert facts == {
        "productCode": "PRD-001",
        "quantity": 10,
        "reservedQuantity": 2,
        "availableQuantity": 8,
        "warehouseCode": "main",
    }
    assert restocked.endswith("Z")
    assert main == {
        "warehouseCode": "main",
        "quantity": 10,
        "reservedQuantity": 2,
        "availableQuantity": 8,
        "backorderLimit": 0,
        "version": 2,
        "lastRestockedAt": restocked,
    }
    assert answer.headers["ETag"].startswith('"2-')


def test_a_quantity_requires_the_current_version(program: Program, sold: Sold) -> None:
    answer = program.patch(MOUSE, {"quantity": 12, "version": 1, "reference": "Count of January"})
    assert answer.status_code == 200, answer.text
    assert (answer.json["version"], answer.json["attributes"]["quantity"]) == (2, 12)
    stale = program.patch(MOUSE, {"quantity": 15, "version": 1})
    assert (stale.status_code, stale.json["code"], stale.json["currentVersion"]) == (409, "stale_version", 2)
    unseen = program.patch(MOUSE, {"quantity": 15})
    assert (unseen.status_code, faults(unseen)) == (422, ["version"])
    assert program.patch(MOUSE, {"quantity": 15}, If_Match=answer.headers["ETag"]).status_code == 200
    newest = program.get(f"{MOUSE}/movements?limit=2").json["items"]
    assert [(each["adjustment"], each["cause"], each["actor"], each["quantity"]) for each in newest] == [
        (3, "count", "Till", 15),
        (2, "count", "Till", 12),
    ]
    assert counters(sold) == (15, 0)


def test_one_of_two_concurrent_counts_is_rejected_as_stale(
    app: Flask, in_shop: Shop, program: Program, sold: Sold
) -> None:
    other = make_program(app)
    counts = [(program, 7), (other, 8)]
    answers = race(
        app,
        in_shop,
        [
            lambda who=who, units=units: who.patch(MOUSE, {"quantity": units, "version": 1})
            for who, units in counts
        ],
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    (counted,) = [
        units for (_, units), answer in zip(counts, answers, strict=True) if answer.status_code == 200
    ]
    assert counters(sold) == (counted, 0)


def test_a_movement_is_added_once_per_key(program: Program, sold: Sold) -> None:
    key = new_key()
    body = {"adjustment": -2, "cause": "damaged", "reference": "Fell down"}
    first, again = (program.post(f"{MOUSE}/movements", body, key=key) for _ in range(2))
    assert first.status_code == 201, first.text
    assert (again.status_code, again.data) == (201, first.data)
    assert counters(sold) == (8, 0)
    moved = first.json
    assert (moved["adjustment"], moved["quantity"], moved["warehouseCode"]) == (-2, 8, "main")
    assert program.get(f"{MOUSE}/movements").json["items"][0] == moved
    patched = program.patch(MOUSE, {"adjustment": 5, "cause": "received"}, Idempotency_Key=key)
    assert (patched.status_code, patched.json["attributes"]["quantity"]) == (200, 13)
    for answer in (
        program.post(f"{MOUSE}/movements", body, key=None),
        program.patch(MOUSE, {"adjustment": 5, "cause": "received"}),
    ):
        assert (answer.status_code, answer.json["code"]) == (400, "idempotency_key_missing")
    assert counters(sold) == (13, 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"quantity": -1, "version": 1}, "quantity"),
        ({"quantity": 1.5, "version": 1}, "quantity"),
        ({"quantity": "12", "version": 1}, "quantity"),
        ({"quantity": 10**30, "version": 1}, "quantity"),
        ({"quantity": 12, "version": 1, "warehouseCode": "nowhere"}, "warehouseCode"),
        ({"reservedQuantity": 3, "version": 1}, "reservedQuantity"),
        ({"adjustment": 0, "cause": "received"}, "adjustment"),
        ({"adjustment": 1_000_001, "cause": "received"}, "adjustment"),
        ({"adjustment": -1, "cause": "received"}, "adjustment"),
        ({"adjustment": 1, "cause": "lost"}, "adjustment"),
        ({"adjustment": 1, "cause": "because"}, "cause"),
        ({"adjustment": 1}, "body"),
        ({"adjustment": 1, "quantity": 1, "cause": "received", "version": 1}, "body"),
        ({"version": 1}, "body"),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_rejects_an_invalid_change_of_stock(
    program: Program, sold: Sold, body: dict[str, Any], field: str
) -> None:
    answer = program.patch(MOUSE, body, Idempotency_Key=new_key())
    assert (answer.status_code, faults(answer)[0]) == (422, field), answer.text
    assert counters(sold) == (10, 0)


def test_reserved_units_cannot_be_removed(program: Program, sold: Sold) -> None:
    program.post("/api/orders", order_body(("PRD-001", 4)))
    for answer in (
        program.patch(MOUSE, {"quantity": 3, "version": 2}),
        program.post(f"{MOUSE}/movements", {"adjustment": -7, "cause": "lost"}),
    ):
        assert (answer.status_code, answer.json["code"]) == (409, "units_reserved")
        facts = [answer.json[name] for name in ("quantity", "reservedQuantity", "backorderLimit")]
        assert facts == [10, 4, 0]
    allowed = program.patch(MOUSE, {"backorderLimit": 1, "version": 2})
    assert allowed.json["attributes"]["warehouses"][0]["backorderLimit"] == 1
    assert program.patch(MOUSE, {"quantity": 3, "version": 3}).status_code == 200
    assert counters(sold) == (3, 4)
    refused = program.patch(MOUSE, {"backorderLimit": 0, "version": 4})
    assert (refused.status_code, refused.json["code"]) == (409, "units_reserved")


def test_each_warehouse_has_its_own_stock_and_movements(program: Program) -> None:
    create_location("north", "North")
    nothing = program.get(f"{MOUSE}?warehouseCode=north").json
    assert (nothing["version"], nothing["attributes"]["warehouseCode"]) == (0, "north")
    opened = program.patch(MOUSE, {"quantity": 5, "version": 0, "warehouseCode": "north"})
    assert opened.status_code == 200, opened.text
    assert (opened.json["attributes"]["warehouseCode"], opened.json["attributes"]["quantity"]) == ("north", 5)
    again = program.patch(MOUSE, {"quantity": 6, "version": 0, "warehouseCode": "north"})
    assert (again.status_code, again.json["currentVersion"]) == (409, opened.json["version"])
    both = program.get(MOUSE).json
    assert (both["version"], both["attributes"]["warehouseCode"], both["attributes"]["quantity"]) == (
        None,
        None,
        15,
    )
    assert [each["warehouseCode"] for each in both["attributes"]["warehouses"]] == ["main", "north"]
    unclear = program.post(f"{MOUSE}/movements", {"adjustment": 1, "cause": "found"})
    assert (unclear.status_code, faults(unclear)) == (422, ["warehouseCode"])
    for warehouse, units in (("main", 1), ("north", -3), ("main", 2)):
        body = {"adjustment": units, "cause": "correction", "warehouseCode": warehouse}
        assert program.post(f"{MOUSE}/movements", body).status_code == 201
    lines, cursor = [], ""
    while cursor is not None:
        page = program.get(f"{MOUSE}/movements?limit=2{cursor and f'&cursor={cursor}'}").json
        lines += [(each["warehouseCode"], each["adjustment"], each["quantity"]) for each in page["items"]]
        cursor = page["nextCursor"]
    assert lines == [("main", 2, 13), ("north", -3, 2), ("main", 1, 11), ("north", 5, 5), ("main", 10, 10)]
    assert [
        each["quantity"] for each in program.get(f"{MOUSE}/movements?warehouseCode=north").json["items"]
    ] == [
        2,
        5,
    ]
    assert program.get(f"{MOUSE}?warehouseCode=nowhere").status_code == 404


def test_two_concurrent_first_counts_share_one_stock_record(
    app: Flask, in_shop: Shop, program: Program
) -> None:
    create_location("north", "North")
    body = {"adjustment": 2, "cause": "received", "warehouseCode": "north"}
    answers = race(app, in_shop, [lambda: program.post(f"{MOUSE}/movements", body) for _ in range(4)])
    assert [answer.status_code for answer in answers] == [201] * 4
    assert program.get(f"{MOUSE}?warehouseCode=north").json["attributes"]["quantity"] == 8


def test_reservations_are_listed_with_their_order_as_they_are_served(program: Program) -> None:
    codes = [program.post("/api/orders", order_body(("PRD-001", units))).json["code"] for units in (1, 3)]
    page = program.get(f"{MOUSE}/reservations?limit=1").json
    rest = program.get(f"{MOUSE}/reservations?limit=1&cursor={page['nextCursor']}").json
    found = [*page["items"], *rest["items"]]
    assert [(each["orderCode"], each["quantity"], each["state"]) for each in found] == [
        (codes[0], 1, "held"),
        (codes[1], 3, "held"),
    ]
    assert rest["nextCursor"] is None


def test_the_list_can_be_filtered_by_low_stock_and_warehouse(program: Program) -> None:
    put_up("Tea", Made(("red",), stock=2), Made(("blue",), stock=50), options=["Colour"])
    create_location("north", "North")
    program.patch("/api/inventory/TEA-blue", {"quantity": 1, "version": 0, "warehouseCode": "north"})

    def codes(query: str) -> list[str]:
        return [each["code"] for each in program.get(f"/api/inventory?{query}").json["items"]]

    assert codes("") == ["PRD-001", "TEA-red", "TEA-blue"]
    assert codes("low=true") == ["TEA-red"]
    assert codes("low=true&warehouseCode=north") == ["TEA-blue"]
    assert codes("warehouseCode=north") == ["TEA-blue"]
    page = program.get("/api/inventory?limit=2&low=false&total=true").json
    assert (page["total"], page["nextCursor"]) == (2, None)
    first = program.get("/api/inventory?limit=2").json
    assert codes(f"limit=2&cursor={first['nextCursor']}") == ["TEA-blue"]


def test_a_key_is_limited_to_its_scopes_and_its_shop(
    app: Flask, program: Program, sold: Sold, other_shop: Shop
) -> None:
    reader = make_program(app, ["inventory:read"])
    assert reader.get(f"{MOUSE}/movements").status_code == 200
    assert reader.patch(MOUSE, {"quantity": 1, "version": 1}).json["code"] == "insufficient_scope"
    db.session.close()
    with shop_scope(other_shop):
        charlie = make_program(app, host="other.localhost")
    for path in ("", "/movements", "/reservations"):
        assert charlie.get(MOUSE + path).status_code == 404
    assert charlie.patch(MOUSE, {"quantity": 1, "version": 1}).status_code == 404
    body = {"adjustment": 1, "cause": "received"}
    assert charlie.post(f"{MOUSE}/movements", body).status_code == 404
    assert Program(app, program.key, "other.localhost").get(MOUSE).status_code == 401
    assert program.get("/api/inventory/PRD-002").status_code == 404
    assert counters(sold) == (10, 0)
