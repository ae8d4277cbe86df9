"""Placing an order: once, for what was shown, with all of its stock, or not at all."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from commerce.checkout import views
from commerce.db import atomic, db
from commerce.events.models import Event
from commerce.inventory.models import Reservation
from commerce.orders.models import Order, OrderAdjustment, OrderLine
from commerce.orders.queries import get_order_by_code
from commerce.payments.models import Payment, PaymentMethod
from commerce.pricing.models import TaxRate
from commerce.storefront import layout
from commerce.tenants.models import Shop
from commerce.tenants.services import touch_rules
from tests.checkout.pages import CARD, buy, put_in, to_review
from tests.factories.shop import change_stock, counters, make_product, set_price, stop_selling
from tests.support.statements import count_statements
from tests.support.visitor import Page, Visitor

TRACES = (Order, OrderLine, OrderAdjustment, Payment, Reservation, Event)


def traces() -> dict[str, int]:
    """Count every row that an order leaves behind."""
    found = {
        model.__name__: db.session.scalar(select(func.count()).select_from(model)) or 0 for model in TRACES
    }
    db.session.close()
    return found


def place(review: Page, **changes: str) -> Page:
    form = review.form("Place order")
    form.values |= {"card_number": CARD, **changes}
    return form.send("Place order")


def send(review: Page, **changes: str) -> Any:
    """Send the review's form without following the answer."""
    form = review.form("Place order")
    return review.visitor.client.post(form.action, data={**form.values, "card_number": CARD, **changes})


# --- once -----------------------------------------------------------------------------------------------


def test_sending_the_same_form_again_answers_with_the_same_order(app: Flask, in_shop: Shop) -> None:
    tea = make_product(stock=5)
    review = to_review(Visitor(app), (tea, 2))
    answers = [send(review) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert traces()["Order"] == traces()["Payment"] == 1
    assert counters(tea) == (5, 2)


def test_after_the_back_button_the_old_page_leads_to_the_order_and_a_fresh_one_to_the_cart(
    app: Flask, in_shop: Shop
) -> None:
    ann = Visitor(app)
    review = to_review(ann, (make_product(), 1))
    order = place(review)
    assert place(review).path == order.path
    assert ann.get("/checkout/review").path == "/cart"


def test_two_tabs_of_the_same_review_make_one_order(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    first = to_review(ann, (make_product(), 1))
    second = ann.get("/checkout/review")
    assert place(first).path == place(second).path
    assert traces()["Order"] == 1


def test_a_new_cart_does_not_stop_the_old_form_from_finding_its_order(app: Flask, in_shop: Shop) -> None:
    tea = make_product()
    ann = Visitor(app)
    review = to_review(ann, (tea, 1))
    order = place(review)
    put_in(ann, tea, 1)
    assert place(review).path == order.path
    assert "Green tea" in ann.get("/cart").text


def test_another_browser_cannot_use_the_form(app: Flask, in_shop: Shop) -> None:
    tea = make_product()
    review = to_review(Visitor(app), (tea, 1))
    values = review.form("Place order").values
    thief = Visitor(app)
    put_in(thief, tea, 1)
    for _ in range(2):
        answer = thief.post("/checkout", {**values, "csrf_token": thief.token(), "card_number": CARD})
        assert answer.status_code == 404
        assert place(review).path.startswith("/orders/")


# --- for what was shown ------------------------------------------------------------------------------------


def test_a_price_that_changed_is_shown_and_nothing_is_held(app: Flask, in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=5)
    review = to_review(Visitor(app), (tea, 1))
    before = traces()
    set_price(tea, 1200)
    refused = place(review)
    assert refused.status == 409
    assert "It was $15.00 and is now $17.00" in refused.text
    assert "Green tea: was $10.00, is $12.00" in refused.text
    assert traces() == before
    assert counters(tea) == (5, 0)
    assert place(refused).heading == "Confirmed"
    assert (
        get_order_by_code("ORD-000001" if db.engine.dialect.name == "sqlite" else newest_code()).total == 1700
    )


def newest_code() -> str:
    """Return the code of the only order: on PostgreSQL a refused try may have used a number."""
    code = db.session.scalar(select(Order.code))
    db.session.close()
    assert code is not None
    return code


def test_a_price_that_fell_is_shown_too(app: Flask, in_shop: Shop) -> None:
    tea = make_product(price=1000)
    review = to_review(Visitor(app), (tea, 1))
    set_price(tea, 900)
    assert place(review).status == 409


def test_a_forged_total_is_refused(app: Flask, in_shop: Shop) -> None:
    review = to_review(Visitor(app), (make_product(price=1000), 1))
    for total in ("1", "0", "999999999999999999"):
        assert place(review, shown_total=total).status == 409
    assert traces()["Order"] == 0


def test_a_cart_that_changed_in_another_tab_is_shown_again(app: Flask, in_shop: Shop) -> None:
    tea, cup = make_product(price=1000), make_product("Cup", price=300)
    ann = Visitor(app)
    review = to_review(ann, (tea, 1))
    put_in(ann, cup, 1)
    refused = place(review)
    assert refused.status == 409
    assert "Your cart or your details were changed in another window" in refused.text
    assert "Cup" in refused.text
    assert traces()["Order"] == 0
    assert "$18.00 is paid" in place(refused).text


def test_an_address_that_changed_in_another_tab_is_shown_again(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    review = to_review(ann, (make_product(), 1))
    ann.get("/checkout").form("Continue").fill({"Street": "2 New Street"}).send("Continue")
    refused = place(review)
    assert refused.status == 409
    assert "2 New Street" in refused.text


@atomic
def raise_tax() -> None:
    for rate in db.session.query(TaxRate):
        rate.rate_ppm = 200_000
    touch_rules()


def test_a_tax_rate_that_changed_while_the_order_was_on_its_way_is_noticed(
    app: Flask, in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = Visitor(app)
    review = to_review(ann, (make_product(price=1000), 1))
    real = views.place_order

    def change_first(**values: Any) -> Any:
        raise_tax()
        return real(**values)

    monkeypatch.setattr(views, "place_order", change_first)
    refused = place(review)
    assert refused.status == 409
    assert "including Tax: $2.50" in refused.text
    monkeypatch.setattr(views, "place_order", real)
    assert place(refused).heading == "Confirmed"


# --- with all of its stock -----------------------------------------------------------------------------------


def test_every_short_line_is_said_with_what_is_left(app: Flask, in_shop: Shop) -> None:
    tea = make_product(stock=5)
    cup = make_product("Cup", stock=5, options={"Colour": "Red"})
    tin = make_product("Tin", stock=5)
    ann = Visitor(app)
    review = to_review(ann, (tea, 4), (cup, 3), (tin, 1))
    before = traces()
    change_stock(tea, -3)
    change_stock(cup, -5)
    refused = place(review)
    assert refused.status == 422
    assert "Green tea: 4 requested, 2 left" in refused.text
    assert "Cup (Red): sold out" in refused.text
    assert "Tin:" not in refused.text
    assert not refused.has_button("Place order")
    assert refused.follow("Edit cart").heading == "Your cart"
    assert traces() == before
    assert [counters(each)[1] for each in (tea, cup, tin)] == [0, 0, 0]


def test_what_is_no_longer_sold_cannot_be_ordered(app: Flask, in_shop: Shop) -> None:
    tea = make_product(stock=5)
    review = to_review(Visitor(app), (tea, 1))
    stop_selling(tea)
    refused = place(review)
    assert refused.status == 422
    assert "Green tea: sold out" in refused.text
    assert traces()["Order"] == 0


# --- mistakes of the sender ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number",
    ["", "4242", "4242 4242 4242 4241", "x" * 39, "4" * 50, "\0", "４２４２４２４２４２４２４２４２"],
)
def test_a_bad_card_number_is_refused_before_anything_is_ordered(
    app: Flask, in_shop: Shop, number: str
) -> None:
    tea = make_product(stock=5)
    review = to_review(Visitor(app), (tea, 1))
    before = traces()
    refused = place(review, card_number=number)
    assert refused.status == 422
    assert refused.error_at("card_number")
    assert refused.form("Place order").values["card_number"] == ""
    assert traces() == before
    assert counters(tea) == (5, 0)
    assert place(refused).heading == "Confirmed"


@pytest.mark.parametrize("field", ["checkout_token", "cart_version", "shown_total"])
@pytest.mark.parametrize("value", ["", "-1", "1.5", "x", "9" * 99, "\0", "١٢٣"])
def test_tampered_hidden_fields_order_nothing(app: Flask, in_shop: Shop, field: str, value: str) -> None:
    review = to_review(Visitor(app), (make_product(), 1))
    refused = place(review, **{field: value})
    assert refused.status == 422
    assert "Please review your order and place it again." in refused.text
    assert traces()["Order"] == 0


def test_a_token_that_names_no_cart_of_this_browser_is_not_found(app: Flask, in_shop: Shop) -> None:
    review = to_review(Visitor(app), (make_product(), 1))
    assert place(review, checkout_token="x" * 43).status == 404
    assert traces()["Order"] == 0


def test_missing_details_lead_back_to_the_form(app: Flask, in_shop: Shop) -> None:
    tea = make_product()
    ann = Visitor(app)
    put_in(ann, tea, 1)
    page = ann.get("/checkout/review")
    assert page.path == "/checkout"
    assert "Enter your contact details and address first." in page.text


def test_a_payment_method_that_was_taken_away_leads_back_to_the_form(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    review = to_review(ann, (make_product(), 1))
    forget_payment_method()
    page = place(review)
    assert page.path == "/checkout"
    assert "Choose a payment method." in page.text
    assert traces()["Order"] == 0


@atomic
def forget_payment_method() -> None:
    for method in db.session.query(PaymentMethod).where(PaymentMethod.code == "card"):
        method.enabled = False
    touch_rules()


def test_when_the_payment_cannot_be_started_the_order_exists_and_can_be_paid_later(
    app: Flask, in_shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(*_args: object) -> None:
        raise OSError("the provider's address does not resolve")

    monkeypatch.setattr(views, "take_payment", break_down)
    tea = make_product(stock=5)
    order = place(to_review(Visitor(app), (tea, 1)))
    assert order.path.startswith("/orders/")
    assert "checking your payment with the provider" in order.text
    assert "could not be started" in caplog.text
    assert counters(tea) == (5, 1)


# --- the price of an order in statements -----------------------------------------------------------------------


def test_the_transaction_of_an_order_of_two_lines_has_at_most_twelve_statements(
    app: Flask, in_shop: Shop
) -> None:
    tea, cup = make_product(), make_product("Cup")
    buy(Visitor(app), (tea, 1), (cup, 1), pay_by="Bank transfer")
    review = to_review(Visitor(app), (tea, 2), (cup, 1), pay_by="Bank transfer")
    with count_statements() as sent:
        assert send(review).status_code == 303
    begin = next(i for i, statement in enumerate(sent) if statement.startswith("UPDATE carts"))
    end = next(i for i, statement in enumerate(sent) if statement.startswith("UPDATE stock_items"))
    assert end - begin + 1 <= 12, sent
    assert len(sent) <= 14, sent


def test_a_page_on_the_way_to_an_order_reads_the_shop_and_the_cart_and_nothing_else(
    app: Flask, in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The navigation of visitors with a cookie is kept for seconds, which a slow machine may need for one page.
    monkeypatch.setattr(layout._navigation, "_seconds", None)
    ann = Visitor(app)
    to_review(ann, (make_product(), 1), (make_product("Cup"), 2), pay_by="Bank transfer")
    for path in ("/cart", "/checkout", "/checkout/review"):
        ann.get(path)
        with count_statements() as sent:
            assert ann.get(path).status == 200
        assert len(sent) <= 2, (path, sent)


def test_saving_the_same_details_again_changes_no_version(app: Flask, in_shop: Shop) -> None:
    ann = Visitor(app)
    review = to_review(ann, (make_product(), 1))
    version = review.form("Place order").values["cart_version"]
    again = ann.get("/checkout").form("Continue").send("Continue")
    assert again.form("Place order").values["cart_version"] == version
    assert place(review).heading == "Confirmed"
