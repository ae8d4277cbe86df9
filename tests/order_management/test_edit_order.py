"""Changing the lines of a placed order, and what becomes of its stock."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from commerce.db import db
from commerce.errors import (
    CommerceError,
    InvalidValue,
    OutOfStock,
)
from commerce.events.models import Event
from commerce.inventory.models import Reservation
from commerce.order_management.edit_order import SURPLUS, edit_order, preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.services import change_status
from commerce.payments.models import Refund
from commerce.settlement.manual_payments import refund_overpayment
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.orders import BOB, fresh
from tests.factories.shop import change_stock, counters, make_product, set_price
from tests.order_management.edit_helpers import bought, edit, traces, units


def test_more_units_cost_more_and_are_reserved(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=10)
    order = bought((tea, 2))
    assert order.total == 2500
    set_price(tea, 9000)
    now = edit(order, OrderEdit(units=units(order, 5)))
    assert [(line.quantity, line.unit_price) for line in now.lines] == [(5, 1000)], "sold for that price"
    assert (now.total, now.status, now.payment_status) == (5500, "confirmed", "unpaid")
    assert counters(tea) == (10, 5)


def test_fewer_units_are_free_again_and_the_money_goes_back_when_it_is_ticked(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=10)
    order = bought((tea, 5))
    now = edit(order, OrderEdit(units=units(order, 2)), refund=True)
    assert (now.total, now.payment_status, now.attention) == (2500, "paid", "")
    assert counters(tea) == (10, 2)
    refund = db.session.scalars(select(Refund)).one()
    assert refund.amount == 3000
    events = db.session.scalars(select(Event.type).where(Event.subject_id == order.id)).all()
    assert {"OrderEdited", "RefundQueued"} <= set(events)


def test_what_is_left_over_and_not_given_back_is_flagged_until_it_is(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=10)
    order = bought((tea, 5))
    now = edit(order, OrderEdit(units=units(order, 2)))
    assert (now.payment_status, SURPLUS in now.attention) == ("paid", True)
    assert "$30.00" in now.attention
    assert refund_overpayment(order.id, BOB) == 3000
    assert fresh(order.id).attention == ""


def test_a_later_edit_takes_the_flag_away_that_it_has_settled(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=10)
    order = bought((tea, 5))
    now = edit(order, OrderEdit(units=units(order, 2)))
    again = edit(now, OrderEdit(units=units(now, 5)))
    assert (again.attention, again.payment_status, again.total) == ("", "paid", 5500)


def test_lines_come_and_go_in_one_edit(in_shop: Shop) -> None:
    tea, pot, cup = (
        make_product(name, price=price, stock=10)
        for name, price in (("Tea", 1000), ("Pot", 4000), ("Cup", 700))
    )
    order = bought((tea, 2), (pot, 1))
    now = edit(order, OrderEdit(units=units(order, 0, 1), added={cup.variant_id: 3}), refund=True)
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
    now = edit(order, OrderEdit(units=units(order, 1), added={tea.variant_id: 2}))
    assert [(line.quantity, line.unit_price) for line in now.lines] == [(1, 1000), (2, 1200)]
    assert counters(tea) == (3, 3)


def test_what_is_short_is_said_all_of_it_and_nothing_changes(in_shop: Shop) -> None:
    tea, pot = make_product("Tea", stock=4), make_product("Pot", stock=1)
    order = bought((tea, 2))
    seen = traces(order.id)
    wish = OrderEdit(units=units(order, 9), added={pot.variant_id: 2})
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
        now = edit(order, OrderEdit(units=units(order, 2), added={pot.variant_id: 1}))
        rows = db.session.scalars(select(Reservation.state).where(Reservation.order_id == now.id)).all()
        assert set(rows) == {state}
        db.session.close()


def test_a_shop_that_deducts_at_confirmation_moves_goods_on_and_off_the_stock_item(in_shop: Shop) -> None:
    tea, pot = make_product("Tea", stock=10), make_product("Pot", stock=10)

    with shop_scope(replace(in_shop, deduct_on="confirmation")):
        order = bought((tea, 4))
        assert counters(tea) == (6, 0)
        now = edit(order, OrderEdit(units=units(order, 1), added={pot.variant_id: 2}))
        assert (counters(tea), counters(pot)) == ((9, 0), (8, 0))
        edit(now, OrderEdit(units=units(now, 3, 0)))
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
    with pytest.raises(InvalidValue, match="minimum=2 maximum=999") as refused:
        preview_edit(order.id, OrderEdit(units=units(now, 1)))
    assert refused.value.field == f"units-{now.lines[0].id.hex}"
    edit(now, OrderEdit(units=units(now, 2)), refund=True)
    assert counters(tea) == (8, 0)


def test_stock_that_others_took_meanwhile_is_said(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=5)
    order = bought((tea, 2))
    wish = OrderEdit(units=units(order, 5))
    total = preview_edit(order.id, wish).total
    change_stock(tea, -2)
    with pytest.raises(CommerceError) as refused:
        edit_order(order.id, BOB, wish, seen_version=order.version, shown_total=total)
    assert isinstance(refused.value, OutOfStock)
    assert counters(tea) == (3, 2)
