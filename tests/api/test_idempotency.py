"""A retry with the same idempotency key returns the original response, and nothing happens twice."""

import pytest
from flask import Flask
from sqlalchemy import update

from commerce.api.models import IdempotencyKey
from commerce.catalog.models import Variant
from commerce.db import atomic, db
from commerce.tenants.models import Shop
from tests.api.placement_helpers import count_orders, rejected_order
from tests.factories.api_clients import Program, make_program, new_key, order_body
from tests.factories.shop import counters, make_product


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def test_a_retry_with_the_same_key_returns_the_same_order(program: Program) -> None:
    make_product(sku="TEA")
    key = new_key()
    first, again = (program.post("/api/orders", order_body(("TEA", 2)), key=key) for _ in range(2))
    assert (again.status_code, again.data) == (201, first.data)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    assert count_orders() == 1


def test_it_rejects_a_key_with_another_body(program: Program) -> None:
    make_product(sku="TEA")
    key = new_key()
    program.post("/api/orders", order_body(("TEA", 1)), key=key)
    rejected_order(program, order_body(("TEA", 2)), 422, "idempotency_key_reused", key=key)


def test_order_of_fields_and_whitespace_do_not_matter_in_a_retry(program: Program) -> None:
    make_product(sku="TEA")
    key, body = new_key(), order_body(("TEA", 1))
    first = program.post("/api/orders", body, key=key)
    again = program.post("/api/orders", dict(reversed(body.items())), key=key)
    assert again.json == first.json
    assert count_orders() == 1


def test_a_rejected_request_can_be_corrected_with_the_same_key(program: Program) -> None:
    make_product(sku="TEA", stock=1)
    key = new_key()
    rejected_order(program, order_body(("TEA", 2)), 422, "out_of_stock", key=key)
    assert program.post("/api/orders", order_body(("TEA", 1)), key=key).status_code == 201


@pytest.mark.parametrize("key", [None, "short", "x" * 256, "with blanks in between", "naïve-key-of-16-signs"])
def test_a_key_is_required_and_has_a_length(program: Program, key: str | None) -> None:
    make_product(sku="TEA")
    rejected_order(program, order_body(("TEA", 1)), 400, "idempotency_key_missing", key=key)


def test_it_rejects_two_different_keys(program: Program) -> None:
    make_product(sku="TEA")
    rejected_order(
        program,
        order_body(("TEA", 1)),
        400,
        "idempotency_key_missing",
        key=new_key(),
        X_Idempotency_Key=new_key(),
    )


def test_an_operation_is_not_repeated_if_its_response_cannot_be_decrypted(program: Program) -> None:
    make_product(sku="TEA")
    key, body = new_key(), order_body(("TEA", 1))
    program.post("/api/orders", body, key=key)
    atomic(db.session.execute)(update(IdempotencyKey).values(sealed_outcome="sealed under a lost key"))
    rejected_order(program, body, 409, "idempotency_answer_lost", key=key)


def test_a_retry_is_answered_after_the_sku_was_renamed(program: Program) -> None:
    sold = make_product(sku="TEA")
    key, body = new_key(), {"adjustment": 5, "cause": "received"}
    first = program.post("/api/inventory/TEA/movements", body, key=key)
    atomic(db.session.execute)(update(Variant).where(Variant.id == sold.variant_id).values(sku="TEE"))
    again = program.post("/api/inventory/TEA/movements", body, key=key)
    assert (again.status_code, again.data) == (first.status_code, first.data) == (201, first.data)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert program.post("/api/inventory/TEA/movements", body).status_code == 404
    assert counters(sold) == (15, 0)


def test_keys_are_separate_for_each_client_and_route(app: Flask, program: Program) -> None:
    make_product(sku="TEA")
    key, body = new_key(), order_body(("TEA", 1))
    assert program.post("/api/orders", body, key=key).status_code == 201
    assert make_program(app).post("/api/orders", body, key=key).status_code == 201
    assert program.post("/api/commerce/checkout", body, key=key).status_code == 201
    assert count_orders() == 3
