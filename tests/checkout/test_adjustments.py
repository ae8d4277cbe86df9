"""Promotions, fees and discounts by hand: shown before the order, frozen in it with their source and shares."""

import pytest
from flask import Flask
from sqlalchemy import update

from commerce.cart.details import DraftDiscount
from commerce.cart.models import Cart
from commerce.checkout.services import place_order
from commerce.db import atomic, db
from commerce.orders.queries import get_order
from commerce.pricing.queries import list_promotions
from commerce.tenants.models import Shop
from tests.checkout.pages import put_in, to_review
from tests.checkout.test_coupons import HTMX, cart_with
from tests.factories.checkout import order_as_shown, ready_cart
from tests.factories.pricing import make_coupon, make_promotion, rules_of_now, set_fee, uses
from tests.factories.shop import make_product
from tests.support.visitor import Visitor


def test_every_adjustment_is_frozen_with_its_source_and_its_shares(in_shop: Shop) -> None:
    sale, coupon = (
        make_promotion(percent_ppm=100_000),
        make_coupon("TAKE5", kind="fixed", percent_ppm=0, amount=500),
    )
    promotion = next(each.id for each in list_promotions() if each.id != sale)
    set_fee("bank_transfer", 100, 10_000)
    tea, cup = make_product(price=1000), make_product("Cup", price=3000)
    with rules_of_now():
        shopper = cart_with("TAKE5", (tea, 2), (cup, 1))
        order = get_order(place_order(**order_as_shown(shopper)).id)
    found = [(a.source_type, a.source_id, a.label, a.amount, a.included, a.shares) for a in order.adjustments]
    assert found[:2] == [
        ("promotion", str(sale), "Spring sale", -500, False, [-200, -300]),
        ("promotion", str(promotion), "Welcome (TAKE5)", -500, False, [-200, -300]),
    ]
    assert [row[:1] + row[2:] for row in found[2:]] == [
        ("shipping", "Parcel", 500, False, [0, 0]),
        ("fee", "Bank transfer", 140, False, [0, 0]),
        ("tax", "Tax", order.tax_amount, True, [145, 218]),
    ]
    assert [(line.amount, line.discount_amount, line.tax_amount) for line in order.lines] == [
        (2000, 400, 145),
        (3000, 600, 218),
    ]
    assert (order.subtotal, order.discount_amount, order.fee_amount, order.total) == (5000, 1000, 140, 4640)
    assert [customer for customer, _back in uses(coupon)] == ["ann@example.com"]


def test_fees_are_shown_beside_the_methods_and_follow_the_choice(app: Flask, in_shop: Shop) -> None:
    set_fee("cash_on_delivery", 350)
    set_fee("card", 0, 30_000)
    ann = Visitor(app)
    put_in(ann, make_product(price=1000), 2)
    page = ann.get("/checkout")
    assert "+ $3.50" in page.text
    assert "+ $0.60" in page.text
    assert "Fee: Test card $0.60" in page.text
    form = page.form("Continue").choose("Cash on delivery")
    answer = ann.post("/checkout/details", {**form.values, "update": "1"}, headers=HTMX)
    assert "Fee: Cash on delivery" in answer.text
    review = to_review(ann, pay_by="Cash on delivery")
    assert "Fee: Cash on delivery $3.50" in review.text
    assert "Total $28.50" in review.text


@pytest.mark.parametrize(("draft_by", "total"), [("", 2500), ("Bob", 1800)])
def test_a_discount_by_hand_counts_only_in_a_draft_of_staff(in_shop: Shop, draft_by: str, total: int) -> None:
    @atomic
    def sign(shopper: str) -> None:
        db.session.execute(update(Cart).where(Cart.shopper_hash == shopper).values(draft_by=draft_by))

    by_hand = DraftDiscount("For your patience", 700)
    shopper = ready_cart((make_product(price=1000), 2), discount=by_hand)
    sign(shopper)
    order = get_order(place_order(**order_as_shown(shopper)).id)
    assert order.total == total
    promotions = [(a.source_id, a.label, a.amount) for a in order.adjustments if a.source_type == "promotion"]
    assert promotions == ([("manual", "For your patience", -700)] if draft_by else [])
