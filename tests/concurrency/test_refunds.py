"""Giving back, cancelling, sending and paying the same order in the same instant: one wins, nothing is given twice."""

import uuid
from datetime import timedelta
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from commerce import clock
from commerce.db import atomic, db
from commerce.errors import CommerceError
from commerce.events.outbox import Actor
from commerce.orders.expired_holds import cancel_if_expired
from commerce.orders.models import Order
from commerce.orders.queries import get_order
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.returns import (
    approve_return,
    decline_return,
    receive_return,
    refund_order,
    refund_return,
    request_return,
)
from commerce.orders.services import cancel_order
from commerce.payments.models import Payment
from commerce.settlement.manual_payments import record_receipt
from commerce.shipping.queries import shipped_parcels
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from tests.concurrency.race import kinds, race
from tests.factories.checkout import make_order
from tests.factories.orders import take_step
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants

BOB = Actor("staff", id="bob", name="Bob")
EVE = Actor("staff", id="eve", name="Eve")
ROUNDS = 5


@pytest.fixture
def sold(arena: Flask) -> Sold:
    """Something with plenty in stock."""
    return make_product(stock=100)


def bought(sold: Sold, quantity: int, *actions: str) -> Order:
    """Place an order, pay it by transfer and lead it on."""
    placed = make_order((sold, quantity))
    record_receipt(placed.id, BOB)
    for action in actions:
        take_step(placed.id, action)
    return now(placed.id)


def now(order_id: uuid.UUID) -> Order:
    db.session.close()
    order = get_order(order_id)
    db.session.close()
    return order


def money(order_id: uuid.UUID) -> tuple[int, int]:
    """Return (captured, refunded)."""
    db.session.close()
    row = db.session.execute(
        select(func.sum(Payment.captured), func.sum(Payment.refunded)).where(Payment.order_id == order_id)
    ).one()
    db.session.close()
    return int(row[0] or 0), int(row[1] or 0)


def unexpected(results: list[object]) -> list[object]:
    """Return what is neither a result nor a refusal on purpose."""
    return [each for each in results if isinstance(each, Exception) and not isinstance(each, CommerceError)]


def test_cancel_against_pay(arena: Flask, shop: Shop, sold: Sold) -> None:
    """Staff cancel while a colleague books the transfer: it lives and is paid, or the money is on its way back."""
    for _ in range(ROUNDS):
        placed = make_order((sold, 1))
        cancel = partial(cancel_order, placed.id, BOB, reason="Not available")
        results = race(arena, shop, [partial(record_receipt, placed.id, EVE), cancel])
        assert unexpected(results) == []
        order = now(placed.id)
        assert order.status in ("confirmed", "cancelled")
        captured, refunded = money(placed.id)
        assert refunded == (captured if order.status == "cancelled" else 0)
    assert broken_invariants() == []


def test_expire_against_pay(arena: Flask, shop: Shop, sold: Sold) -> None:
    """The hold runs out while staff book the transfer: never cancelled with the money kept."""

    @atomic
    def age(order_id: uuid.UUID) -> None:
        past = clock.now() - timedelta(minutes=1)
        db.session.execute(update(Order).where(Order.id == order_id).values(hold_expires_at=past))

    for _ in range(ROUNDS):
        placed = make_order((sold, 1))
        age(placed.id)
        expire = partial(cancel_if_expired, placed.id, clock.now())
        results = race(arena, shop, [partial(record_receipt, placed.id, EVE), expire])
        assert unexpected(results) == []
        captured, refunded = money(placed.id)
        status = now(placed.id).status
        assert (status, captured - refunded > 0) in {("confirmed", True), ("cancelled", False)}
    assert broken_invariants() == []


def test_cancel_against_ship(arena: Flask, shop: Shop, sold: Sold) -> None:
    """Either the parcel is on its way and paid for, or nothing left and the money goes back."""
    for _ in range(ROUNDS):
        order = bought(sold, 2, "process")
        ship = partial(ship_order, order.id, BOB)
        cancel = partial(cancel_order, order.id, EVE, reason="Sold out")
        results = race(arena, shop, [ship, cancel, ship, cancel])
        assert unexpected(results) == []
        after = now(order.id)
        assert (after.status, after.payment_status) in {("shipped", "paid"), ("cancelled", "refunded")}
        assert sum(line.shipped for line in after.lines) == (2 if after.status == "shipped" else 0)
    assert broken_invariants() == []


def test_cancel_against_a_part_that_leaves(arena: Flask, shop: Shop, sold: Sold) -> None:
    for _ in range(ROUNDS):
        order = bought(sold, 2, "process")
        ship = partial(ship_order, order.id, BOB, units={order.lines[0].id: 1})
        results = race(arena, shop, [ship, partial(cancel_order, order.id, EVE, reason="Sold out")])
        assert kinds(results)["IllegalTransition"] == 1
        after = now(order.id)
        assert (after.status, after.lines[0].shipped) in {("processing", 1), ("cancelled", 0)}
    assert broken_invariants() == []


def test_two_parcels_at_once(arena: Flask, shop: Shop, sold: Sold) -> None:
    """Five people send two of the three units: one parcel leaves with them, the other one has the rest."""
    order = bought(sold, 3, "process")
    key = order.lines[0].id
    results = race(arena, shop, [partial(ship_order, order.id, BOB, units={key: 2})] * 5)
    assert kinds(results) == {"UUID": 1, "InvalidValue": 4}
    assert counters(sold) == (98, 1)
    results = race(arena, shop, [partial(ship_order, order.id, BOB, units={key: 1})] * 5)
    assert kinds(results) == {"UUID": 1, "IllegalTransition": 4}
    assert [parcel.number for parcel in shipped_parcels(order.id)] == [1, 2]
    db.session.close()
    assert counters(sold) == (97, 0)
    assert broken_invariants() == []


def test_two_credits_at_once(arena: Flask, shop: Shop, sold: Sold) -> None:
    """Six people give back the same two of three units: the money goes once."""
    order = bought(sold, 3, "process", "ship")
    wish = RefundRequest(units={order.lines[0].id: 2}, restock={order.lines[0].id: 2}, returned=True)
    results = race(arena, shop, [partial(credit_order, order.id, wish, BOB, reason="Broken")] * 6)
    assert kinds(results) == {"UUID": 1, "InvalidValue": 5}
    after = now(order.id)
    assert money(order.id)[1] == after.lines[0].credited_amount == order.lines[0].amount * 2 // 3
    assert counters(sold) == (99, 0)
    assert broken_invariants() == []


def test_two_who_saw_the_same_page_give_back_once(arena: Flask, shop: Shop, sold: Sold) -> None:
    order = bought(sold, 3, "process", "ship")
    wish = RefundRequest(amount=100)
    give = partial(credit_order, order.id, wish, BOB, seen_version=order.version, reason="For the trouble")
    results = race(arena, shop, [give] * 6)
    assert kinds(results) == {"UUID": 1, "StaleVersion": 5}
    assert money(order.id)[1] == 100


def test_the_control_without_the_version_everybody_gives(arena: Flask, shop: Shop, sold: Sold) -> None:
    """It is the version of the page that lets one through; the order's lock only lets them through one by one."""
    order = bought(sold, 3, "process", "ship")
    give = partial(credit_order, order.id, RefundRequest(amount=100), BOB, reason="For the trouble")
    assert kinds(race(arena, shop, [give] * 6)) == {"UUID": 6}
    assert money(order.id)[1] == 600
    assert broken_invariants() == []


def test_refund_against_return(arena: Flask, shop: Shop, sold: Sold) -> None:
    """The whole order is refunded while a colleague answers the request that asks for it: the money goes once."""
    for _ in range(ROUNDS):
        order = bought(sold, 2, "process", "ship")
        key = order.lines[0].id
        return_id = request_return(order.id, BOB, kind="return", reason="Too big")
        approve_return(return_id, BOB)
        receive_return(return_id, {key: 2}, BOB)
        wish = RefundRequest(units={key: 2}, restock={key: 2}, shipping=True)
        answer = partial(refund_return, return_id, wish, BOB)
        whole = partial(refund_order, order.id, EVE, restore_inventory=True)
        decline = partial(decline_return, return_id, EVE, reason="Worn")
        results = race(arena, shop, [answer, whole, decline])
        assert unexpected(results) == []
        assert kinds(results)["NoneType"] == 1
        after = now(order.id)
        captured, refunded = money(order.id)
        assert (after.status, refunded) in {("refunded", captured), ("shipped", 0)}
    assert broken_invariants() == []


def test_a_credit_against_a_cancellation(arena: Flask, shop: Shop, sold: Sold) -> None:
    """A part is given back while all of it is cancelled: never more than was paid, and every unit is free again."""
    for _ in range(ROUNDS):
        order = bought(sold, 3, "process")
        part = partial(
            credit_order, order.id, RefundRequest(units={order.lines[0].id: 1}), BOB, reason="Broken"
        )
        results = race(arena, shop, [part, partial(cancel_order, order.id, EVE, reason="Sold out"), part])
        assert unexpected(results) == []
        captured, refunded = money(order.id)
        assert (now(order.id).status, refunded) == ("cancelled", captured)
    assert counters(sold) == (100, 0)
    assert broken_invariants() == []
