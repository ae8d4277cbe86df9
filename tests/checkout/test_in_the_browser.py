"""Cart, checkout and order in a real browser: parts change in place, focus and what was typed stay."""

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from commerce.orders.queries import list_orders
from commerce.tenants.models import Shop
from tests.checkout.pages import CARD, DECLINED
from tests.factories.shop import Sold, change_stock, make_product
from tests.support.browser import NewPage
from tests.support.server import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", price=1000, stock=5)


@pytest.fixture
def server(tea: Sold, live_server: Callable[..., LiveServer]) -> Iterator[LiveServer]:
    return live_server()


def put_in(page: Page, server: LiveServer, tea: Sold) -> None:
    page.goto(server.url(tea.path))
    page.get_by_role("button", name="Add to cart").click()
    expect(page.get_by_text("Green tea was added to your cart.")).to_be_visible()
    page.goto(server.url("/cart"))


def fill_details(page: Page, server: LiveServer) -> None:
    page.goto(server.url("/checkout"))
    page.get_by_label("Email").fill("ann@example.com")
    page.get_by_label("Full name").fill("Ann Buyer")
    page.get_by_label("Street and number").fill("1600 Amphitheatre Parkway")
    page.get_by_label("City").fill("Mountain View")
    page.get_by_label("State").select_option(label="California")
    page.get_by_label("ZIP code").fill("94043")
    page.get_by_role("button", name="Continue to review").click()


def look(page: Page) -> None:
    """Find what assistive technology would trip over, and anything wider than the screen."""
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_new_quantity_changes_the_cart_and_the_head_and_keeps_the_focus(
    server: LiveServer, tea: Sold, page: Page
) -> None:
    put_in(page, server, tea)
    quantity = page.get_by_label("Quantity")
    quantity.fill("3")
    quantity.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Your cart now has 3")).to_be_visible()
    expect(page.get_by_role("complementary")).to_contain_text("$30.00")
    expect(page.locator("#cart-link")).to_contain_text("3")
    expect(quantity).to_be_focused()
    quantity.fill("9")
    page.get_by_role("button", name="Update").click()
    expect(page.locator("#cart-status")).to_contain_text("Only 5 are left of Green tea")
    expect(quantity).to_have_value("5")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Your cart is empty.")).to_be_visible()
    expect(page.get_by_role("heading", name="Your cart")).to_be_focused()


def test_another_country_changes_fields_and_prices_and_loses_nothing(
    server: LiveServer, tea: Sold, page: Page
) -> None:
    put_in(page, server, tea)
    page.goto(server.url("/checkout"))
    page.get_by_label("Email").fill("ann@example.com")
    page.get_by_label("Street and number").fill("1-1 Chiyoda")
    page.get_by_label("Country").focus()
    page.get_by_label("Country").select_option(label="Japan")
    expect(page.get_by_label("Prefecture")).to_be_visible()
    expect(page.get_by_label("Country")).to_be_focused()
    expect(page.get_by_label("Email")).to_have_value("ann@example.com")
    expect(page.get_by_label("Street and number")).to_have_value("1-1 Chiyoda")
    page.get_by_label("Country").select_option(label="Taiwan")
    page.get_by_label("County").select_option(label="Taipei City")
    expect(page.get_by_role("combobox", name="District")).to_be_visible()


def test_a_double_click_orders_once(server: LiveServer, tea: Sold, page: Page) -> None:
    put_in(page, server, tea)
    fill_details(page, server)
    page.get_by_label("Card number").fill(CARD)
    page.get_by_role("button", name="Place order").dblclick()
    expect(page.get_by_role("heading", name="Confirmed")).to_be_visible()
    assert len(list_orders().rows) == 1


def test_after_the_back_button_the_form_leads_to_the_order(server: LiveServer, tea: Sold, page: Page) -> None:
    put_in(page, server, tea)
    fill_details(page, server)
    page.get_by_label("Card number").fill(CARD)
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("heading", name="Confirmed")).to_be_visible()
    order = page.url
    page.go_back()
    button = page.get_by_role("button", name="Place order")
    if button.count():
        page.get_by_label("Card number").fill(CARD)
        button.click()
        expect(page).to_have_url(order)
    else:
        expect(page.locator("#cart").get_by_text("Your cart is empty.")).to_be_visible()
    assert len(list_orders().rows) == 1


@pytest.mark.parametrize(("width", "javascript"), [(390, True), (1280, True), (390, False)])
def test_the_pages_are_sound_in_every_state(
    server: LiveServer, tea: Sold, new_page: NewPage, javascript: bool, width: int
) -> None:
    page = new_page(javascript=javascript)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(server.url("/cart"))
    inspect = look if javascript else (lambda _page: None)
    inspect(page)
    put_in(page, server, tea)
    inspect(page)
    page.goto(server.url("/checkout"))
    page.get_by_role("button", name="Continue to review").click()
    expect(page.get_by_role("link", name="Email: This field is required.")).to_be_visible()
    inspect(page)
    fill_details(page, server)
    inspect(page)
    page.get_by_label("Card number").fill("1")
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_text("Your card number is invalid. Check the digits.").first).to_be_visible()
    inspect(page)
    change_stock(tea, -5)
    page.get_by_label("Card number").fill(DECLINED)
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_text("Green tea: sold out")).to_be_visible()
    inspect(page)
    change_stock(tea, 5)
    page.goto(server.url("/checkout/review"))
    page.get_by_label("Card number").fill(DECLINED)
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("heading", name="Waiting for payment")).to_be_visible()
    inspect(page)
    page.get_by_text("Cancel this order").click()
    page.get_by_label("Why would you like to cancel?").fill("Too much tea")
    page.get_by_role("button", name="Cancel the order").click()
    expect(page.get_by_role("heading", name="Cancelled")).to_be_visible()
    inspect(page)
