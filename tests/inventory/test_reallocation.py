"""The stock of an order that is edited, over several locations: what has left the house is never put back."""

import uuid

import pytest
from sqlalchemy import select

from commerce.db import atomic, db
from commerce.errors import Conflict
from commerce.inventory.adjustments import change_on_hand
from commerce.inventory.models import Location, Reservation, StockItem, StockMovement
from commerce.inventory.reallocation import exchange
from commerce.inventory.services import AllocationRequest, StockChangedMeanwhile
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.models import Order
from commerce.orders.services import change_status
from commerce.settlement.manual_payments import record_receipt
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from tests.factories.checkout import make_order
from tests.factories.orders import BOB, fresh
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants


@atomic
def second_shelf(sold: Sold, units: int) -> None:
    """Put units of a product into another warehouse."""
    location = Location(code=f"far-{uuid.uuid4().hex[:8]}", name="Far away", position=9)
    db.session.add(location)
    db.session.flush()
    item = StockItem(variant_id=sold.variant_id, location_id=location.id)
    db.session.add(item)
    db.session.flush()
    change_on_hand(item.id, units, cause="opening", actor="test")


def confirmed(sold: Sold, units: int) -> Order:
    placed = make_order((sold, units))
    record_receipt(placed.id, BOB)
    return fresh(placed.id)


def set_units(order: Order, units: int) -> None:
    change = OrderEdit(units={order.lines[0].id: units})
    total = preview_edit(order.id, change).total
    edit_order(order.id, BOB, change, seen_version=order.version, shown_total=total, refund=True)
    assert broken_invariants() == []


def shelves(sold: Sold) -> list[tuple[int, int]]:
    """Return (on hand, reserved) of each location, the fuller one last."""
    rows = db.session.execute(
        select(StockItem.on_hand, StockItem.reserved).where(StockItem.variant_id == sold.variant_id)
    ).all()
    db.session.close()
    return sorted((row[0], row[1]) for row in rows)


def test_a_line_that_grows_takes_from_the_next_stock_item_and_gives_back_from_both(in_shop: Shop) -> None:
    tea = make_product(stock=3)
    second_shelf(tea, 10)
    order = confirmed(tea, 2)
    set_units(order, 8)
    assert counters(tea) == (13, 8)
    set_units(fresh(order.id), 1)
    assert counters(tea) == (13, 1)
    set_units(fresh(order.id), 13)
    assert shelves(tea) == [(3, 3), (10, 10)]


def test_what_is_in_a_parcel_is_not_put_back_on_its_stock_item(in_shop: Shop) -> None:
    tea = make_product(stock=3)
    second_shelf(tea, 3)
    order = confirmed(tea, 6)
    change_status(order.id, "process", BOB)
    ship_order(order.id, BOB, units={order.lines[0].id: 3})
    assert counters(tea) == (3, 3)
    set_units(fresh(order.id), 4)
    assert counters(tea) == (3, 1)
    movements = db.session.scalars(select(StockMovement.cause).where(StockMovement.reference == order.code))
    assert set(movements) == {"shipped"}, "nothing came back to a shelf"
    set_units(fresh(order.id), 3)
    assert counters(tea) == (3, 0)
    set_units(fresh(order.id), 5)
    ship_order(order.id, BOB)
    assert counters(tea) == (1, 0)


def test_more_than_is_held_is_not_freed_and_more_than_is_there_not_taken(in_shop: Shop) -> None:
    tea = make_product(stock=5)
    order = confirmed(tea, 2)
    [line] = order.lines
    facts = {"state": "committed", "deduct_now": False, "actor": "test", "reference": order.code}
    with pytest.raises(Conflict):
        atomic(exchange)(order.id, more=[], less={line.id: 3}, **facts)
    with pytest.raises(StockChangedMeanwhile):
        atomic(exchange)(order.id, more=[AllocationRequest(line.id, tea.variant_id, 4)], less={}, **facts)
    assert db.session.scalars(select(Reservation.quantity)).all() == [2]
    assert broken_invariants() == []
