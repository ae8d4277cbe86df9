"""Money, expiry, cancellation and staff at the same order in the same instant: one wins, the books stay right."""

import uuid
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import update

from commerce import clock
from commerce.db import atomic, db
from commerce.events.outbox import Actor
from commerce.orders.expired_holds import cancel_if_expired
from commerce.orders.models import Order
from commerce.orders.queries import get_order, timeline
from commerce.orders.services import cancel_order, change_status
from commerce.payments.gateways.base import PaymentOutcome
from commerce.payments.queries import refunds_of
from commerce.settlement.manual_payments import record_receipt
from commerce.settlement.refunds import send_refund
from commerce.settlement.services import settle_payment
from commerce.tenants.models import Shop
from tests.concurrency.race import kinds, race
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants

BOB = Actor("staff", id="bob", name="Bob")
EVE = Actor("staff", id="eve", name="Eve")
GATEWAY = Actor("gateway", "test_card", "test_card")
ROUNDS = 8


@atomic
def _age(order_id: uuid.UUID) -> None:
    past = clock.now() - timedelta(minutes=1)
    db.session.execute(update(Order).where(Order.id == order_id).values(hold_expires_at=past))


def _paid(order_id: uuid.UUID) -> PaymentOutcome:
    order = get_order(order_id)
    return PaymentOutcome("captured", order.total, order.currency, "test")


def _state(order_id: uuid.UUID) -> tuple[str, str]:
    order = get_order(order_id)
    state = (order.status, order.payment_status)
    db.session.close()
    return state


@pytest.fixture
def sold(arena: Flask) -> Sold:
    """Something with plenty in stock."""
    return make_product(stock=100)


def test_pay_against_expire(arena: Flask, shop: Shop, sold: Sold) -> None:
    """Whoever is first, the shopper who paid has his goods: a payment after expiry takes its hold again."""
    for _ in range(ROUNDS):
        placed = make_order((sold, 1), payment_method="card")
        assert placed.payment_id
        _age(placed.id)
        pay = partial(settle_payment, placed.payment_id, _paid(placed.id), GATEWAY)
        results = race(arena, shop, [pay, partial(cancel_if_expired, placed.id, clock.now())] * 2)
        assert [result for result in results if isinstance(result, Exception)] == []
        assert _state(placed.id) == ("confirmed", "paid")
    assert counters(sold) == (100, ROUNDS)
    assert broken_invariants() == []


def test_pay_against_expire_when_the_stock_goes_to_somebody_else(arena: Flask, shop: Shop) -> None:
    """Expired, sold to the next one, then paid: the money goes back and the stock stays where it is."""
    last = make_product("Last one", stock=1)
    late = make_order((last, 1), payment_method="card")
    assert late.payment_id
    _age(late.id)
    assert cancel_if_expired(late.id, clock.now())
    next_one = make_order((last, 1))
    outcome = _paid(late.id)
    race(arena, shop, [partial(settle_payment, late.payment_id, outcome, GATEWAY)] * 5)
    assert _state(late.id) == ("cancelled", "refunded")
    assert [refund.amount for refund in refunds_of(late.id)] == [outcome.amount]
    assert _state(next_one.id) == ("pending", "unpaid")
    assert counters(last) == (1, 1)
    assert broken_invariants() == []


def test_the_same_payment_news_many_times_is_one_payment(arena: Flask, shop: Shop, sold: Sold) -> None:
    placed = make_order((sold, 2), payment_method="card")
    assert placed.payment_id
    results = race(arena, shop, [partial(settle_payment, placed.payment_id, _paid(placed.id), GATEWAY)] * 20)
    assert [result for result in results if isinstance(result, Exception)] == []
    order = get_order(placed.id)
    assert (order.status, order.version) == ("confirmed", 3)
    assert broken_invariants() == []


def test_two_staff_at_the_same_order(arena: Flask, shop: Shop, sold: Sold) -> None:
    """One wins; the others hear that their page was stale, and their action left no trace."""
    placed = make_order((sold, 1))
    record_receipt(placed.id, BOB)
    version = get_order(placed.id).version
    process = partial(change_status, placed.id, "process", BOB, seen_version=version)
    cancel = partial(cancel_order, placed.id, EVE, seen_version=version, reason="No longer wanted")
    results = race(arena, shop, [process, cancel] * 4)
    assert kinds(results) == {"NoneType": 1, "StaleVersion": 7}
    won = {("processing", "paid"): (100, 1), ("cancelled", "refunded"): (100, 0)}
    assert counters(sold) == won[_state(placed.id)]
    assert broken_invariants() == []


def test_cancel_against_pay(arena: Flask, shop: Shop, sold: Sold) -> None:
    """Staff cancel while the money arrives: either the order lives and is paid, or the money is on its way back."""
    for _ in range(ROUNDS):
        placed = make_order((sold, 1), payment_method="card")
        assert placed.payment_id
        pay = partial(settle_payment, placed.payment_id, _paid(placed.id), GATEWAY)
        cancel = partial(cancel_order, placed.id, BOB, reason="Not available")
        results = race(arena, shop, [pay, cancel])
        assert [result for result in results if isinstance(result, Exception)] == []
        assert _state(placed.id) in {("confirmed", "paid"), ("cancelled", "refunded")}
    assert broken_invariants() == []


def test_many_sweepers_cancel_an_expired_order_once(arena: Flask, shop: Shop, sold: Sold) -> None:
    placed = make_order((sold, 3))
    _age(placed.id)
    results = race(arena, shop, [partial(cancel_if_expired, placed.id, clock.now())] * 10)
    assert sorted(results) == [False] * 9 + [True]
    assert (_state(placed.id), counters(sold)) == (("cancelled", "unpaid"), (100, 0))
    assert broken_invariants() == []


def test_a_refund_that_several_workers_send_at_once_is_settled_once(arena: Flask, shop: Shop) -> None:
    tea = make_product(stock=5)
    for _ in range(ROUNDS):
        placed = make_order((tea, 1), payment_method="card")
        assert placed.payment_id is not None
        settle_payment(placed.payment_id, _paid(placed.id), GATEWAY)
        cancel_order(placed.id, BOB, reason="Sold out")
        (refund,) = refunds_of(placed.id)
        race(arena, shop, [partial(send_refund, refund.id)] * 6)
        told = [event for event in timeline(placed.id) if event.type == "RefundSettled"]
        assert len(told) == 1
        assert [each.state for each in refunds_of(placed.id)] == ["succeeded"]
        db.session.close()
