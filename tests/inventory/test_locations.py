"""Several warehouses: units move between them in one piece, and the books show both sides."""

import uuid

import pytest
from sqlalchemy import select

from commerce.db import db
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.inventory.locations import change_location, create_location, transfer
from commerce.inventory.models import Location
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, make_product
from tests.inventory.test_services import by_warehouse, ledger, stock_of
from tests.support.invariants import broken_invariants


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", stock=10)


def test_units_move_with_a_movement_on_both_sides(tea: Sold) -> None:
    north = create_location("north", "North")
    for _ in range(2):
        transfer(stock_of_main(tea), north, 3, actor="Bob")
    assert by_warehouse(tea) == [(4, 0), (6, 0)]
    assert sorted(ledger(tea)) == [
        (-3, "transfer"),
        (-3, "transfer"),
        (3, "transfer"),
        (3, "transfer"),
        (10, "opening"),
    ]
    assert broken_invariants() == []


def stock_of_main(tea: Sold) -> uuid.UUID:
    from commerce.inventory.models import StockItem

    db.session.close()
    found = db.session.scalars(
        select(StockItem.id)
        .join(Location, (Location.tenant_id == StockItem.tenant_id) & (Location.id == StockItem.location_id))
        .where(StockItem.variant_id == tea.variant_id)
        .order_by(Location.position)
    ).first()
    assert found is not None
    db.session.close()
    return found


def test_reserved_units_stay_where_they_are(tea: Sold) -> None:
    north = create_location("north", "North")
    make_order((tea, 8))
    with pytest.raises(Conflict, match="units_reserved"):
        transfer(stock_of_main(tea), north, 3, actor="Bob")
    assert by_warehouse(tea) == [(10, 8)]
    transfer(stock_of_main(tea), north, 2, actor="Bob")
    assert by_warehouse(tea) == [(8, 8), (2, 0)]
    assert broken_invariants() == []


def test_an_order_takes_what_one_location_has_before_it_is_split(tea: Sold) -> None:
    north = create_location("north", "North")
    transfer(stock_of_main(tea), north, 6, actor="Bob")
    make_order((tea, 5))
    assert by_warehouse(tea) == [(4, 0), (6, 5)]
    make_order((tea, 5))
    assert by_warehouse(tea) == [(4, 4), (6, 6)]
    assert broken_invariants() == []


@pytest.mark.parametrize("units", [0, -1, 10**9])
def test_a_bad_number_moves_nothing(tea: Sold, units: int) -> None:
    north = create_location("north", "North")
    with pytest.raises(InvalidValue):
        transfer(stock_of(tea).id, north, units, actor="Bob")
    assert by_warehouse(tea) == [(10, 0)]


def test_to_the_same_place_is_no_transfer(tea: Sold) -> None:
    item = stock_of(tea)
    with pytest.raises(InvalidValue, match="location_same"):
        transfer(item.id, item.location_id, 1, actor="Bob")


@pytest.mark.parametrize(("code", "name"), [("", "x"), ("with space", "x"), ("north", ""), ("MAIN", "again")])
def test_a_location_needs_a_code_of_its_own_and_a_name(tea: Sold, code: str, name: str) -> None:
    with pytest.raises(InvalidValue):
        create_location(code, name)


def test_the_order_of_locations_can_be_changed(tea: Sold) -> None:
    north = create_location("north", "North")
    change_location(north, name="  Far   north ", position=0)
    names = db.session.scalars(select(Location.name).order_by(Location.position, Location.name)).all()
    assert names[0] == "Far north"


def test_another_shop_can_neither_rename_nor_fill_it(tea: Sold, other_shop: Shop) -> None:
    north, item = create_location("north", "North"), stock_of(tea).id
    with shop_scope(other_shop):
        with pytest.raises(NotFound):
            change_location(north, name="Mine", position=0)
        with pytest.raises(NotFound):
            transfer(item, north, 1, actor="Charlie")
    assert by_warehouse(tea) == [(10, 0)]
