"""A guest buys without JavaScript, from the product page to the order page."""

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, event

from commerce.db import db, dialect_name
from commerce.orders.models import Order
from commerce.orders.queries import get_order_by_code
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.checkout.pages import ANN, CARD, DECLINED, NO_ANSWER, buy, put_in, to_review
from tests.factories.shop import counters, make_product
from tests.support.statements import count_statements
from tests.support.visitor import Visitor


def test_a_guest_buys_by_card_in_nine_requests(app: Flask, in_shop: Shop) -> None:
    tea = make_product("Green tea", price=1250, stock=5)
    ann = Visitor(app)
    cart = put_in(ann, tea, 2)
    assert cart.heading == "Your cart"
    assert "Green tea was added to your cart." in cart.text
    details = cart.form("Checkout").send("Checkout")
    review = details.form("Continue").fill(ANN).choose("California").send("Continue")
    assert review.heading == "Review and order"
    assert "Ann@example.com" in review.text
    assert "Mountain View, CA 94043" in review.text
    assert "including Tax: $2.72" in review.text
    order = review.form("Place order").fill({"Card number": CARD}).send()
    assert ann.requests == 9
    assert order.path.startswith("/orders/")
    assert order.heading == "Confirmed"
    assert "$30.00 is paid" in order.text
    placed = get_order_by_code("ORD-000001")
    assert (placed.subtotal, placed.shipping_amount, placed.tax_amount, placed.total) == (
        2500,
        500,
        272,
        3000,
    )
    assert (placed.status, placed.payment_status) == ("confirmed", "paid")
    assert placed.email == "Ann@example.com"
    assert placed.shipping_address["country_area"] == "CA"
    assert counters(tea) == (5, 2)


@pytest.mark.parametrize(
    ("pay_by", "card", "heading", "status", "words"),
    [
        ("Test card", CARD, "Confirmed", "confirmed", "$15.00 is paid"),
        ("Test card", DECLINED, "Waiting for payment", "pending", "The card was declined."),
        (
            "Test card",
            NO_ANSWER,
            "Thank you, Ann Buyer",
            "pending",
            "checking your payment with the provider",
        ),
        ("Bank transfer", "", "Thank you, Ann Buyer", "pending", "Reference ORD-000001"),
        ("Cash on delivery", "", "Confirmed", "confirmed", "please have $15.00 ready"),
    ],
)
def test_every_way_to_pay_leads_to_an_order_with_its_stock_held(
    app: Flask, in_shop: Shop, pay_by: str, card: str, heading: str, status: str, words: str
) -> None:
    tea = make_product("Green tea", price=1000, stock=5)
    order = buy(Visitor(app), (tea, 1), pay_by=pay_by, card=card)
    assert order.heading == heading
    assert words in order.text
    assert get_order_by_code("ORD-000001").status == status
    assert counters(tea) == (5, 1)


def test_a_whole_purchase_asks_at_most_42_statements_in_13_transactions(app: Flask, in_shop: Shop) -> None:
    tea = make_product("Green tea", stock=9)
    buy(Visitor(app), (tea, 1), pay_by="Bank transfer", card="")
    begun: list[Connection] = []
    note = begun.append
    event.listen(Engine, "begin", note)
    try:
        with count_statements() as statements:
            order = buy(Visitor(app), (tea, 1), pay_by="Bank transfer", card="")
    finally:
        event.remove(Engine, "begin", note)
    assert order.heading == "Thank you, Ann Buyer"
    assert len(statements) <= 42, statements
    # SQLite's rows have no versions, so that who only reads asks for the shop in a transaction of its own.
    assert len(begun) <= (13 if dialect_name() == "postgresql" else 17)


def test_the_cart_is_empty_after_the_purchase_and_a_new_one_opens_by_itself(
    app: Flask, in_shop: Shop
) -> None:
    tea = make_product("Green tea")
    ann = Visitor(app)
    assert buy(ann, (tea, 2)).response.status_code == 200
    assert "Your cart is empty." in ann.get("/cart").text
    assert buy(ann, (tea, 3)).heading == "Confirmed"
    assert [get_order_by_code(code).lines[0].quantity for code in ("ORD-000001", "ORD-000002")] == [2, 3]


def test_a_shop_with_prices_in_yen_sells_to_japan(app: Flask, shop: Shop, other_shop: Shop) -> None:
    with app.app_context(), shop_scope(other_shop):
        kite = make_product("Kite", price=1200)
    visitor = Visitor(app, "other.localhost")
    put_in(visitor, kite, 3)
    form = visitor.get("/checkout").form("Continue")
    form.fill(
        {"Email": "k@example.jp", "Full name": "Kenji", "Street and number": "1-1", "Postcode": "100-0001"}
    )
    order = form.choose("Tokyo").choose("Bank transfer").send("Continue").form("Place order").send()
    assert order.heading == "Thank you, Kenji"
    assert "¥4,400" in order.text
    assert "Chiyoda" not in order.text
    with app.app_context(), shop_scope(other_shop):
        assert get_order_by_code("ORD-000001").total == 4400
    with app.app_context(), shop_scope(shop):
        assert db.session.query(Order).count() == 0


def test_the_details_are_remembered_when_the_shopper_goes_back(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    review = to_review(ann, (make_product(), 1), pay_by="Cash on delivery")
    form = review.follow("Change").form("Continue")
    assert form.values["name"] == "Ann Buyer"
    assert form.values["country_area"] == "CA"
    assert form.values["payment_method"] == "cash_on_delivery"
    form.fill({"Full name": "Ann B. Buyer"})
    assert "Ann B. Buyer" in form.send("Continue").text
