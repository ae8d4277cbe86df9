"""Stock: held, committed, deducted, given back; every step once, all or nothing, with a ledger that adds up."""

import uuid
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from commerce.db import atomic, db, insert_rows, new_id
from commerce.errors import Conflict, InvalidValue, NotFound, StaleVersion
from commerce.inventory.adjustments import (
    book_count,
    book_movement,
    default_location,
    replace_on_hand,
    set_initial_stock,
)
from commerce.inventory.availability import available_by_variant
from commerce.inventory.models import MAX_QUANTITY, Location, Reservation, StockItem, StockMovement
from commerce.inventory.services import (
    AllocationRequest,
    StockChangedMeanwhile,
    commit_reservations,
    deduct_stock,
    re_reserve,
    release_stock,
    reserve_stock,
    restock_units,
)
from commerce.orders.models import OrderLine
from commerce.tenants.models import Shop
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants
from tests.support.statements import count_statements

WHY = {"cause": "trial", "actor": "bob", "reference": "ORD-000001"}


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", stock=10)


def stock_of(sold: Sold) -> StockItem:
    db.session.close()
    item = db.session.scalars(select(StockItem).where(StockItem.variant_id == sold.variant_id)).one()
    db.session.close()
    return item


def ledger(sold: Sold) -> list[tuple[int, str]]:
    """Return (delta, cause) of every movement of a product, oldest first."""
    db.session.close()
    rows = db.session.execute(
        select(StockMovement.delta, StockMovement.cause)
        .join(
            StockItem,
            (StockItem.tenant_id == StockMovement.tenant_id) & (StockItem.id == StockMovement.stock_item_id),
        )
        .where(StockItem.variant_id == sold.variant_id)
        .order_by(StockMovement.id)
    )
    found = [(row.delta, row.cause) for row in rows]
    db.session.close()
    return found


def states(order_id: uuid.UUID) -> list[tuple[str, int]]:
    """Return (state, quantity) of an order's reservations."""
    db.session.close()
    rows = db.session.execute(
        select(Reservation.state, Reservation.quantity)
        .where(Reservation.order_id == order_id)
        .order_by(Reservation.id)
    )
    found = [(row.state, row.quantity) for row in rows]
    db.session.close()
    return found


def second_warehouse(sold: Sold, units: int) -> None:
    """Put `units` of a product into another warehouse, the second to be asked."""

    @atomic
    def build() -> None:
        location_id = new_id()
        insert_rows(Location, [{"id": location_id, "code": "north", "name": "North", "position": 9}])
        stock_id = new_id()
        values = {"variant_id": sold.variant_id, "location_id": location_id, "on_hand": units}
        insert_rows(StockItem, [{"id": stock_id, **values}])
        insert_rows(StockMovement, [{"stock_item_id": stock_id, "delta": units, "cause": "opening"}])

    build()


def by_warehouse(sold: Sold) -> list[tuple[int, int]]:
    """Return (on hand, reserved) for each warehouse, the first to be asked first."""
    db.session.close()
    rows = db.session.execute(
        select(StockItem.on_hand, StockItem.reserved)
        .join(Location, (Location.tenant_id == StockItem.tenant_id) & (Location.id == StockItem.location_id))
        .where(StockItem.variant_id == sold.variant_id)
        .order_by(Location.position)
    ).all()
    db.session.close()
    return [(row.on_hand, row.reserved) for row in rows]


# --- the steps of an order ------------------------------------------------------------------------------


def test_an_order_goes_from_held_to_committed_to_deducted_and_back_each_step_once(tea: Sold) -> None:
    order = make_order((tea, 3))
    assert (states(order.id), counters(tea)) == ([("held", 3)], (10, 3))
    for _ in range(2):
        assert atomic(commit_reservations)(order.id) == 3
        assert (states(order.id), counters(tea)) == ([("committed", 3)], (10, 3))
    for _ in range(2):
        atomic(deduct_stock)(order.id, **WHY)
        assert (states(order.id), counters(tea)) == ([("deducted", 3)], (7, 0))
    atomic(release_stock)(order.id)
    assert (states(order.id), counters(tea)) == ([("deducted", 3)], (7, 0))
    for _ in range(2):
        atomic(restock_units)(order.id, **WHY)
        assert (states(order.id), counters(tea)) == ([("restocked", 3)], (10, 0))
    assert ledger(tea) == [(10, "opening"), (-3, "trial"), (3, "trial")]
    assert broken_invariants() == []


@pytest.mark.parametrize("state", ["released", "expired"])
def test_what_was_given_back_is_free_once_and_may_be_held_again(tea: Sold, state: str) -> None:
    order = make_order((tea, 4))
    for _ in range(2):
        atomic(release_stock)(order.id, state)
        assert (states(order.id), counters(tea)) == ([(state, 4)], (10, 0))
    atomic(deduct_stock)(order.id, **WHY)
    atomic(restock_units)(order.id, **WHY)
    assert counters(tea) == (10, 0)
    atomic(re_reserve)(order.id)
    assert (states(order.id), counters(tea)) == ([("held", 4)], (10, 4))
    assert ledger(tea) == [(10, "opening")]
    assert broken_invariants() == []


def test_what_is_gone_cannot_be_held_again_and_nothing_changes(tea: Sold) -> None:
    order = make_order((tea, 4))
    atomic(release_stock)(order.id)
    make_order((tea, 7))
    with pytest.raises(StockChangedMeanwhile):
        atomic(re_reserve)(order.id)
    assert (states(order.id), counters(tea)) == ([("released", 4)], (10, 7))
    assert broken_invariants() == []


def line_of(order_id: uuid.UUID) -> uuid.UUID:
    found = db.session.scalars(select(OrderLine.id).where(OrderLine.order_id == order_id)).one()
    db.session.close()
    return found


def test_a_want_that_is_short_takes_nothing_of_the_others_either(tea: Sold) -> None:
    scarce = make_product("White tea", stock=1)
    order = make_order((make_product("Paper", stock=5), 1))
    wants = [
        AllocationRequest(line_of(order.id), tea.variant_id, 2),
        AllocationRequest(line_of(order.id), scarce.variant_id, 2),
    ]
    for each in (wants, wants[::-1], [AllocationRequest(line_of(order.id), new_id(), 1)]):
        with pytest.raises(StockChangedMeanwhile):
            atomic(reserve_stock)(order.id, each)
    assert (counters(tea), counters(scarce)) == ((10, 0), (1, 0))
    assert states(order.id) == [("held", 1)]


def test_one_warehouse_that_has_all_is_preferred_to_two_that_share(tea: Sold) -> None:
    second_warehouse(tea, 12)
    make_order((tea, 11))
    assert by_warehouse(tea) == [(10, 0), (12, 11)]


def test_when_none_has_all_the_warehouses_share_in_their_order(tea: Sold) -> None:
    second_warehouse(tea, 12)
    order = make_order((tea, 15))
    assert by_warehouse(tea) == [(10, 10), (12, 5)]
    assert sorted(states(order.id)) == [("held", 5), ("held", 10)]
    atomic(release_stock)(order.id)
    assert by_warehouse(tea) == [(10, 0), (12, 0)]
    assert available_by_variant([tea.variant_id]) == {tea.variant_id: 22}
    db.session.close()
    assert broken_invariants() == []


def test_holding_two_lines_is_three_statements(tea: Sold) -> None:
    other = make_product("White tea", stock=5)
    order = make_order((make_product("Paper", stock=5), 1))
    wants = [
        AllocationRequest(line_of(order.id), tea.variant_id, 1),
        AllocationRequest(line_of(order.id), other.variant_id, 1),
    ]
    with count_statements() as statements:
        atomic(reserve_stock)(order.id, wants)
    assert len(statements) == 3, statements


def test_books_that_disagree_stop_the_step_and_change_nothing(tea: Sold) -> None:
    order = make_order((tea, 3))

    @atomic
    def cook_the_books() -> None:
        db.session.execute(update(StockItem).values(reserved=1).execution_options(synchronize_session=False))

    cook_the_books()
    with pytest.raises(Conflict, match="stock_inconsistent"):
        atomic(release_stock)(order.id)
    assert (states(order.id), counters(tea)) == ([("held", 3)], (10, 1))


@pytest.mark.parametrize("values", [{"reserved": 11}, {"reserved": -1}, {"on_hand": -1}])
def test_the_database_itself_keeps_the_counters_within_bounds(tea: Sold, values: dict[str, int]) -> None:
    @atomic
    def cook_the_books() -> None:
        db.session.execute(update(StockItem).values(**values).execution_options(synchronize_session=False))

    with pytest.raises(IntegrityError):
        cook_the_books()
    assert counters(tea) == (10, 0)


# --- stock that comes and goes --------------------------------------------------------------------------


def test_a_movement_changes_what_is_on_hand_and_says_why(tea: Sold) -> None:
    item = stock_of(tea)
    book_movement(item.id, 20, cause="received", actor="bob", reference="delivery 7")
    book_movement(item.id, -2, cause="damaged", actor="bob")
    assert counters(tea) == (28, 0)
    assert ledger(tea) == [(10, "opening"), (20, "received"), (-2, "damaged")]
    after = stock_of(tea)
    assert after.version == item.version + 2
    assert after.restocked_at is not None
    assert item.restocked_at is not None
    assert after.restocked_at > item.restocked_at


@pytest.mark.parametrize(
    ("delta", "error"), [(-8, Conflict), (0, InvalidValue), (MAX_QUANTITY + 1, InvalidValue)]
)
def test_a_movement_that_cannot_be_leaves_no_trace(tea: Sold, delta: int, error: type[Exception]) -> None:
    make_order((tea, 3))  # 7 units are free
    before = stock_of(tea)
    with pytest.raises(error):
        book_movement(before.id, delta, cause="lost", actor="bob")
    assert (counters(tea), ledger(tea), stock_of(tea).version) == ((10, 3), [(10, "opening")], before.version)


def test_there_is_no_movement_of_stock_that_does_not_exist(tea: Sold) -> None:
    with pytest.raises(NotFound):
        book_movement(new_id(), 1, cause="received", actor="bob")
    with pytest.raises(NotFound):
        book_count(new_id(), 1, seen_version=1, actor="bob")
    assert ledger(tea) == [(10, "opening")]


@pytest.mark.parametrize(("counted", "difference"), [(12, 2), (10, 0), (3, -7)])
def test_a_count_books_the_difference(tea: Sold, counted: int, difference: int) -> None:
    make_order((tea, 3))
    item = stock_of(tea)
    assert book_count(item.id, counted, seen_version=item.version, actor="bob") == difference
    assert counters(tea) == (counted, 3)
    assert ledger(tea)[1:] == ([(difference, "count")] if difference else [])


@pytest.mark.parametrize(
    ("counted", "stale", "error"),
    [(2, 0, Conflict), (-1, 0, InvalidValue), (MAX_QUANTITY + 1, 0, InvalidValue), (12, 1, StaleVersion)],
)
def test_a_count_that_cannot_be_leaves_no_trace(
    tea: Sold, counted: int, stale: int, error: type[Exception]
) -> None:
    make_order((tea, 3))
    item = stock_of(tea)
    with pytest.raises(error):
        book_count(item.id, counted, seen_version=item.version - stale, actor="bob")
    assert (counters(tea), ledger(tea), stock_of(tea).version) == ((10, 3), [(10, "opening")], item.version)


@pytest.mark.parametrize("units", [-1, MAX_QUANTITY + 1, True, 1.5, "3"])
def test_stock_opens_with_a_whole_number_of_units(in_shop: Shop, units: Any) -> None:
    with pytest.raises(InvalidValue):
        atomic(set_initial_stock)({new_id(): units}, **WHY)
    assert db.session.scalars(select(StockItem)).all() == []


def test_new_quantities_replace_the_old_ones_and_name_what_changed(tea: Sold) -> None:
    same, empty = make_product("White tea", stock=4), make_product("Black tea", stock=0)
    changed = atomic(replace_on_hand)({tea.variant_id: 6, same.variant_id: 4, empty.variant_id: 9}, **WHY)
    assert changed == {tea.variant_id, empty.variant_id}
    assert [counters(each) for each in (tea, same, empty)] == [(6, 0), (4, 0), (9, 0)]
    assert (ledger(tea), ledger(same)) == ([(10, "opening"), (-4, "trial")], [(4, "opening")])
    assert ledger(empty) == [(9, "trial")]


def test_fewer_than_are_reserved_are_refused_for_all_of_them(tea: Sold) -> None:
    other = make_product("White tea", stock=4)
    make_order((tea, 3))
    with pytest.raises(Conflict, match="units_reserved"):
        atomic(replace_on_hand)({other.variant_id: 8, tea.variant_id: 2}, **WHY)
    assert (counters(tea), counters(other)) == ((10, 3), (4, 0))


def test_the_first_location_is_made_once(in_shop: Shop) -> None:
    first = atomic(default_location)()
    assert atomic(default_location)() == first
    assert db.session.scalars(select(Location.code)).all() == ["main"]


def test_what_was_never_stocked_is_not_available(tea: Sold) -> None:
    unknown = new_id()
    make_order((tea, 4))
    assert available_by_variant([tea.variant_id, unknown]) == {tea.variant_id: 6, unknown: 0}
    assert available_by_variant([]) == {}
