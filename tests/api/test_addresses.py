"""Addresses come back as they were sent, or are rejected with the reason: no part of one is lost."""

from typing import Any

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from tests.api.placement_helpers import error_fields, rejected_order
from tests.factories.api_clients import Program, make_program, order_body
from tests.factories.shop import make_product

STREET = {"name": "Alice", "street": "1 Main St"}


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    make_product(sku="TEA")
    return make_program(app)


def order_to(program: Program, address: dict[str, str]) -> Any:
    answer = program.post("/api/orders", order_body(("TEA", 1), shippingAddress={**STREET, **address}))
    assert answer.status_code == 201, answer.text
    return answer.json["attributes"]["shippingAddress"]


@pytest.mark.parametrize(
    "address",
    [
        {"city": "Tokyo", "postalCode": "100-0001", "country": "JP"},
        {"city": "Reading", "region": "Berkshire", "postalCode": "RG1 1AA", "country": "GB"},
        {"city": "Paris", "sortingCode": "CEDEX 08", "postalCode": "75008", "country": "FR"},
        {"city": "Berlin", "district": "Mitte", "postalCode": "10115", "country": "DE"},
        {"city": "Dubai", "country": "AE"},
        {"city": "Dublin", "country": "IE"},
    ],
    ids=lambda address: address["country"],
)
def test_an_address_comes_back_as_it_was_sent(program: Program, address: dict[str, str]) -> None:
    empty = dict.fromkeys(("city", "district", "region", "postalCode", "company", "sortingCode"), "")
    assert order_to(program, address) == {**empty, "street": "1 Main St", **address}


def test_a_cart_keeps_an_address_as_it_was_sent_too(program: Program) -> None:
    path = program.post("/api/carts", {}).headers["Location"]
    address = {**STREET, "city": "Tokyo", "postalCode": "100-0001", "country": "JP"}
    cart = program.call("PUT", f"{path}/details", {"shippingAddress": address}).json
    shown = cart["details"]["shippingAddress"]
    assert (shown["city"], shown["region"], shown["postalCode"]) == ("Tokyo", "", "100-0001")


@pytest.mark.parametrize("region", ["Limerick", "County Limerick", "Co Limerick", "Co. Limerick"])
def test_a_region_is_known_by_each_of_its_names(program: Program, region: str) -> None:
    shown = order_to(program, {"city": "Limerick", "region": region, "country": "IE"})
    assert shown["region"] == "Co. Limerick"


@pytest.mark.parametrize("code", ["105\u22120011", "〒105-0011", "１０５－００１１"])
def test_a_postcode_may_be_written_with_the_signs_of_its_country(program: Program, code: str) -> None:
    shown = order_to(program, {"city": "Tokyo", "postalCode": code, "country": "JP"})
    assert shown["postalCode"] == "105-0011"


@pytest.mark.parametrize(
    ("address", "field"),
    [
        ({"city": "Cork", "region": "Munster", "country": "IE"}, "shippingAddress.region"),
        ({"city": "Tokyo", "postalCode": "060-0001", "country": "JP"}, "shippingAddress.postalCode"),
    ],
)
def test_a_part_that_contradicts_the_country_is_rejected(
    program: Program, address: dict[str, str], field: str
) -> None:
    body = order_body(("TEA", 1), shippingAddress={**STREET, **address})
    assert error_fields(rejected_order(program, body, 422, "invalid_value")) == [field]


def test_what_is_not_shipped_needs_no_address(program: Program) -> None:
    make_product("Voucher", sku="VOUCHER", requires_shipping=False)
    body = order_body(("VOUCHER", 1))
    del body["shippingAddress"]
    placed = program.post("/api/orders", body)
    assert placed.status_code == 201, placed.text
    order = placed.json["attributes"]
    assert (order["shippingAddress"]["country"], order["shippingMethod"], order["shipping"]) == (
        "US",
        "none",
        0,
    )
    path = program.post("/api/carts", {"items": [{"productCode": "VOUCHER", "quantity": 1}]}).headers[
        "Location"
    ]
    details = {"email": "alice@example.com", "name": "Alice", "paymentMethod": "bank_transfer"}
    cart = program.call("PUT", f"{path}/details", details).json
    ordered = program.post(f"{path}/checkout", {"total": cart["quote"]["total"], "version": cart["version"]})
    assert ordered.status_code == 201, ordered.text


@pytest.mark.parametrize(
    ("address", "field"),
    [
        (None, "shippingAddress"),
        ({"name": "Alice", "city": "Reading", "country": "GB"}, "shippingAddress.street"),
    ],
)
def test_what_is_shipped_needs_an_address(
    program: Program, address: dict[str, str] | None, field: str
) -> None:
    make_product("Voucher", sku="VOUCHER", requires_shipping=False)
    body = order_body(("VOUCHER", 1), ("TEA", 1), shippingAddress=address)
    if address is None:
        del body["shippingAddress"]
    answer = rejected_order(program, body, 422, "invalid_value")
    assert error_fields(answer) == [field]
