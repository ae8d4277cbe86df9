"""Unusual text in products and stock breaks nothing and is never stored as a script."""

import re
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.catalog.models import Product, Variant
from commerce.db import db
from commerce.tenants.models import Shop
from tests.checkout.test_naughty_strings import naughty
from tests.factories.api_clients import make_program
from tests.support.invariants import broken_invariants

SCRIPT = re.compile(r"<script|<[^>]+\son\w+\s*=|href\s*=\s*\"?\s*javascript:", re.IGNORECASE)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_text_of_products_is_kept_exactly_or_rejected(app: Flask, in_shop: Shop) -> None:
    program, strings = make_program(app), naughty()
    for start in range(0, len(strings), 40):
        body = {
            "name": "Tea",
            "sku": f"S-{start}",
            "price": 1,
            "description": "\n".join(strings[start : start + 40]),
        }
        assert program.post("/api/products", body, key=None).status_code == 201
    kept = []
    # Neighbours in the list are alike, so fifty stand for all kinds of them.
    for text in strings[:: max(1, len(strings) // 50)]:
        answer = program.post("/api/products", {"name": text, "sku": text, "price": 1}, key=None)
        assert answer.status_code in (201, 409, 422), repr(text)
        if answer.status_code == 201:
            kept.append(answer)
    assert kept
    for answer in kept[::6]:
        sku = answer.json["attributes"]["sku"]
        for address in (answer.headers["Location"], f"/api/products/{quote(sku)}"):
            assert program.get(address).json == answer.json
        assert program.get(f"/api/inventory/{quote(sku)}").json["code"] == sku
    db.session.close()
    for description in db.session.scalars(select(Product.description_html)):
        assert not SCRIPT.search(description), description
    assert [sku for sku in db.session.scalars(select(Variant.sku)) if not sku.isprintable()] == []
    assert broken_invariants() == []
