"""What a changed order costs: prices, promotions, shipping, taxes; and after any edits the sums close."""

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from commerce.db import db, new_id
from commerce.errors import (
    Conflict,
    InvalidValue,
)
from commerce.events.models import Event
from commerce.order_management.edit_order import preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.order_management.sold_terms import manual_discount
from commerce.orders.returns import refund_order, request_return
from commerce.orders.services import cancel_order
from commerce.payments.queries import payments_of
from commerce.pricing.promotions import ManualDiscount
from commerce.pricing.queries import list_promotions
from commerce.pricing.services import create_promotion
from commerce.settlement.manual_payments import record_receipt, refund_overpayment
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import ADDRESS
from tests.factories.orders import BOB, fresh
from tests.factories.shop import counters, make_product, set_price
from tests.order_management.edit_helpers import TEN_OFF, bought, edit, units
from tests.support.invariants import broken_invariants


def test_promotions_stay_in_proportion_and_new_units_get_none(in_shop: Shop) -> None:
    create_promotion(TEN_OFF)
    with shop_scope(get_shop(in_shop.id)):
        tea, pot = make_product("Tea", price=999, stock=20), make_product("Pot", price=4000, stock=20)
        order = bought((tea, 3), (pot, 1))
        [line, other] = order.lines
        assert (line.discount_amount, other.discount_amount) == (300, 400)
        more = edit(order, OrderEdit(units=units(order, 6, 1)))
        assert [each.discount_amount for each in more.lines] == [300, 400]
        fewer = edit(more, OrderEdit(units=units(more, 4, 0), added={pot.variant_id: 1}))
        assert [each.discount_amount for each in fewer.lines] == [300, 400]
        least = edit(fewer, OrderEdit(units=units(fewer, 2, 0)))
        assert [each.discount_amount for each in least.lines] == [200]
        assert [each.amount for each in least.adjustments if each.source_type == "promotion"] == [-200]


def test_a_discount_by_hand_is_shared_out_and_can_be_taken_away(in_shop: Shop) -> None:
    tea, pot = make_product("Tea", price=1000, stock=9), make_product("Pot", price=3000, stock=9)
    order = bought((tea, 1), (pot, 1))
    off = ManualDiscount(400, "For the scratch")
    now = edit(order, OrderEdit(set_discount=True, discount=off), refund=True)
    assert (now.total, now.discount_amount) == (4100, 400)
    assert [line.discount_amount for line in now.lines] == [100, 300]
    assert manual_discount(now) == off
    kept = edit(now, OrderEdit(units=units(now, 0, 1)), refund=True)
    assert (kept.total, [line.discount_amount for line in kept.lines]) == (3100, [400])
    whole = edit(kept, OrderEdit(set_discount=True, discount=ManualDiscount(99_999, "Gift")), refund=True)
    assert (whole.total, whole.discount_amount) == (500, 3000), "never more than the goods"
    none = edit(whole, OrderEdit(set_discount=True))
    assert (none.total, manual_discount(none), none.payment_status) == (3500, None, "unpaid")


def test_shipping_keeps_its_price_until_it_is_asked_for_again(in_shop: Shop) -> None:
    from commerce.shipping.methods import change_method, shipping_methods

    tea = make_product(price=1000, stock=9)
    order = bought((tea, 1))
    [method] = shipping_methods()
    rates = tuple(replace(rate, price=900) for rate in method.terms.rates)
    change_method(method.id, replace(method.terms, name="Van", rates=rates), seen_version=method.version)
    with shop_scope(get_shop(in_shop.id)):
        now = edit(order, OrderEdit(units=units(order, 2)))
        assert (now.shipping_amount, now.shipping_label) == (500, "Parcel")
        now = edit(now, OrderEdit(price_shipping=True))
        assert (now.shipping_amount, now.shipping_label, now.total) == (900, "Van", 2900)
        with pytest.raises(InvalidValue) as refused:
            preview_edit(now.id, OrderEdit(shipping_method="balloon"))
        assert refused.value.field == "shipping_method"


def test_another_country_has_another_tax_and_shipping_price(in_shop: Shop) -> None:
    from commerce.pricing.services import create_tax_rate
    from commerce.pricing.validation import TaxValues

    create_tax_rate(TaxValues("CH", "standard", 81_000, "MWST"))
    with shop_scope(get_shop(in_shop.id)):
        tea = make_product(price=1081, stock=9)
        order = bought((tea, 1))
        there = {**ADDRESS, "country_code": "CH", "country_area": "", "city": "Bern", "postal_code": "3011"}
        now = edit(order, OrderEdit(address=there))
        assert now.shipping_address["city"] == "Bern"
        assert (now.lines[0].tax_amount, now.lines[0].tax_rate_ppm) == (81, 81_000)
        assert now.total == order.total, "prices include tax"


def test_contact_and_address_alone_change_no_amount(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 2))
    set_price(tea, 5000)
    moved = {**ADDRESS, "street_address": "2 Other Street"}
    now = edit(
        order,
        OrderEdit(contact={"name": "Ann Wed", "email": "ann@wed.test", "phone": "12345"}, address=moved),
    )
    assert (now.name, now.email, now.phone, now.total) == ("Ann Wed", "ann@wed.test", "12345", order.total)
    assert now.payment_status == "paid"
    assert counters(tea) == (9, 2)
    told = db.session.scalars(select(Event.payload).where(Event.type == "OrderEdited")).one()
    assert told["summary"] == "address changed; name changed; email changed; phone changed"


WORLDS: list[dict[str, Any]] = [
    {"currency": "USD"},
    {"currency": "JPY", "tax_rounding": "rate"},
    {"currency": "KWD", "prices_include_tax": False},
    {"currency": "EUR", "prices_include_tax": False, "tax_rounding": "rate"},
]
"""How shops reckon: where minor units, tax and rounding differ, sums must close all the same."""


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_after_any_edits_a_full_refund_leaves_nothing_and_stock_adds_up(
    app: Flask, in_shop: Shop, data: st.DataObject
) -> None:
    """Random edits one after the other, each with its sums checked; then everything goes back."""
    if not list_promotions():
        create_promotion(TEN_OFF)
    with shop_scope(replace(get_shop(in_shop.id), **data.draw(st.sampled_from(WORLDS)))):
        _edit_and_give_back(data)


def _edit_and_give_back(data: st.DataObject) -> None:
    key = new_id().hex[-12:]
    goods = [
        make_product(f"Thing {key} {letter}", price=data.draw(st.integers(1, 5000)), stock=50)
        for letter in "abc"
    ]
    order = bought((goods[0], 3), (goods[1], 2))
    for _ in range(data.draw(st.integers(1, 4))):
        wish = OrderEdit(
            units={line.id: data.draw(st.integers(0, 6)) for line in order.lines if data.draw(st.booleans())},
            added={goods[2].variant_id: data.draw(st.integers(1, 3))} if data.draw(st.booleans()) else {},
            set_discount=data.draw(st.booleans()),
            discount=ManualDiscount(data.draw(st.integers(0, 9000)), "By hand"),
        )
        with contextlib.suppress(InvalidValue):  # nothing was left of it, or nothing changed
            order = edit(order, wish, refund=data.draw(st.booleans()))
    if order.payment_status == "unpaid" and order.total:
        record_receipt(order.id, BOB)
    with contextlib.suppress(Conflict):  # when nothing was paid too much
        refund_overpayment(order.id, BOB)
    if fresh(order.id).total:
        request_return(order.id, BOB, reason="All of it")
        refund_order(order.id, BOB, reason="All of it", restore_inventory=True)
    else:
        cancel_order(order.id, BOB, reason="All of it")
    left = sum(payment.captured - payment.refunded for payment in payments_of(order.id))
    assert left == 0
    assert [counters(each) for each in goods] == [(50, 0)] * 3
    assert broken_invariants() == []
    db.session.close()
