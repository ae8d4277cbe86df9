"""Whatever is asked under /api/, a program can read the answer: problem details, with the status that is true."""

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


def test_an_address_that_is_none(program: Program) -> None:
    for path in ("/api/", "/api/nothing", "/api/orders/", "/api/orders/x/y/z", "/api/openapi.yaml"):
        assert_problem(program.get(path), 404, "http_404")


def test_a_method_that_an_address_has_not(program: Program) -> None:
    for method, path, allowed in (
        ("DELETE", "/api/orders", "GET"),
        ("GET", "/api/commerce/checkout", "POST"),
    ):
        answer = program.call(method, path)
        assert_problem(answer, 405, "http_405")
        assert allowed in answer.headers["Allow"]


def test_heads_and_options_are_answered_as_http_has_it(program: Program) -> None:
    shown, head = program.get("/api/orders"), program.call("HEAD", "/api/orders")
    assert (head.status_code, head.data) == (200, b"")
    same = ("Content-Type", "Content-Length", "ETag", "Cache-Control", "Vary")
    assert [head.headers[name] for name in same] == [shown.headers[name] for name in same]
    options = program.call("OPTIONS", "/api/orders")
    assert (options.status_code, options.data) == (200, b"")
    assert {"GET", "POST"} <= set(options.headers["Allow"].split(", "))
    assert Program(program.app, "").call("HEAD", "/api/orders").status_code == 401


def test_what_has_not_changed_is_not_sent_again(program: Program) -> None:
    first = program.get("/api/orders")
    again = program.get("/api/orders", If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")
    make_product("Wireless Mouse", price=2999, sku="PRD-001")
    program.post("/api/orders", order_body(("PRD-001", 1)))
    assert program.get("/api/orders", If_None_Match=first.headers["ETag"]).status_code == 200


def test_reading_asks_for_no_version(program: Program) -> None:
    make_product("Wireless Mouse", price=2999, sku="PRD-001")
    placed = program.post("/api/orders", order_body(("PRD-001", 1))).headers["Location"]
    for tag in ('"1"', '"7"', "*", program.get(placed).headers["ETag"]):
        assert program.get(placed, If_Match=tag).status_code == 200


def test_long_answers_are_compressed_for_whoever_can_read_that(program: Program) -> None:
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
def test_what_is_no_json_cannot_be_read(program: Program, body: str | bytes) -> None:
    assert_problem(program.post("/api/orders", body), 400, "malformed_request")


@pytest.mark.parametrize("body", ["null", "[]", "1", '{"a": 1e999}'])
def test_what_is_no_order_is_refused(program: Program, body: str) -> None:
    assert_problem(program.post("/api/orders", body), 422, "invalid_request")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
def test_only_json_is_taken(program: Program, kind: str) -> None:
    answer = program.post("/api/orders", json.dumps(order_body(("PRD-001", 1))), Content_Type=kind)
    assert_problem(answer, 415, "http_415")


def test_json_is_answered_whatever_would_be_liked_better(program: Program) -> None:
    answer = program.get("/api/orders", Accept="text/html")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    assert_problem(program.get("/api/orders/NO", Accept="text/html"), 404, "not_found")


def test_a_body_of_more_than_two_megabytes_is_not_read(program: Program) -> None:
    large = json.dumps({**order_body(("PRD-001", 1)), "note": "x" * 3_000_000})
    assert_problem(program.post("/api/orders", large), 413, "http_413")


def test_what_is_not_named_is_refused_everywhere(program: Program) -> None:
    body = order_body(("PRD-001", 1))
    body["items"][0]["discount"] = 5
    found = assert_problem(program.post("/api/orders", {**body, "pk": "x"}), 422, "invalid_request")
    assert {each["field"] for each in found["errors"]} == {"items.0.discount", "pk"}
    for path in ("/api/orders?sort=total", "/api/orders/ORD-1?verbose=1", "/api/orders?limit=1&limit=2"):
        assert_problem(program.get(path), 422, "invalid_request")


def test_numbers_and_truths_are_written_as_json_has_them(program: Program) -> None:
    assert program.get("/api/orders?limit=5&total=true").status_code == 200
    for query in ("limit=%2B5", "limit=1_0", "limit=5.0", "limit=%205", "total=1", "total=yes", "total=True"):
        found = assert_problem(program.get(f"/api/orders?{query}"), 422, "invalid_request")
        assert [each["field"] for each in found["errors"]] == [query.partition("=")[0]]


@pytest.mark.parametrize(
    "key", ["short", "x" * 256, "sixteen letters and a blank", "tab\tin the middle of it", ""]
)
def test_an_idempotency_key_that_is_none_is_refused(program: Program, key: str) -> None:
    answer = program.call("POST", "/api/orders", order_body(("PRD-001", 1)), Idempotency_Key=key)
    assert_problem(answer, 400, "idempotency_key_missing")
    two = program.post("/api/orders", order_body(("PRD-001", 1)), X_Idempotency_Key=new_key())
    assert_problem(two, 400, "idempotency_key_missing")


def test_a_shop_that_is_suspended_is_closed_to_programs_too(
    app: Flask, program: Program, in_shop: Shop
) -> None:
    suspend(in_shop.id, "Moving house")
    answer = program.get("/api/orders")
    assert_problem(answer, 503, "closed")
    assert answer.headers["Retry-After"] == "3600"
    for path in ("/api/openapi.json", "/api/docs"):
        assert_problem(program.get(path), 503, "closed")


def test_the_host_of_the_installation_has_no_api(app: Flask, program: Program) -> None:
    host = app.config["LOCKSTEP"].platform_host
    for path in ("/api/orders", "/api/openapi.json", "/api/docs"):
        assert_problem(Program(app, program.key, host=host).get(path), 404, "http_404")


def test_a_fault_of_ours_is_a_problem_that_tells_nothing(
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


def test_cookies_are_neither_needed_nor_set(client: ShopClient, program: Program) -> None:
    answer = program.post("/api/orders", order_body(("PRD-001", 1)))
    assert "Set-Cookie" not in answer.headers
    assert "Set-Cookie" not in client.get("/api/docs").headers
