"""Staff look at every mail before anybody gets it, and nothing is written or sent by looking."""

import re

import pytest
from flask import Flask
from playwright.sync_api import expect
from sqlalchemy import func, select

from commerce.db import db
from commerce.events.models import Event
from commerce.notifications.i18n import LANGUAGES
from commerce.notifications.mail_types import MAILS
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.test_in_browser import Start, sign_in
from tests.admin.test_pages import check
from tests.factories.orders import order_in, take_step
from tests.factories.shop import make_product
from tests.factories.staff import make_staff
from tests.support.browser import NewPage
from tests.support.client import ShopClient


@pytest.fixture
def goods(in_shop: Shop) -> None:
    make_product("Jasmine tea", sku="TEA-1", stock=100)


def rows(kind: type) -> int:
    count = db.session.scalar(select(func.count()).select_from(kind))
    db.session.close()
    return count or 0


def test_the_list_names_every_mail_its_events_and_its_reader(desk: ShopClient, goods: None) -> None:
    page = desk.get("/admin/mails")
    check(page.text)
    for mail in MAILS.values():
        assert f'href="/admin/mails/{mail.name}"' in page.text
        assert ", ".join(mail.events) in page.text
    assert "operations@localhost" in page.text


@pytest.mark.parametrize("name", MAILS)
def test_each_mail_can_be_looked_at(
    app: Flask, desk: ShopClient, goods: None, in_shop: Shop, name: str
) -> None:
    folder = app.config["LOCKSTEP"].var / "mail"
    before = set(folder.glob("*"))
    page = desk.get(f"/admin/mails/{name}")
    assert page.status_code == 200
    check(page.text)
    assert f'src="/admin/mails/{name}/html?language=en"' in page.text
    framed = desk.get(f"/admin/mails/{name}/html?language=en")
    assert framed.status_code == 200
    assert framed.text.startswith("<!doctype html>")
    assert (rows(Order), rows(Event)) == (0, 0)
    assert set(folder.glob("*")) == before


def test_a_made_up_order_is_of_the_shops_own_products(desk: ShopClient, goods: None) -> None:
    page = desk.get("/admin/mails/order_confirmation").text
    assert "2 x Jasmine tea: $20.00" in page


def test_a_shop_without_products_can_look_too(desk: ShopClient, in_shop: Shop) -> None:
    assert "Sample product" in desk.get("/admin/mails/order_confirmation").text


def test_the_mail_of_a_real_order_tells_what_really_happened(desk: ShopClient, goods: None) -> None:
    order = order_in("cancelled", name="Ann <i>")
    page = desk.get(f"/admin/mails/order_cancelled?order={order.code}&language=de").text
    assert f"Ihre Bestellung {order.code} wurde storniert" in page
    assert "Grund: Changed my mind" in page
    assert "Guten Tag Ann &lt;i&gt;," in page
    framed = desk.get(f"/admin/mails/order_cancelled/html?order={order.code}&language=ja").text
    assert "Ann &lt;i&gt; 様" in framed
    assert "Changed my mind" in framed


def test_an_order_that_had_no_such_event_shows_what_it_could_be(desk: ShopClient, goods: None) -> None:
    order = order_in("confirmed")
    for name in MAILS:
        page = desk.get(f"/admin/mails/{name}?order={order.code}")
        assert page.status_code == 200
        if name not in ("alert_low_stock", "alert_webhook_disabled"):
            assert order.code in page.text
    take_step(order.id, "request_refund")
    assert "Because" in desk.get(f"/admin/mails/refund_requested?order={order.code}").text


@pytest.mark.parametrize("code", ["ORD-9", "<b>", "ORD\x00-1", "a" * 300])
def test_an_order_that_does_not_exist_is_said_so(desk: ShopClient, goods: None, code: str) -> None:
    page = desk.get("/admin/mails/order_shipped", query_string={"order": code})
    assert page.status_code == 404
    assert "t find this order" in page.text
    assert "Jasmine tea" in page.text
    check(page.text.replace("\x00", ""))


@pytest.mark.parametrize("language", [*LANGUAGES, "xx", ""])
def test_the_language_can_be_chosen(desk: ShopClient, goods: None, language: str) -> None:
    page = desk.get(f"/admin/mails/order_shipped?language={language}").text
    chosen = re.search(r'<option value="(\w+)"[^>]* selected>', page)
    assert chosen is not None
    assert chosen[1] == (language if language in LANGUAGES else "en")


def test_the_frame_may_run_nothing_and_only_the_shop_may_frame_it(desk: ShopClient, goods: None) -> None:
    page = desk.get("/admin/mails/order_shipped")
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
    framed = desk.get("/admin/mails/order_shipped/html")
    policy = framed.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert policy.endswith("; sandbox")
    assert "frame-ancestors 'self'" in policy
    assert framed.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert framed.headers["Cache-Control"] == "private, no-store"
    assert "frame-src" not in desk.get("/admin/mails").headers["Content-Security-Policy"]


def test_a_mail_that_does_not_exist_is_not_found(desk: ShopClient, goods: None) -> None:
    assert desk.get("/admin/mails/nonsense").status_code == 404
    assert desk.get("/admin/mails/_layout/html").status_code == 404


def test_everybody_at_a_back_office_may_look_and_nobody_else(
    app: Flask, signed_in: SignedIn, goods: None, in_shop: Shop
) -> None:
    assert signed_in("readonly").get("/admin/mails/order_shipped").status_code == 200
    stranger = app.test_client(host=in_shop.host).get("/admin/mails/order_shipped/html")
    assert stranger.status_code == 303


def test_charlie_sees_their_own_products_and_not_alices_orders(
    signed_in: SignedIn, goods: None, other_shop: Shop
) -> None:
    order = order_in("confirmed", name="Ann Secret")
    charlie = signed_in("owner", shop=other_shop)
    page = charlie.get(f"/admin/mails/order_confirmation?order={order.code}")
    assert page.status_code == 404
    assert "Ann Secret" not in page.text
    assert "Jasmine" not in page.text
    with shop_scope(other_shop):
        make_product("Box kite")
    assert "Box kite" in charlie.get("/admin/mails/order_confirmation").text


@pytest.mark.browser
@pytest.mark.parametrize("javascript", [True, False])
def test_a_browser_shows_the_mail_in_its_frame_in_the_shops_colours(
    goods: None, live_server: Start, new_page: NewPage, javascript: bool
) -> None:
    make_staff("owner", name="Bob")
    server, page = live_server(), new_page(javascript=javascript)
    sign_in(page, server, "/admin/mails/order_confirmation")
    mail = page.frame_locator("iframe")
    expect(mail.get_by_role("heading", name="Your order is confirmed.")).to_be_visible()
    expect(mail.get_by_text("2 × Jasmine tea")).to_be_visible()
    button = mail.get_by_role("link", name="See your order").locator("xpath=..")
    expect(button).to_have_css("background-color", "rgb(47, 74, 60)")
    page.get_by_label("Language").select_option("de")
    page.get_by_role("button", name="Apply").click()
    expect(mail.get_by_role("heading", name="Ihre Bestellung ist bestätigt.")).to_be_visible()
    expect(page.get_by_text("Ihre Bestellung ORD-000000 ist bestätigt")).to_be_visible()
