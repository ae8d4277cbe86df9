"""Collections and the products in them, as programs read them."""

from typing import Any

import pytest
from flask import Flask

from commerce.catalog.categories import CategoryValues, create_category
from commerce.catalog.collection_rules import Condition
from commerce.catalog.collections import CollectionValues, add_chosen, create_collection
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.api_clients import Program, make_program
from tests.factories.catalog import Made, put_up
from tests.support.statements import count_statements

SALE = Condition("tag", "sale")


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app, ["products:read"])


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json["items"]]


def test_a_collection_is_read_with_its_conditions(program: Program) -> None:
    category = create_category(CategoryValues("Kitchen"))
    rules = [SALE, Condition("price", low=1000), Condition("category", str(category))]
    create_collection(
        CollectionValues("Winter sale", conditions=rules, matches="any", description_html="<p>Now</p>")
    )
    create_collection(CollectionValues("Gifts", kind="chosen", published=False, product_order="manual"))
    found = program.get("/api/collections").json
    assert [each["code"] for each in found["items"]] == ["gifts", "winter-sale"]
    gifts, sale = found["items"]
    assert (gifts["kind"], gifts["matches"], gifts["conditions"]) == ("chosen", None, [])
    assert (gifts["isPublished"], sale["isPublished"]) == (False, True)
    assert (sale["matches"], sale["description"], sale["picture"]) == ("any", "<p>Now</p>", None)
    assert sale["conditions"] == [
        {"fact": "tag", "value": "sale", "minPrice": None, "maxPrice": None},
        {"fact": "price", "value": None, "minPrice": 10.0, "maxPrice": None},
        {"fact": "category", "value": "kitchen", "minPrice": None, "maxPrice": None},
    ]
    one = program.get("/api/collections/winter-sale")
    assert one.json == sale
    assert one.headers["ETag"].startswith('"1-')
    assert program.get("/api/collections/none").status_code == 404
    first = program.get("/api/collections?limit=1").json
    assert [each["code"] for each in first["items"]] == ["gifts"]
    rest = program.get(f"/api/collections?limit=1&cursor={first['nextCursor']}").json
    assert ([each["code"] for each in rest["items"]], rest["nextCursor"]) == (["winter-sale"], None)


def test_its_products_are_those_that_customers_see(program: Program) -> None:
    create_collection(CollectionValues("Sale", conditions=[SALE, Condition("stock", "in")]))
    put_up("Mug", tags=["sale"])
    put_up("Bowl", tags=["sale"])
    put_up("Gone", Made(stock=0), tags=["sale"])
    hidden = put_up("Draft", tags=["sale"], status="draft")
    assert names(program.get("/api/collections/sale/products")) == ["Bowl", "Mug"]
    first = program.get("/api/collections/sale/products?limit=1")
    assert names(first) == ["Bowl"]
    cursor = first.json["nextCursor"]
    rest = program.get(f"/api/collections/sale/products?limit=1&cursor={cursor}")
    assert (names(rest), rest.json["nextCursor"]) == (["Mug"], None)
    gifts = create_collection(CollectionValues("Gifts", kind="chosen"))
    add_chosen(gifts, [hidden])
    assert names(program.get("/api/collections/gifts/products")) == []
    assert program.get(f"/api/collections/gifts/products?cursor={cursor}").status_code == 422
    assert program.get("/api/collections/none/products").status_code == 404
    with count_statements() as statements:
        names(program.get("/api/collections/sale/products"))
    assert len(statements) <= 10, statements


def test_the_key_must_be_for_products_of_this_shop(
    app: Flask, in_shop: Shop, other_shop: Shop, program: Program
) -> None:
    create_collection(CollectionValues("Sale", conditions=[SALE]))
    assert make_program(app, ["orders:read"]).get("/api/collections").status_code == 403
    with shop_scope(other_shop):
        theirs = make_program(app, ["products:read"], host=other_shop.host)
    assert theirs.get("/api/collections").json["items"] == []
    assert theirs.get("/api/collections/sale").status_code == 404
    assert theirs.get("/api/collections/sale/products").status_code == 404
