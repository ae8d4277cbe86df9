"""The demo shops show what promotions, codes and fees do."""

import pytest
from flask import Flask

from commerce.checkout.preview import preview
from commerce.demo.seed import SHOPS, DemoShop, create_offers
from commerce.tenant_setup import ShippingRule, set_up_shop
from commerce.tenants.scope import shop_scope
from tests.factories.catalog import put_up, variant_id
from tests.factories.pricing import rules_of_now


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("demo", SHOPS, ids=lambda demo: demo.catalogue)
def test_every_demo_shop_has_a_promotion_a_code_and_a_fee(app: Flask, demo: DemoShop) -> None:
    with app.app_context():
        shop = set_up_shop(
            code=demo.settings["code"],
            name=demo.settings["name"],
            currency=demo.settings["currency"],
            country=demo.settings["country"],
            taxes=(),
            shipping=(ShippingRule("standard", "Standard", "", ((("*",), 0, 500),)),),
            test_card=True,
        )
        with shop_scope(shop):
            put_up("Thing", shelves=[demo.promoted])
            create_offers(demo)
            with rules_of_now():
                found = preview(
                    {variant_id("THING"): 6},
                    country=demo.settings["country"],
                    shipping_method="standard",
                    payment_method="cash_on_delivery",
                    coupon_codes=[demo.coupon.lower()],
                ).quote
    assert [discount.label for discount in found.discounts] == [demo.promotion.label, demo.welcome.label]
    assert found.totals.fee_amount == demo.cash_fee
