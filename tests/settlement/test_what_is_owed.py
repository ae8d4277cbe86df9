"""What is owed for an order: credits, edits, late money, free orders, parcels that are refused."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from commerce.db import db
from commerce.errors import InvalidValue
from commerce.events.models import Event
from commerce.events.outbox import Actor
from commerce.inventory.models import Reservation
from commerce.order_management.actions import ShipOrder
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.balance import balance_of
from commerce.orders.expired_holds import cancel_if_expired
from commerce.orders.models import Credit, Order
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.returns import approve_return, receive_return, refund_return, request_return
from commerce.orders.services import cancel_order, change_status
from commerce.payments.models import Refund
from commerce.payments.queries import payments_of
from commerce.pricing.promotions import ManualDiscount
from commerce.settlement.manual_payments import record_receipt, refund_overpayment
from commerce.settlement.reconciliation import reconcile_payment
from commerce.settlement.services import take_payment
from commerce.tenants.models import Shop
from tests.factories.checkout import make_order
from tests.factories.orders import BOB, fresh, take_step
from tests.factories.pricing import make_coupon, make_promotion, rules_of_now
from tests.factories.shop import Sold, counters, make_product
from tests.order_management.edit_helpers import bought, edit, units
from tests.support.invariants import broken_invariants

ANN = Actor("guest", name="ann@example.com")
NO_ANSWER = "4000000000000119"


def money(order: Order) -> tuple[int, int, int]:
    """Return what is due, what is too much, and what has gone back."""
    balance = balance_of(order, payments_of(order.id))
    db.session.close()
    return balance.due, balance.surplus, balance.refunded


# --- credits -----------------------------------------------------------------------------------------


def test_a_credit_lowers_what_is_owed_before_any_money_goes_back(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 1))
    more = edit(order, OrderEdit(units=units(order, 3)))
    assert money(more) == (2000, 0, 0)
    credit_order(order.id, RefundRequest(units=units(more, 1)), BOB, reason="One less")
    assert money(fresh(order.id)) == (1000, 0, 0)
    credit_order(order.id, RefundRequest(amount=1500), BOB, reason="Sorry")
    now = fresh(order.id)
    assert money(now) == (0, 0, 500)
    assert now.payment_status == "partially_refunded"


def test_a_credit_that_covers_what_is_owed_makes_the_order_paid(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = bought((tea, 1))
    edit(order, OrderEdit(units=units(order, 2)))
    credit_order(order.id, RefundRequest(amount=1000), BOB, reason="Sorry")
    now = fresh(order.id)
    assert (now.payment_status, money(now)) == ("paid", (0, 0, 0))


@pytest.mark.parametrize("amounts", [(500, 500, 500), (1, 1498, 1), (333, 333, 834), (1499, 1)])
def test_the_last_credit_takes_what_is_left_of_the_tax(in_shop: Shop, amounts: tuple[int, ...]) -> None:
    order = bought((make_product(price=1000, stock=9), 1))
    for amount in amounts:
        credit_order(order.id, RefundRequest(amount=amount), BOB, reason="Sorry")
    given = db.session.scalars(select(Credit).where(Credit.order_id == order.id)).all()
    assert sum(each.amount for each in given) == order.total == 1500
    assert sum(each.tax_amount for each in given) == order.tax_amount == 136
    with pytest.raises(InvalidValue):
        credit_order(order.id, RefundRequest(amount=1), BOB, reason="Sorry")


# --- cash on delivery --------------------------------------------------------------------------------


def on_delivery(tea: Sold, count: int) -> Order:
    """Return an order that is paid on delivery, sent in one parcel."""
    order = make_order((tea, count), payment_method="cash_on_delivery")
    assert order.payment_id is not None
    take_payment(order.payment_id)
    take_step(order.id, "process")
    ShipOrder().run(order.id, BOB)
    return fresh(order.id)


def test_goods_that_come_back_unpaid_lower_what_is_due(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = on_delivery(tea, 2)
    due = order.total
    [line] = order.lines
    back = RefundRequest(units={line.id: 1}, restock={line.id: 1}, returned=True)
    credit_order(order.id, back, BOB, reason="Refused")
    assert money(fresh(order.id)) == (due - 1000, 0, 0)
    rest = RefundRequest(units={line.id: 1}, restock={line.id: 1}, returned=True, shipping=True)
    credit_order(order.id, rest, BOB, reason="Refused")
    now = fresh(order.id)
    assert (money(now), now.payment_status) == ((0, 0, 0), "paid")
    assert counters(tea) == (9, 0)
    assert db.session.scalar(select(Refund.id)) is None
    change_status(order.id, "deliver", BOB)
    change_status(order.id, "complete", BOB)
    assert broken_invariants() == []


def test_a_parcel_that_was_refused_is_returned_and_closed_without_money(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    order = on_delivery(tea, 2)
    [line] = order.lines
    asked = request_return(order.id, BOB, kind="return", reason="Refused")
    approve_return(asked, BOB)
    receive_return(asked, {line.id: 2}, BOB)
    everything = RefundRequest(units={line.id: 2}, shipping=True, restock={line.id: 2})
    refund_return(asked, everything, BOB, shown_amount=0)
    now = fresh(order.id)
    assert (now.status, money(now), counters(tea)) == ("refunded", (0, 0, 0), (9, 0))
    assert now.credited_amount == now.total
    assert broken_invariants() == []


# --- who cancelled -----------------------------------------------------------------------------------


def unanswered(tea: Sold) -> tuple[Order, uuid.UUID]:
    """Return an order whose card was charged without an answer, and the attempt."""
    placed = make_order((tea, 1), payment_method="card")
    assert placed.payment_id is not None
    assert take_payment(placed.payment_id, NO_ANSWER).state == "unknown"
    return fresh(placed.id), placed.payment_id


@pytest.mark.parametrize(
    "actor", [ANN, BOB, Actor("api", name="Till"), Actor("member", id=str(uuid.uuid4()))]
)
def test_late_money_for_what_a_person_cancelled_goes_back(in_shop: Shop, actor: Actor) -> None:
    tea = make_product(price=1000, stock=9)
    order, payment_id = unanswered(tea)
    cancel_order(order.id, actor, reason="Changed my mind")
    reconcile_payment(payment_id)
    now = fresh(order.id)
    assert (now.status, now.payment_status, counters(tea)) == ("cancelled", "refunded", (9, 0))
    assert money(now) == (0, 0, order.total)
    kinds = db.session.scalars(select(Event.type).where(Event.subject_id == order.id)).all()
    assert kinds.count("LatePaymentRefunded") == 1
    assert not {"OrderConfirmed", "PaymentSucceeded"} & set(kinds)


def test_late_money_for_what_expired_reopens_the_order(in_shop: Shop) -> None:
    tea = make_product(price=1000, stock=9)
    placed = make_order((tea, 1))
    order = fresh(placed.id)
    assert order.hold_expires_at is not None
    assert cancel_if_expired(order.id, order.hold_expires_at + timedelta(seconds=1))
    record_receipt(order.id, BOB, amount=order.total)
    assert fresh(order.id).status == "confirmed"


# --- nothing to pay ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["card", "bank_transfer", "cash_on_delivery"])
def test_an_order_that_costs_nothing_is_paid_when_it_is_placed(in_shop: Shop, method: str) -> None:
    tea = make_product(price=1000, stock=9)
    make_promotion(percent_ppm=1_000_000)
    make_promotion("free_shipping")
    with rules_of_now():
        placed = make_order((tea, 1), payment_method=method)
        # Nobody asks a gateway, and the process may die right here.
        now = fresh(placed.id)
        assert (now.total, now.status, now.payment_status) == (0, "confirmed", "paid")
        assert placed.payment_id is not None
        take_payment(placed.payment_id)
        assert fresh(placed.id).version == now.version
        states = db.session.scalars(select(Reservation.state).where(Reservation.order_id == placed.id)).all()
        assert set(states) == {"committed"}


def test_a_pending_order_that_an_edit_makes_free_goes_on(in_shop: Shop) -> None:
    order = bought((make_product(price=1000, stock=9), 1), paid=False)
    free = OrderEdit(set_discount=True, discount=ManualDiscount(1000, "Gift"))
    make_promotion("free_shipping")
    assert edit(order, free).status == "pending"
    credited = edit(fresh(order.id), OrderEdit(units=units(order, 1), price_shipping=True))
    assert credited.total == 500


# --- edits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "promote",
    [
        lambda: make_promotion(percent_ppm=333_333),
        lambda: make_promotion("fixed", amount=601),
        lambda: make_promotion("buy_x_get_y", buy_quantity=1, get_quantity=1, percent_ppm=1_000_000),
        lambda: make_promotion("free_shipping"),
        lambda: make_coupon("HALF", percent_ppm=500_000),
    ],
    ids=["percentage", "fixed", "buy_x_get_y", "free_shipping", "coupon"],
)
@pytest.mark.parametrize("way", [(3, 2), (5, 1, 2), (1, 2), (0, 2)])
def test_an_edit_and_its_reverse_cancel_out(
    in_shop: Shop, promote: Callable[[], object], way: tuple[int, ...]
) -> None:
    tea, mug = make_product(price=999, stock=30), make_product("Mug", price=455, stock=30)
    promote()
    with rules_of_now():
        order = bought((tea, 2), (mug, 1))
        now = order
        for count in way:
            line = next((each for each in now.lines if each.variant_id == tea.variant_id), None)
            change = OrderEdit(units={line.id: count}) if line else OrderEdit(added={tea.variant_id: count})
            now = edit(now, change)
        assert (now.total, now.discount_amount, now.tax_amount, now.payment_status) == (
            order.total,
            order.discount_amount,
            order.tax_amount,
            "paid",
        )
        assert money(now) == (0, 0, 0)


def test_a_discount_by_hand_of_more_than_is_left_comes_back_with_the_goods(in_shop: Shop) -> None:
    order = bought((make_product(price=1000, stock=9), 3))
    off = edit(order, OrderEdit(set_discount=True, discount=ManualDiscount(2500, "Sorry")))
    few = edit(off, OrderEdit(units=units(off, 1)))
    again = edit(few, OrderEdit(units=units(few, 3)))
    assert (few.discount_amount, again.discount_amount, again.total) == (1000, 2500, off.total)


# --- too much, and paid in two ways -------------------------------------------------------------------


def test_only_what_is_beyond_the_total_is_too_much(in_shop: Shop) -> None:
    order = bought((make_product(price=999, stock=9), 1), paid=False)
    record_receipt(order.id, BOB, amount=1400)
    record_receipt(order.id, BOB, amount=500)
    now = fresh(order.id)
    assert "4.01" in now.attention
    assert money(now) == (0, 401, 0)
    assert refund_overpayment(order.id, BOB) == 401
    assert money(fresh(order.id)) == (0, 0, 401)
    assert fresh(order.id).payment_status == "paid"
