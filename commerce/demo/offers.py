"""What the demo shops offer: a promotion for everybody, a coupon code for new customers, and a fee for cash."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import select, update

from commerce.catalog.models import Category
from commerce.db import atomic, db
from commerce.payments.models import PaymentMethod
from commerce.pricing.services import create_coupon, create_promotion
from commerce.pricing.validation import PromotionValues
from commerce.tenants.services import touch_rules


@dataclass(frozen=True, slots=True)
class DemoOffer:
    """The offers of one shop: `everybody` is about a category (slug); amounts are minor units of its currency."""

    everybody: PromotionValues
    category: str
    newcomers: PromotionValues
    code: str
    cash_fee: int


OFFERS = {
    "demo": DemoOffer(
        everybody=PromotionValues(
            "Linen weeks: 10 % off textiles", "percentage", percent_ppm=100_000, scope="categories"
        ),
        category="textiles",
        newcomers=PromotionValues(
            "Welcome: 10 % off",
            "percentage",
            percent_ppm=100_000,
            min_subtotal=3000,
            needs_code=True,
            position=1,
        ),
        code="WELCOME10",
        cash_fee=350,
    ),
    "tea": DemoOffer(
        everybody=PromotionValues(
            "Three cups for two",
            "buy_x_get_y",
            buy_quantity=2,
            get_quantity=1,
            percent_ppm=1_000_000,
            scope="categories",
        ),
        category="cups",
        newcomers=PromotionValues(
            "Welcome: ¥500 off", "fixed", amount=500, min_subtotal=3000, needs_code=True, position=1
        ),
        code="WELCOME500",
        cash_fee=330,
    ),
}


def lay_out_offers(shop_code: str) -> None:
    """Give the entered demo shop its offers; its categories are there already."""
    offer = OFFERS[shop_code]
    category = db.session.scalars(select(Category.id).where(Category.slug == offer.category)).one()
    db.session.close()
    create_promotion(replace(offer.everybody, targets=(str(category),)))
    create_coupon(create_promotion(offer.newcomers), offer.code, per_customer_limit=1)
    _charge_for_cash(offer.cash_fee)


@atomic
def _charge_for_cash(fee: int) -> None:
    db.session.execute(
        update(PaymentMethod)
        .where(PaymentMethod.code == "cash_on_delivery")
        .values(fee_amount=fee)
        .execution_options(synchronize_session=False)
    )
    touch_rules()
