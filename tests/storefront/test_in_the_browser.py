"""The catalogue in a real browser: choosing by keyboard, going back, without JavaScript, on a small screen."""

from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from commerce.tenants.models import Shop
from tests.factories.catalog import Made, put_up, put_up_many
from tests.support.browser import NewPage, Watch
from tests.support.server import LiveServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
PAGES = [
    "/",
    "/search",
    "/search?q=nothing",
    "/categories",
    "/categories/table",
    "/products/mug",
    "/no/such/page",
]


@pytest.fixture
def server(in_shop: Shop, live_server: Callable[..., LiveServer]) -> Iterator[LiveServer]:
    put_up_many(25, shelves=["Table"])
    put_up(
        "Mug",
        Made(("Blue", "S"), price=1200),
        Made(("Red", "S"), price=1300, stock=2),
        Made(("Red", "L"), price=1600, stock=0),
        options=["Colour", "Size"],
        shelves=["Table"],
        day=99,
    )
    return live_server()


def test_the_choice_follows_the_keyboard_and_keeps_the_focus(server: LiveServer, page: Page) -> None:
    page.goto(server.url("/"))
    page.goto(server.url("/products/mug"))
    offer = page.locator("#offer")
    expect(offer).to_contain_text("$12.00")
    page.get_by_label("Blue").focus()
    page.keyboard.press("ArrowRight")
    expect(offer).to_contain_text("$13.00")
    expect(offer).to_contain_text("Only 2 left")
    expect(page.get_by_label("Red")).to_be_focused()
    expect(page).to_have_url(server.url("/products/mug?colour=Red&size=S"))
    page.get_by_role("radio", name="L (sold out)").check()
    expect(offer).to_contain_text("Sold out")
    page.go_back()
    expect(page).to_have_url(server.url("/"))
    page.go_forward()
    expect(offer).to_contain_text("Sold out")
    expect(page.get_by_role("banner")).to_have_count(1)


def test_what_was_chosen_is_put_into_the_cart_and_counted_in_the_head(server: LiveServer, page: Page) -> None:
    page.goto(server.url("/products/mug"))
    page.get_by_label("Red").check()
    expect(page.locator("#offer")).to_contain_text("$13.00")
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("#added")).to_contain_text("Mug was added to your cart")
    expect(page.locator("#cart-link")).to_contain_text("1")
    page.goto(server.url("/cart"))
    expect(page.locator("main")).to_contain_text("Red / S")


def test_without_javascript_what_is_chosen_is_what_is_bought(
    server: LiveServer, page_without_javascript: Page
) -> None:
    page = page_without_javascript
    page.goto(server.url("/products/mug"))
    page.get_by_label("Red").check()
    page.get_by_role("button", name="Show price and availability").click()
    expect(page.locator("#offer")).to_contain_text("$13.00")
    page.get_by_label("Blue").check()
    page.get_by_role("button", name="Add to cart").click()
    expect(page.locator("main")).to_contain_text("Blue / S")


def test_a_list_is_sorted_as_soon_as_the_choice_is_made(server: LiveServer, page: Page) -> None:
    page.goto(server.url("/search"))
    expect(page.get_by_role("button", name="Sort", exact=True)).to_be_hidden()
    page.get_by_label("Sort by").select_option("Price, high to low")
    expect(page).to_have_url(server.url("/search?sort=-price"))
    expect(page.locator(".card__title").first).to_have_text("Mug")


def test_a_shop_that_cannot_be_reached_is_said(server: LiveServer, page: Page, watch: Watch) -> None:
    page.goto(server.url("/products/mug"))
    watch.allow("Failed to load resource|htmx")
    page.context.set_offline(True)
    page.get_by_label("Red").check()
    expect(page.locator("#problems")).to_contain_text("could not be reached")
    page.context.set_offline(False)
    page.get_by_label("Blue").check()
    page.get_by_label("Red").check()
    expect(page.locator("#offer")).to_contain_text("$13.00")
    expect(page.locator("#problems")).to_be_empty()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_pages_are_accessible_and_never_wider_than_the_screen(
    server: LiveServer, new_page: NewPage, width: int
) -> None:
    page = new_page(viewport={"width": width, "height": 800}, reduced_motion="reduce")
    for address in PAGES:
        page.goto(server.url(address))
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        found = Axe().run(
            page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}
        )
        assert [(rule["id"], rule["nodes"][0]["html"]) for rule in found.response["violations"]] == [], (
            address
        )


def test_pages_do_not_move_while_they_load(server: LiveServer, page: Page) -> None:
    for address in ("/", "/search", "/products/mug"):
        page.goto(server.url(address))
        page.wait_for_load_state("networkidle")
        shift = page.evaluate(
            "() => new Promise(done => { let sum = 0; new PerformanceObserver(list => {"
            " for (const entry of list.getEntries()) sum += entry.value })"
            ".observe({ type: 'layout-shift', buffered: true }); setTimeout(() => done(sum), 200) })"
        )
        assert shift == 0, address
