"""A coupon's limit holds, however many use it in one instant; and nobody waits crosswise."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from commerce.cart.services import enter_code
from commerce.checkout.services import place_order
from commerce.db import atomic, db
from commerce.orders.models import Order
from commerce.orders.services import cancel_order
from commerce.pricing import services as pricing
from commerce.pricing.coupon_limits import change_limits, limits_version
from commerce.pricing.models import Coupon
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.concurrency.race import kinds, race
from tests.factories.checkout import GUEST, order_as_shown, ready_cart
from tests.factories.pricing import make_coupon, rules_of_now, used, used_by, uses
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants

BUYERS = 50


def _buyers(sold: Sold, codes: list[str], count: int = BUYERS, **changes: Any) -> list[Any]:
    calls = []
    for _ in range(count):
        shopper = ready_cart((sold, 1), **changes)
        for code in codes:
            enter_code(shopper, code, shipping=500)
        calls.append(partial(place_order, **order_as_shown(shopper)))
    return calls


def _discounted() -> int:
    return int(
        db.session.scalar(select(func.count()).select_from(Order).where(Order.discount_amount > 0)) or 0
    )


def test_a_single_use_coupon_raced_by_fifty_buyers_is_used_once(arena: Flask, shop: Shop) -> None:
    sold, coupon = make_product(stock=100), make_coupon("ONCE", limit=1)
    with rules_of_now() as now:
        results = race(arena, now, _buyers(sold, ["ONCE"]))
    assert kinds(results) == {"PlacedOrder": 1, "CouponExhausted": BUYERS - 1}
    assert (used(coupon), len(uses(coupon)), _discounted()) == (1, 1, 1)
    assert counters(sold) == (100, 1)
    assert broken_invariants() == []


def test_a_limit_per_customer_holds_when_they_orders_everywhere_at_once(arena: Flask, shop: Shop) -> None:
    sold, coupon = make_product(stock=100), make_coupon("EACH", each=3)
    with rules_of_now() as now:
        results = race(arena, now, _buyers(sold, ["EACH"], 20))
    assert kinds(results) == {"PlacedOrder": 3, "CouponExhausted": 17}
    assert (used_by(coupon, "ann@example.com"), len(uses(coupon))) == (3, 3)
    assert broken_invariants() == []


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_control_without_the_guard_the_coupon_is_used_many_times(
    arena: Flask, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This test exists to show that the racers overlap: if it fails, the first test proves nothing."""
    table = Coupon.__table__
    monkeypatch.setattr(
        pricing, "_USE_UP", update(table).where(pricing._AS_SEEN).values(used=table.c.used + 1)
    )
    sold, coupon = make_product(stock=100), make_coupon("ONCE", limit=1)
    with rules_of_now() as now:
        results = race(arena, now, _buyers(sold, ["ONCE"]))
    assert kinds(results)["PlacedOrder"] > 1
    assert used(coupon) == len(uses(coupon)) > 1


def test_control_reading_first_and_writing_later_uses_it_many_times(arena: Flask, shop: Shop) -> None:
    """What shops without a conditional update do; SQLite lets one write at a time, and even there it is too many."""
    coupon = make_coupon("ONCE", limit=1)
    all_have_looked = threading.Barrier(BUYERS)

    @atomic
    def write(seen: int) -> None:
        db.session.execute(update(Coupon).where(Coupon.id == coupon).values(used=seen + 1))

    def use() -> bool:
        seen = used(coupon)
        all_have_looked.wait(timeout=30)
        if seen < 1:
            write(seen)
        return seen < 1

    assert race(arena, shop, [use] * BUYERS).count(True) > 1
    assert used(coupon) == 1


def test_codes_in_opposite_order_never_wait_crosswise(arena: Flask, shop: Shop) -> None:
    sold = make_product(stock=100)
    coupons = [make_coupon(f"CODE-{letter}", limit=100, each=100) for letter in "ABCD"]
    codes = [f"CODE-{letter}" for letter in "ABCD"]
    with rules_of_now() as now:
        calls = [*_buyers(sold, codes, 15), *_buyers(sold, codes[::-1], 15)]
        results = race(arena, now, calls)
    assert kinds(results) == {"PlacedOrder": 30}
    assert [used(coupon) for coupon in coupons] == [30] * 4
    assert [used_by(coupon, "ann@example.com") for coupon in coupons] == [30] * 4


def test_what_is_cancelled_twice_at_once_is_given_back_once(arena: Flask, shop: Shop) -> None:
    sold, coupon = make_product(stock=100), make_coupon("TWICE", limit=2)
    with rules_of_now() as now:
        first, second = (call() for call in _buyers(sold, ["TWICE"], 2))
        results = race(arena, now, [partial(cancel_order, first.id, GUEST, reason="Changed my mind")] * 8)
    assert results.count(None) == 1
    assert used(coupon) == 1
    assert [given_back for _customer, given_back in uses(coupon)] == [True, False]
    assert second.id != first.id
    assert broken_invariants() == []


def test_a_limit_that_staff_set_meanwhile_has_counted_every_buyer(arena: Flask, shop: Shop) -> None:
    sold, coupon = make_product(stock=100), make_coupon("LATER")
    staff = partial(
        change_limits,
        coupon,
        usage_limit=20,
        per_customer_limit=20,
        seen_version=limits_version(None, None),
    )
    with rules_of_now() as now:
        results = race(arena, now, [*_buyers(sold, ["LATER"], 10), staff, *_buyers(sold, ["LATER"], 10)])
    assert kinds(results) == {"PlacedOrder": 20, "NoneType": 1}
    assert (used(coupon), used_by(coupon, "ann@example.com"), len(uses(coupon))) == (20, 20, 20)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("before", [{}, {"limit": 9}])
def test_an_order_that_has_read_the_limits_before_staff_changed_them_reads_them_again(
    arena: Flask, shop: Shop, monkeypatch: pytest.MonkeyPatch, before: dict[str, int]
) -> None:
    """On SQLite nobody can come between: an order is the only writer from its first look on."""
    sold, coupon = make_product(stock=100), make_coupon("LATER", **before)
    [place] = _buyers(sold, ["LATER"], 1)
    original, tries = pricing.use_coupons, []

    def come_between(*args: Any) -> None:
        if not tries:
            staff = partial(
                change_limits,
                coupon,
                usage_limit=9,
                per_customer_limit=1,
                seen_version=limits_version(before.get("limit"), None),
            )
            with ThreadPoolExecutor(1) as pool:
                pool.submit(_in_shop, arena, shop, staff).result(timeout=30)
        tries.append(args)
        original(*args)

    monkeypatch.setattr("commerce.checkout.placement.use_coupons", come_between)
    with rules_of_now():
        place()
    assert len(tries) == 2
    assert (used(coupon), used_by(coupon, "ann@example.com")) == (1, 1)


def _in_shop(app: Flask, shop: Shop, call: Callable[[], None]) -> None:
    with app.app_context(), shop_scope(shop):
        call()
