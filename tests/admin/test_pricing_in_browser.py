"""The pages for prices in a real browser: without scripts, by keyboard, on a phone, and read aloud."""

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from commerce.admin import product_picker
from commerce.db import db
from commerce.payments.methods import configure_method
from commerce.pricing.models import Promotion
from commerce.pricing.queries import list_tax_rates
from commerce.pricing.services import create_coupons, create_promotion
from commerce.pricing.validation import PromotionValues
from commerce.shipping.methods import shipping_methods
from commerce.tenants.models import Shop
from tests.admin.test_in_browser import Start, sign_in, violations
from tests.factories.shop import make_product
from tests.factories.staff import make_staff
from tests.support.browser import NewPage, Watch
from tests.support.server import LiveServer

pytestmark = pytest.mark.browser
ROOT = "/admin/pricing"


@pytest.fixture
def server(in_shop: Shop, live_server: Start) -> LiveServer:
    make_staff("owner", name="Bob")
    make_product("Green tea", sku="TEA-1", price=1000, stock=10, options={"Size": "100 g"})
    make_product("A kettle with quite a long name", sku="KETTLE-WITH-A-LONG-SKU-99", price=12900)
    return live_server()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_promotion_is_aimed_tried_and_saved(
    server: LiveServer, in_shop: Shop, new_page: NewPage, javascript: bool
) -> None:
    page = new_page(javascript=javascript)
    sign_in(page, server, f"{ROOT}/promotions/new")
    page.get_by_label("Label").fill("Tea week")
    page.get_by_label("Fixed amount off").check()
    expect(page.get_by_label("Percent off")).to_be_hidden()
    page.get_by_label("Amount off", exact=True).fill("4.00")
    page.get_by_label("Specific products").check()
    page.get_by_label("Find products by title or SKU").fill("tea")
    page.get_by_label("Find products by title or SKU").press("Enter")
    page.get_by_label("Green tea").check()
    page.get_by_role("button", name="Calculate").click()
    row = page.get_by_role("row", name="Tea week").last
    expect(row).to_contain_text("Applied")
    expect(row).to_contain_text("$4.00")
    assert db.session.scalars(select(Promotion)).all() == []
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Promotion created.")).to_be_visible()
    db.session.close()
    saved = db.session.scalars(select(Promotion)).one()
    tea = product_picker.find_products("tea")[0].id
    assert (saved.kind, saved.amount, saved.targets) == ("fixed", 400, [tea])


@pytest.mark.parametrize("javascript", [True, False])
def test_a_sample_cart_is_filled_and_reckoned(
    server: LiveServer, in_shop: Shop, new_page: NewPage, javascript: bool
) -> None:
    page = new_page(javascript=javascript)
    sign_in(page, server, f"{ROOT}/preview")
    page.get_by_label("Find a product by title or SKU").fill("green")
    page.get_by_label("Find a product by title or SKU").press("Enter")
    expect(page.get_by_role("button", name="Add")).to_have_count(1)
    page.get_by_role("button", name="Add TEA-1").click()
    expect(page.get_by_label("SKU", exact=True)).to_have_value("TEA-1")
    page.get_by_label("Units", exact=True).fill("3")
    page.get_by_role("button", name="Calculate").click()
    expect(page.locator("tfoot tr")).to_contain_text("$35.00")
    assert "quantity=3" in page.url
    page.reload()
    expect(page.locator("tfoot tr")).to_contain_text("$35.00")


def test_a_refused_form_puts_the_focus_on_what_is_wrong(
    server: LiveServer, in_shop: Shop, page: Page, watch: Watch
) -> None:
    watch.allow("422")
    sign_in(page, server, f"{ROOT}/shipping/{shipping_methods()[0].id}")
    page.get_by_label("Price, rate 1").fill("five")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(":focus")).to_have_attribute("id", "error-summary")
    page.get_by_role("link", name="Rate 1, Price").click()
    expect(page.locator(":focus")).to_have_attribute("id", "rate0-price")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("width", [390, 1280])
def test_pages_are_accessible_and_fit_the_screen(
    server: LiveServer, in_shop: Shop, new_page: NewPage, watch: Watch, width: int
) -> None:
    watch.allow("422")
    ten = PromotionValues("Ten off", "percentage", percent_ppm=100_000, needs_code=True, min_subtotal=2000)
    promotion = create_promotion(ten)
    create_promotion(PromotionValues("One dollar off", kind="fixed", amount=100, combines=False))
    create_coupons(promotion, 3, prefix="VIP")
    secrets = {"secret_key": "sk_test_ABCDEFGH12345678", "webhook_secret": "whsec_abcdefgh12"}
    configure_method("stripe", gateway="stripe", name="Card", secrets=secrets)
    page = new_page(viewport={"width": width, "height": 900})
    sign_in(page, server, f"{ROOT}/promotions")
    for path in (
        "promotions",
        "promotions/new",
        f"promotions/{promotion}",
        "coupons",
        "taxes",
        "taxes/new",
        f"taxes/{list_tax_rates()[0].id}",
        "shipping",
        "shipping/new",
        f"shipping/{shipping_methods()[0].id}",
        "payment-methods",
        "payment-methods/stripe",
        "payment-methods/new/manual",
        "preview?q=tea",
        "preview?sku=TEA-1&quantity=2&sku=KETTLE-WITH-A-LONG-SKU-99&quantity=1&codes=none",
        "preview?sku=NOPE&quantity=1",
    ):
        page.goto(server.url(f"{ROOT}/{path}"))
        for summary in page.locator("summary").all():
            summary.click()
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
