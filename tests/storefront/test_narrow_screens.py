"""On a phone nothing is wider than the screen, and what ends a long list is in sight."""

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from commerce.catalog.models import Product, Variant
from commerce.db import db
from commerce.tenants.models import Shop
from tests.admin.test_in_browser import sign_in
from tests.checkout.test_in_the_browser import fill_details, look
from tests.factories.orders import order_in
from tests.factories.shop import Sold, make_product
from tests.factories.staff import make_staff
from tests.support.browser import NewPage
from tests.support.server import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
PHONE = {"width": 390, "height": 844}
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaftstee"
EMAIL = "wolfeschlegelsteinhausenbergerdorffwelchevoralternwaren" + "@gewissenhaftschaferswesen.example.com"


def wide(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth"))


@pytest.fixture
def phone(new_page: NewPage) -> Page:
    page = new_page()
    page.set_viewport_size(PHONE)
    return page


def test_long_words_widen_no_page(in_shop: Shop, live_server: Callable[..., LiveServer], phone: Page) -> None:
    make_staff("owner", name="Bob")
    long = make_product(LONG, sku="S" * 60)
    order = order_in("confirmed", email=EMAIL, sku="S" * 60)
    server = live_server()
    found = {}
    for path in (long.path, f"/orders/{order.token}", "/"):
        phone.goto(server.url(path))
        found[path] = wide(phone)
    sign_in(phone, server, "/admin/orders")
    phone.goto(server.url("/admin/customers"))
    customer = phone.locator('a[href^="/admin/customers/"]').first.get_attribute("href") or ""
    for path in (
        f"/admin/orders/{order.code}",
        f"/admin/orders/{order.code}/picking-list",
        customer,
        f"/admin{long.path}",
        "/admin/products",
        "/admin/customers",
        "/admin/orders",
        f"/admin/stock/{'S' * 60}",
    ):
        answer = phone.goto(server.url(path))
        found[f"{path} {answer.status if answer else 0}"] = wide(phone)
    assert {path: width for path, width in found.items() if width > 390 or " 4" in path} == {}


def test_total_and_button_of_thirty_lines_are_in_sight(
    app: Flask, in_shop: Shop, live_server: Callable[..., LiveServer], phone: Page
) -> None:
    many = [make_product(f"Tea {number}", price=100) for number in range(30)]
    server = live_server()
    for sold in many:
        put_in(phone, server, sold)
    phone.goto(server.url("/cart"))
    expect(phone.get_by_role("button", name="Checkout")).to_be_in_viewport()
    expect(phone.locator("#go-total")).to_contain_text("$30.00")
    expect(phone.locator("#go-total")).to_be_in_viewport()
    look(phone)
    fill_details(phone, server)
    expect(phone.get_by_role("button", name="Place order")).to_be_in_viewport()
    expect(phone.locator("#go-total")).to_contain_text("$35.00")
    look(phone)


def put_in(page: Page, server: LiveServer, sold: Sold) -> None:
    page.goto(server.url(sold.path))
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_text("was added to your cart.")).to_be_visible()


def test_two_hundred_variants_are_folded(
    in_shop: Shop, live_server: Callable[..., LiveServer], phone: Page
) -> None:
    make_staff("owner", name="Bob")
    product = Product(slug="shirt", title="Shirt", option_names=["Color", "Size"])
    for number in range(200):
        values = [f"Color {number // 20}", f"Size {number % 20}"]
        product.variants.append(Variant(sku=f"SHIRT-{number}", price=1000, option_values=values))
    db.session.add(product)
    db.session.commit()
    server = live_server()
    sign_in(phone, server, "/admin/products/shirt")
    assert int(phone.evaluate("document.documentElement.scrollHeight")) < 3000
    phone.get_by_text("Color 3 20 variants").click()
    expect(phone.get_by_role("link", name="SHIRT-60")).to_be_visible()
    phone.locator("tr", has_text="SHIRT-60").locator("input[inputmode=decimal]").first.fill("12.50")
    phone.get_by_role("button", name="Save").click()
    expect(phone.get_by_role("status").first).to_be_visible()
    look(phone)
