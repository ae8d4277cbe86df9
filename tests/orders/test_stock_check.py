"""`flask stock check` finds what disagrees, names it, and mends it openly."""

import json
from collections.abc import Sequence

import pytest
from flask import Flask
from sqlalchemy import select, update

from commerce.db import atomic, db, insert_rows
from commerce.inventory.models import StockItem, StockMovement
from commerce.orders import stock_check
from commerce.orders.models import Order
from commerce.orders.services import cancel_order
from commerce.orders.stock_check import check_stock, count_to_check, mend
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.checkout import make_order
from tests.factories.orders import BOB
from tests.factories.shop import counters, make_product
from tests.support.invariants import broken_invariants


@atomic
def _spoil(statement: object) -> None:
    db.session.execute(statement)  # type: ignore[call-overload]


def _found() -> Sequence[str]:
    return [str(each) for each in check_stock()]


def test_a_healthy_shop_has_nothing_to_report(in_shop: Shop) -> None:
    sold = make_product(stock=10)
    make_order((sold, 2))
    cancel_order(make_order((sold, 1)).id, BOB, reason="Changed his mind")
    seen: list[int] = []
    assert list(check_stock(seen.append)) == []
    assert sum(seen) == count_to_check() == 3


def test_a_lost_movement_is_found_and_corrected_with_a_cause(in_shop: Shop) -> None:
    make_product(sku="CUP", stock=10)
    _spoil(update(StockItem).values(on_hand=12))
    assert _found() == ["CUP: on hand is the sum of the movements: expected 10, found 12"]
    assert [mend(each) for each in check_stock()] == ["wrote a correcting movement of +2"]
    row = db.session.scalars(select(StockMovement).where(StockMovement.cause == "correction")).one()
    assert (row.delta, row.actor) == (2, "stock check")
    assert _found() == []


def test_a_wrong_counter_of_holds_is_found_and_set_right(in_shop: Shop) -> None:
    sold = make_product(sku="CUP", stock=10)
    make_order((sold, 2))
    _spoil(update(StockItem).values(reserved=5))
    assert _found() == ["CUP: reserved is the sum of the holds: expected 2, found 5"]
    assert [mend(each) for each in check_stock()] == ["set the reserved counter to 2"]
    assert counters(sold) == (10, 2)


def test_a_finished_order_that_still_holds_is_released(in_shop: Shop) -> None:
    sold = make_product(stock=10)
    placed = make_order((sold, 2))
    _spoil(update(Order).values(status="cancelled"))
    assert _found() == [f"{placed.code}: a finished order holds nothing: expected 0, found 2"]
    assert [mend(each) for each in check_stock()] == ["released what the finished order still held"]
    assert counters(sold) == (10, 0)
    assert broken_invariants() == []


def test_a_confirmed_order_without_its_units_is_flagged_for_a_person(in_shop: Shop) -> None:
    sold = make_product(stock=10)
    placed = make_order((sold, 2), payment_method="cash_on_delivery")
    _spoil(update(Order).values(status="confirmed"))
    assert _found() == [f"{placed.code}: a confirmed order owns its units: expected 2, found 0"]
    assert [mend(each) for each in check_stock()] == [
        "needs a person: the order is flagged in the back office"
    ]
    assert "owns its units" in db.session.scalars(select(Order.attention)).one()


def test_more_held_than_there_is_cannot_be_mended_by_a_program(in_shop: Shop) -> None:
    sold = make_product(sku="CUP", stock=10)
    make_order((sold, 4))
    _spoil(update(StockItem).values(on_hand=3, reserved=3))
    done = [mend(each) for each in check_stock() if each.rule.startswith("reserved")]
    assert done == ["cannot be mended: 4 units are held and 3 are on hand; count the stock"]
    assert counters(sold) == (3, 3)


def test_it_looks_at_everything_in_small_batches(in_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stock_check, "BATCH", 2)
    for number in range(5):
        make_product(f"Thing {number}", stock=1)
    insert_rows_for_all()
    seen: list[int] = []
    assert len(list(check_stock(seen.append))) == 5
    assert seen == [2, 2, 1]


@atomic
def insert_rows_for_all() -> None:
    """Book a movement for every stock item that nobody put on its shelf."""
    for key in db.session.scalars(select(StockItem.id)).all():
        insert_rows(StockMovement, [{"stock_item_id": key, "delta": 1, "cause": "mistake"}])


def test_the_command_says_what_is_broken_and_exits_truthfully(app: Flask, in_shop: Shop) -> None:
    make_product(sku="CUP", stock=10)
    runner = app.test_cli_runner()
    assert runner.invoke(args=["stock", "check"]).exit_code == 0
    _spoil(update(StockItem).values(on_hand=9))
    broken = runner.invoke(args=["stock", "check", "--json"])
    assert broken.exit_code == 1
    assert json.loads(broken.stdout)["breaks"][0]["shop"] == "demo"
    assert runner.invoke(args=["stock", "check", "--fix"]).exit_code == 1
    assert runner.invoke(args=["stock", "check", "--tenant", "demo"]).exit_code == 0
    assert "no shop with the code" in runner.invoke(args=["stock", "check", "--tenant", "nobody"]).stderr


def test_another_shop_is_not_looked_at(in_shop: Shop, other_shop: Shop) -> None:
    with shop_scope(other_shop):
        make_product(sku="KITE", stock=10)
        _spoil(update(StockItem).values(on_hand=9))
        assert len(_found()) == 1
    assert _found() == []
