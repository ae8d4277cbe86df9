"""Changes through the API are in the activity log, without personal data of customers."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.accounts.models import AuditEntry
from commerce.db import db
from commerce.tenants.models import Shop
from tests.factories.api_clients import Program, make_program, order_body
from tests.factories.shop import make_product

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app, name="Robot")


def log() -> list[tuple[str, str, dict[str, Any]]]:
    """Return action, subject and changes of all entries of the program."""
    db.session.close()
    found = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    return [(each.action, each.subject, each.changes) for each in found if each.actor_name == "Robot"]


def test_a_change_is_logged_with_its_values(program: Program) -> None:
    make_product(sku="TEA")
    assert program.patch("/api/variants/TEA", {"price": 0.05, "version": 1}).status_code == 200
    sent = {"code": "X10", "promotion": {"label": "Ten", "kind": "percentage", "percent": 10}}
    assert program.post("/api/coupons", sent).status_code == 201
    (price, coupon) = log()
    assert price == ("api.change_one_variant", "TEA", {"price": "0.05", "version": "1"})
    assert coupon[0] == "api.create_coupon"
    assert (coupon[2]["code"], coupon[2]["promotion.percent"]) == ("X10", "10")


def test_a_rejected_request_is_not_logged(program: Program) -> None:
    make_product(sku="TEA")
    assert program.patch("/api/variants/TEA", {"price": 0.05, "version": 7}).status_code == 409
    assert log() == []


def test_the_log_holds_no_personal_data_of_customers(program: Program) -> None:
    make_product(sku="TEA")
    placed = program.post("/api/orders", order_body(("TEA", 1))).headers["Location"]
    sent = {"amount": 5, "reference": "Alice Liddell", "note": "from her mother"}
    assert program.post(f"{placed}/payments", sent).status_code == 201
    [(action, code, changes)] = log()
    assert (action, code) == ("api.record_payment", placed.rpartition("/")[2])
    assert changes == {"amount": "5", "reference": "…", "note": "…"}
