"""The reference page shows everything in the OpenAPI document, without third-party assets."""

import gzip
import re
from typing import Any

import pytest
from flask import Flask
from markupsafe import Markup

from commerce.api.openapi.reference import make_reference, prose
from commerce.tenants.models import Shop
from tests.support.client import ShopClient
from tests.support.templates import find_inline_code

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def page(client: ShopClient, shop: Shop) -> str:
    answer = client.get("/api/docs")
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    return answer.text


@pytest.fixture
def document(client: ShopClient, shop: Shop) -> Any:
    return client.get("/api/openapi.json").json


def test_every_operation_schema_and_error_has_an_anchor_and_no_link_is_broken(
    page: str, document: Any
) -> None:
    places = re.findall(r'\bid="([^"]+)"', page)
    assert len(places) == len(set(places))
    for methods in document["paths"].values():
        for described in methods.values():
            assert described["operationId"] in places
    assert {f"schema-{name}" for name in document["components"]["schemas"]} <= set(places)
    assert {"problem-401", "problem-409", "problem-422"} <= set(places)
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(places)


def test_commands_have_the_host_of_the_shop_and_an_example_body(page: str, document: Any) -> None:
    assert "export SHOP=http://demo.localhost\n" in page
    reference = make_reference(document)
    operations = {each.name: each for section in reference.sections for each in section.operations}
    command = operations["createOrder"].command
    assert command.startswith('curl -X POST "$SHOP/api/orders" \\\n')
    assert '-H "Idempotency-Key: ' in command
    assert '"productCode": "PRD-001"' in command
    assert operations["getOneOrder"].command.startswith('curl "$SHOP/api/orders/ORD-000001" ')
    assert not [
        name
        for name, each in operations.items()
        if "{" in each.command.partition('"$SHOP')[2].partition('"')[0]
    ]


def test_it_loads_nothing_from_other_sites_and_has_no_inline_code(page: str) -> None:
    assert find_inline_code(page) == []
    assert not re.findall(r'(?:src|href)="(?:https?:)?//(?!demo\.localhost)', page)


def test_it_can_be_cached_by_proxies(client: ShopClient, shop: Shop) -> None:
    assert "s-maxage" in client.get("/api/docs").headers["Cache-Control"]


def test_it_is_compressed_on_request(client: ShopClient, shop: Shop) -> None:
    plain = client.get("/api/docs")
    packed = client.get("/api/docs", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(packed.data) == plain.data
    assert (packed.headers["Content-Encoding"], "Accept-Encoding" in packed.vary) == ("gzip", True)


def test_descriptions_are_escaped_and_their_markdown_is_rendered(app: Flask) -> None:
    assert prose("") == Markup("")
    assert prose("**A** `b` <c>") == "<p><strong>A</strong> <code>b</code> &lt;c&gt;</p>"
    assert prose("x\n\n- `a`: 1\n- 2") == "<p>x</p>\n<ul><li><code>a</code>: 1</li><li>2</li></ul>"
