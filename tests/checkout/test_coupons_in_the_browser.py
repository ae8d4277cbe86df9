"""Coupon codes and fees in a real browser: totals change in place, and errors stand where the code was typed."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from commerce.tenants.models import Shop
from tests.checkout.test_in_the_browser import fill_details, look, put_in
from tests.factories.pricing import make_coupon, make_promotion, set_fee
from tests.factories.shop import Sold, make_product
from tests.support.browser import NewPage, Watch
from tests.support.server import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    make_promotion(percent_ppm=50_000)
    make_coupon("WELCOME10", limit=1, label="Welcome")
    set_fee("cash_on_delivery", 350)
    return make_product("Green tea", price=1000, stock=5)


@pytest.fixture
def server(tea: Sold, live_server: Callable[..., LiveServer]) -> Iterator[LiveServer]:
    return live_server()


def enter(page: Page, code: str) -> None:
    page.get_by_label("Coupon code").fill(code)
    page.get_by_label("Coupon code").press("Enter")


@pytest.mark.parametrize(("width", "javascript"), [(390, True), (1280, True), (390, False)])
def test_a_code_is_refused_accepted_and_ordered_with(
    server: LiveServer, tea: Sold, new_page: NewPage, watch: Watch, javascript: bool, width: int
) -> None:
    watch.allow("422")
    page = new_page(javascript=javascript)
    page.set_viewport_size({"width": width, "height": 800})
    inspect = look if javascript else (lambda _page: None)
    put_in(page, server, tea)
    enter(page, "nope")
    expect(page.get_by_text("We don't recognize this code.")).to_be_visible()
    if javascript:
        expect(page.get_by_label("Coupon code")).to_be_focused()
    inspect(page)
    enter(page, "welcome10")
    expect(page.get_by_text("Code WELCOME10 applied.")).to_be_visible()
    expect(page.get_by_role("complementary")).to_contain_text("$8.55")
    inspect(page)
    fill_details(page, server)
    summary = page.get_by_role("complementary")
    expect(summary).to_contain_text("−$0.95")
    inspect(page)
    page.get_by_role("button", name="Remove the code").click()
    expect(page.get_by_text("was removed from your cart.")).to_be_visible()
    expect(summary).to_contain_text("$14.50")
    page.get_by_text("Do you have a coupon code?").click()
    enter(page, "WELCOME")
    expect(page.get_by_text("We don't recognize this code.")).to_be_visible()
    inspect(page)
    enter(page, "Welcome10")
    expect(summary).to_contain_text("$13.55")
    inspect(page)
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_role("button", name="Place order").click()
    expect(page.get_by_role("heading", name="Confirmed")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Welcome")
    expect(page.get_by_role("main")).to_contain_text("$13.55")
    inspect(page)


def test_another_way_to_pay_shows_another_total_and_keeps_the_focus(
    server: LiveServer, tea: Sold, page: Page
) -> None:
    put_in(page, server, tea)
    page.goto(server.url("/checkout"))
    summary = page.get_by_role("complementary")
    expect(summary).to_contain_text("$14.50")
    cash = page.get_by_label("Cash on delivery")
    cash.check()
    expect(summary).to_contain_text("Fee: Cash on delivery")
    expect(summary).to_contain_text("$18.00")
    expect(cash).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(summary).to_contain_text("$14.50")
    expect(page.get_by_label("Bank transfer")).to_be_focused()
    expect(page.get_by_label("Bank transfer")).to_be_checked()
    look(page)
