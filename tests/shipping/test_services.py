"""Shipping an order: a parcel with its lines, stock off the shelf, once."""

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from commerce.db import db
from commerce.errors import IllegalTransition, NotAllowed, NotFound, StaleVersion
from commerce.events.outbox import Actor
from commerce.inventory.models import StockMovement
from commerce.orders.queries import get_order
from commerce.shipping.models import Shipment, ShipmentLine
from commerce.shipping.queries import shipments_of
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


def test_a_parcel_holds_every_unit_and_takes_it_off_the_shelf(tea: Sold) -> None:
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


def test_a_stale_page_a_stranger_or_a_missing_order_ships_nothing(tea: Sold) -> None:
    order = order_in("processing")
    with pytest.raises(StaleVersion):
        ship_order(order.id, BOB, seen_version=order.version - 1)
    with pytest.raises(NotAllowed):
        ship_order(order.id, Actor("guest"))
    with pytest.raises(NotFound):
        ship_order(uuid.uuid4(), BOB)
    assert (counters(tea), parcels(), fresh(order.id).status) == ((10, 2), (0, 0), "processing")
