"""Many buyers at once of what is partly there and partly promised: the limit holds, and no promise is unseen."""

from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from commerce.checkout.services import PlacedOrder, place_order
from commerce.db import db
from commerce.errors import CartChanged
from commerce.inventory import services as inventory
from commerce.inventory.models import StockItem
from commerce.orders.models import OrderLine
from commerce.orders.stock_check import check_stock
from commerce.tenants.models import Shop
from tests.concurrency.race import kinds, race
from tests.factories.checkout import order_as_shown, ready_cart
from tests.factories.shop import Sold, allow_backorder, counters, make_product
from tests.support.invariants import broken_invariants

BUYERS, STOCK, LIMIT = 50, 5, 10


def half_promised() -> Sold:
    sold = make_product("Almost gone", stock=STOCK)
    allow_backorder(sold, LIMIT)
    return sold


def buy(shopper: str, seen: dict[str, Any]) -> tuple[PlacedOrder, int]:
    """Order as a person does: when something changed, look again and order what is shown now. Return what was shown."""
    while True:
        try:
            return place_order(**seen), seen["shown_backordered"]
        except CartChanged:
            seen = order_as_shown(shopper)
            db.session.close()


def shoppers(sold: Sold) -> list[tuple[str, dict[str, Any]]]:
    carts = [ready_cart((sold, 1)) for _ in range(BUYERS)]
    return [(cart, order_as_shown(cart)) for cart in carts]


def promised(order: PlacedOrder) -> int:
    return db.session.scalars(select(OrderLine.backordered).where(OrderLine.order_id == order.id)).one()


def test_fifty_buyers_of_five_units_and_ten_promises(arena: Flask, shop: Shop) -> None:
    sold = half_promised()
    results = race(arena, shop, [partial(buy, *each) for each in shoppers(sold)])
    assert kinds(results) == {"tuple": STOCK + LIMIT, "OutOfStock": BUYERS - STOCK - LIMIT}
    bought = [(promised(result[0]), result[1]) for result in results if isinstance(result, tuple)]
    assert sum(units for units, _shown in bought) == LIMIT
    assert all(units <= shown for units, shown in bought)
    assert counters(sold) == (STOCK, STOCK + LIMIT)
    assert broken_invariants() == list(check_stock()) == []


def test_nobody_who_saw_it_in_stock_gets_a_promise(arena: Flask, shop: Shop) -> None:
    sold = half_promised()
    results = race(arena, shop, [partial(place_order, **seen) for _cart, seen in shoppers(sold)])
    assert kinds(results) == {"PlacedOrder": STOCK, "CartChanged": BUYERS - STOCK}
    assert counters(sold) == (STOCK, STOCK)
    assert broken_invariants() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_control_without_its_floor_the_guard_lets_promises_through_unseen(
    arena: Flask, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This test exists to show that the racers overlap: if it fails, the test above proves nothing."""
    stock, units = StockItem.__table__, inventory.bindparam("b_units")
    loose = (
        update(stock)
        .where(inventory._ROW, stock.c.on_hand + stock.c.backorder_limit - stock.c.reserved >= units)
        .values(reserved=stock.c.reserved + units)
    )
    monkeypatch.setattr(inventory, "_TAKE", loose)
    sold = half_promised()
    results = race(arena, shop, [partial(place_order, **seen) for _cart, seen in shoppers(sold)])
    orders = [result for result in results if isinstance(result, PlacedOrder)]
    assert len(orders) > STOCK
    assert sum(promised(order) for order in orders) == 0
