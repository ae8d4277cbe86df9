"""Every error under /api/ is a problem document with the right status."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.tenants.services import suspend
from tests.factories.api_clients import Program, make_program, new_key, order_body
from tests.factories.shop import make_product
from tests.support.client import ShopClient

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def assert_problem(answer: TestResponse, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json"), answer.text
    problem: dict[str, Any] = json.loads(answer.data)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"urn:lockstep:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    assert "no-store" in answer.headers["Cache-Control"] or "no-cache" in answer.headers["Cache-Control"]
    return problem


def test_it_returns_404_for_an_unknown_url(program: Program) -> None:
    for path in ("/api/", "/api/nothing", "/api/orders/", "/api/orders/x/y/z", "/api/openapi.yaml"):
        assert_problem(program.get(path), 404, "http_404")


def test_it_returns_405_for_an_unsupported_method(program: Program) -> None:
    for method, path, allowed in (
        ("DELETE", "/api/orders", "GET"),
        ("GET", "/api/commerce/checkout", "POST"),
    ):
        answer = program.call(method, path)
        assert_problem(answer, 405, "http_405")
        assert allowed in answer.headers["Allow"]


def test_it_supports_head_and_options(program: Program) -> None:
    shown, head = program.get("/api/orders"), program.call("HEAD", "/api/orders")
    assert (head.status_code, head.data) == (200, b"")
    same = ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Vary")
    assert [head.headers[name] for name in same] == [shown.headers[name] for name in same]
    options = program.call("OPTIONS", "/api/orders")
    assert (options.status_code, options.data) == (200, b"")
    assert {"GET", "POST"} <= set(options.headers["Allow"].split(", "))
    assert Program(program.app, "").call("HEAD", "/api/orders").status_code == 401


def test_it_returns_304_for_an_unchanged_response(program: Program) -> None:
    first = program.get("/api/orders")
    again = program.get("/api/orders", If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")
    make_product("Wireless Mouse", price=2999, sku="PRD-001")
    program.post("/api/orders", order_body(("PRD-001", 1)))
    assert program.get("/api/orders", If_None_Match=first.headers["ETag"]).status_code == 200


def test_reading_ignores_if_match(program: Program) -> None:
    make_product("Wireless Mouse", price=2999, sku="PRD-001")
    placed = program.post("/api/orders", order_body(("PRD-001", 1))).headers["Location"]
    for tag in ('"1"', '"7"', "*", program.get(placed).headers["ETag"]):
        assert program.get(placed, If_Match=tag).status_code == 200


def test_long_responses_are_compressed_on_request(program: Program) -> None:
    make_product("Wireless Mouse", price=2999, sku="PRD-001")
    placed = program.post("/api/orders", order_body(("PRD-001", 1)), Accept_Encoding="gzip").headers[
        "Location"
    ]
    plain, packed = program.get(placed), program.call("GET", placed, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in packed.headers["Vary"]


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[1,]",
        "\ufeff{}",
        b"\xff\xfe",
        "{}".encode("utf-16"),
        '{"a": NaN}',
        '{"a": "\\ud800"}',
        "[" * 5000,
    ],
)
def test_it_rejects_a_body_that_is_not_json(program: Program, body: str | bytes) -> None:
    assert_problem(program.post("/api/orders", body), 400, "malformed_request")


@pytest.mark.parametrize("body", ["null", "[]", "1", '{"a": 1e999}'])
def test_it_rejects_json_that_is_not_an_order(program: Program, body: str) -> None:
    assert_problem(program.post("/api/orders", body), 422, "invalid_request")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_it_rejects_other_content_types(program: Program, kind: str) -> None:
    answer = program.post("/api/orders", json.dumps(order_body(("PRD-001", 1))), Content_Type=kind)
    assert_problem(answer, 415, "http_415")


def test_it_returns_json_for_any_accept_header(program: Program) -> None:
    answer = program.get("/api/orders", Accept="text/html")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert_problem(program.get("/api/orders/NO", Accept="text/html"), 404, "not_found")


def test_it_rejects_a_body_of_more_than_two_megabytes(program: Program) -> None:
    large = json.dumps({**order_body(("PRD-001", 1)), "note": "x" * 3_000_000})
    assert_problem(program.post("/api/orders", large), 413, "http_413")


def test_it_rejects_unknown_fields_and_parameters(program: Program) -> None:
    body = order_body(("PRD-001", 1))
    body["items"][0]["discount"] = 5
    found = assert_problem(program.post("/api/orders", {**body, "pk": "x"}), 422, "invalid_request")
    assert {each["field"] for each in found["errors"]} == {"items.0.discount", "pk"}
    for path in ("/api/orders?sort=total", "/api/orders/ORD-1?verbose=1", "/api/orders?limit=1&limit=2"):
        assert_problem(program.get(path), 422, "invalid_request")


def test_numbers_and_booleans_in_queries_are_written_as_in_json(program: Program) -> None:
    assert program.get("/api/orders?limit=5&total=true").status_code == 200
    for query in ("limit=%2B5", "limit=1_0", "limit=5.0", "limit=%205", "total=1", "total=yes", "total=True"):
        found = assert_problem(program.get(f"/api/orders?{query}"), 422, "invalid_request")
        assert [each["field"] for each in found["errors"]] == [query.partition("=")[0]]


@pytest.mark.parametrize(
    "key", ["short", "x" * 256, "sixteen letters and a blank", "tab\tin the middle of it", ""]
)
def test_it_rejects_an_invalid_idempotency_key(program: Program, key: str) -> None:
    answer = program.call("POST", "/api/orders", order_body(("PRD-001", 1)), Idempotency_Key=key)
    assert_problem(answer, 400, "idempotency_key_missing")
    two = program.post("/api/orders", order_body(("PRD-001", 1)), X_Idempotency_Key=new_key())
    assert_problem(two, 400, "idempotency_key_missing")


def test_a_suspended_shop_is_closed_to_api_clients(app: Flask, program: Program, in_shop: Shop) -> None:
    suspend(in_shop.id, "Moving house")
    answer = program.get("/api/orders")
    assert_problem(answer, 503, "closed")
    assert answer.headers["Retry-After"] == "3600"
    for path in ("/api/openapi.json", "/api/docs"):
        assert_problem(program.get(path), 503, "closed")


def test_the_host_of_the_platform_has_no_api(app: Flask, program: Program) -> None:
    host = app.config["LOCKSTEP"].platform_host
    for path in ("/api/orders", "/api/openapi.json", "/api/docs"):
        assert_problem(Program(app, program.key, host=host).get(path), 404, "http_404")


def test_an_internal_error_reveals_no_details(
    make_app: Callable[..., Flask], shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(testing=False)
    with app.app_context(), shop_scope(shop):
        program = make_program(app)

    def fail(**_: Any) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr("commerce.api.orders.views.list_orders", fail)
    answer = program.get("/api/orders")
    assert_problem(answer, 500, "internal")
    assert "secret of the house" not in answer.text


def test_it_neither_needs_nor_sets_cookies(client: ShopClient, program: Program) -> None:
    answer = program.post("/api/orders", order_body(("PRD-001", 1)))
    assert "Set-Cookie" not in answer.headers
    assert "Set-Cookie" not in client.get("/api/docs").headers
