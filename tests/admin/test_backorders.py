"""The desk says what may be promised beyond the stock, sees who waits, and cannot send what is not there."""

import re
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from commerce.catalog.models import Variant
from commerce.db import db
from commerce.inventory.models import StockItem
from commerce.orders.models import Order
from commerce.orders.services import change_status
from commerce.settlement.manual_payments import record_receipt
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.admin.conftest import SignedIn
from tests.admin.test_product_editor import filled, named, send
from tests.factories.checkout import make_order
from tests.factories.orders import BOB, fresh
from tests.factories.shop import Sold, allow_backorder, change_stock, counters, make_product
from tests.factories.staff import post
from tests.support.client import ShopClient


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", sku="TEA-1", stock=0)


def shelf(sold: Sold) -> StockItem:
    found = db.session.scalars(select(StockItem).where(StockItem.variant_id == sold.variant_id)).one()
    db.session.close()
    return found


def set_limit(client: ShopClient, sold: Sold, limit: object, version: int | None = None) -> Any:
    item = shelf(sold)
    data = {"limit": str(limit), "version": str(version or item.version)}
    return post(client, f"/admin/stock/{item.id}/backorder-limit", data)


def packed(sold: Sold, units: int) -> Order:
    order_id = make_order((sold, units)).id
    record_receipt(order_id, BOB)
    change_status(order_id, "process", BOB)
    return fresh(order_id)


def test_a_limit_is_set_at_the_stock_item(desk: ShopClient, tea: Sold) -> None:
    assert set_limit(desk, tea, 5).status_code == 303
    assert shelf(tea).backorder_limit == 5
    assert "5 on backorder" in desk.get("/admin/stock").text
    assert "0 of 5" in desk.get("/admin/stock/TEA-1").text


@pytest.mark.parametrize("limit", ["", "-1", "1000001", "many"])
def test_a_limit_that_makes_no_sense_is_refused_at_its_field(desk: ShopClient, tea: Sold, limit: str) -> None:
    answer = set_limit(desk, tea, limit)
    assert answer.status_code == 422
    assert "whole number" in answer.text or "integer" in answer.text
    assert shelf(tea).backorder_limit == 0


def test_a_limit_below_what_is_promised_and_a_stale_page_are_conflicts(desk: ShopClient, tea: Sold) -> None:
    allow_backorder(tea, 5)
    old = shelf(tea).version
    make_order((tea, 4))
    below = set_limit(desk, tea, 3)
    assert below.status_code == 409
    assert "4 units are already on backorder" in below.text
    assert set_limit(desk, tea, 9, version=old).status_code == 409
    assert shelf(tea).backorder_limit == 5


def test_the_list_knows_where_more_is_promised_than_there_is(desk: ShopClient, tea: Sold) -> None:
    make_product("Cup", sku="CUP-1")
    allow_backorder(tea, 5)
    assert "No backorders" in desk.get("/admin/stock?show=promised").text
    make_order((tea, 2))
    html = desk.get("/admin/stock?show=promised").text
    assert "2 on backorder" in html
    assert "CUP-1" not in html
    assert 'data-label="On backorder" class="num">2<' in desk.get("/admin/holds").text


def test_an_order_says_what_it_waits_for_and_who_comes_first(desk: ShopClient, tea: Sold) -> None:
    allow_backorder(tea, 9)
    older, newer = packed(tea, 3), packed(tea, 3)
    change_stock(tea, 4)
    html = desk.get(f"/admin/orders/{newer.code}").text
    assert "2 on backorder" in html
    html = desk.get(f"/admin/orders/{newer.code}/shipments/new").text
    assert "2 on backorder." in html
    assert f'Orders ahead: <a class="code" href="/admin/orders/{older.code}">' in html
    assert 'max="1" value="1"' in html
    assert "waiting for" not in desk.get(f"/admin/orders/{older.code}").text
    field = f"units-{newer.lines[0].id.hex}"
    answer = post(desk, f"/admin/orders/{newer.code}/shipment", {"version": str(newer.version), field: "2"})
    assert answer.status_code == 422
    assert "1 of 3 can be shipped now." in answer.text
    assert f"Earlier orders get the available units first: {older.code}." in answer.text
    assert counters(tea) == (4, 6)


def test_the_picking_list_names_only_what_is_on_the_stock_item(desk: ShopClient, tea: Sold) -> None:
    allow_backorder(tea, 9)
    order = packed(tea, 3)
    address = f"/admin/orders/{order.code}/picking-list"
    assert "TEA-1" not in desk.get(address).text
    change_stock(tea, 2)
    assert re.search(r"<td[^>]*>\s*2\s*</td>", desk.get(address).text)


def test_the_day_of_a_pre_order_is_set_at_the_variant(desk: ShopClient, tea: Sold) -> None:
    def variant() -> Variant:
        db.session.close()
        return db.session.scalars(select(Variant).where(Variant.sku == "TEA-1")).one()

    def save(day: str) -> Any:
        data = filled(desk, tea.path.rpartition("/")[2])
        return send(desk, {**data, named(data, "ships_from"): day}, tea.path.rpartition("/")[2])

    tea_page = f"/admin{tea.path}"
    assert save("2999-03-01").status_code == 303
    assert variant().ships_from == date(2999, 3, 1)
    assert 'value="2999-03-01"' in desk.get(tea_page).text
    assert save("tomorrow").status_code == 422
    assert save("").status_code == 303
    assert variant().ships_from is None


def test_who_may_only_look_cannot_promise(signed_in: SignedIn, tea: Sold) -> None:
    assert set_limit(signed_in("readonly"), tea, 5).status_code == 403
    assert shelf(tea).backorder_limit == 0


def test_charlie_of_another_shop_finds_no_such_stock_item(
    signed_in: SignedIn, in_shop: Shop, other_shop: Shop, tea: Sold
) -> None:
    item = shelf(tea)
    charlie = signed_in("owner", shop=other_shop)
    with shop_scope(other_shop):
        address = f"/admin/stock/{item.id}/backorder-limit"
        assert post(charlie, address, {"limit": "5", "version": "1"}).status_code == 404
    assert shelf(tea).backorder_limit == 0
