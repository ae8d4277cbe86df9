"""How much goes back for which units: sums close in every currency, in whatever order the units come."""

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.errors import InvalidValue
from commerce.orders.models import Order, OrderLine
from commerce.orders.refund_amounts import (
    CreditSum,
    line_total,
    shipped_not_returned,
    shipping_left,
    sum_up,
    uncredited,
)
from tests.factories.amounts import Bought, BoughtLine, bought


def order_of(what: Bought) -> Order:
    """Return an order that is in no database."""
    order = Order(id=uuid.uuid4(), credited_shipping=0, **what.order_values())
    order.lines = [
        OrderLine(
            id=uuid.uuid4(),
            sku=f"SKU-{index}",
            shipped=0,
            cancelled=0,
            credited=0,
            credited_amount=0,
            credited_tax=0,
            **what.line_values(line),
        )
        for index, line in enumerate(what.lines)
    ]
    return order


def note(order: Order, due: CreditSum) -> None:
    """Do to an order what giving back does to it."""
    parts = {part.line_id: part for part in due.lines}
    for line in order.lines:
        if line.id in parts:
            line.credited += parts[line.id].quantity
            line.credited_amount += parts[line.id].amount
            line.credited_tax += parts[line.id].tax
    order.credited_shipping += due.shipping


@given(what=bought(), data=st.data())
def test_units_given_back_one_after_another_are_worth_exactly_what_was_paid(
    what: Bought, data: st.DataObject
) -> None:
    order = order_of(what)
    given_back = tax = 0
    while left := list(uncredited(order).items()):
        key, most = left[data.draw(st.integers(0, len(left) - 1))]
        units = {key: data.draw(st.integers(1, most))}
        due = sum_up(order, units, with_shipping=data.draw(st.booleans()))
        assert all(0 <= part.tax <= part.amount for part in due.lines)
        given_back, tax = given_back + due.amount, tax + due.tax
        assert given_back <= what.total
        assert tax <= what.tax
        note(order, due)
    last = sum_up(order, {}, with_shipping=True)
    assert given_back + last.amount == what.total
    assert [line.credited_amount for line in order.lines] == [
        line_total(line, prices_include_tax=what.includes_tax) for line in order.lines
    ]
    assert shipping_left(order) == last.shipping


@given(what=bought(), amount=st.integers(0, 40_000))
def test_another_amount_is_exactly_what_goes_back(what: Bought, amount: int) -> None:
    order = order_of(what)
    due = sum_up(order, uncredited(order), with_shipping=True, amount=amount)
    assert due.amount == amount
    assert due.extra == max(0, amount - what.total)
    assert all(part.amount >= 0 and 0 <= part.tax <= part.amount for part in due.lines)
    assert 0 <= due.tax <= max(amount, 0)


def test_a_third_of_an_odd_amount_leaves_no_cent_behind() -> None:
    order = order_of(Bought((BoughtLine(quantity=3, price=333),), shipping=500))
    (line,) = order.lines
    line.amount, line.discount_amount = 1000, 0
    order.subtotal, order.total = 1000, 1500
    found = []
    for _ in range(3):
        due = sum_up(order, {line.id: 1}, with_shipping=False)
        note(order, due)
        found.append(due.amount)
    assert found == [333, 333, 334]


def test_a_discount_and_tax_on_top_belong_to_the_line() -> None:
    order = order_of(
        Bought((BoughtLine(quantity=2, price=1000, discount=200, rate_ppm=100_000),), includes_tax=False)
    )
    due = sum_up(order, {order.lines[0].id: 1}, with_shipping=False)
    assert (due.amount, due.tax) == (990, 90)


@pytest.mark.parametrize("units", [0, -1, 3, True, 1.0, "1"])
def test_units_that_are_not_there_are_refused(units: Any) -> None:
    order = order_of(Bought((BoughtLine(quantity=2, price=1000),)))
    if units == 0:
        assert sum_up(order, {order.lines[0].id: 0}, with_shipping=False).amount == 0
        return
    with pytest.raises(InvalidValue):
        sum_up(order, {order.lines[0].id: units}, with_shipping=False)


def test_a_line_of_another_order_and_an_amount_below_zero_are_refused() -> None:
    order = order_of(Bought((BoughtLine(quantity=2, price=1000),)))
    with pytest.raises(InvalidValue, match="line_not_in_order"):
        sum_up(order, {uuid.uuid4(): 1}, with_shipping=False)
    with pytest.raises(InvalidValue, match="refund_amount_negative"):
        sum_up(order, {order.lines[0].id: 1}, with_shipping=False, amount=-1)


def test_what_has_left_counts_until_it_is_given_back() -> None:
    order = order_of(Bought((BoughtLine(quantity=5, price=1000),)))
    (line,) = order.lines
    line.shipped, line.cancelled, line.credited = 3, 1, 2  # one never left, one came back
    assert shipped_not_returned(line) == 2
    assert line.to_ship == 1
    assert uncredited(order) == {line.id: 3}
