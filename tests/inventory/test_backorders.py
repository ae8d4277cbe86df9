"""Units that are promised beyond the stock: who may promise how many, who gets first what comes in, what leaves."""

import random
import uuid
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from commerce import clock
from commerce.db import atomic, db, insert_rows, new_id
from commerce.error_messages import describe
from commerce.errors import Conflict, InvalidValue, OutOfStock, StaleVersion
from commerce.inventory.adjustments import change_on_hand, set_backorder_limit
from commerce.inventory.availability import available_by_variant
from commerce.inventory.back_in_stock import find_back_in_stock, subscribe_back_in_stock
from commerce.inventory.backorders import coverage_of
from commerce.inventory.locations import create_location, transfer
from commerce.inventory.models import Reservation, StockItem
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.expired_holds import cancel_if_expired, find_expired
from commerce.orders.models import Order
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.services import cancel_order, change_status
from commerce.orders.stock_check import check_stock, mend
from commerce.settlement.manual_payments import record_receipt
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.orders import BOB, fresh
from tests.factories.shop import Sold, allow_backorder, change_stock, counters, make_product
from tests.support.invariants import broken_invariants


def promised_tea(stock: int = 5, limit: int = 10) -> Sold:
    tea = make_product(stock=stock)
    allow_backorder(tea, limit)
    return tea


def ready_to_send(tea: Sold, units: int) -> Order:
    """Return an order that is paid and packed as far as it can be."""
    order_id = make_order((tea, units)).id
    record_receipt(order_id, BOB)
    change_status(order_id, "process", BOB)
    return fresh(order_id)


def line_of(order: Order) -> uuid.UUID:
    return fresh(order.id).lines[0].id


def waiting(order: Order) -> int:
    return sum(each.waiting for each in coverage_of(order.id).values())


def shelf_of(sold: Sold) -> StockItem:
    return db.session.scalars(select(StockItem).where(StockItem.variant_id == sold.variant_id)).one()


# --- promising --------------------------------------------------------------------------------------


def test_what_is_there_goes_first_and_then_the_limit_and_then_nothing(in_shop: Shop) -> None:
    tea = promised_tea(stock=5, limit=4)
    first, second = make_order((tea, 4)), make_order((tea, 5))
    assert [fresh(order.id).lines[0].backordered for order in (first, second)] == [0, 4]
    assert counters(tea) == (5, 9)
    assert available_by_variant([tea.variant_id]) == {tea.variant_id: 0}
    with pytest.raises(OutOfStock):
        make_order((tea, 1))
    assert broken_invariants() == list(check_stock()) == []


def test_a_shop_that_promises_nothing_sells_what_it_has(in_shop: Shop) -> None:
    tea = make_product(stock=5)
    make_order((tea, 5))
    with pytest.raises(OutOfStock):
        make_order((tea, 1))
    assert counters(tea) == (5, 5)


def test_units_at_all_locations_go_before_a_promise_at_any(in_shop: Shop) -> None:
    tea = promised_tea(stock=2, limit=10)
    place = create_location("second", "Second")
    stock_in(tea, place, 3)
    order = make_order((tea, 7))
    rows = dict(
        db.session.execute(
            select(Reservation.stock_item_id, Reservation.quantity).where(Reservation.order_id == order.id)
        ).all()
    )
    assert sorted(rows.values()) == [3, 4]
    assert waiting(fresh(order.id)) == 2
    assert broken_invariants() == []


@atomic
def stock_in(sold: Sold, location_id: uuid.UUID, units: int) -> None:
    key = new_id()
    insert_rows(
        StockItem,
        [{"id": key, "variant_id": sold.variant_id, "location_id": location_id, "on_hand": 0}],
    )
    change_on_hand(key, units, cause="received", actor="test")


def test_what_one_stock_item_has_promised_takes_nothing_from_another(in_shop: Shop) -> None:
    tea = promised_tea(stock=0, limit=4)
    make_order((tea, 3))
    place = create_location("second", "Second")
    stock_in(tea, place, 5)
    later = make_order((tea, 5))
    assert fresh(later.id).lines[0].backordered == 0
    assert waiting(fresh(later.id)) == 0
    assert broken_invariants() == []


# --- who gets what comes in -------------------------------------------------------------------------


def test_what_comes_in_covers_the_oldest_promise_first(in_shop: Shop) -> None:
    tea = promised_tea(stock=0)
    orders = [ready_to_send(tea, 3) for _ in range(3)]
    assert [waiting(order) for order in orders] == [3, 3, 3]
    change_stock(tea, 4)
    assert [waiting(order) for order in orders] == [0, 2, 3]
    ship_order(orders[0].id, BOB)
    assert [waiting(order) for order in orders[1:]] == [2, 3]
    assert (counters(tea), broken_invariants()) == ((1, 6), [])


def test_a_newer_order_cannot_be_sent_before_an_older_one_and_is_reported_whom_it_waits_for(
    in_shop: Shop,
) -> None:
    tea = promised_tea(stock=0)
    older, newer = ready_to_send(tea, 3), ready_to_send(tea, 3)
    change_stock(tea, 4)
    with pytest.raises(InvalidValue) as refused:
        ship_order(newer.id, BOB)
    assert (refused.value.reason, refused.value.facts["orders"]) == ("units_for_earlier_orders", [older.code])
    assert "1 of 3 can be shipped now" in describe(refused.value)
    assert older.code in describe(refused.value)
    assert (fresh(newer.id).status, counters(tea)) == ("processing", (4, 6))
    ship_order(newer.id, BOB, units={line_of(newer): 1})
    ship_order(older.id, BOB)
    with pytest.raises(InvalidValue, match="ready=0 to_ship=2"):
        ship_order(newer.id, BOB)
    change_stock(tea, 2)
    ship_order(newer.id, BOB)
    assert [fresh(each.id).status for each in (older, newer)] == ["shipped", "shipped"]
    assert (counters(tea), broken_invariants()) == ((0, 0), [])


def test_a_promise_that_is_given_up_moves_everybody_behind_it_forward(in_shop: Shop) -> None:
    tea = promised_tea(stock=2, limit=6)
    first, second = ready_to_send(tea, 4), ready_to_send(tea, 4)
    cancel_order(first.id, BOB, reason="No more wanted")
    assert (counters(tea), waiting(second)) == ((2, 4), 2)
    credit_order(second.id, RefundRequest(units={line_of(second): 2}), BOB, reason="Sold out")
    assert (counters(tea), waiting(fresh(second.id))) == ((2, 2), 0)
    ship_order(second.id, BOB)
    assert broken_invariants() == list(check_stock()) == []


def test_a_hold_that_runs_out_gives_its_promise_back(in_shop: Shop) -> None:
    tea = promised_tea(stock=0, limit=2)
    order = make_order((tea, 2))
    expire(order.id)
    moment, due = find_expired(10)
    assert [each.order_id for each in due] == [order.id]
    assert cancel_if_expired(order.id, moment)
    assert counters(tea) == (0, 0)
    assert available_by_variant([tea.variant_id]) == {tea.variant_id: 2}


@atomic
def expire(order_id: uuid.UUID) -> None:
    past = clock.now() - timedelta(minutes=1)
    db.session.execute(update(Order).where(Order.id == order_id).values(hold_expires_at=past))


def test_money_that_comes_late_takes_the_promise_again_at_the_end_of_the_queue(in_shop: Shop) -> None:
    tea = promised_tea(stock=0)
    late = make_order((tea, 2))
    expire(late.id)
    assert cancel_if_expired(late.id, find_expired(10)[0])
    other = ready_to_send(tea, 2)
    record_receipt(late.id, BOB, amount=fresh(late.id).total)
    change_stock(tea, 2)
    assert (waiting(other), waiting(fresh(late.id))) == (0, 2)
    assert broken_invariants() == []


# --- changes of an order ----------------------------------------------------------------------------


def edit(order_id: uuid.UUID, units: dict[uuid.UUID, int]) -> None:
    change = OrderEdit(units=units)
    plan = preview_edit(order_id, change)
    edit_order(order_id, BOB, change, seen_version=fresh(order_id).version, shown_total=plan.total)


@pytest.mark.parametrize("policy", ["shipment", "confirmation"])
def test_an_edit_takes_the_stock_first_and_then_a_promise(in_shop: Shop, policy: str) -> None:
    tea = promised_tea(stock=3)
    with shop_scope(replace(in_shop, deduct_on=policy)):
        order, other = ready_to_send(tea, 1), ready_to_send(tea, 1)
        edit(order.id, {line_of(order): 4})
        assert fresh(order.id).lines[0].backordered == 2
        assert (waiting(fresh(order.id)), waiting(other)) == (2, 0)
        edit(order.id, {line_of(order): 3})
        assert (fresh(order.id).lines[0].backordered, waiting(fresh(order.id))) == (1, 1)
        with pytest.raises(InvalidValue, match="ready=2 to_ship=3"):
            ship_order(order.id, BOB)
        ship_order(order.id, BOB, units={line_of(order): 2})
        ship_order(other.id, BOB)
        change_stock(tea, 1)
        ship_order(order.id, BOB)
    assert (counters(tea), broken_invariants(), list(check_stock())) == ((0, 0), [], [])


def test_two_lines_of_one_variant_share_what_is_there(in_shop: Shop) -> None:
    tea = promised_tea(stock=2)
    order = ready_to_send(tea, 1)
    change = OrderEdit(units={line_of(order): 2}, added={tea.variant_id: 2})
    plan = preview_edit(order.id, change)
    edit_order(order.id, BOB, change, seen_version=order.version, shown_total=plan.total)
    assert [line.backordered for line in fresh(order.id).lines] == [0, 2]
    assert (waiting(fresh(order.id)), counters(tea), broken_invariants()) == (2, (2, 4), [])


def test_an_order_that_grows_beyond_the_stock_makes_nobody_else_wait(in_shop: Shop) -> None:
    tea = promised_tea(stock=5)
    older, newer = ready_to_send(tea, 1), ready_to_send(tea, 4)
    edit(older.id, {line_of(older): 3})
    assert (waiting(fresh(older.id)), waiting(newer)) == (2, 0)


# --- shops that deduct at confirmation ---------------------------------------------------------------


def test_confirming_deducts_what_is_there_and_shipping_the_rest(in_shop: Shop) -> None:
    tea = promised_tea(stock=2)
    with shop_scope(replace(in_shop, deduct_on="confirmation")):
        order = ready_to_send(tea, 3)
        assert counters(tea) == (0, 1)
        ship_order(order.id, BOB, units={line_of(order): 2})
        assert counters(tea) == (0, 1)
        with pytest.raises(InvalidValue, match="ready=0 to_ship=1"):
            ship_order(order.id, BOB)
        change_stock(tea, 1)
        ship_order(order.id, BOB)
    assert (counters(tea), broken_invariants()) == ((0, 0), [])


@pytest.mark.parametrize("policy", ["shipment", "confirmation"])
def test_cancelling_gives_promise_and_stock_back(in_shop: Shop, policy: str) -> None:
    tea = promised_tea(stock=2)
    with shop_scope(replace(in_shop, deduct_on=policy)):
        order = ready_to_send(tea, 3)
    cancel_order(order.id, BOB, reason="No more wanted")
    assert (counters(tea), broken_invariants()) == ((2, 0), [])


# --- staff ------------------------------------------------------------------------------------------


def test_the_limit_cannot_fall_below_what_is_promised(in_shop: Shop) -> None:
    tea = promised_tea(stock=1, limit=5)
    make_order((tea, 4))
    shelf = shelf_of(tea)
    key, version = shelf.id, shelf.version
    db.session.close()
    with pytest.raises(Conflict, match=r"limit_below_backordered .*promised=3"):
        set_backorder_limit(key, 2, seen_version=version)
    with pytest.raises(StaleVersion):
        set_backorder_limit(key, 3, seen_version=version - 1)
    for wrong in (-1, 1_000_001):
        with pytest.raises(InvalidValue):
            set_backorder_limit(key, wrong, seen_version=version)
    set_backorder_limit(key, 3, seen_version=version)
    assert available_by_variant([tea.variant_id]) == {tea.variant_id: 0}


def test_units_that_orders_count_on_are_not_moved_away_but_may_get_lost(in_shop: Shop) -> None:
    tea = promised_tea(stock=5, limit=2)
    make_order((tea, 5))
    place = create_location("second", "Second")
    shelf = shelf_of(tea).id
    db.session.close()
    with pytest.raises(Conflict):
        transfer(shelf, place, 1, actor="bob")
    change_stock(tea, -2)
    with pytest.raises(Conflict):
        change_stock(tea, -1)
    assert (counters(tea), broken_invariants()) == ((3, 5), [])


def test_nobody_is_reported_that_it_is_back_while_there_is_only_a_promise(in_shop: Shop) -> None:
    tea = promised_tea(stock=0, limit=5)
    subscribe_back_in_stock(tea.variant_id, "ann@example.com")
    assert list(find_back_in_stock()) == []
    change_stock(tea, 1)
    assert [variant for _shop, variant in find_back_in_stock()] == [tea.variant_id]


@pytest.mark.parametrize("limit", [1, -1])
def test_the_database_itself_holds_the_bound(in_shop: Shop, limit: int) -> None:
    tea = promised_tea(stock=1, limit=2)
    make_order((tea, 3))
    with pytest.raises(IntegrityError, match="within_bounds"):
        allow_backorder(tea, limit)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_check_of_stock_finds_more_promised_than_may_be(in_shop: Shop) -> None:
    tea = promised_tea(stock=1, limit=2)
    make_order((tea, 3))
    with db.engine.begin() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        connection.exec_driver_sql("UPDATE stock_items SET backorder_limit = 1")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
    (found,) = check_stock()
    assert (found.subject, found.expected, found.actual) == (tea.sku, 2, 3)
    assert "cannot be fixed here" in mend(found)


# --- anything in any order ---------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happens_in_whatever_order_the_books_agree(in_shop: Shop, seed: int) -> None:
    dice = random.Random(seed)
    tea = promised_tea(stock=4, limit=8)
    orders: list[uuid.UUID] = []
    for _ in range(25):
        policy = dice.choice(("shipment", "confirmation"))
        with shop_scope(replace(in_shop, deduct_on=policy)):
            try:
                _one_step(dice, tea, orders)
            except (OutOfStock, InvalidValue, Conflict):
                db.session.close()
        assert broken_invariants() == []
        db.session.close()
        on_hand, reserved = counters(tea)
        assert on_hand >= 0
        assert reserved <= on_hand + 8
    assert list(check_stock()) == []


def _one_step(dice: random.Random, tea: Sold, orders: list[uuid.UUID]) -> None:
    what = dice.choice(("buy", "buy", "buy", "receive", "lose", "cancel", "edit", "ship", "part"))
    if what == "buy":
        orders.append(ready_to_send(tea, dice.randint(1, 4)).id)
    elif what in ("receive", "lose"):
        change_stock(tea, dice.randint(1, 4) * (1 if what == "receive" else -1))
    elif orders:
        order = fresh(dice.choice(orders))
        if what == "cancel":
            cancel_order(order.id, BOB, reason="Dice")
        elif what == "edit":
            edit(order.id, {order.lines[0].id: dice.randint(1, 5)})
        else:
            ship_order(order.id, BOB, units={order.lines[0].id: 1} if what == "part" else None)
