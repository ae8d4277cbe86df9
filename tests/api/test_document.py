"""The OpenAPI document is valid and complete, and its examples match its schemas."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from commerce.api.auth import PUBLIC
from commerce.api.openapi.document import make_document
from commerce.api.openapi.examples import Examples
from commerce.api.openapi.texts import TAGS
from commerce.api.operation import OPERATIONS
from commerce.tenants.models import Shop
from tests.factories.api_contract import Contract
from tests.support.client import ShopClient

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def document(client: ShopClient, shop: Shop) -> dict[str, Any]:
    answer = client.get("/api/openapi.json")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    found: dict[str, Any] = answer.json
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            yield f"{method.upper()} {path}", described


def test_it_is_a_valid_document_of_every_operation(app: Flask, document: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(document).validate()
    there = {
        endpoint
        for endpoint, view in app.view_functions.items()
        if endpoint.startswith("api.") and getattr(view, "scope", "") != PUBLIC
    }
    assert {f"api.{each.view.__name__}" for each in OPERATIONS} == there
    assert len(list(operations(document))) == len(there)


def test_everything_has_a_description(document: dict[str, Any]) -> None:
    for name, described in operations(document):
        assert described["summary"], name
        assert described["description"].count("Scope: `") == 1, name
        for parameter in described["parameters"]:
            assert "$ref" in parameter or parameter["description"], (name, parameter["name"])
        for status, answer in described["responses"].items():
            assert "$ref" in answer or answer["description"], (name, status)
    assert {tag["name"] for tag in document["tags"]} <= TAGS.keys()
    codes = json.dumps(document["components"]["responses"])
    for code in (
        "stale_version",
        "out_of_stock",
        "price_changed",
        "idempotency_key_reused",
        "invalid_request",
    ):
        assert f"`{code}`" in codes


def test_no_field_has_a_title_and_no_parameter_is_null(document: dict[str, Any]) -> None:
    for name, described in operations(document):
        for parameter in described["parameters"]:
            assert "null" not in json.dumps(parameter.get("schema", {})), name
    for name, schema in document["components"]["schemas"].items():
        assert not isinstance(schema.get("title"), str), name
        for field, each in schema.get("properties", {}).items():
            assert not isinstance(each.get("title"), str), (name, field)


def test_its_examples_match_its_schemas(document: dict[str, Any]) -> None:
    contract = Contract(document)
    for name, described in operations(document):
        parts = [described.get("requestBody", {}), *described["responses"].values()]
        for part in parts:
            for media in part.get("content", {}).values():
                assert contract.faults_of(media["example"], media["schema"]) == [], name
    for name, answer in document["components"]["responses"].items():
        (media,) = answer["content"].values()
        assert contract.faults_of(media["example"], media["schema"]) == [], name


def test_the_status_parameter_lists_every_status(document: dict[str, Any]) -> None:
    (status,) = (
        each["schema"]
        for each in document["paths"]["/api/orders"]["get"]["parameters"]
        if each.get("name") == "status"
    )
    assert {"pending", "shipped", "refunded"} < set(status["enum"])


def test_it_can_be_cached_for_five_minutes_and_revalidated(client: ShopClient, shop: Shop) -> None:
    first = client.get("/api/openapi.json", headers={"Accept-Encoding": "gzip"})
    assert first.headers["Cache-Control"] == "public, max-age=300"
    assert first.headers["Content-Encoding"] == "gzip"
    again = client.get(
        "/api/openapi.json", headers={"Accept-Encoding": "gzip", "If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")


def test_an_example_of_a_request_has_required_fields_and_those_with_examples(app: Flask) -> None:
    schemas = {"Line": {"type": "object", "properties": {"code": {"type": "string", "examples": ["A"]}}}}
    made = Examples(schemas)
    body = {
        "type": "object",
        "required": ["lines"],
        "properties": {
            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
            "note": {"type": "string", "default": ""},
        },
    }
    assert made.request(body) == {"lines": [{"code": "A"}]}
    assert made.response(body) == {"lines": [{"code": "A"}], "note": ""}


def test_the_document_is_built_the_same_each_time(app: Flask, document: dict[str, Any]) -> None:
    with app.test_request_context("/"):
        assert json.loads(json.dumps(make_document())) == document
