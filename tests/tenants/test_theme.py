"""A shop's theme is its own style sheet, and can hold nothing but colours and a typeface."""

import pytest
from flask import Flask

from commerce.tenants.models import Shop
from commerce.tenants.services import create_tenant
from commerce.tenants.views import STATIC, TYPEFACES, static_url, theme_css
from tests.support.client import ShopClient
from tests.support.html import find_all, parse

YEAR = "public, max-age=31536000, immutable"


def theme_of(client: ShopClient) -> str:
    links = [link.get("href") or "" for link in find_all(parse(client.get("/")), "link", rel="stylesheet")]
    return next(link for link in links if link.startswith("/theme.css"))


def test_colours_and_typeface_become_custom_properties() -> None:
    css = theme_css({"accent": "#2f5A4c", "accent_ink": "#ffffff", "typeface": "serif"})
    assert "  --accent: #2f5A4c;\n" in css
    assert "  --accent-ink: #ffffff;\n" in css
    assert f"  --display-font: {TYPEFACES['serif']['display-font']};\n" in css


@pytest.mark.parametrize(
    "value",
    [
        "red",
        "#fff",
        "#ffffff;}",
        "#fffff\n",
        "#ffffff\n",
        "url(x)",
        "",
        None,
        7,
        ["#ffffff"],
        "#ｆｆｆｆｆｆ",
    ],
)
def test_anything_but_a_full_colour_is_left_out(value: object) -> None:
    assert theme_css({"accent": value, "typeface": value, "unknown": "#ffffff"}) == ""


def test_each_shop_has_its_own_theme_under_an_address_for_ever(app: Flask) -> None:
    with app.app_context():
        create_tenant(code="red", name="Red", currency="EUR", country="DE", theme={"accent": "#aa0000"})
        create_tenant(code="blue", name="Blue", currency="EUR", country="DE", theme={"accent": "#0000aa"})
    red, blue = app.test_client(host="red.localhost"), app.test_client(host="blue.localhost")
    assert theme_of(red) != theme_of(blue)
    answer = red.get(theme_of(red))
    assert answer.mimetype == "text/css"
    assert answer.text == ":root {\n  --accent: #aa0000;\n}\n"
    assert answer.headers["Cache-Control"] == YEAR
    assert "Set-Cookie" not in answer.headers
    assert "#0000aa" in blue.get("/theme.css").text


def test_an_old_or_bare_address_of_the_theme_is_not_kept(shop: Shop, client: ShopClient) -> None:
    for address in ("/theme.css", "/theme.css?v=old"):
        assert client.get(address).headers["Cache-Control"] == "public, no-cache"


def test_a_browser_that_has_the_theme_gets_the_reason(shop: Shop, client: ShopClient) -> None:
    etag = client.get("/theme.css").headers["ETag"]
    assert client.get("/theme.css", headers={"If-None-Match": etag}).status_code == 304


def test_static_files_may_be_kept_until_they_change(app: Flask, shop: Shop, client: ShopClient) -> None:
    with app.app_context():
        address = static_url("app.css")
    assert address.startswith("/static/app.css?v=")
    with client.get(address) as answer:
        assert answer.data == (STATIC / "app.css").read_bytes()
        assert "max-age=31536000" in answer.headers["Cache-Control"]


def test_the_first_page_is_light(shop: Shop, client: ShopClient) -> None:
    page = client.get("/")
    root = parse(page)
    files = [link.get("href") or "" for link in find_all(root, "link", rel="stylesheet")]
    files += [script.get("src") or "" for script in find_all(root, "script")]
    weight = len(page.data)
    for file in files:
        with client.get(file) as answer:
            weight += len(answer.data)
    assert weight < 85_000
