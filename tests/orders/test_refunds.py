"""Giving money back by line: never more than was paid, exactly all of it in the end, and stock that adds up."""

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from commerce.db import atomic, db
from commerce.errors import (
    Conflict,
    IllegalTransition,
    InvalidValue,
    NotAllowed,
    NotFound,
    StaleVersion,
)
from commerce.events.models import Event
from commerce.events.outbox import Actor
from commerce.orders.models import Credit, Order
from commerce.orders.refund_amounts import shipped_not_returned, uncredited
from commerce.orders.refunds import (
    RefundRequest,
    cancel_as_shown,
    credit_order,
    plan_cancel,
    plan_credit,
    plan_refund,
)
from commerce.orders.returns import refund_order, request_return
from commerce.payments.gateways.base import PaymentOutcome
from commerce.payments.models import Payment, Refund
from commerce.payments.queries import payments_of, refunds_of
from commerce.payments.services import start_payment
from commerce.settlement.services import settle_payment
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.amounts import Bought, BoughtLine, bought, lead_to, place
from tests.factories.orders import BOB, GATEWAY, fresh, order_in
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants

TWO_LINES = Bought(
    (BoughtLine(3, 1000, discount=100, rate_ppm=190_000), BoughtLine(1, 2500)), shipping=500, fee=99
)


@pytest.fixture(params=["shipment", "confirmation"])
def policy_shop(request: pytest.FixtureRequest, in_shop: Shop) -> Iterator[Shop]:
    """Alice's shop, which takes stock off the shelf when parcels leave, or already when orders are confirmed."""
    with shop_scope(replace(in_shop, deduct_on=request.param)) as shop:
        yield shop or in_shop


@pytest.fixture
def goods(in_shop: Shop) -> list[Sold]:
    return [make_product(f"Tea {index}", stock=1000) for index in range(3)]


def money(order_id: uuid.UUID) -> tuple[int, int]:
    """Return (captured, refunded) of an order."""
    db.session.close()
    row = db.session.execute(
        select(func.sum(Payment.captured), func.sum(Payment.refunded)).where(Payment.order_id == order_id)
    ).one()
    db.session.close()
    return int(row[0] or 0), int(row[1] or 0)


def traces(order_id: uuid.UUID) -> tuple[object, ...]:
    """Return everything that giving back changes."""
    order = fresh(order_id)
    counts = [db.session.scalar(select(func.count()).select_from(each)) for each in (Event, Credit, Refund)]
    db.session.close()
    return order.status, order.payment_status, order.version, order.credited_shipping, counts


def paid_for(what: Bought, goods: list[Sold], *actions: str) -> Order:
    order_id = place(what, goods)
    lead_to(order_id, "pay", *actions)
    return fresh(order_id)


# --- examples ---------------------------------------------------------------------------------------


def test_a_unit_that_has_not_left_is_paid_back_and_free_again(policy_shop: Shop, goods: list[Sold]) -> None:
    order = paid_for(TWO_LINES, goods, "confirm", "process")
    before = counters(goods[0])
    credit_order(order.id, RefundRequest(units={order.lines[0].id: 1}), BOB, reason="Sold out")
    now = fresh(order.id)
    assert (now.status, now.payment_status) == ("processing", "partially_refunded")
    assert (now.lines[0].cancelled, now.lines[0].credited, now.lines[0].credited_amount) == (1, 1, 966)
    assert money(order.id) == (TWO_LINES.total, 966)
    on_hand, reserved = counters(goods[0])
    assert on_hand - reserved == before[0] - before[1] + 1
    ship_order(order.id, BOB)
    assert [line.shipped for line in fresh(order.id).lines] == [2, 1]
    assert broken_invariants() == []


def test_a_unit_that_came_back_goes_on_the_stock_item_only_when_that_is_said(
    policy_shop: Shop, goods: list[Sold]
) -> None:
    order = paid_for(TWO_LINES, goods, "confirm", "process", "ship")
    key = order.lines[0].id
    wish = RefundRequest(units={key: 2}, restock={key: 1}, returned=True)
    credit_order(order.id, wish, BOB, reason="One was broken")
    assert counters(goods[0]) == (998, 0)
    assert fresh(order.id).status == "shipped"
    assert broken_invariants() == []


def test_what_has_left_cannot_come_back_twice(policy_shop: Shop, goods: list[Sold]) -> None:
    order = paid_for(TWO_LINES, goods, "confirm", "process")
    key = order.lines[0].id
    ship_order(order.id, BOB, units={key: 1})
    wish = RefundRequest(units={key: 1}, restock={key: 1}, returned=True)
    credit_order(order.id, wish, BOB, reason="Broken")
    seen = traces(order.id)
    with pytest.raises(InvalidValue, match=r"return_more_than_shipped .*maximum=0"):
        credit_order(order.id, wish, BOB, reason="Broken")
    assert traces(order.id) == seen
    assert counters(goods[0])[0] - counters(goods[0])[1] == 998
    assert broken_invariants() == []


def test_giving_back_the_rest_of_a_partly_sent_order_ships_it(policy_shop: Shop, goods: list[Sold]) -> None:
    order = paid_for(TWO_LINES, goods, "confirm", "process")
    first, second = (line.id for line in order.lines)
    ship_order(order.id, BOB, units={first: 2})
    credit_order(order.id, RefundRequest(units={first: 1, second: 1}), BOB, reason="Sold out")
    now = fresh(order.id)
    assert (now.status, now.payment_status) == ("shipped", "partially_refunded")
    assert counters(goods[0]) == (998, 0)
    assert counters(goods[1]) == (1000, 0)
    assert broken_invariants() == []


def test_what_would_leave_nothing_to_deliver_is_to_be_cancelled_instead(
    in_shop: Shop, goods: list[Sold]
) -> None:
    order = paid_for(TWO_LINES, goods, "confirm")
    seen = traces(order.id)
    with pytest.raises(Conflict, match="refund_leaves_nothing"):
        credit_order(order.id, RefundRequest(units=uncredited(order)), BOB, reason="All of it")
    assert traces(order.id) == seen


@pytest.mark.parametrize("sent", [0, 1])
def test_what_waits_for_a_refund_is_not_emptied_beside_it(
    in_shop: Shop, goods: list[Sold], sent: int
) -> None:
    """Declined afterwards, it would go on with nothing to send."""
    order = paid_for(TWO_LINES, goods, "confirm", "process")
    if sent:
        ship_order(order.id, BOB, units={order.lines[0].id: sent})
    request_return(order.id, BOB, reason="All of it")
    seen = traces(order.id)
    unsent = {line.id: line.to_ship for line in fresh(order.id).lines}
    with pytest.raises(Conflict, match="refund_request_leaves_nothing"):
        credit_order(order.id, RefundRequest(units=unsent), BOB, reason="All of it")
    assert traces(order.id) == seen
    credit_order(order.id, RefundRequest(units={order.lines[0].id: 1}), BOB, reason="One of it")
    refund_order(order.id, BOB)
    assert money(order.id) == (TWO_LINES.total, TWO_LINES.total)
    assert broken_invariants() == []


def test_another_amount_and_goodwill(in_shop: Shop, goods: list[Sold]) -> None:
    order = paid_for(TWO_LINES, goods, "confirm", "process", "ship")
    key = order.lines[0].id
    credit_order(order.id, RefundRequest(units={key: 1}, amount=500, returned=True), BOB, reason="Opened")
    credit_order(order.id, RefundRequest(amount=250), BOB, reason="For the trouble")
    credit_order(order.id, RefundRequest(shipping=True), BOB, reason="It came late")
    rows = db.session.execute(
        select(Credit.number, Credit.amount, Credit.shipping_amount).order_by(Credit.number)
    ).all()
    assert [tuple(row) for row in rows] == [(1, 500, 0), (2, 250, 0), (3, 599, 599)]
    assert money(order.id) == (TWO_LINES.total, 1349)
    with pytest.raises(InvalidValue, match="refund_more_than_paid"):
        credit_order(order.id, RefundRequest(amount=TWO_LINES.total), BOB, reason="Too much")


@pytest.mark.parametrize(
    "wish",
    [
        RefundRequest(),
        RefundRequest(units={uuid.uuid4(): 1}),
        RefundRequest(restock={uuid.uuid4(): 1}, shipping=True),
        RefundRequest(amount=-1),
        RefundRequest(amount=0),
    ],
)
def test_a_request_that_makes_no_sense_changes_nothing(
    in_shop: Shop, goods: list[Sold], wish: RefundRequest
) -> None:
    order = paid_for(TWO_LINES, goods, "confirm")
    seen = traces(order.id)
    with pytest.raises(InvalidValue):
        credit_order(order.id, wish, BOB, reason="Because")
    assert traces(order.id) == seen


def test_units_of_another_order_or_shop_change_nothing(
    in_shop: Shop, other_shop: Shop, goods: list[Sold]
) -> None:
    order, other = paid_for(TWO_LINES, goods, "confirm"), paid_for(TWO_LINES, goods, "confirm")
    seen = traces(order.id), traces(other.id)
    with pytest.raises(InvalidValue, match="line_not_in_order"):
        credit_order(order.id, RefundRequest(units={other.lines[0].id: 1}), BOB, reason="Because")
    with shop_scope(other_shop), pytest.raises(NotFound):
        credit_order(order.id, RefundRequest(units={order.lines[0].id: 1}), BOB, reason="Because")
    assert (traces(order.id), traces(other.id)) == seen


def test_only_staff_on_a_fresh_page_with_the_shown_amount_and_a_reason(
    in_shop: Shop, goods: list[Sold]
) -> None:
    order = paid_for(TWO_LINES, goods, "confirm")
    wish = RefundRequest(units={order.lines[0].id: 1})
    seen = traces(order.id)
    with pytest.raises(NotAllowed):
        credit_order(order.id, wish, Actor("guest"), reason="Because")
    with pytest.raises(StaleVersion):
        credit_order(order.id, wish, BOB, seen_version=order.version - 1, reason="Because")
    with pytest.raises(Conflict, match="refund_amount_changed"):
        credit_order(order.id, wish, BOB, shown_amount=1, reason="Because")
    with pytest.raises(InvalidValue, match="reason_required"):
        credit_order(order.id, wish, BOB, reason=" ")
    assert traces(order.id) == seen
    credit_order(order.id, wish, BOB, seen_version=order.version, shown_amount=966, reason="Because")


@pytest.mark.parametrize("status", ["pending", "cancelled", "refunded"])
def test_a_status_without_money_to_give_back_is_refused(in_shop: Shop, status: str) -> None:
    make_product(sku="TEA-1")
    order = order_in(status)
    with pytest.raises(IllegalTransition):
        credit_order(order.id, RefundRequest(units={order.lines[0].id: 1}), BOB, reason="Because")


def test_cancelling_as_shown(in_shop: Shop, goods: list[Sold]) -> None:
    order = paid_for(TWO_LINES, goods, "confirm")
    plan = plan_cancel(order, payments_of(order.id))
    assert (plan.amount, plan.sum.tax, plan.status_after) == (TWO_LINES.total, TWO_LINES.tax, "cancelled")
    with pytest.raises(Conflict, match="refund_amount_changed"):
        cancel_as_shown(order.id, BOB, seen_version=order.version, shown_amount=plan.amount - 1, reason="No")
    assert fresh(order.id).status == "confirmed"
    cancel_as_shown(order.id, BOB, seen_version=order.version, shown_amount=plan.amount, reason="No")
    assert fresh(order.id).status == "cancelled"
    assert money(order.id) == (TWO_LINES.total, TWO_LINES.total)
    assert [counters(each) for each in goods[:2]] == [(1000, 0), (1000, 0)]


def test_cancelling_after_a_part_went_back_gives_back_the_rest(policy_shop: Shop, goods: list[Sold]) -> None:
    order = paid_for(TWO_LINES, goods, "confirm")
    credit_order(order.id, RefundRequest(units={order.lines[0].id: 2}), BOB, reason="Sold out")
    lead_to(order.id, "cancel")
    assert money(order.id) == (TWO_LINES.total, TWO_LINES.total)
    assert [counters(each) for each in goods[:2]] == [(1000, 0), (1000, 0)]
    assert broken_invariants() == []


def test_late_money_for_an_order_that_was_given_back_in_parts_goes_back(
    in_shop: Shop, goods: list[Sold]
) -> None:
    """Taken up again, it would hold the units that were given back before."""
    order_id = place(TWO_LINES, goods)
    late = atomic(start_payment)(
        order_id=order_id, method="card", gateway="test_card", amount=TWO_LINES.total, currency="EUR"
    )
    lead_to(order_id, "pay", "confirm")
    credit_order(order_id, RefundRequest(units={fresh(order_id).lines[0].id: 1}), BOB, reason="Sold out")
    lead_to(order_id, "cancel")
    settle_payment(late, PaymentOutcome("captured", TWO_LINES.total, "EUR", "late"), GATEWAY)
    assert (fresh(order_id).status, fresh(order_id).payment_status) == ("cancelled", "refunded")
    assert money(order_id) == (2 * TWO_LINES.total, 2 * TWO_LINES.total)
    assert [counters(each) for each in goods[:2]] == [(1000, 0), (1000, 0)]
    assert broken_invariants() == []


# --- any order, any way of giving back ---------------------------------------------------------------


@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(what=bought(most_lines=2, most_units=3), data=st.data())
def test_partial_credits_and_then_a_full_refund_close_exactly(
    policy_shop: Shop, goods: list[Sold], what: Bought, data: st.DataObject
) -> None:
    start = sum(counters(each)[0] for each in goods)
    order = paid_for(what, goods, "confirm", "process")
    written_off = 0
    for _ in range(data.draw(st.integers(0, 4))):
        order = fresh(order.id)
        if order.status == "processing" and data.draw(st.booleans()):
            left = {line.id: data.draw(st.integers(0, line.to_ship)) for line in order.lines}
            if any(left.values()):
                ship_order(order.id, BOB, units=left)
            continue
        wish = _any_wish(order, data)
        try:
            plan = plan_credit(order, payments_of(order.id), wish)
        except (InvalidValue, Conflict):
            continue
        finally:
            db.session.close()
        credit_order(order.id, wish, BOB, shown_amount=plan.amount, reason="Because")
        written_off += sum(each.written_off for each in plan.stock)
        captured, refunded = money(order.id)
        assert refunded <= captured == what.total
        assert captured - refunded == plan.left_after
        assert (fresh(order.id).status, fresh(order.id).payment_status) == (
            plan.status_after,
            plan.payment_status_after,
        )
        assert broken_invariants() == []
    order = fresh(order.id)
    if uncredited(order) and order.payment_status in ("paid", "partially_refunded"):
        request_return(order.id, BOB, reason="All of it")
        restock = data.draw(st.booleans())
        plan = plan_refund(fresh(order.id), payments_of(order.id), restock=restock)
        db.session.close()
        refund_order(order.id, BOB, restore_inventory=restock, shown_amount=plan.amount)
        written_off += sum(each.written_off for each in plan.stock)
        assert fresh(order.id).status == "refunded"
        assert money(order.id) == (what.total, what.total)
        assert sum(refund.amount for refund in refunds_of(order.id)) == what.total
        told = db.session.scalar(select(func.sum(Credit.tax_amount)).where(Credit.order_id == order.id))
        db.session.close()
        assert (told or 0) <= what.tax
        assert sum(counters(each)[0] for each in goods) == start - written_off
        assert all(counters(each)[1] == 0 for each in goods)
    assert broken_invariants() == []


def _any_wish(order: Order, data: st.DataObject) -> RefundRequest:
    units = {key: data.draw(st.integers(0, count)) for key, count in uncredited(order).items()}
    gone = {line.id: shipped_not_returned(line) for line in order.lines}
    returned = data.draw(st.booleans())
    restock = {
        key: data.draw(st.integers(0, min(count, gone[key])))
        for key, count in units.items()
        if returned and count and gone[key]
    }
    return RefundRequest(
        units={key: count for key, count in units.items() if count},
        shipping=data.draw(st.booleans()),
        amount=data.draw(st.none() | st.integers(0, order.total)),
        restock=restock,
        returned=returned,
    )
