"""Warehouses: added and put in order by those who run the shop, filled by moving units."""

import uuid

import pytest
from sqlalchemy import select

from commerce.db import db
from commerce.inventory.models import Location
from commerce.tenants.models import Shop
from tests.admin.conftest import SignedIn
from tests.admin.test_stock import item
from tests.factories.orders import placed_order
from tests.factories.shop import Sold, make_product
from tests.factories.staff import post
from tests.inventory.test_services import by_warehouse
from tests.support.client import ShopClient


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", sku="TEA-1", stock=10)


def location(code: str) -> uuid.UUID:
    db.session.close()
    found = db.session.scalars(select(Location.id).where(Location.code == code)).one()
    db.session.close()
    return found


def test_a_location_is_added_renamed_and_filled(desk: ShopClient, tea: Sold) -> None:
    assert post(desk, "/admin/locations", {"code": "north", "name": "North"}).status_code == 303
    north = location("north")
    assert post(desk, f"/admin/locations/{north}", {"name": "Far north", "position": "0"}).status_code == 303
    assert "Far north" in desk.get("/admin/locations").text
    answer = post(desk, f"/admin/stock/{item(tea).id}/transfers", {"units": "4", "location": str(north)})
    assert answer.status_code == 303
    assert sorted(by_warehouse(tea)) == [(4, 0), (6, 0)]


@pytest.mark.parametrize(
    "fields", [{"code": "", "name": "x"}, {"code": "n", "name": ""}, {"code": "main", "name": "x"}]
)
def test_a_location_without_code_or_name_is_refused_at_its_field(
    desk: ShopClient, tea: Sold, fields: dict[str, str]
) -> None:
    answer = post(desk, "/admin/locations", fields)
    assert answer.status_code == 422
    assert "field__error" in answer.text


@pytest.mark.parametrize("units", ["", "x", "0", "-1", "99", "\u0664"])
def test_units_that_are_not_free_stay(desk: ShopClient, tea: Sold, units: str) -> None:
    post(desk, "/admin/locations", {"code": "north", "name": "North"})
    placed_order(sku="TEA-1", quantity=3)
    target = {"units": units, "location": str(location("north"))}
    answer = post(desk, f"/admin/stock/{item(tea).id}/transfers", target)
    assert answer.status_code in (409, 422)
    assert "No units were transferred." in answer.text
    assert by_warehouse(tea) == [(10, 3)]


def test_a_place_that_is_invalid_is_refused(desk: ShopClient, tea: Sold) -> None:
    address = f"/admin/stock/{item(tea).id}/transfers"
    assert post(desk, address, {"units": "1", "location": "nowhere"}).status_code == 422
    assert post(desk, address, {"units": "1", "location": str(uuid.uuid4())}).status_code == 404
    assert by_warehouse(tea) == [(10, 0)]


def test_fulfilment_moves_units_but_adds_no_location(signed_in: SignedIn, tea: Sold) -> None:
    fred = signed_in("fulfilment")
    assert post(fred, "/admin/locations", {"code": "north", "name": "North"}).status_code == 403
    assert fred.get("/admin/locations").status_code == 200


def test_charlie_changes_nothing(signed_in: SignedIn, desk: ShopClient, tea: Sold, other_shop: Shop) -> None:
    post(desk, "/admin/locations", {"code": "north", "name": "North"})
    north, shelf = location("north"), item(tea).id
    charlie = signed_in("owner", shop=other_shop)
    assert post(charlie, f"/admin/locations/{north}", {"name": "Mine", "position": "0"}).status_code == 404
    assert (
        post(charlie, f"/admin/stock/{shelf}/transfers", {"units": "1", "location": str(north)}).status_code
        == 404
    )
    assert "North" not in charlie.get("/admin/locations").text
    assert by_warehouse(tea) == [(10, 0)]
