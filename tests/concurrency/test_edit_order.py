"""Staff change an order while others ship, cancel, buy or change it in the same instant."""

from functools import partial
from typing import Any

import pytest
from flask import Flask

from commerce.checkout.services import place_order
from commerce.db import db
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.models import Order
from commerce.orders.services import cancel_order, change_status
from commerce.settlement.manual_payments import record_receipt
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from tests.concurrency.race import kinds, race
from tests.factories.checkout import make_order, order_as_shown, ready_cart
from tests.factories.orders import BOB, fresh
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants

ROUNDS = 5


@pytest.fixture
def tea(arena: Flask) -> Sold:
    """Something with plenty in stock."""
    return make_product("Tea", price=1000, stock=200)


def _processing(*lines: tuple[Sold, int]) -> Order:
    placed = make_order(*lines)
    record_receipt(placed.id, BOB)
    change_status(placed.id, "process", BOB)
    return fresh(placed.id)


def _editing(order: Order, **wish: Any) -> Any:
    change = OrderEdit(**wish)
    total = preview_edit(order.id, change).total
    db.session.close()
    return partial(edit_order, order.id, BOB, change, seen_version=order.version, shown_total=total)


def test_two_edits_at_once_one_wins_and_the_others_hear_of_it(arena: Flask, shop: Shop, tea: Sold) -> None:
    order = _processing((tea, 2))
    edits = [_editing(order, units={order.lines[0].id: units}) for units in (1, 3, 4, 5)]
    results = race(arena, shop, edits)
    assert kinds(results) == {"EditPlan": 1, "StaleVersion": 3}
    now = fresh(order.id)
    won = next(plan for plan in results if not isinstance(plan, Exception))
    assert (now.total, now.lines[0].quantity) == (won.total, won.lines[0].after)
    assert counters(tea) == (200, now.lines[0].quantity)
    assert broken_invariants() == []


def test_edit_against_ship_what_is_in_the_parcel_is_what_the_order_says(
    arena: Flask, shop: Shop, tea: Sold
) -> None:
    gone = 0
    for _ in range(ROUNDS):
        order = _processing((tea, 3))
        ship = partial(ship_order, order.id, BOB, seen_version=order.version)
        results = race(arena, shop, [ship, _editing(order, units={order.lines[0].id: 1})])
        assert sum(isinstance(result, Exception) for result in results) == 1
        assert "StaleVersion" in kinds(results)
        now = fresh(order.id)
        if now.status == "processing":
            ship_order(order.id, BOB)
        now = fresh(order.id)
        assert [line.shipped for line in now.lines] == [line.quantity for line in now.lines]
        gone += now.lines[0].shipped
    assert counters(tea) == (200 - gone, 0)
    assert broken_invariants() == []


def test_edit_against_cancel_leaves_no_unit_behind(arena: Flask, shop: Shop, tea: Sold) -> None:
    for _ in range(ROUNDS):
        order = _processing((tea, 2))
        cancel = partial(cancel_order, order.id, BOB, reason="No longer wanted")
        results = race(arena, shop, [cancel, _editing(order, units={order.lines[0].id: 4})])
        assert [kind for kind in kinds(results) if kind not in ("NoneType", "EditPlan")] in (
            [],
            ["StaleVersion"],
        )
        assert fresh(order.id).status == "cancelled"
    assert counters(tea) == (200, 0)
    assert broken_invariants() == []


def test_edits_in_opposite_directions_never_wait_crosswise(arena: Flask, shop: Shop, tea: Sold) -> None:
    """Half of them give up tea for a pot, the other half a pot for tea: both rows, in the same instant."""
    pot = make_product("Pot", price=1000, stock=200)
    orders = [_processing((tea, 1), (pot, 1)) for _ in range(16)]
    edits = [
        _editing(order, units={order.lines[0].id: 3 * (number % 2), order.lines[1].id: 3 * (1 - number % 2)})
        for number, order in enumerate(orders)
    ]
    assert kinds(race(arena, shop, edits)) == {"EditPlan": 16}
    assert (counters(tea), counters(pot)) == ((200, 24), (200, 24))
    assert broken_invariants() == []


def test_edits_and_buyers_share_the_last_units(arena: Flask, shop: Shop, tea: Sold) -> None:
    """Whoever is first; the sum is never more than there is."""
    last = make_product("Last ones", price=1000, stock=10)
    orders = [_processing((tea, 1)) for _ in range(6)]
    edits = [_editing(order, added={last.variant_id: 2}) for order in orders]
    buyers = [partial(place_order, **order_as_shown(ready_cart((last, 1)))) for _ in range(10)]
    results = race(arena, shop, [*edits, *buyers])
    counted = kinds(results)
    taken = 2 * counted.get("EditPlan", 0) + counted.get("PlacedOrder", 0)
    assert set(counted) <= {"EditPlan", "PlacedOrder", "OutOfStock"}
    assert counters(last) == (10, taken)
    assert taken in (9, 10)
    assert broken_invariants() == []
