"""An owner adds a product with pictures and variants from the browser: three clicks and its fields."""

import io
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import FilePayload, expect
from sqlalchemy import select

from commerce.catalog.models import Product, ProductImage, Variant
from commerce.db import db
from commerce.tenants.models import Shop
from tests.admin.test_in_browser import sign_in
from tests.factories.catalog import put_up
from tests.factories.staff import make_staff
from tests.support.browser import NewPage
from tests.support.server import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


def photo(color: str) -> FilePayload:
    file = io.BytesIO()
    Image.new("RGB", (60, 40), color).save(file, "JPEG")
    return {"name": f"{color}.jpg", "mimeType": "image/jpeg", "buffer": file.getvalue()}


def test_pictures_are_put_in_order_by_dragging_and_by_buttons(
    in_shop: Shop, live_server: Callable[..., LiveServer], new_page: NewPage
) -> None:
    make_staff("owner", name="Bob")
    put_up("Mug", slug="mug", files=["a.webp", "b.webp", "c.webp"])
    page = new_page()
    page.route(
        "**/media/*", lambda route: route.fulfill(body=photo("red")["buffer"], content_type="image/jpeg")
    )
    sign_in(page, live_server(), "/admin/products/mug")
    pictures = page.locator("[data-picture-list] > li")
    pictures.nth(2).locator("[data-handle]").hover()
    page.mouse.down()
    box = pictures.nth(0).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 10, steps=8)
    page.mouse.up()
    expect(pictures.nth(0).get_by_label("Description for people")).to_have_value("Mug 2")
    pictures.nth(1).get_by_role("button", name="Move down").press("Enter")
    expect(pictures.nth(2).get_by_label("Description for people")).to_have_value("Mug 0")
    expect(page.locator("[data-moved]")).to_have_text("Now at position 3")
    assert [pictures.nth(n).locator("[data-position]").input_value() for n in range(3)] == ["1", "2", "3"]
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="Save").first.click()
    expect(page.get_by_text("Saved")).to_be_visible()
    db.session.close()
    rows = db.session.scalars(select(ProductImage).order_by(ProductImage.position))
    assert [row.file for row in rows] == ["c.webp", "b.webp", "a.webp"]


@pytest.mark.parametrize("javascript", [True, False])
def test_a_product_is_added_in_three_clicks(
    in_shop: Shop, live_server: Callable[..., LiveServer], new_page: NewPage, javascript: bool
) -> None:
    make_staff("owner", name="Bob")
    server = live_server()
    page = new_page(javascript=javascript)
    sign_in(page, server, "/admin/products")
    page.get_by_role("link", name="Add product").click()
    page.get_by_label("Title", exact=True).fill("Canvas tote")
    if javascript:
        page.get_by_role("textbox", name="Description").first.click()
        page.get_by_role("button", name="Bold").click()
        page.keyboard.type("Strong")
    else:
        page.get_by_role("textbox", name="Description").first.fill("<b>Strong</b>")
    page.get_by_label("Add pictures").set_input_files([photo("navy"), photo("olive")])
    if javascript:
        expect(page.locator("li.picture")).to_have_count(2)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.get_by_label("Price", exact=True).fill("24")
    page.get_by_label("Option name").first.fill("Size")
    page.get_by_label("Values").first.fill("S, M, L")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Product added. It has 3 variants.")).to_be_visible()
    db.session.close()
    assert "<b>Strong</b>" in db.session.scalars(select(Product.description_html)).one()
    assert [each.width for each in db.session.scalars(select(ProductImage))] == [60, 60]
    assert len(db.session.scalars(select(Variant.id)).all()) == 3
    if javascript:
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
