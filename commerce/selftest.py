"""`flask selftest race`: proves the shop's guarantees on the owner's own database.

Everything happens in a scratch shop that is removed afterwards. Racers are threads with connections of their own and
real commits; each race ends with the rules of `stock check`.
"""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Flask
from sqlalchemy import delete, func, select, update

from commerce import clock
from commerce.cart.details import CheckoutDetails
from commerce.cart.queries import load_cart
from commerce.cart.services import add_line, enter_code, new_shopper_key, save_details, shopper_hash
from commerce.catalog.models import Product, Variant
from commerce.checkout.quote import quote_cart
from commerce.checkout.services import PlacedOrder, place_order
from commerce.db import Base, atomic, db, insert_rows, new_id
from commerce.errors import CommerceError
from commerce.events.outbox import SYSTEM, Actor
from commerce.inventory.adjustments import set_initial_stock
from commerce.inventory.models import StockMovement
from commerce.orders.expired_holds import cancel_if_expired
from commerce.orders.models import Order
from commerce.orders.queries import get_order
from commerce.orders.services import cancel_order
from commerce.orders.stock_check import check_stock
from commerce.payments.gateways.base import PaymentOutcome
from commerce.pricing.models import Coupon
from commerce.pricing.services import create_coupon, create_promotion
from commerce.pricing.validation import PromotionValues
from commerce.schema_state import LOGS
from commerce.settlement.services import settle_payment
from commerce.tenant_setup import ShippingRule, set_up_shop
from commerce.tenants.models import Shop, Tenant, TenantHost
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope

BUYER = Actor("guest", name="buyer@selftest.invalid")
GATEWAY = Actor("gateway", "test_card", "test_card")
ONCE = "ONCE"
"""The scratch shop's coupon code, which may be used once."""
RaceCall = Callable[[], Any]


@dataclass(frozen=True, slots=True)
class RaceResult:
    """What one race tried and what came of it. `seconds` is from the first start to the last answer."""

    name: str
    tried: int
    outcomes: dict[str, int]
    problems: tuple[str, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything was as promised."""
        return not self.problems


def run_races(app: Flask, workers: int) -> Generator[RaceResult]:
    """Run all races in a scratch shop, `workers` calls at a time, and yield a verdict for each; remove the shop."""
    with _scratch_shop() as shop, ThreadPoolExecutor(workers) as pool:
        arena = _Arena(app, shop, pool)
        for race in (last_units, same_cart, single_coupon, opposite_carts, pay_cancel_expire):
            yield race(arena)


@dataclass(frozen=True, slots=True)
class _Arena:
    app: Flask
    shop: Shop
    pool: ThreadPoolExecutor

    def race(self, calls: Sequence[RaceCall]) -> tuple[list[Any], float]:
        """Let all calls loose at once and return results or refusals, and the seconds it took."""
        db.session.close()
        start = threading.Event()

        def run(call: RaceCall) -> Any:
            with self.app.app_context(), shop_scope(self.shop):
                start.wait()
                try:
                    return call()
                except CommerceError as refusal:
                    return refusal

        futures = [self.pool.submit(run, call) for call in calls]
        began = time.perf_counter()
        start.set()
        results = [future.result() for future in futures]
        return results, time.perf_counter() - began


def last_units(arena: _Arena) -> RaceResult:
    """50 buyers for the last 10 units: 10 orders, 40 clear refusals."""
    variant = _stock_item({"LAST": 10})["LAST"]
    calls = [_purchase({variant: 1}) for _ in range(50)]
    results, seconds = arena.race(calls)
    return _race_result(
        "50 buyers for the last 10 units", results, seconds, {"PlacedOrder": 10, "OutOfStock": 40}
    )


def same_cart(arena: _Arena) -> RaceResult:
    """One cart sent 20 times is one order."""
    variant = _stock_item({"ONCE": 50})["ONCE"]
    results, seconds = arena.race([_purchase({variant: 1})] * 20)
    orders = {result.id for result in results if isinstance(result, PlacedOrder)}
    problems = [] if len(orders) == 1 else [f"{len(orders)} orders instead of 1"]
    return _race_result("the same cart 20 times", results, seconds, {"PlacedOrder": 20}, problems)


def single_coupon(arena: _Arena) -> RaceResult:
    """50 buyers with a code that may be used once: one gets the discount, 49 are refused before they order."""
    variant = _stock_item({"CODE": 100})["CODE"]
    calls = [_purchase({variant: 1}, ONCE) for _ in range(50)]
    results, seconds = arena.race(calls)
    used = db.session.scalar(select(Coupon.used).where(Coupon.code == ONCE))
    db.session.close()
    problems = [] if used == 1 else [f"the code was used {used} times"]
    return _race_result(
        "50 buyers with a code for one",
        results,
        seconds,
        {"PlacedOrder": 1, "CouponExhausted": 49},
        problems,
    )


def opposite_carts(arena: _Arena) -> RaceResult:
    """Carts with the same lines in opposite order: nobody waits crosswise."""
    variants = list(_stock_item({f"PAIR-{number}": 100 for number in range(4)}).values())
    calls = [
        _purchase(dict.fromkeys(variants if number % 2 else reversed(variants), 1)) for number in range(40)
    ]
    results, seconds = arena.race(calls)
    return _race_result("40 carts of 4 lines in opposite order", results, seconds, {"PlacedOrder": 40})


def pay_cancel_expire(arena: _Arena) -> RaceResult:
    """The payment, the expiry and the shopper's cancellation of one order, in one instant, 10 times."""
    variant = _stock_item({"CROSS": 100})["CROSS"]
    rounds, problems, total, outcomes = 10, [], 0.0, Counter[str]()
    for _ in range(rounds):
        placed = _purchase({variant: 1})()
        if placed.payment_id is None:
            raise AssertionError("a fresh order has an attempt to pay")
        _let_expire(placed.id)
        order = get_order(placed.id)
        money = PaymentOutcome("captured", order.total, order.currency, "selftest")
        calls: list[RaceCall] = [
            partial(settle_payment, placed.payment_id, money, GATEWAY),
            partial(cancel_if_expired, placed.id, clock.now()),
            partial(cancel_order, placed.id, BUYER, reason="Changed my mind"),
        ]
        _results, seconds = arena.race(calls)
        total += seconds
        order = get_order(placed.id)
        outcomes[f"{order.status}, {order.payment_status}"] += 1
        if (order.status, order.payment_status) not in {("confirmed", "paid"), ("cancelled", "refunded")}:
            problems.append(f"{order.code} ended {order.status} and {order.payment_status}")
        db.session.close()
    problems += [str(each) for each in check_stock()]
    return RaceResult("pay against cancel against expire", rounds, dict(outcomes), tuple(problems), total)


def _race_result(
    name: str, results: Sequence[Any], seconds: float, expected: dict[str, int], problems: Sequence[str] = ()
) -> RaceResult:
    outcomes = dict(Counter(type(result).__name__ for result in results))
    found = list(problems)
    if outcomes != expected:
        found.append(f"expected {expected}")
    found += [str(each) for each in check_stock()]
    return RaceResult(name, len(results), outcomes, tuple(found), seconds)


# --- the scratch shop ------------------------------------------------------------------------------


@contextmanager
def _scratch_shop() -> Generator[Shop]:
    shop = set_up_shop(
        code=f"selftest-{secrets.token_hex(4)}",
        name="Self-test",
        currency="EUR",
        country="DE",
        taxes=(),
        shipping=(ShippingRule("standard", "Standard", "", ((("*",), 0, 500),)),),
        test_card=True,
    )
    try:
        with shop_scope(shop):
            offer = PromotionValues("Self-test", "percentage", percent_ppm=100_000, needs_code=True)
            create_coupon(create_promotion(offer), ONCE, usage_limit=1)
        with shop_scope(get_shop(shop.id)) as ready:
            yield ready
    finally:
        with shop_scope(shop):
            _remove(shop.id)


@atomic
def _remove(tenant_id: uuid.UUID) -> None:
    """Delete every row of the scratch shop, children first."""
    connection = db.session.connection()
    if connection.dialect.name == "postgresql":
        # The role of the application may take nothing out of the ledger.
        connection.execute(select(func.delete_selftest_stock_movements(tenant_id)))
    else:
        connection.execute(delete(StockMovement).where(StockMovement.tenant_id == tenant_id))
    for table in reversed(Base.metadata.sorted_tables):
        # What nobody may take from a log is not in it either: the scratch shop has no staff.
        if "tenant_id" in table.c and table.name not in LOGS:
            connection.execute(delete(table).where(table.c.tenant_id == tenant_id))
    tenants, hosts = Tenant.__table__, TenantHost.__table__
    connection.execute(delete(hosts).where(hosts.c.tenant_id == tenant_id))  # type: ignore[arg-type]
    connection.execute(delete(tenants).where(tenants.c.id == tenant_id))  # type: ignore[arg-type]
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.drop_order_code_sequence(tenant_id)))


@atomic
def _stock_item(units: dict[str, int]) -> dict[str, uuid.UUID]:
    """Create variants with stock (SKU -> units) and return their ids."""
    made = {sku: (new_id(), new_id()) for sku in units}
    insert_rows(
        Product,
        [{"id": product, "slug": sku.lower(), "title": sku} for sku, (product, _variant) in made.items()],
    )
    insert_rows(
        Variant,
        [
            {"id": variant, "product_id": product, "sku": sku, "price": 1000}
            for sku, (product, variant) in made.items()
        ],
    )
    set_initial_stock(
        {made[sku][1]: count for sku, count in units.items()},
        cause="opening",
        actor=SYSTEM.name,
        reference="selftest",
    )
    return {sku: variant for sku, (_product, variant) in made.items()}


def _purchase(wanted: dict[uuid.UUID, int], code: str = "") -> Callable[[], PlacedOrder]:
    """Fill a cart and a checkout form, enter a coupon code if given, and return the click on "Place order"."""
    shopper = shopper_hash(new_shopper_key())
    for variant_id, quantity in wanted.items():
        add_line(shopper, variant_id, quantity)
    save_details(
        shopper,
        CheckoutDetails(
            email="buyer@selftest.invalid",
            name="Self-test",
            address={"country_code": "DE", "city": "Berlin"},
            shipping_method="standard",
            payment_method="card",
        ),
    )
    if code:
        enter_code(shopper, code)
    cart = load_cart(shopper)
    if cart is None:
        raise AssertionError("the cart was just filled")
    return partial(
        place_order,
        shopper=shopper,
        checkout_token=cart.checkout_token,
        cart_version=cart.version,
        shown_total=quote_cart(cart).totals.total,
        actor=BUYER,
    )


@atomic
def _let_expire(order_id: uuid.UUID) -> None:
    db.session.execute(
        update(Order)
        .where(Order.id == order_id)
        .values(hold_expires_at=clock.now() - timedelta(minutes=1))
        .execution_options(synchronize_session=False)
    )
