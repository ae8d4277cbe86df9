"""The preview: a sample cart in the address, what it costs, and what became of every promotion."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from commerce.cart.models import Cart
from commerce.db import db
from commerce.orders.models import Order
from commerce.payments.methods import configure_method
from commerce.pricing.services import create_coupon, create_promotion
from commerce.pricing.validation import PromotionValues
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.factories.shop import Sold, counters, make_product
from tests.support.client import ShopClient

PAGE = "/admin/pricing/preview"
CART = "sku=TEA-1&quantity=2&country=US&shipping_method=parcel"


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", sku="TEA-1", price=1000, stock=50)


def said(html: str) -> dict[str, tuple[str, ...]]:
    """Return the rows of all tables on the page by their title."""
    rows = {}
    for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL):
        cells = [
            re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell)).strip()
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)
        ]
        rows[cells[0]] = tuple(cells[1:])
    return rows


def test_a_sample_cart_costs_what_a_checkout_would_ask(desk: ShopClient, tea: Sold) -> None:
    rows = said(desk.get(f"{PAGE}?{CART}").text)
    assert rows["Green tea TEA-1"] == ("2", "$10.00", "–", "$1.82", "$20.00")
    assert rows["Parcel Shipping"][-1] == "$5.00"
    assert rows["Tax (included) Tax"] == ("$1.82 TEA-1 $0.45 shipping and fee", "$2.27")
    assert rows["Total"][-1] == "$25.00"


def test_it_says_why_each_promotion_did_or_did_not_apply(desk: ShopClient, tea: Sold) -> None:
    kettle = make_product("Kettle", sku="KET-9", price=9900)
    ten = {"kind": "percentage", "percent_ppm": 100_000}
    create_promotion(PromotionValues("Ten off", **ten))
    create_promotion(PromotionValues("Big carts", **ten, min_subtotal=5000))
    create_promotion(PromotionValues("Kettles", **ten, scope="products", targets=(str(kettle.product_id),)))
    create_promotion(PromotionValues("Next year", **ten, starts_at=datetime(2099, 1, 1, tzinfo=UTC)))
    create_promotion(PromotionValues("Last year", **ten, ends_at=datetime(2020, 1, 1, tzinfo=UTC)))
    create_promotion(PromotionValues("Alone", kind="fixed", amount=100, combines=False))
    create_promotion(PromotionValues("Asleep", **ten, enabled=False))
    welcome = create_promotion(PromotionValues("Welcome", **ten, needs_code=True))
    create_coupon(welcome, "HELLO")
    html = desk.get(f"{PAGE}?{CART}&codes=nope").text
    outcomes = {name: cells[0] for name, cells in said(html).items()}
    assert outcomes["Ten off"] == "Applied"
    assert outcomes["Big carts"] == "Cart is below the minimum ($30.00 missing)"
    assert outcomes["Kettles"] == "Does not apply to anything in the cart"
    assert outcomes["Next year"] == "Not started"
    assert outcomes["Last year"] == "Ended"
    assert outcomes["Alone"] == "Other promotions that it cannot combine with give a larger discount"
    assert outcomes["Asleep"] == "Off"
    assert outcomes["Welcome"] == "Requires a code that was not entered"
    assert outcomes["NOPE"] == "Code not found"
    with_code = said(desk.get(f"{PAGE}?{CART}&codes=hello&moment=2099-06-01T00:00").text)
    assert [with_code[name][0] for name in ("Welcome", "Next year", "HELLO")] == ["Applied"] * 3


def test_a_reduction_shows_its_share_of_each_line(desk: ShopClient, tea: Sold) -> None:
    make_product("Kettle", sku="KET-9", price=3000)
    create_promotion(PromotionValues("Five off", kind="fixed", amount=500))
    rows = said(desk.get(f"{PAGE}?{CART}&sku=KET-9&quantity=1").text)
    assert rows["Five off Promotion"] == ("−$2.00 TEA-1 −$3.00 KET-9", "−$5.00")
    assert rows["Total"][-1] == "$50.00"


def test_the_fee_of_a_payment_method_is_in_it(desk: ShopClient, tea: Sold) -> None:
    configure_method("cash_on_delivery", fee_amount=300)
    rows = said(desk.get(f"{PAGE}?{CART}&payment_method=cash_on_delivery").text)
    assert rows["Cash on delivery Fee"][-1] == "$3.00"
    assert rows["Total"][-1] == "$28.00"


def test_products_are_found_and_put_in_without_scripts(desk: ShopClient, tea: Sold) -> None:
    make_product("Kettle", sku="KET-9", price=3000)
    html = desk.get(f"{PAGE}?q=kett").text
    assert re.findall(r'name="add" value="([^"]+)"', html) == ["KET-9"]
    rows = said(desk.get(f"{PAGE}?{CART}&add=KET-9&q=kett").text)
    assert {"Green tea TEA-1", "Kettle KET-9"} <= set(rows)
    assert said(desk.get(f"{PAGE}?{CART}&add=TEA-1").text)["Green tea TEA-1"][0] == "3"


def test_shipping_that_does_not_go_there_is_said(desk: ShopClient, tea: Sold) -> None:
    html = desk.get(f"{PAGE}?sku=TEA-1&quantity=1&country=US&shipping_method=").text
    assert "Available: Parcel" in html


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sku=NOPE&quantity=1", "SKU not found."),
        ("sku=TEA-1&quantity=0", "Please enter 1 to 999 units"),
        ("sku=TEA-1&quantity=1000", "Please enter 1 to 999 units"),
        ("sku=TEA-1&quantity=x", "Please enter 1 to 999 units"),
        ("sku=TEA-1&quantity=1&moment=yesterday", "a date and a time"),
        ("sku=TEA-1&quantity=1&codes=%00", "punctuation only"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(
    desk: ShopClient, tea: Sold, query: str, expected: str
) -> None:
    answer = desk.get(f"{PAGE}?{query}")
    assert answer.status_code == 422
    assert expected in answer.text


def everything(sold: Sold) -> Any:
    db.session.close()
    counts = [db.session.scalar(select(func.count()).select_from(model)) for model in (Order, Cart)]
    return counts, counters(sold)


def test_everybody_at_work_may_look_and_nothing_is_written(signed_in: SignedIn, tea: Sold) -> None:
    before = everything(tea)
    for role in ("readonly", "support", "fulfilment", "manager"):
        assert signed_in(role).get(f"{PAGE}?{CART}").status_code == 200
    assert everything(tea) == before


def test_charlie_cannot_price_what_alice_sells(
    signed_in: SignedIn, desk: ShopClient, tea: Sold, other_shop: Shop
) -> None:
    charlie = signed_in("owner", shop=other_shop)
    for query in (CART, "q=tea", "add=TEA-1"):
        assert "Green tea" not in charlie.get(f"{PAGE}?{query}").text
