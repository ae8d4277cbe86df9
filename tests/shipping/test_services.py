"""Shipping an order: a parcel with its lines, stock off the shelf, once."""

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from commerce.db import db
from commerce.errors import IllegalTransition, InvalidValue, NotAllowed, NotFound, StaleVersion
from commerce.events.outbox import Actor
from commerce.inventory.locations import create_location, transfer
from commerce.inventory.models import StockItem, StockMovement
from commerce.orders.queries import get_order, timeline
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.services import cancel_order
from commerce.shipping.models import Shipment, ShipmentLine
from commerce.shipping.queries import shipments_of, shipped_parcels
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.orders import BOB, fresh, order_in, take_step
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product(sku="TEA-1", stock=10)


def parcels() -> tuple[int, int]:
    """Return how many parcels and parcel lines the shop has."""
    db.session.close()
    counts = [
        db.session.scalar(select(func.count()).select_from(each)) or 0 for each in (Shipment, ShipmentLine)
    ]
    db.session.close()
    return counts[0], counts[1]


def causes() -> list[tuple[int, str, str]]:
    db.session.close()
    rows = db.session.execute(
        select(StockMovement.delta, StockMovement.cause, StockMovement.reference).order_by(StockMovement.id)
    )
    return [(row.delta, row.cause, row.reference) for row in rows]


def test_a_parcel_holds_every_unit_and_takes_it_off_the_stock_item(tea: Sold) -> None:
    order = order_in("processing", quantity=3)
    assert counters(tea) == (10, 3)
    ship_order(order.id, BOB, carrier=" Post ", tracking_code=" T-1 ")
    (parcel,) = shipments_of(order.id)
    assert (parcel.number, parcel.carrier, parcel.tracking_code) == (1, "Post", "T-1")
    assert db.session.execute(select(ShipmentLine.shipment_id, ShipmentLine.quantity)).all() == [
        (parcel.id, 3)
    ]
    shipped = get_order(order.id)
    assert (shipped.status, [line.shipped for line in shipped.lines]) == ("shipped", [3])
    assert shipped.shipped_at is not None
    assert counters(tea) == (7, 0)
    assert causes() == [(10, "opening", "test"), (-3, "shipped", order.code)]
    db.session.close()
    assert broken_invariants() == []


def test_a_shop_that_deducts_at_confirmation_has_nothing_left_to_deduct(in_shop: Shop, tea: Sold) -> None:
    with shop_scope(replace(in_shop, deduct_on="confirmation")):
        order = order_in("confirmed", quantity=3)
        assert counters(tea) == (7, 0)
        take_step(order.id, "process")
        ship_order(order.id, BOB)
        assert counters(tea) == (7, 0)
        assert [cause for _, cause, _ in causes()] == ["opening", "sale"]
        assert parcels() == (1, 1)


@pytest.mark.parametrize("status", ["pending", "paid", "confirmed", "shipped", "cancelled"])
def test_only_what_is_being_processed_can_be_shipped(tea: Sold, status: str) -> None:
    order = order_in(status)
    before = (counters(tea), parcels(), order.version)
    with pytest.raises(IllegalTransition):
        ship_order(order.id, BOB)
    assert (counters(tea), parcels(), fresh(order.id).version) == before


def test_a_stale_page_a_visitor_or_a_missing_order_ships_nothing(tea: Sold) -> None:
    order = order_in("processing")
    with pytest.raises(StaleVersion):
        ship_order(order.id, BOB, seen_version=order.version - 1)
    with pytest.raises(NotAllowed):
        ship_order(order.id, Actor("guest"))
    with pytest.raises(NotFound):
        ship_order(uuid.uuid4(), BOB)
    assert (counters(tea), parcels(), fresh(order.id).status) == ((10, 2), (0, 0), "processing")


# --- several parcels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("deduct_on", ["shipment", "confirmation"])
def test_two_parcels_take_an_order_out_of_the_house(in_shop: Shop, tea: Sold, deduct_on: str) -> None:
    with shop_scope(replace(in_shop, deduct_on=deduct_on)):
        order = order_in("processing", quantity=3)
        key = order.lines[0].id
        ship_order(order.id, BOB, units={key: 1}, seen_version=order.version)
        after = fresh(order.id)
        assert (after.status, after.lines[0].shipped, after.shipped_at) == ("processing", 1, None)
        assert after.version > order.version
        assert counters(tea) == ((9, 2) if deduct_on == "shipment" else (7, 0))
        told = [(event.type, event.payload.get("number")) for event in timeline(order.id)][-1]
        db.session.close()
        assert told == ("ParcelSent", 1)
        ship_order(order.id, BOB, units={key: 2})
        assert (fresh(order.id).status, counters(tea)) == ("shipped", (7, 0))
        assert [parcel.units for parcel in shipped_parcels(order.id)] == [{key: 1}, {key: 2}]
        db.session.close()
        assert broken_invariants() == []


@pytest.mark.parametrize("count", [0, -1, 4, True, 1.5])
def test_units_that_are_not_there_do_not_leave(tea: Sold, count: object) -> None:
    order = order_in("processing", quantity=3)
    before = (counters(tea), parcels(), order.version)
    for units in ({order.lines[0].id: count}, {order.lines[0].id: 1, uuid.uuid4(): 1}, {}):
        with pytest.raises(InvalidValue):
            ship_order(order.id, BOB, units=units)
    assert (counters(tea), parcels(), fresh(order.id).version) == before


def test_what_has_left_does_not_leave_again(tea: Sold) -> None:
    order = order_in("processing", quantity=3)
    key = order.lines[0].id
    ship_order(order.id, BOB, units={key: 2})
    with pytest.raises(InvalidValue, match=r"ship_units_out_of_range .*maximum=1"):
        ship_order(order.id, BOB, units={key: 2})
    with pytest.raises(StaleVersion):
        ship_order(order.id, BOB, units={key: 1}, seen_version=order.version)
    assert fresh(order.id).lines[0].shipped == 2
    ship_order(order.id, BOB)
    assert fresh(order.id).status == "shipped"


def test_an_order_that_is_partly_on_its_way_is_not_cancelled(tea: Sold) -> None:
    order = order_in("processing", quantity=3)
    ship_order(order.id, BOB, units={order.lines[0].id: 1})
    with pytest.raises(IllegalTransition, match="partly_shipped"):
        cancel_order(order.id, BOB, reason="Changed my mind")
    assert (fresh(order.id).status, counters(tea)) == ("processing", (9, 2))


def test_what_is_freed_comes_from_the_stock_item_that_still_holds_it(tea: Sold) -> None:
    """Two warehouses hold the line, one has sent its part: the other one's hold ends, and nothing comes back."""
    second = create_location("second", "Second warehouse")
    shelf = db.session.scalars(select(StockItem.id).where(StockItem.variant_id == tea.variant_id)).one()
    transfer(shelf, second, 4, actor="test")
    order = order_in("processing", quantity=8)
    key = order.lines[0].id
    ship_order(order.id, BOB, units={key: 5})
    assert counters(tea) == (5, 3)
    credit_order(order.id, RefundRequest(units={key: 2}), BOB, reason="Sold out")
    assert counters(tea) == (5, 1)
    assert broken_invariants() == []
    ship_order(order.id, BOB)
    assert (fresh(order.id).status, counters(tea)) == ("shipped", (4, 0))
    assert broken_invariants() == []
