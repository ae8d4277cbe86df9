"""The Host header chooses a shop and nothing else; what is no host name chooses none."""

from collections.abc import Callable

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from tests.factories.shop import make_product
from tests.support.visitor import Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.mark.parametrize(
    "host",
    [
        "user@demo.localhost",
        "user:password@demo.localhost",
        "demo.localhost:99999",
        "demo.localhost:0",
        "demo.localhost:x",
        "demo localhost",
        "demo.localhost/x",
        "demo.localhost?x",
        "demo.localhost#x",
        "demo.localhost\\x",
        "demo.localhost, other.localhost",
        "<script>alert(1)</script>",
        "{{ 7 * 7 }}",
        "' OR 1=1 --",
        "[::1",
        "d\u00e9mo.localhost".encode().decode("latin-1"),
        ("a" * 60 + ".") * 5 + "localhost",
        "a" * 4000,
        "",
    ],
)
def test_what_is_no_host_is_a_bad_request_in_words(app: Flask, shop: Shop, host: str) -> None:
    answer = app.test_client().get("/", headers={"Host": host})
    assert answer.status_code == 400
    assert "cannot be read" in answer.text
    assert "Tea" not in answer.text
    assert "alert(1)" not in answer.text


def test_a_host_of_nobody_and_one_with_a_dot_behind_have_no_shop(
    app: Flask, shop: Shop, other_shop: Shop
) -> None:
    for host in ("nowhere.example", "demo.localhost.", "demo.localhost.:5000", "xdemo.localhost", "demo"):
        assert app.test_client().get("/", headers={"Host": host}).status_code == 404, host


def test_a_single_shop_has_no_second_site_under_a_dot(app: Flask, shop: Shop) -> None:
    assert app.test_client().get("/", headers={"Host": "anything.example"}).status_code == 200
    assert app.test_client().get("/", headers={"Host": "anything.example."}).status_code == 404


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Host", "X-Host", "X-Forwarded-Server", "Forwarded", "X-Original-Host"]
)
def test_no_other_header_chooses_a_shop_unless_a_proxy_is_trusted(
    app: Flask, make_app: Callable[..., Flask], shop: Shop, other_shop: Shop, header: str
) -> None:
    value = "host=other.localhost" if header == "Forwarded" else "other.localhost"
    assert "Tea" in app.test_client().get("/", headers={header: value}).text
    behind = make_app(trusted_proxies=1).test_client().get("/", headers={header: value}).text
    assert "Kites" not in behind, "a proxy may hand on what the visitor wrote"
    named = make_app(trusted_proxies=1, trust_forwarded_host=True)
    assert ("Kites" in named.test_client().get("/", headers={header: value}).text) == (
        header == "X-Forwarded-Host"
    )


def test_a_redirect_names_no_host_so_that_nobody_else_can_be_named(app: Flask, in_shop: Shop) -> None:
    tea = make_product()
    visitor = Visitor(app, "evil.example")
    for path, data in (
        ("/cart/lines", {"variant_id": str(tea.variant_id), "quantity": "1"}),
        ("/products/green-tea/choice", {}),
    ):
        answer = visitor.post(path, data)
        assert answer.status_code == 303
        assert answer.headers["Location"].startswith("/")
        assert not answer.headers["Location"].startswith("//")
