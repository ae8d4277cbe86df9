"""A sample cart costs in the preview what it would cost at the checkout, and nothing is written."""

import uuid
from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from commerce import clock
from commerce.catalog.models import Category
from commerce.checkout.preview import preview
from commerce.checkout.quote import quote_cart
from commerce.db import db
from commerce.pricing.discounts import promotion_rules
from commerce.pricing.validation import PromotionValues
from commerce.tenants.models import Shop
from tests.checkout.test_coupons import cart_with
from tests.factories.cart import load
from tests.factories.catalog import put_up, variant_id
from tests.factories.pricing import make_coupon, make_promotion, rules_of_now, set_fee
from tests.factories.shop import make_product
from tests.support.statements import count_statements


def test_the_preview_is_the_price_of_the_checkout(in_shop: Shop) -> None:
    tea, cup = make_product(price=1990), make_product("Cup", price=333, options={"Size": "L"})
    make_promotion(percent_ppm=77_000)
    make_coupon("WELCOME10")
    set_fee("bank_transfer", 100)
    with rules_of_now():
        cart = load(cart_with("WELCOME10", (tea, 2), (cup, 5)))
        with count_statements() as sent:
            found = preview(
                {tea.variant_id: 2, cup.variant_id: 5},
                country="US",
                shipping_method="parcel",
                payment_method="bank_transfer",
                coupon_codes=["welcome10"],
            )
        assert found.quote.totals == quote_cart(cart).totals
    assert [(line.sku, line.options, line.amount) for line in found.lines] == [
        ("GREEN-TEA", "", 3980),
        ("CUP", "L", 1665),
    ]
    assert all(statement.startswith("SELECT") for statement in sent), sent


def test_a_promotion_is_tried_before_it_is_saved(in_shop: Shop) -> None:
    tea = make_product(price=1000)
    saved = make_promotion(percent_ppm=100_000)
    half = PromotionValues("Half price", "percentage", percent_ppm=500_000, combines=False)
    with rules_of_now():
        found = preview({tea.variant_id: 1}, country="US", trial=half.rule("trial"))
        assert [(v.label, v.amount, v.reason) for v in found.quote.verdicts] == [
            ("Spring sale", 0, "superseded"),
            ("Half price", 500, ""),
        ]
        changed = preview({tea.variant_id: 1}, country="US", trial=half.rule(str(saved)))
        assert [(each.source_id, each.amount) for each in changed.quote.discounts] == [(str(saved), 500)]
        secret = preview({tea.variant_id: 1}, country="US", trial=replace(half, needs_code=True).rule("x"))
        assert secret.quote.totals.discount_amount == 500
        assert [rule.id for rule in promotion_rules()] == [str(saved)]


def test_another_day_has_other_promotions(in_shop: Shop) -> None:
    tea = make_product(price=1000)
    make_promotion(starts_at=clock.now() + timedelta(days=3))
    with rules_of_now():
        assert preview({tea.variant_id: 1}, country="US").quote.totals.discount_amount == 0
        later = clock.now() + timedelta(days=4)
        assert preview({tea.variant_id: 1}, country="US", moment=later).quote.totals.discount_amount == 100


def test_promotions_on_categories_find_their_products(in_shop: Shop) -> None:
    put_up("Sencha", shelves=["Green"])
    put_up("Mug")
    shelf = db.session.scalars(select(Category.id)).one()
    db.session.close()
    make_promotion(scope="categories", targets=(str(shelf),))
    with rules_of_now():
        found = preview({variant_id("SENCHA"): 1, variant_id("MUG"): 1}, country="US")
    assert [each.shares for each in found.quote.discounts] == [(100, 0)]


def test_what_the_shop_does_not_have_is_left_out(in_shop: Shop) -> None:
    assert preview({uuid.uuid4(): 1}, country="US").lines == ()
    assert preview({}, country="US").quote.totals.total == 0
