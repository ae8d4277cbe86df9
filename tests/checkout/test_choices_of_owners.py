"""What owners decide differently: free shipping, codes on reduced products, goods that are not shipped."""

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import update

from commerce.cart.queries import lines_for
from commerce.checkout.direct_orders import DirectOrder, RequestedItem, place_direct_order
from commerce.checkout.quote import quote
from commerce.db import atomic, db
from commerce.errors import InvalidValues
from commerce.events.outbox import Actor
from commerce.orders.queries import get_order
from commerce.pricing.models import TaxRate
from commerce.shipping.methods import RateTerms, change_method, shipping_methods
from commerce.shipping.queries import countries_without_tax
from commerce.tenants.models import Shop
from commerce.tenants.services import touch_rules
from tests.checkout.pages import CARD, to_details
from tests.factories.pricing import make_coupon, make_promotion, rules_of_now
from tests.factories.shop import make_product
from tests.support.visitor import Visitor

US_ADDRESS = {"country_code": "US", "street_address": "1 Main Street"}
TILL = Actor("api", name="Till")


def free_from(total: int, *, after_discounts: bool) -> None:
    """Let the parcel be free from a total on."""
    [method] = shipping_methods()
    rates = (RateTerms(("*",), None, 0, 500), RateTerms(("*",), None, total, 0))
    terms = replace(method.terms, rates=rates, after_discounts=after_discounts)
    assert change_method(method.id, terms, seen_version=method.version)


@pytest.mark.parametrize(("after_discounts", "price"), [(False, 0), (True, 500)])
def test_free_shipping_looks_at_the_total_before_or_after_discounts(
    in_shop: Shop, after_discounts: bool, price: int
) -> None:
    tea = make_product(price=7600, stock=9)
    free_from(7500, after_discounts=after_discounts)
    make_promotion("fixed", amount=7000)
    with rules_of_now():
        found = quote(lines_for({tea.variant_id: 1}), "US", "parcel")
        assert found.totals.shipping_amount == price
        order = DirectOrder([RequestedItem(1, variant_id=tea.variant_id)], US_ADDRESS, "Ann")
        assert get_order(place_direct_order(order, TILL).order.id).shipping_amount == price


@pytest.mark.parametrize(("skip", "amount"), [(False, 300), (True, 200)])
def test_a_promotion_may_leave_reduced_products_alone(in_shop: Shop, skip: bool, amount: int) -> None:
    tea, sale = make_product(price=2000), make_product("Sale", price=1000, compare_at=1500)
    make_coupon("TEN", percent_ppm=100_000, skip_reduced=skip)
    with rules_of_now():
        lines = lines_for({tea.variant_id: 1, sale.variant_id: 1})
        assert quote(lines, "US", "parcel", coupon_codes=["TEN"]).found.amount == amount
        only = quote(lines_for({sale.variant_id: 1}), "US", "parcel", coupon_codes=["TEN"])
        assert only.coupons[0].reason == ("nothing_eligible" if skip else "")


def test_what_is_not_shipped_is_neither_weighed_nor_charged_nor_asked_an_address_for(
    app: Flask, in_shop: Shop
) -> None:
    voucher = make_product("Voucher", price=1000, weight=10**8, requires_shipping=False)
    tea = make_product("Tea", price=1000)
    both = quote(lines_for({voucher.variant_id: 1, tea.variant_id: 1}), "US", "parcel")
    assert (both.shipping is not None, both.totals.shipping_amount) == (True, 500)
    alone = quote(lines_for({voucher.variant_id: 2}), "US", "")
    assert (alone.totals.shipping_amount, alone.totals.total) == (0, 2000)
    order = DirectOrder([RequestedItem(1, variant_id=voucher.variant_id)], {"country_code": "US"}, "Ann")
    assert get_order(place_direct_order(order, TILL).order.id).shipping_method == "none"
    with pytest.raises(InvalidValues):
        place_direct_order(replace(order, wanted=[RequestedItem(1, variant_id=tea.variant_id)]), TILL)
    details = to_details(Visitor(app), (voucher, 1))
    assert "Street and number" not in details.text
    form = details.form("Continue").fill({"Email": "ann@example.com", "Full name": "Ann Buyer"})
    review = form.choose("Test card").send("Continue")
    assert "Total $10.00" in review.text
    placed = review.form("Place order").fill({"Card number": CARD}).send("Place order")
    assert placed.heading == "Confirmed"


def test_a_country_that_is_shipped_to_without_a_tax_rate_is_named(in_shop: Shop) -> None:
    assert countries_without_tax() == frozenset()
    only_here()
    with rules_of_now():
        assert countries_without_tax() == {"*"}


@atomic
def only_here() -> None:
    """Leave a rate for the shop's own country alone."""
    db.session.execute(update(TaxRate).values(country="US"))
    touch_rules()
