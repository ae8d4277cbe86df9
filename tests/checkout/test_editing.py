"""Changing a placed order: what it costs then, what becomes of its stock, and who owes whom."""

import contextlib
import uuid
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from commerce.checkout.edit_plan import EDITABLE, manual_discount
from commerce.checkout.editing import SURPLUS, confirm_if_paid, edit_order, finish_edit, preview_edit
from commerce.checkout.edits import Edit
from commerce.checkout.receipts import record_receipt, refund_surplus
from commerce.checkout.settlement import start_another_payment, take_payment
from commerce.db import db, new_id
from commerce.errors import (
    CommerceError,
    Conflict,
    IllegalTransition,
    InvalidValue,
    NotAllowed,
    NotFound,
    OutOfStock,
    PriceChanged,
    StaleVersion,
)
from commerce.events.models import Event
from commerce.events.outbox import Actor
from commerce.inventory.models import Reservation
from commerce.orders.credit_math import shipping_worth, worth
from commerce.orders.credits import Wish, credit_order
from commerce.orders.models import Order
from commerce.orders.payment_panel import payment_panel
from commerce.orders.returns import refund_order, request_return
from commerce.orders.services import cancel_order, change_status
from commerce.orders.transitions import STATUSES
from commerce.payments.models import Payment, Refund
from commerce.payments.queries import payments_of
from commerce.pricing.checking import PromotionValues
from commerce.pricing.promotions import ManualDiscount
from commerce.pricing.queries import list_promotions
from commerce.pricing.services import create_promotion
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.checkout.pages import CARD
from tests.factories.checkout import ADDRESS, make_order
from tests.factories.orders import BOB, fresh, order_in
from tests.factories.shop import Sold, change_stock, counters, make_product, set_price
from tests.support.invariants import broken_invariants

TEN_OFF = PromotionValues(label="Ten percent", kind="percentage", percent_ppm=100_000)


def bought(*lines: tuple[Sold, int], paid: bool = True, **details: Any) -> Order:
    """Return an order as a shopper placed it, confirmed when it is paid."""
    order_id = make_order(*lines, **details).id
    if paid:
        record_receipt(order_id, BOB)
    return fresh(order_id)


def edit(order: Order, change: Edit, **wish: Any) -> Order:
    """Edit an order as the page would that shows it now, and return what it has become."""
    total = preview_edit(order.id, change).total
    edit_order(order.id, BOB, change, **{"seen_version": order.version, "shown_total": total, **wish})
    now = fresh(order.id)
    check_sums(now)
    assert broken_invariants() == []
    db.session.close()
    return now


def check_sums(order: Order) -> None:
    """Whatever was edited, the parts of an order add up to its total, and the shares to the adjustments."""
    added = sum(each.amount for each in order.adjustments if not each.included)
    assert order.subtotal == sum(line.amount for line in order.lines)
    assert order.total == order.subtotal + added
    assert [line.position for line in order.lines] == list(range(len(order.lines)))
    off = [
        sum(-each.shares[line.position] for each in order.adjustments if each.source_type == "promotion")
        for line in order.lines
    ]
    assert off == [line.discount_amount for line in order.lines]
    assert shipping_worth(order) >= 0
    assert all(worth(line, prices_include_tax=order.prices_include_tax) >= 0 for line in order.lines)


def traces(order_id: uuid.UUID) -> tuple[Any, ...]:
    """Return everything that an edit could have changed."""
    now = fresh(order_id)
    lines = [(line.id, line.quantity, line.discount_amount) for line in now.lines]
    held = db.session.execute(
        select(Reservation.order_line_id, Reservation.quantity, Reservation.state).order_by(Reservation.id)
    ).all()
    counts = [
        db.session.scalar(select(func.count()).select_from(table)) for table in (Event, Refund, Payment)
    ]
    db.session.close()
    return now.version, now.total, now.payment_status, now.attention, lines, held, counts


def units(order: Order, *quantities: int) -> dict[uuid.UUID, int]:
    """Return new units for the lines of an order, in their order."""
    return {line.id: quantity for line, quantity in zip(order.lines, quantities, strict=True)}


# --- lines and stock ---------------------------------------------------------------------------------


def test_more_units_cost_more_and_are_reserved(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=10)
    order = bought((tea, 2))
    assert order.total == 2500
    set_price(tea, 9000)
    now = edit(order, Edit(units=units(order, 5)))
    assert [(line.quantity, line.unit_price) for line in now.lines] == [(5, 1000)], "sold for that price"
    assert (now.total, now.status, now.payment_status) == (5500, "confirmed", "unpaid")
    assert counters(tea) == (10, 5)


def test_fewer_units_are_free_again_and_the_money_goes_back_when_it_is_ticked(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=10)
    order = bought((tea, 5))
    now = edit(order, Edit(units=units(order, 2)), refund=True)
    assert (now.total, now.payment_status, now.attention) == (2500, "paid", "")
    assert counters(tea) == (10, 2)
    refund = db.session.scalars(select(Refund)).one()
    assert refund.amount == 3000
    events = db.session.scalars(select(Event.type).where(Event.subject_id == order.id)).all()
    assert {"OrderEdited", "RefundQueued"} <= set(events)


def test_what_is_left_over_and_not_given_back_is_flagged_until_it_is(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=10)
    order = bought((tea, 5))
    now = edit(order, Edit(units=units(order, 2)))
    assert (now.payment_status, SURPLUS in now.attention) == ("paid", True)
    assert "$30.00" in now.attention
    assert refund_surplus(order.id, BOB) == 3000
    assert fresh(order.id).attention == ""


def test_a_later_edit_takes_the_flag_away_that_it_has_settled(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=10)
    order = bought((tea, 5))
    now = edit(order, Edit(units=units(order, 2)))
    again = edit(now, Edit(units=units(now, 5)))
    assert (again.attention, again.payment_status, again.total) == ("", "paid", 5500)


def test_lines_come_and_go_in_one_edit(in_shop: Shop) -> None:
    tea, pot, cup = (
        make_product(name, price=price, stock=10)
        for name, price in (("Tea", 1000), ("Pot", 4000), ("Cup", 700))
    )
    order = bought((tea, 2), (pot, 1))
    now = edit(order, Edit(units=units(order, 0, 1), added={cup.variant_id: 3}), refund=True)
    assert [(line.title, line.quantity, line.amount) for line in now.lines] == [
        ("Pot", 1, 4000),
        ("Cup", 3, 2100),
    ]
    assert now.total == 4000 + 2100 + 500
    assert [counters(each) for each in (tea, pot, cup)] == [(10, 0), (10, 1), (10, 3)]
    told = db.session.scalars(select(Event.payload).where(Event.type == "OrderEdited")).one()
    assert told["total_before"] == 6500
    assert told["total"] == 6600
    assert "Tea (TEA): 2 → 0" in told["summary"]
    assert "Cup (CUP): 0 → 3" in told["summary"]


def test_units_that_one_line_gives_up_can_be_had_by_a_new_one_of_the_same_variant(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=3)
    order = bought((tea, 3))
    set_price(tea, 1200)
    now = edit(order, Edit(units=units(order, 1), added={tea.variant_id: 2}))
    assert [(line.quantity, line.unit_price) for line in now.lines] == [(1, 1000), (2, 1200)]
    assert counters(tea) == (3, 3)


def test_what_is_short_is_said_all_of_it_and_nothing_changes(in_shop: Shop) -> None:
    tea, pot = make_product("Tea", stock=4), make_product("Pot", stock=1)
    order = bought((tea, 2))
    seen = traces(order.id)
    wish = Edit(units=units(order, 9), added={pot.variant_id: 2})
    plan = preview_edit(order.id, wish)
    assert [(each.sku, each.wanted, each.available) for each in plan.shortages] == [
        ("TEA", 7, 2),
        ("POT", 2, 1),
    ]
    with pytest.raises(OutOfStock) as refused:
        edit_order(order.id, BOB, wish, seen_version=order.version, shown_total=plan.total)
    assert len(refused.value.shortages) == 2
    assert traces(order.id) == seen


def test_a_pending_order_holds_and_a_confirmed_one_owns(in_shop: Shop) -> None:
    tea, pot = make_product("Tea", stock=10), make_product("Pot", stock=10)
    for paid, state in ((False, "held"), (True, "committed")):
        order = bought((tea, 1), paid=paid)
        now = edit(order, Edit(units=units(order, 2), added={pot.variant_id: 1}))
        rows = db.session.scalars(select(Reservation.state).where(Reservation.order_id == now.id)).all()
        assert set(rows) == {state}
        db.session.close()


def test_a_shop_that_deducts_at_confirmation_moves_goods_on_and_off_the_shelf(in_shop: Shop) -> None:
    tea, pot = make_product("Tea", stock=10), make_product("Pot", stock=10)

    with shop_scope(replace(in_shop, deduct_on="confirmation")):
        order = bought((tea, 4))
        assert counters(tea) == (6, 0)
        now = edit(order, Edit(units=units(order, 1), added={pot.variant_id: 2}))
        assert (counters(tea), counters(pot)) == ((9, 0), (8, 0))
        edit(now, Edit(units=units(now, 3, 0)))
        assert (counters(tea), counters(pot)) == ((7, 0), (10, 0))
        change_status(order.id, "process", BOB)
        ship_order(order.id, BOB)
        assert counters(tea) == (7, 0)


def test_what_has_left_the_house_stays_in_the_order(in_shop: Shop) -> None:
    tea = make_product(stock=10)
    order = bought((tea, 4))
    change_status(order.id, "process", BOB)
    ship_order(order.id, BOB, units=units(order, 2))
    now = fresh(order.id)
    with pytest.raises(InvalidValue, match="from 2 to 999") as refused:
        preview_edit(order.id, Edit(units=units(now, 1)))
    assert refused.value.field == f"units-{now.lines[0].id.hex}"
    edit(now, Edit(units=units(now, 2)), refund=True)
    assert counters(tea) == (8, 0)


# --- prices ------------------------------------------------------------------------------------------


def test_promotions_stay_in_proportion_and_new_units_get_none(in_shop: Shop) -> None:
    create_promotion(TEN_OFF)
    with shop_scope(get_shop(in_shop.id)):
        tea, pot = make_product("Tea", price=999, stock=20), make_product("Pot", price=4000, stock=20)
        order = bought((tea, 3), (pot, 1))
        [line, other] = order.lines
        assert (line.discount_amount, other.discount_amount) == (300, 400)
        more = edit(order, Edit(units=units(order, 6, 1)))
        assert [each.discount_amount for each in more.lines] == [300, 400]
        fewer = edit(more, Edit(units=units(more, 4, 0), added={pot.variant_id: 1}))
        assert [each.discount_amount for each in fewer.lines] == [200, 0]
        assert [each.amount for each in fewer.adjustments if each.source_type == "promotion"] == [-200]


def test_a_discount_by_hand_is_shared_out_and_can_be_taken_away(in_shop: Shop) -> None:
    tea, pot = make_product("Tea", price=1000, stock=9), make_product("Pot", price=3000, stock=9)
    order = bought((tea, 1), (pot, 1))
    off = ManualDiscount(400, "For the scratch")
    now = edit(order, Edit(set_discount=True, discount=off), refund=True)
    assert (now.total, now.discount_amount) == (4100, 400)
    assert [line.discount_amount for line in now.lines] == [100, 300]
    assert manual_discount(now) == off
    kept = edit(now, Edit(units=units(now, 0, 1)), refund=True)
    assert (kept.total, [line.discount_amount for line in kept.lines]) == (3100, [400])
    whole = edit(kept, Edit(set_discount=True, discount=ManualDiscount(99_999, "Gift")), refund=True)
    assert (whole.total, whole.discount_amount) == (500, 3000), "never more than the goods"
    none = edit(whole, Edit(set_discount=True))
    assert (none.total, manual_discount(none), none.payment_status) == (3500, None, "unpaid")


def test_shipping_keeps_its_price_until_it_is_asked_for_anew(in_shop: Shop) -> None:
    from commerce.shipping.methods import change_method, shipping_methods

    tea = make_product(price=1000, stock=9)
    order = bought((tea, 1))
    [method] = shipping_methods()
    rates = tuple(replace(rate, price=900) for rate in method.terms.rates)
    change_method(method.id, replace(method.terms, name="Van", rates=rates), seen_version=method.version)
    with shop_scope(get_shop(in_shop.id)):
        now = edit(order, Edit(units=units(order, 2)))
        assert (now.shipping_amount, now.shipping_label) == (500, "Parcel")
        now = edit(now, Edit(price_shipping=True))
        assert (now.shipping_amount, now.shipping_label, now.total) == (900, "Van", 2900)
        with pytest.raises(InvalidValue) as refused:
            preview_edit(now.id, Edit(shipping_method="balloon"))
        assert refused.value.field == "shipping_method"


def test_another_country_has_another_tax_and_shipping_price(in_shop: Shop) -> None:
    from commerce.pricing.checking import TaxValues
    from commerce.pricing.services import create_tax_rate

    create_tax_rate(TaxValues("CH", "standard", 81_000, "MWST"))
    with shop_scope(get_shop(in_shop.id)):
        tea = make_product(price=1081, stock=9)
        order = bought((tea, 1))
        there = {**ADDRESS, "country_code": "CH", "country_area": "", "city": "Bern", "postal_code": "3011"}
        now = edit(order, Edit(address=there))
        assert now.shipping_address["city"] == "Bern"
        assert (now.lines[0].tax_amount, now.lines[0].tax_rate_ppm) == (81, 81_000)
        assert now.total == order.total, "prices include tax"


def test_contact_and_address_alone_change_no_amount(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 2))
    set_price(tea, 5000)
    moved = {**ADDRESS, "street_address": "2 Other Street"}
    now = edit(
        order, Edit(contact={"name": "Ann Wed", "email": "ann@wed.test", "phone": "12345"}, address=moved)
    )
    assert (now.name, now.email, now.phone, now.total) == ("Ann Wed", "ann@wed.test", "12345", order.total)
    assert now.payment_status == "paid"
    assert counters(tea) == (9, 2)
    told = db.session.scalars(select(Event.payload).where(Event.type == "OrderEdited")).one()
    assert told["summary"] == "address changed; name changed; e-mail changed; phone changed"


# --- money that is open ------------------------------------------------------------------------------


def test_what_is_open_is_paid_by_a_receipt(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 1))
    now = edit(order, Edit(units=units(order, 3)))
    record_receipt(now.id, BOB)
    paid = fresh(now.id)
    assert (paid.payment_status, paid.status) == ("paid", "confirmed")
    assert [payment.captured for payment in payments_of(now.id)] == [1500, 2000]


def test_what_is_open_of_a_confirmed_order_is_paid_by_card_on_its_page(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 1), paid=False, payment_method="card")
    [first] = payments_of(order.id)
    take_payment(first.id, CARD)
    with pytest.raises(IllegalTransition):
        start_another_payment(order.id, "card")
    confirmed = fresh(order.id)
    now = edit(confirmed, Edit(units=units(confirmed, 3)))
    panel = payment_panel(now, payments_of(now.id))
    assert (panel.state, panel.left, panel.asks_for_card) == ("transfer", 2000, True)
    take_payment(start_another_payment(now.id, "card"), CARD)
    paid = fresh(now.id)
    assert (paid.status, paid.payment_status) == ("confirmed", "paid")
    with pytest.raises(IllegalTransition):
        start_another_payment(order.id, "card")
    fewer = edit(paid, Edit(units=units(paid, 2)), refund=True)
    assert [(each.captured, each.refunded) for each in payments_of(fewer.id)] == [(1500, 0), (2000, 1000)]


def test_a_pending_order_is_asked_for_its_new_total_and_held_anew(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 1), paid=False)
    now = edit(order, Edit(units=units(order, 3)))
    assert [(payment.state, payment.amount) for payment in payments_of(now.id)] == [("started", 3500)]
    assert now.hold_expires_at is not None
    assert order.hold_expires_at is not None
    assert now.hold_expires_at > order.hold_expires_at


def test_an_order_that_an_edit_makes_cheap_enough_is_paid_and_confirmed(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 3), paid=False)
    record_receipt(order.id, BOB, amount=1500)
    now = edit(fresh(order.id), Edit(units=units(order, 1)))
    assert (now.status, now.payment_status) == ("confirmed", "paid")
    assert not confirm_if_paid(order.id)
    finish_edit(order.id)
    assert fresh(order.id).version == now.version


# --- refusals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [status for status in STATUSES if status not in EDITABLE])
def test_an_order_that_is_under_way_or_over_is_not_edited(in_shop: Shop, status: str) -> None:
    make_product(sku="TEA-1", stock=10)
    order = order_in(status)
    seen = traces(order.id)
    with pytest.raises(IllegalTransition):
        edit_order(
            order.id, BOB, Edit(units=units(order, 1)), seen_version=order.version, shown_total=order.total
        )
    assert traces(order.id) == seen


def test_only_staff_of_this_shop_who_saw_what_is_true_may_edit(in_shop: Shop, other_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 2))
    wish = Edit(units=units(order, 1))
    asked: dict[str, Any] = {"seen_version": order.version, "shown_total": 1500}
    seen = traces(order.id)
    with pytest.raises(NotAllowed):
        edit_order(order.id, Actor("guest"), wish, **asked)
    with pytest.raises(StaleVersion):
        edit_order(order.id, BOB, wish, **{**asked, "seen_version": order.version - 1})
    with pytest.raises(PriceChanged):
        edit_order(order.id, BOB, wish, **{**asked, "shown_total": 1400})
    with shop_scope(other_shop), pytest.raises(NotFound):
        edit_order(order.id, BOB, wish, **asked)
    assert traces(order.id) == seen


@pytest.mark.parametrize(
    ("lines", "added", "others", "field"),
    [
        ([0], {}, {}, "units"),
        ([-1], {}, {}, "units-"),
        ([1000], {}, {}, "units-"),
        (None, {"nothing we sell": 1}, {}, "added"),
        (None, {"tea": 0}, {}, "added"),
        (None, {}, {"units": {new_id(): 1}}, "units"),
        (None, {}, {"contact": {"email": " "}}, "email"),
        (None, {}, {"set_discount": True, "discount": ManualDiscount(-1, "x")}, "discount"),
        (None, {}, {}, "units"),
    ],
)
def test_a_bad_wish_is_refused_at_its_field(
    in_shop: Shop, lines: list[int] | None, added: dict[str, int], others: dict[str, Any], field: str
) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 2))
    seen = traces(order.id)
    wanted = {tea.variant_id if name == "tea" else new_id(): count for name, count in added.items()}
    wish = Edit(**{"units": units(order, *lines) if lines else {}, "added": wanted, **others})
    with pytest.raises(InvalidValue) as refused:
        edit_order(order.id, BOB, wish, seen_version=order.version, shown_total=order.total)
    assert refused.value.field.startswith(field)
    assert traces(order.id) == seen


def test_lines_and_prices_are_settled_once_money_was_given_back_for_them(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 3))
    [line] = order.lines
    credit_order(order.id, Wish(units={line.id: 1}), BOB, reason="Broken")
    now = fresh(order.id)
    with pytest.raises((Conflict, InvalidValue)):
        preview_edit(order.id, Edit(units=units(now, 4)))
    with pytest.raises(Conflict):
        preview_edit(order.id, Edit(price_shipping=True))
    edit(now, Edit(contact={"phone": "0123456"}))


# --- whatever is edited ------------------------------------------------------------------------------


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
        wish = Edit(
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
        refund_surplus(order.id, BOB)
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


def test_stock_that_others_took_meanwhile_is_said(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=5)
    order = bought((tea, 2))
    wish = Edit(units=units(order, 5))
    total = preview_edit(order.id, wish).total
    change_stock(tea, -2)
    with pytest.raises(CommerceError) as refused:
        edit_order(order.id, BOB, wish, seen_version=order.version, shown_total=total)
    assert isinstance(refused.value, OutOfStock)
    assert counters(tea) == (3, 2)
