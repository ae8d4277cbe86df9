"""The appearance is looked at before it is saved: the shop in a frame, with colors, typeface and pictures as typed."""

import base64
import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import expect

from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from tests.admin.conftest import SignedIn
from tests.admin.test_in_browser import sign_in
from tests.factories.catalog import put_up
from tests.factories.staff import make_staff
from tests.support.browser import NewPage
from tests.support.client import ShopClient
from tests.support.server import LiveServer

LOOK = "/admin/settings/look"
HERE = f"{LOOK}/preview"


def photo() -> io.BytesIO:
    file = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(file, "PNG")
    file.seek(0)
    return file


def stylesheet(page: str) -> str:
    return re.findall(r'href="(/admin/settings/look/preview\.css[^"]+)"', page)[-1].replace("&amp;", "&")


def post(client: ShopClient, path: str, **fields: Any) -> Any:
    data = {"csrf_token": client.csrf_token(), **fields}
    return client.post(path, data=data, content_type="multipart/form-data")


def test_the_draft_is_shown_and_nothing_is_saved(desk: ShopClient, in_shop: Shop) -> None:
    put_up("Green mug")
    page = desk.get(f"{HERE}?accent=%238F3524&typeface=rounded")
    assert page.status_code == 200
    assert "Green mug" in page.text
    assert "<body inert>" in page.text
    css = desk.get(stylesheet(page.text))
    assert css.mimetype == "text/css"
    assert "--accent: #8f3524;" in css.text
    assert "ui-rounded" in css.text
    assert "--paper: #faf8f4;" in css.text, "what was not typed is as it is"
    assert get_shop(in_shop.id).theme == {}
    assert "#8f3524" not in desk.get("/theme.css").text


def test_without_javascript_a_button_shows_it_in_the_frame(desk: ShopClient, in_shop: Shop) -> None:
    form = desk.get(LOOK).text
    assert f'formaction="{HERE}" formtarget="look-preview"' in form
    assert 'name="look-preview"' in form
    page = post(desk, HERE, accent="#8f3524")
    assert "accent=%238f3524" in page.text
    assert get_shop(in_shop.id).theme == {}


def test_what_could_not_be_read_is_said_in_the_preview_and_refused_when_saved(
    desk: ShopClient, in_shop: Shop
) -> None:
    page = desk.get(f"{HERE}?ink=%23cccccc")
    assert "It must be at least 4.5." in page.text
    version = re.findall(r'name="version" value="(\d+)"', desk.get(LOOK).text)[0]
    saved = post(desk, LOOK, version=version, ink="#cccccc", typeface="serif")
    assert saved.status_code == 422
    assert "ink=%23cccccc" in saved.text, "the frame shows what was typed"


@pytest.mark.parametrize("bad", ["red;} body{display:none", "#12345", "</style>", "url(https://x)"])
def test_no_draft_carries_css_of_its_own(desk: ShopClient, in_shop: Shop, bad: str) -> None:
    css = desk.get(f"{HERE}.css", query_string={"accent": bad, "typeface": bad}).text
    assert bad not in css
    assert "--accent: #2f4a3c;" in css


@pytest.mark.parametrize("name", ["logo", "hero"])
def test_a_picture_is_shown_before_it_is_uploaded_for_good(
    desk: ShopClient, in_shop: Shop, name: str
) -> None:
    page = post(desk, f"{LOOK}/{name}/preview", file=(photo(), "x.png"))
    assert page.status_code == 200
    (data,) = re.findall(r'src="data:image/webp;base64,([^"]+)"', page.text)
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (60, 40)
    shop = get_shop(in_shop.id)
    assert (shop.theme, shop.hero) == ({}, "")
    refused = post(desk, f"{LOOK}/{name}/preview", file=(io.BytesIO(b"<svg/>"), "x.png"))
    assert refused.status_code == 422
    assert "notice--warn" in refused.text
    assert post(desk, f"{LOOK}/{name}/preview").status_code == 422


def test_only_that_page_may_be_framed_and_it_runs_nothing(desk: ShopClient, in_shop: Shop) -> None:
    framed, around = desk.get(HERE).headers, desk.get(LOOK).headers
    assert "frame-ancestors 'self'" in framed["Content-Security-Policy"]
    assert "script-src" not in framed["Content-Security-Policy"]
    assert framed["X-Frame-Options"] == "SAMEORIGIN"
    assert "<script" not in desk.get(HERE).text
    assert "frame-src 'self'" in around["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in around["Content-Security-Policy"]
    assert "frame-src" not in desk.get("/admin/settings/shop").headers["Content-Security-Policy"]


def test_who_may_not_change_settings_sees_no_preview(signed_in: SignedIn, in_shop: Shop) -> None:
    for path in (HERE, f"{HERE}.css"):
        assert signed_in("support").get(path).status_code == 403


@pytest.mark.browser
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_frame_follows_what_is_typed(
    in_shop: Shop, live_server: Callable[..., LiveServer], new_page: NewPage
) -> None:
    make_staff("owner", name="Bob")
    put_up("Mug")
    page = new_page()
    sign_in(page, live_server(), LOOK)
    button = page.frame_locator("[data-look-preview]").get_by_text("Place order")
    expect(button).to_have_css("background-color", "rgb(47, 74, 60)")
    length = page.evaluate("history.length")
    page.get_by_label("Accent: buttons, marks").fill("#8f3524")
    expect(button).to_have_css("background-color", "rgb(143, 53, 36)")
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("history.length") == length, "the back button leads away from the page"
