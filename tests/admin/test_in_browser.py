"""The back office in a real browser: regions are swapped, the focus goes along, and all of it works without scripts."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from commerce.accounts import api_clients
from commerce.accounts.scopes import SCOPES
from commerce.tenants.models import Shop
from tests.factories.orders import fresh, order_in
from tests.factories.shop import counters, make_product
from tests.factories.staff import PASSWORD, make_staff
from tests.support.browser import NewPage, Watch
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser
Start = Callable[..., LiveServer]


@pytest.fixture
def server(in_shop: Shop, live_server: Start) -> LiveServer:
    make_staff("owner", name="Bob")
    return live_server()


def sign_in(page: Page, server: LiveServer, path: str) -> None:
    page.goto(server.url(path))
    page.get_by_label("Email").fill("owner@shop.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(server.url(path))


@pytest.mark.parametrize("javascript", [True, False])
def test_an_order_is_shipped_by_its_buttons(
    server: LiveServer, in_shop: Shop, new_page: NewPage, javascript: bool
) -> None:
    sold = make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    page = new_page(javascript=javascript)
    sign_in(page, server, f"/admin/orders/{order.code}")
    page.get_by_role("button", name="Start processing").click()
    expect(page.get_by_text("Processing started.")).to_be_visible()
    if javascript:
        expect(page.locator(":focus")).to_contain_text("Processing started.")
    page.get_by_role("link", name="Ship…").click()
    expect(page.get_by_label("Tracking code")).to_be_focused()
    page.get_by_label("Carrier").fill("Royal Snail")
    page.get_by_label("Tracking code").fill("RS-77")
    page.get_by_role("button", name="Ship", exact=True).click()
    expect(page.get_by_text("RS-77")).to_be_visible()
    page.get_by_role("button", name="Mark as delivered").click()
    expect(page.get_by_role("button", name="Complete", exact=True)).to_be_visible()
    assert fresh(order.id).status == "delivered"
    assert counters(sold) == (8, 0)
    expect(page).to_have_url(server.url(f"/admin/orders/{order.code}"))


@pytest.mark.parametrize("javascript", [True, False])
def test_a_stale_page_shows_what_the_other_did(
    server: LiveServer, in_shop: Shop, new_page: NewPage, watch: Watch, javascript: bool
) -> None:
    watch.allow("409")
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    mine, theirs = new_page(javascript=javascript), new_page(javascript=javascript)
    for page in (mine, theirs):
        sign_in(page, server, f"/admin/orders/{order.code}")
    theirs.get_by_role("button", name="Start processing").click()
    expect(theirs.get_by_text("Processing started.")).to_be_visible()
    mine.get_by_text("Cancel…").click()
    mine.get_by_role("textbox", name="Reason").first.fill("Too late")
    mine.get_by_role("button", name="Preview").first.click()
    expect(mine.get_by_role("alert").first).to_contain_text("Bob started processing the order")
    assert fresh(order.id).status == "processing"


def test_a_missing_reason_puts_the_focus_on_its_field(
    server: LiveServer, in_shop: Shop, page: Page, watch: Watch
) -> None:
    watch.allow("422")
    make_product(sku="TEA-1", stock=10)
    sign_in(page, server, f"/admin/orders/{order_in('confirmed').code}")
    page.get_by_text("Request refund…").click()
    page.get_by_role("button", name="Request refund", exact=True).click()
    expect(page.get_by_text("Please give a reason.")).to_be_visible()
    expect(page.locator(":focus")).to_have_attribute("id", "refund-request-reason")


def test_the_list_follows_what_is_typed_and_the_address_follows_the_list(
    server: LiveServer, in_shop: Shop, page: Page
) -> None:
    make_product(sku="TEA-1", stock=10)
    order_in("shipped", name="Zoe Adams")
    order_in("pending", name="Zoe Adams")
    order_in("pending", name="Ann Buyer")
    sign_in(page, server, "/admin/orders")
    rows = page.locator("#orders tbody tr")
    expect(rows).to_have_count(3)
    page.locator("#q").press_sequentially("zoe")
    expect(rows).to_have_count(2)
    expect(page.locator(":focus")).to_have_attribute("id", "q")
    page.get_by_role("link", name="Shipped 1").click()
    expect(rows).to_have_count(1)
    assert "status=shipped" in page.url
    assert "q=zoe" in page.url
    page.reload()
    expect(rows).to_have_count(1)
    expect(page.locator("#q")).to_have_value("zoe")


def test_stock_is_booked_in_its_row(server: LiveServer, in_shop: Shop, page: Page) -> None:
    sold = make_product(sku="TEA-1", stock=10)
    sign_in(page, server, "/admin/stock")
    page.get_by_label("Units of TEA-1").fill("4")
    page.get_by_label("Reason for TEA-1").select_option("Damaged (−)")
    page.get_by_role("button", name="Adjust TEA-1").click()
    expect(page.get_by_text("TEA-1: -4, now 6 on hand.")).to_be_visible()
    assert counters(sold) == (6, 0)


def test_a_session_that_has_ended_leads_to_the_sign_in_and_back(
    server: LiveServer, in_shop: Shop, page: Page, watch: Watch
) -> None:
    watch.allow("401")
    make_product(sku="TEA-1", stock=10)
    order = order_in("confirmed")
    sign_in(page, server, f"/admin/orders/{order.code}")
    page.context.clear_cookies(name="staff")
    page.get_by_role("button", name="Start processing").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Email").fill("owner@shop.test")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Continue")).to_be_visible()
    assert fresh(order.id).status == "confirmed"
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_url(server.url(f"/admin/orders/{order.code}"))
    assert fresh(order.id).status == "processing"


def violations(page: Page) -> list[tuple[str, list[str]]]:
    """Return what axe finds wrong: its rule and the elements."""
    found = Axe().run(page).response
    assert found["passes"], "axe has looked at nothing"
    return [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_are_accessible_and_fit_the_screen(
    server: LiveServer, in_shop: Shop, new_page: NewPage, width: int
) -> None:
    make_product("Green tea", sku="TEA-1", stock=10, options={"Size": "100 g"})
    order = order_in("processing", note="A note", name="Bartholomew Featherstonehaugh-Cholmondeley")
    books = api_clients.create_client("Books and the second warehouse", by="Bob")
    api_clients.issue_key(books, scopes=list(SCOPES), by="Bob")
    page = new_page(viewport={"width": width, "height": 900})
    page.goto(server.url("/admin/sign-in"))
    assert violations(page) == []
    sign_in(page, server, "/admin/orders")
    for path in (
        "orders",
        f"orders/{order.code}",
        f"orders/{order.code}/credits",
        f"orders/{order.code}/picking-list",
        "returns",
        "events",
        "stock",
        "stock/TEA-1",
        "products",
        "products/green-tea",
        "staff",
        "api-clients",
        f"api-clients/{books}",
        "account",
        "account/second-factor",
        "audit",
    ):
        page.goto(server.url(f"/admin/{path}"))
        for summary in page.locator("summary").all():
            summary.click()
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
