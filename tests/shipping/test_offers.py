"""Which ways to ship a shop offers: where to, how heavy, how much was bought."""

import pytest
from sqlalchemy import select, update

from commerce.db import _as_tenant, atomic, db, insert_rows
from commerce.shipping.models import ShippingMethod, ShippingRate
from commerce.shipping.queries import ShippingOffer, shipping_countries, shipping_offers
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from commerce.tenants.services import touch_rules


@atomic
def rates(method: str, *rows: tuple[list[str], int | None, int, int]) -> None:
    """Replace a method's rates by (countries, heaviest parcel, least subtotal, price), making the method if needed."""
    known = db.session.scalar(select(ShippingMethod).where(ShippingMethod.code == method))
    if known is None:
        known = ShippingMethod(code=method, name=method.capitalize(), position=5)
        db.session.add(known)
        db.session.flush()
    for old in db.session.scalars(select(ShippingRate).where(ShippingRate.method_id == known.id)):
        db.session.delete(old)
    db.session.flush()
    insert_rows(
        ShippingRate,
        [
            {
                "method_id": known.id,
                "countries": countries,
                "max_weight_grams": heaviest,
                "min_subtotal": least,
                "price": price,
            }
            for countries, heaviest, least, price in rows
        ],
    )
    touch_rules()


def offered(shop: Shop, country: str = "US", subtotal: int = 1000, grams: int = 100) -> dict[str, int]:
    """Return method -> price as the next request would see them."""
    with _as_tenant(None, every=False):  # a request finds its shop before it enters one
        found = get_shop(shop.id)
    with shop_scope(found):
        offers = shipping_offers(country=country, subtotal=subtotal, weight_grams=grams)
    return {offer.code: offer.price for offer in offers}


def test_a_rate_for_the_country_beats_a_cheaper_one_for_the_rest_of_the_world(in_shop: Shop) -> None:
    rates("parcel", (["*"], None, 0, 100), (["US", "CA"], None, 0, 900))
    assert offered(in_shop, "US") == {"parcel": 900}
    assert offered(in_shop, "CA") == {"parcel": 900}
    assert offered(in_shop, "FR") == {"parcel": 100}


def test_the_rest_of_the_world_does_not_help_out_where_the_country_has_rates_that_do_not_fit(
    in_shop: Shop,
) -> None:
    rates("parcel", (["*"], None, 0, 100), (["US"], 500, 0, 900))
    assert offered(in_shop, "US", grams=501) == {}
    assert offered(in_shop, "FR", grams=501) == {"parcel": 100}


def test_each_method_is_judged_by_itself(in_shop: Shop) -> None:
    rates("parcel", (["*"], None, 0, 100))
    rates("express", (["US"], None, 0, 2000))
    assert offered(in_shop, "US") == {"parcel": 100, "express": 2000}
    assert offered(in_shop, "FR") == {"parcel": 100}


@pytest.mark.parametrize(("grams", "price"), [(0, 300), (500, 300), (501, 700), (2000, 700), (2001, None)])
def test_a_heavier_parcel_costs_more_up_to_what_the_carrier_takes(
    in_shop: Shop, grams: int, price: int | None
) -> None:
    rates("parcel", (["*"], 500, 0, 300), (["*"], 2000, 0, 700))
    assert offered(in_shop, grams=grams) == ({} if price is None else {"parcel": price})


@pytest.mark.parametrize(("subtotal", "price"), [(0, 490), (4999, 490), (5000, 0), (90000, 0)])
def test_who_buys_enough_pays_no_shipping(in_shop: Shop, subtotal: int, price: int) -> None:
    rates("parcel", (["US"], None, 0, 490), (["US"], None, 5000, 0))
    assert offered(in_shop, subtotal=subtotal) == {"parcel": price}


def test_nothing_is_offered_where_nothing_fits(in_shop: Shop) -> None:
    rates("parcel", (["DE"], None, 0, 490))
    assert offered(in_shop, "US") == {}
    with shop_scope(get_shop(in_shop.id)):
        assert shipping_countries() == {"DE"}


def test_a_method_that_is_switched_off_is_not_offered(in_shop: Shop) -> None:
    assert offered(in_shop) == {"parcel": 500}

    @atomic
    def switch_off() -> None:
        db.session.execute(update(ShippingMethod).values(enabled=False))
        touch_rules()

    switch_off()
    assert offered(in_shop) == {}


def test_an_offer_says_all_that_a_shopper_and_an_order_need(in_shop: Shop) -> None:
    method_id = db.session.scalars(select(ShippingMethod.id)).one()
    assert shipping_offers(country="US", subtotal=0, weight_grams=0) == [
        ShippingOffer(str(method_id), "parcel", "Parcel", "3 days", "standard", 500)
    ]


def test_rates_of_another_shop_are_never_offered(in_shop: Shop, other_shop: Shop) -> None:
    assert offered(other_shop) == {"parcel": 800}
    assert offered(in_shop) == {"parcel": 500}


def test_what_was_read_once_is_kept_until_a_rule_changes(in_shop: Shop) -> None:
    assert offered(in_shop) == {"parcel": 500}

    @atomic
    def change_in_silence() -> None:
        db.session.execute(update(ShippingRate).values(price=1))

    change_in_silence()
    assert offered(in_shop) == {"parcel": 500}
    atomic(touch_rules)()
    assert offered(in_shop) == {"parcel": 1}
