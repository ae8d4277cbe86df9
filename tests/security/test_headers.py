"""Every answer, whatever it is, tells the browser what it may do with it."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import AnyConverter

from commerce.notifications.mail_types import MAILS
from commerce.tenants.models import Shop
from commerce.web import SECURITY_HEADERS
from tests.factories.shop import make_product
from tests.factories.staff import csrf_token
from tests.security.conftest import Walks
from tests.support.client import ShopClient
from tests.support.visitor import Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SAMPLE = {
    "UUIDConverter": "00000000-0000-7000-8000-000000000000",
    "IntegerConverter": "1",
    "UnicodeConverter": "x",
    "PathConverter": "x",
    "SkuConverter": "x",
}
SAYS_LESS = ("same-origin", "strict-origin", "no-referrer")
"""Referrer policies that keep a path from everybody else; pages with a secret in their path keep it from all."""
OWN_POLICY = {
    "admin.mail_page": {"Content-Security-Policy"},  # shows a mail in a frame
    "admin.settings_page": {"Content-Security-Policy"},  # the appearance shows the shop in a frame
    "admin.look_preview": {"Content-Security-Policy", "X-Frame-Options"},  # is that frame, without scripts
    "admin.mail_html": {"Content-Security-Policy", "X-Frame-Options"},  # is that frame, without scripts
}
"""Rules whose pages say something else, and why."""


def address(app: Flask, endpoint: str) -> str:
    """Return an address of a rule, with something for each of its arguments."""
    rule = next(each for each in app.url_map.iter_rules() if each.endpoint == endpoint)
    values = {name: _sample(rule._converters[name]) for name in rule.arguments}
    with app.test_request_context():
        return app.url_for(endpoint, **values)


def _sample(converter: object) -> str:
    if isinstance(converter, AnyConverter):
        return min(converter.items)
    return SAMPLE[type(converter).__name__]


def assert_protected(answer: Any, endpoint: str = "") -> None:
    assert answer.headers["Referrer-Policy"] in SAYS_LESS
    for name, value in SECURITY_HEADERS.items():
        if name != "Referrer-Policy" and name not in OWN_POLICY.get(endpoint, ()):
            assert answer.headers.get(name) == value, (answer.request.path, name)
    assert "unsafe-eval" not in answer.headers["Content-Security-Policy"]
    assert "script-src 'unsafe" not in answer.headers["Content-Security-Policy"]
    assert "Cache-Control" in answer.headers
    assert "Server" not in answer.headers
    assert "X-Powered-By" not in answer.headers


def test_every_address_answers_with_the_headers_to_visitors_and_to_the_owner(
    app: Flask, in_shop: Shop, owner: Visitor
) -> None:
    stranger = app.test_client()
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert len(endpoints) > 50
    for endpoint in endpoints:
        for client in (stranger, owner.client):
            with client.get(address(app, endpoint)) as answer:
                # A program has a key; neither a stranger nor a browser that is signed in has one.
                of_programs = endpoint.startswith("api.") and answer.status_code == 401
                assert of_programs or answer.status_code in (200, 303, 304, 308, 404, 503), endpoint
                assert_protected(answer, endpoint)


def test_what_belongs_to_somebody_is_kept_by_nobody(walks: Walks) -> None:
    found = walks()
    private = 0
    for who, walk in found.items():
        for path, answer in walk.answers.items():
            assert_protected(answer, str(walk.kind(path)[0]))  # type: ignore[index]
            if path.startswith(("/admin/", "/orders/", "/checkout", "/cart", "/account")):
                private += 1
                assert answer.headers["Cache-Control"] == "private, no-store", (who, path)
    assert private > 40


def test_a_policy_of_its_own_lets_nothing_run_and_nobody_else_frame(app: Flask, owner: Visitor) -> None:
    name = next(iter(MAILS))
    page = owner.client.get(f"/admin/mails/{name}")
    mail = owner.client.get(f"/admin/mails/{name}/html")
    assert (page.status_code, mail.status_code) == (200, 200)
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    policy = mail.headers["Content-Security-Policy"]
    assert "script-src" not in policy
    assert policy.startswith("default-src 'none'")
    assert policy.endswith("sandbox")
    assert "frame-ancestors 'self'" in policy


@pytest.mark.parametrize("hsts", ["off", "host", "subdomains", "preload"])
def test_browsers_are_reported_to_come_by_https_as_far_as_the_owner_promises(
    make_app: Callable[..., Flask], shop: Shop, hsts: str
) -> None:
    said = {
        make_app(production=True, public_scheme=scheme, hsts=hsts)
        .test_client()
        .get("/healthz")
        .headers.get("Strict-Transport-Security")
        for scheme in ("http", "https")
    }
    assert said == {
        None,
        {
            "off": None,
            "host": "max-age=63072000",
            "subdomains": "max-age=63072000; includeSubDomains",
            "preload": "max-age=63072000; includeSubDomains; preload",
        }[hsts],
    }


def test_errors_have_the_headers_too(make_app: Callable[..., Flask], shop: Shop) -> None:
    app = make_app(testing=False)

    def fail() -> str:
        raise RuntimeError("secret of the house")

    app.add_url_rule("/fail", view_func=fail)
    client = app.test_client()
    assert isinstance(client, ShopClient)
    large = {"email": "x" * 3_000_000}
    many = {f"f{number}": "x" for number in range(2000)}
    answers = {
        500: client.get("/fail"),
        404: client.get("/nowhere"),
        405: client.put("/search"),
        400: client.post("/cart/lines"),
        413: client.post("/cart/lines", data=large),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert_protected(answer)
        assert "secret of the house" not in answer.text
    assert client.post("/cart/lines", data={**many, "file": (io.BytesIO(b"1"), "1")}).status_code == 413
    unknown = client.get("/", headers={"Host": "demo.localhost:99999"})
    assert unknown.status_code == 400
    assert_protected(unknown)


@pytest.mark.parametrize("production", [True, False])
def test_cookies_are_of_this_host_alone_and_out_of_reach_for_scripts(
    make_app: Callable[..., Flask], in_shop: Shop, production: bool
) -> None:
    tea = make_product()
    visitor = Visitor(make_app(production=production))
    client = visitor.client
    client.base_url = f"https://{in_shop.host}"
    token = csrf_token(client.get(tea.path).text)
    referrer = {"Referer": f"https://{in_shop.host}/"}
    put = {"csrf_token": token, "variant_id": str(tea.variant_id), "quantity": "1"}
    answer = client.post("/cart/lines", data=put, headers=referrer)
    assert answer.status_code == 303
    cookies = {value.partition("=")[0]: value for value in answer.headers.getlist("Set-Cookie")}
    prefix = "__Host-" if production else ""
    assert f"{prefix}cart" in cookies
    for name, value in cookies.items():
        assert name.startswith(prefix)
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(value.split("; "))
        assert ("Secure" in value.split("; ")) == production
        assert "Domain" not in value
        assert len(value) < 4096
    assert "1" in client.get("/cart").text
