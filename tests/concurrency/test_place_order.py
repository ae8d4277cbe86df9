"""Many buyers at once: exactly what is there gets sold, everybody else is told so, and nobody sees a lock."""

import threading
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from commerce.checkout import placement
from commerce.checkout.services import PlacedOrder, place_order
from commerce.db import atomic, db
from commerce.errors import OutOfStock
from commerce.inventory import services as inventory
from commerce.inventory.models import StockItem
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from tests.concurrency.race import kinds, race
from tests.factories.checkout import order_as_shown, ready_cart
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants

BUYERS = 50
STOCK = 10


def _buyers(sold: Sold, count: int = BUYERS) -> list[Any]:
    return [partial(place_order, **order_as_shown(ready_cart((sold, 1)))) for _ in range(count)]


def _orders() -> int:
    return int(db.session.scalar(select(func.count()).select_from(Order)) or 0)


def test_fifty_buyers_of_the_last_ten_units(arena: Flask, shop: Shop) -> None:
    sold = make_product("Last ones", stock=STOCK)
    results = race(arena, shop, _buyers(sold))
    assert kinds(results) == {"PlacedOrder": STOCK, "OutOfStock": BUYERS - STOCK}
    assert all(r.shortages[0].available == 0 for r in results if isinstance(r, OutOfStock))
    assert counters(sold) == (STOCK, STOCK)
    assert _orders() == STOCK
    assert broken_invariants() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_control_without_the_guard_the_race_is_lost(
    arena: Flask, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This test exists to show that the racers overlap: if it fails, the test above proves nothing."""
    unguarded = (
        update(StockItem.__table__).where(inventory._ROW).values(version=StockItem.__table__.c.version + 1)
    )
    monkeypatch.setattr(inventory, "_TAKE", unguarded)
    sold = make_product("Last ones", stock=STOCK)
    results = race(arena, shop, _buyers(sold))
    assert kinds(results)["PlacedOrder"] > STOCK
    assert broken_invariants() != []


def test_control_reading_first_and_writing_later_oversells(arena: Flask, shop: Shop) -> None:
    """What shops without a guard do. SQLite lets one write at a time, and even there this sells too much."""
    sold = make_product("Last ones", stock=STOCK)
    stock = StockItem.__table__
    all_have_looked = threading.Barrier(BUYERS)

    @atomic
    def take(seen: int) -> None:
        db.session.connection().execute(update(stock).values(reserved=seen + 1))

    def buy() -> bool:
        on_hand, reserved = counters(sold)
        all_have_looked.wait(timeout=30)
        if on_hand - reserved < 1:
            return False
        take(reserved)
        return True

    assert race(arena, shop, [buy] * BUYERS).count(True) > STOCK


def test_the_same_cart_twenty_times_is_one_order(arena: Flask, shop: Shop) -> None:
    sold = make_product(stock=STOCK)
    shown = order_as_shown(ready_cart((sold, 2)))
    results = race(arena, shop, [partial(place_order, **shown)] * 20)
    assert kinds(results) == {"PlacedOrder": 20}
    assert len({result.id for result in results}) == 1
    assert sum(not result.replayed for result in results) == 1
    assert (_orders(), counters(sold)) == (1, (STOCK, 2))
    assert broken_invariants() == []


def test_opposite_carts_of_several_lines_never_deadlock(arena: Flask, shop: Shop) -> None:
    products = [make_product(f"Thing {letter}", stock=100) for letter in "ABCDE"]
    forward = [(product, 1) for product in products]
    carts = [ready_cart(*(forward if number % 2 else reversed(forward))) for number in range(30)]
    results = race(arena, shop, [partial(place_order, **order_as_shown(cart)) for cart in carts])
    assert kinds(results) == {"PlacedOrder": 30}
    assert [counters(product) for product in products] == [(100, 30)] * 5
    assert broken_invariants() == []


def test_a_short_line_leaves_nothing_behind(arena: Flask, shop: Shop) -> None:
    plenty, scarce = make_product("Plenty", stock=100), make_product("Scarce", stock=3)
    carts = [ready_cart((plenty, 1), (scarce, 1)) for _ in range(20)]
    results = race(arena, shop, [partial(place_order, **order_as_shown(cart)) for cart in carts])
    assert kinds(results) == {"PlacedOrder": 3, "OutOfStock": 17}
    assert (counters(plenty), counters(scarce)) == ((100, 3), (3, 3))
    codes = {result.code for result in results if isinstance(result, PlacedOrder)}
    assert len(codes) == 3
    assert broken_invariants() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_an_open_placement_holds_no_lock_that_another_one_of_the_shop_needs(
    arena: Flask, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer by design; on PostgreSQL a second buyer is done while the first has not committed."""
    first, second = make_product("First", stock=5), make_product("Second", stock=5)
    inner, outer = order_as_shown(ready_cart((second, 1))), order_as_shown(ready_cart((first, 1)))
    placed_inside: list[Any] = []
    reserve = placement.reserve_stock

    def reserve_while_another_buys(*args: Any) -> None:
        reserve(*args)
        monkeypatch.setattr(placement, "reserve_stock", reserve)
        placed_inside.extend(race(arena, shop, [partial(place_order, **inner)]))

    monkeypatch.setattr(placement, "reserve_stock", reserve_while_another_buys)
    placed = place_order(**outer)
    assert kinds(placed_inside) == {"PlacedOrder": 1}
    assert {placed.code, placed_inside[0].code} == {"ORD-000001", "ORD-000002"}
