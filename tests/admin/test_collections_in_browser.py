"""A collection made by conditions in a real browser, with and without scripts."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from commerce.tenants.models import Shop
from tests.admin.test_in_browser import sign_in
from tests.factories.catalog import Made, put_up
from tests.factories.staff import make_staff
from tests.support.browser import NewPage
from tests.support.server import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
WIDTHS = (390, 1280)


def looks_well(page: Page, *, javascript: bool) -> None:
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    if javascript:
        assert Axe().run(page).violations_count == 0


@pytest.mark.parametrize("javascript", [True, False])
def test_a_collection_is_made_by_conditions(
    in_shop: Shop, live_server: Callable[..., LiveServer], new_page: NewPage, javascript: bool
) -> None:
    make_staff("owner", name="Bob")
    for number in range(9):
        put_up(f"Mug {number}", Made(price=500 + 100 * number), tags=["gift"], day=number)
    put_up("Plate", Made(stock=0), tags=["gift"])
    page = new_page(javascript=javascript)
    server = live_server()
    sign_in(page, server, "/admin/collections")
    looks_well(page, javascript=javascript)
    page.get_by_role("link", name="Add collection").click()
    looks_well(page, javascript=javascript)
    page.get_by_role("link", name="By conditions").click()
    page.get_by_role("textbox", name="Title", exact=True).fill("Small gifts")
    looks_well(page, javascript=javascript)
    for fact in ("Tag", "Price", "Stock", "Category"):
        page.get_by_label("Condition to add").select_option(fact)
        page.get_by_role("button", name="Add condition").click()
        expect(page.locator(".condition").last).to_contain_text(fact if fact != "Price" else "Lowest price")
    page.get_by_role("button", name="Remove Category").click()
    expect(page.locator(".condition")).to_have_count(3)
    page.get_by_role("textbox", name="Tag").fill("Gift")
    page.get_by_label("Highest price").fill("11.00")
    if not javascript:
        page.get_by_role("button", name="Count products").click()
    expect(page.get_by_text("7 products match")).to_be_visible()
    assert page.get_by_role("textbox", name="Title", exact=True).input_value() == "Small gifts"
    looks_well(page, javascript=javascript)
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Collection added.")).to_be_visible()
    looks_well(page, javascript=javascript)
    page.goto(server.url("/admin/collections"))
    looks_well(page, javascript=javascript)
    page.goto(server.url("/collections/small-gifts"))
    expect(page.locator(".card__title")).to_have_count(7)
    looks_well(page, javascript=javascript)
