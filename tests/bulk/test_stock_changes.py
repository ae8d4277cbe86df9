"""Changes of much stock: a movement of the ledger for each row, never below what is reserved, and back."""

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from commerce.bulk.queries import all_rows, get_plan, row_counts
from commerce.bulk.services import create_plan, move_plan, start_plan
from commerce.db import db
from commerce.errors import InvalidValue
from commerce.events.outbox import Actor
from commerce.inventory.adjustments import book_movement
from commerce.inventory.locations import create_location
from commerce.inventory.models import Location, StockItem, StockMovement
from commerce.tenants.models import Shop
from tests.bulk.test_plans import run
from tests.factories.orders import order_in
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants

ALICE = Actor("staff", id=str(uuid.UUID(int=7)), name="Alice")


@pytest.fixture
def sold(in_shop: Shop) -> tuple[Sold, Sold]:
    return make_product(sku="TEA-1", stock=10), make_product("Kite", sku="KITE-1", stock=4)


def plan_of(how: str, quantity: int, cause: str = "", **given: Any) -> uuid.UUID:
    """Plan a change of all stock and preview it."""
    chosen = select(StockItem.id, StockItem.version).order_by(StockItem.id)
    parameters = {"how": how, "quantity": quantity, "cause": cause, **given}
    return create_plan("stock.adjust", chosen, scope={}, by="Bob", staff_id=None, given=parameters)


def do(plan_id: uuid.UUID) -> dict[str, int]:
    start_plan(plan_id, seen_version=2, actor=ALICE)
    run()
    db.session.close()
    return row_counts(plan_id)


def undo(plan_id: uuid.UUID) -> dict[str, int]:
    move_plan(plan_id, "undo", ALICE)
    run()
    db.session.close()
    return row_counts(plan_id)


def item_of(sold: Sold) -> uuid.UUID:
    db.session.close()
    return db.session.execute(
        select(StockItem.id).where(StockItem.variant_id == sold.variant_id)
    ).scalar_one()


def ledger(sold: Sold) -> list[tuple[int, str, str, str]]:
    rows = db.session.execute(
        select(StockMovement.delta, StockMovement.cause, StockMovement.actor, StockMovement.reference)
        .where(StockMovement.stock_item_id == item_of(sold))
        .order_by(StockMovement.id)
    )
    return [tuple(row) for row in rows][1:]


def test_units_are_added_with_a_movement_each_and_taken_back(sold: tuple[Sold, Sold]) -> None:
    tea, kite = sold
    plan_id = plan_of("add", 5, "received", note="Delivery 7")
    figures = get_plan(plan_id).totals["figures"]
    assert (figures["changed"], figures["units_in"], figures["units_out"]) == (2, 10, 0)
    assert counters(tea) == (10, 0), "a preview changes nothing"
    assert do(plan_id) == {"done": 2}
    assert [counters(tea), counters(kite)] == [(15, 0), (9, 0)]
    assert ledger(tea) == [(5, "received", "Alice", "Delivery 7")]
    book_movement(item_of(kite), -1, cause="lost", actor="Bob")
    assert undo(plan_id) == {"undone": 1, "kept": 1}
    assert [counters(tea), counters(kite)] == [(10, 0), (8, 0)]
    assert ledger(tea)[-1][:3] == (-5, "correction", "Alice")
    assert not broken_invariants()


def test_a_count_sets_what_is_on_hand_and_says_what_is_so_already(sold: tuple[Sold, Sold]) -> None:
    tea, kite = sold
    plan_id = plan_of("set", 4)
    assert get_plan(plan_id).totals["figures"]["same"] == 1
    assert do(plan_id) == {"done": 1, "unchanged": 1}
    assert [counters(tea), counters(kite)] == [(4, 0), (4, 0)]
    assert ledger(tea) == [(-6, "count", "Alice", "")]
    assert undo(plan_id) == {"undone": 1, "unchanged": 1}
    assert counters(tea) == (10, 0)


@pytest.mark.parametrize(
    ("how", "quantity", "cause", "reason"),
    [("set", 2, "", "count_below_reserved"), ("subtract", 3, "damaged", "units_reserved")],
)
def test_reserved_units_stay(
    sold: tuple[Sold, Sold], how: str, quantity: int, cause: str, reason: str
) -> None:
    tea, kite = sold
    order_in("confirmed", sku="KITE-1", quantity=3)
    plan_id = plan_of(how, quantity, cause)
    assert get_plan(plan_id).totals["figures"]["refused"] == 1
    assert do(plan_id) == {"done": 1, "failed": 1}
    assert counters(kite) == (4, 3)
    assert [row.reason["reason"] for row in all_rows(plan_id) if row.reason] == [reason]
    assert counters(tea)[0] == {"set": 2, "subtract": 7}[how]


def test_stock_that_moved_since_the_preview_is_left_alone(sold: tuple[Sold, Sold]) -> None:
    tea, kite = sold
    plan_id = plan_of("set", 50)
    book_movement(item_of(kite), 1, cause="found", actor="Bob")
    assert do(plan_id) == {"done": 1, "conflict": 1}
    assert [counters(tea), counters(kite)] == [(50, 0), (5, 0)]


def test_an_undo_does_not_take_units_that_are_promised(sold: tuple[Sold, Sold]) -> None:
    _tea, kite = sold
    plan_id = plan_of("add", 5, "found")
    do(plan_id)
    order_in("confirmed", sku="KITE-1", quantity=8)
    assert undo(plan_id) == {"undone": 1, "kept": 1}
    assert counters(kite) == (9, 8)


def test_one_location_alone_is_changed(sold: tuple[Sold, Sold]) -> None:
    tea, _kite = sold
    create_location("north", "North")
    ids = dict(db.session.execute(select(Location.code, Location.id)).all())
    assert do(plan_of("add", 1, "found", location_id=str(ids["north"]))) == {"unchanged": 2}
    assert counters(tea) == (10, 0)
    assert do(plan_of("add", 1, "found", location_id=str(ids["main"]))) == {"done": 2}


@pytest.mark.parametrize(
    ("how", "quantity", "cause", "given"),
    [
        ("steal", 1, "found", {}),
        ("add", 0, "found", {}),
        ("add", 1, "lost", {}),
        ("subtract", 1, "received", {}),
        ("set", -1, "", {}),
        ("add", 10**12, "found", {}),
        ("add", 1, "found", {"location_id": str(uuid.UUID(int=1))}),
        ("add", 1, "found", {"note": "x" * 1000}),
    ],
)
def test_parameters_that_make_no_sense_are_refused(
    sold: tuple[Sold, Sold], how: str, quantity: int, cause: str, given: dict[str, Any]
) -> None:
    with pytest.raises(InvalidValue):
        plan_of(how, quantity, cause, **given)
