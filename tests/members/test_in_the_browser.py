"""A member in a real browser: he meets the sign-in on his way, and every page of his account fits and can be heard."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from commerce.accounts.address_book import add_address
from commerce.db import db
from commerce.tenants.models import Shop
from tests.factories.checkout import ADDRESS
from tests.factories.members import ANN, PASSWORD, make_member
from tests.factories.shop import make_product
from tests.support.browser import NewPage
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser
WORK = {**ADDRESS, "street_address": "2 Work Street"}


def look(page: Page) -> None:
    """Find what assistive technology would trip over, and anything wider than the screen."""
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("javascript", [True, False], ids=["scripts", "no-scripts"])
def test_a_shopper_signs_in_at_the_checkout_and_orders_to_their_second_address(
    in_shop: Shop, live_server: Callable[..., LiveServer], new_page: NewPage, javascript: bool
) -> None:
    member_id, tea = make_member(), make_product("Green tea", stock=5)
    for address in (ADDRESS, WORK):
        add_address(member_id, name="Ann Buyer", phone="", address=address)
    db.session.close()
    server = live_server()
    page = new_page(javascript=javascript, viewport={"width": 390, "height": 800})
    page.goto(server.url(tea.path))
    page.get_by_role("button", name="Add to cart").click()
    if javascript:
        expect(page.get_by_text("Green tea was added to your cart.")).to_be_visible()
    page.goto(server.url("/checkout"))
    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    page.get_by_label("Email").fill(ANN)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(server.url("/checkout"))
    expect(page.get_by_label("Street and number")).to_have_value(ADDRESS["street_address"])
    page.get_by_label("Your addresses").select_option(index=1)
    page.get_by_role("button", name="Use this address").click()
    expect(page.get_by_label("Street and number")).to_have_value("2 Work Street")
    page.get_by_label("Bank transfer").check()
    page.get_by_label("Full name").press("Enter")
    expect(page).to_have_url(server.url("/checkout/review"))
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_text("2 Work Street")).to_be_visible()
    for path, heading in (
        ("", "Hello Ann Buyer"),
        ("orders", "Your orders"),
        ("addresses", "Your addresses"),
        ("addresses/new", "Add address"),
        ("settings", "Settings"),
        ("data", "Your data"),
    ):
        page.goto(server.url(f"/account/{path}"))
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        if javascript:
            look(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("banner").get_by_role("link", name="Sign in")).to_be_visible()
