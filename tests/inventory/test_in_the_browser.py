"""Asking to be told in a real browser: by keyboard, with and without JavaScript, on a small screen."""

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from commerce.db import db
from commerce.tenants.models import Shop
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.support.browser import NewPage, Watch
from tests.support.server import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
KEPT = "We'll email eve@example.com when it's back in stock."


@pytest.fixture
def server(in_shop: Shop, live_server: Callable[..., LiveServer]) -> Iterator[LiveServer]:
    """A shop whose last two units a stranger holds."""
    make_order((make_product("Green tea", stock=2), 2))
    db.session.close()
    return live_server()


def test_the_form_is_swapped_and_leads_the_focus(server: LiveServer, page: Page, watch: Watch) -> None:
    watch.allow("422")
    page.goto(server.url("/products/green-tea"))
    expect(page.get_by_text("may become available again")).to_be_visible()
    page.get_by_label("Email").fill("nobody")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Email")).to_be_focused()
    expect(page.get_by_label("Email")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Email").fill("eve@example.com")
    page.keyboard.press("Enter")
    expect(page.locator("#alert").get_by_role("status")).to_have_text(KEPT)
    expect(page).to_have_url(server.url("/products/green-tea"))


def test_without_javascript_it_is_a_page(server: LiveServer, page_without_javascript: Page) -> None:
    page = page_without_javascript
    page.goto(server.url("/products/green-tea"))
    page.get_by_label("Email").fill("eve@example.com")
    page.get_by_role("button", name="Notify me").click()
    expect(page.get_by_text(KEPT)).to_be_visible()
    expect(page.get_by_label("Email")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1280])
def test_a_sold_out_page_is_accessible_and_fits(server: LiveServer, new_page: NewPage, width: int) -> None:
    page = new_page(viewport={"width": width, "height": 800}, reduced_motion="reduce")
    page.goto(server.url("/products/green-tea"))
    assert Axe().run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
