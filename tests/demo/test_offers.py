"""The demo shops show what promotions, codes and fees do."""

import pytest
from flask import Flask

from commerce.checkout.preview import preview
from commerce.demo.offers import OFFERS, lay_out_offers
from commerce.demo.shops import SHOPS
from commerce.demo.spec import DemoShop
from commerce.tenant_setup import ShippingRule, set_up_shop
from commerce.tenants.scope import shop_scope
from tests.factories.catalog import put_up, variant_id
from tests.factories.pricing import rules_of_now


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("spec", SHOPS, ids=lambda spec: spec.code)
def test_every_demo_shop_has_a_promotion_a_code_and_a_fee(app: Flask, spec: DemoShop) -> None:
    offer = OFFERS[spec.code]
    shelf = next(each for each in spec.categories if each.slug == offer.category)
    with app.app_context():
        shop = set_up_shop(
            code=spec.code,
            name=spec.name,
            currency=spec.currency,
            country=spec.country,
            taxes=(),
            shipping=(ShippingRule("standard", "Standard", "", ((("*",), 0, 500),)),),
            test_card=True,
        )
        with shop_scope(shop):
            put_up("Thing", shelves=[shelf.slug])
            lay_out_offers(spec.code)
            with rules_of_now():
                found = preview(
                    {variant_id("THING"): 6},
                    country=spec.country,
                    shipping_method="standard",
                    payment_method="cash_on_delivery",
                    coupon_codes=[offer.code.lower()],
                ).quote
    assert [discount.label for discount in found.discounts] == [offer.everybody.label, offer.newcomers.label]
    assert found.totals.fee_amount == offer.cash_fee
