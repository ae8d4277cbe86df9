"""Summaries say what the orders say, however they came about, to the cent."""

import random
from collections import defaultdict
from dataclasses import astuple, fields
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from commerce import clock
from commerce.db import atomic, db
from commerce.errors import CommerceError, InvalidValue
from commerce.orders.models import Credit, Order
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.payments.models import Refund
from commerce.reports.days import Period, bounds, day_of, last_days, own_period
from commerce.reports.models import DIMENSIONS
from commerce.reports.queries import Sales, sales_by, sales_by_day, sales_of
from commerce.reports.services import forget_sales, refresh_sales
from commerce.tenants.models import Tenant
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import current_shop, shop_scope
from tests.factories.orders import BOB, PATHS, fresh, placed_order, take_step
from tests.factories.shop import make_product
from tests.support.statements import count_statements

pytestmark = pytest.mark.usefixtures("in_shop")
ZONE = "America/New_York"


@pytest.fixture
def new_york(in_shop):
    """Alice's shop moves to New York: its days are not those of UTC."""

    @atomic
    def move() -> None:
        db.session.execute(update(Tenant).where(Tenant.id == in_shop.id).values(timezone=ZONE))

    move()
    with shop_scope(get_shop(in_shop.id)) as shop:
        yield shop


def _history(rng: random.Random, steps: int) -> None:
    """Place orders of the last three weeks and lead them anywhere; what is refused is refused."""
    now, made = clock.now(), []
    for _ in range(steps):
        if not made or rng.random() < 0.4:
            moment = now - timedelta(minutes=rng.randrange(21 * 24 * 60))
            made.append(
                placed_order(
                    sku=rng.choice(("MUG", "POT")),
                    quantity=rng.randint(1, 3),
                    placed_at=moment,
                    prices_include_tax=rng.random() < 0.5,
                )
            )
            for step in rng.choice(list(PATHS.values())):
                take_step(made[-1], step)
        else:
            order = fresh(rng.choice(made))
            refund = RefundRequest({order.lines[0].id: 1}, shipping=rng.random() < 0.3)
            try:
                if rng.random() < 0.5:
                    credit_order(order.id, refund, BOB)
                else:
                    take_step(order.id, rng.choice(("cancel", "request_refund", "refund")))
            except CommerceError:
                continue
        if rng.random() < 0.3:
            refresh_sales()


def _recomputed(period: Period) -> dict:
    """The figures of each day from whole rows, one by one."""
    days = defaultdict(Sales)

    def add(moment: datetime, **more: int) -> None:
        day = day_of(moment)
        if period.first <= day <= period.last:
            old = days[day]
            days[day] = Sales(**{f.name: getattr(old, f.name) + more.get(f.name, 0) for f in fields(Sales)})

    orders = {o.id: o for o in db.session.scalars(select(Order)) if o.status != "cancelled"}
    for order in orders.values():
        add(
            order.placed_at,
            orders=1,
            units=sum(line.quantity for line in order.lines),
            gross=order.total,
            tax=order.tax_amount,
            shipping=order.shipping_amount + order.fee_amount,
            discounts=order.discount_amount,
        )
    for credit in db.session.scalars(select(Credit)):
        if credit.order_id in orders:
            add(
                credit.created_at,
                units_returned=sum(line.quantity for line in credit.lines),
                credited=credit.amount,
                credited_tax=credit.tax_amount,
            )
    for refund in db.session.scalars(select(Refund)):
        if refund.order_id in orders and refund.state != "failed":
            add(refund.created_at, refunded=refund.amount)
    return {day: days[day] for day in period.each()}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.usefixtures("new_york")
def test_summaries_equal_the_orders_after_any_history(seed: int) -> None:
    make_product("Mug", price=1250, stock=900, sku="MUG")
    make_product("Pot", price=4999, stock=900, sku="POT")
    _history(random.Random(seed), 40)
    assert refresh_sales(whole=True)
    period = last_days(30)
    days = sales_by_day(period)
    assert days == _recomputed(period)
    whole = sales_of(period)
    assert astuple(whole) == tuple(map(sum, zip(*map(astuple, days.values()), strict=True)))
    assert all((whole.orders, whole.refunded, whole.credited)), "the history had all of it"
    for dimension in ("country", "payment_method", "tax_rate"):
        parts = [each.sales for each in sales_by(dimension, period)]
        for name in ("gross", "tax", "credited", "credited_tax", "units", "units_returned"):
            assert sum(getattr(each, name) for each in parts) == getattr(whole, name), (dimension, name)


@pytest.mark.usefixtures("new_york")
def test_made_again_they_are_the_same() -> None:
    make_product("Mug", price=1250, stock=900, sku="MUG")
    make_product("Pot", price=4999, stock=900, sku="POT")
    _history(random.Random(7), 25)
    refresh_sales(whole=True)
    period = last_days(30)
    before = [sales_by_day(period), *(sales_by(each, period) for each in DIMENSIONS)]
    forget_sales()
    assert sales_of(period) == Sales()
    refresh_sales(whole=True)
    assert [sales_by_day(period), *(sales_by(each, period) for each in DIMENSIONS)] == before


def test_products_variants_and_categories_are_named_and_ranked() -> None:
    make_product("Mug", price=1000, stock=9, sku="MUG")
    make_product("Pot", price=5000, stock=9, sku="POT")
    placed_order(sku="MUG", quantity=2)
    placed_order(sku="POT", quantity=1)
    refresh_sales()
    found = sales_by("product", last_days(1))
    assert [(each.label, each.sales.units, each.sales.net) for each in found] == [
        ("Pot", 1, 5000),
        ("Mug", 2, 2000),
    ]
    assert [each.key for each in sales_by("variant", last_days(1))] == ["POT", "MUG"]
    assert len(sales_by("product", last_days(1), limit=1)) == 1


def test_a_cancelled_order_counts_nowhere_even_if_it_is_of_another_day() -> None:
    make_product("Mug", stock=9, sku="MUG")
    order = placed_order(sku="MUG", placed_at=clock.now() - timedelta(days=5))
    refresh_sales(whole=True)
    assert sales_of(last_days(7)).orders == 1
    take_step(order, "cancel")
    refresh_sales()
    assert sales_of(last_days(7)) == Sales()


def test_a_shop_with_old_orders_gets_a_month_per_call_newest_first() -> None:
    make_product("Mug", stock=90, sku="MUG")
    for days in (5, 50, 100):
        placed_order(sku="MUG", placed_at=clock.now() - timedelta(days=days))
    assert not refresh_sales()
    assert sales_of(last_days(200)).orders == 1
    assert not refresh_sales()
    assert refresh_sales(whole=True)
    assert sales_of(last_days(200)).orders == 3


def test_a_day_of_the_shop_is_not_one_of_utc(new_york) -> None:
    make_product("Mug", stock=90, sku="MUG")
    yesterday = last_days(2).first
    _start, end = bounds(yesterday, yesterday)
    placed_order(sku="MUG", placed_at=end - timedelta(seconds=1))
    placed_order(sku="MUG", placed_at=end)
    refresh_sales(whole=True)
    assert [each.orders for each in sales_by_day(last_days(2)).values()] == [1, 1]
    assert current_shop().timezone == ZONE


def test_another_time_zone_makes_other_days(in_shop) -> None:
    make_product("Mug", stock=90, sku="MUG")
    first = datetime(2026, 3, 10, 2, tzinfo=UTC)
    placed_order(sku="MUG", placed_at=first)
    refresh_sales(whole=True)
    assert sales_of(Period(first.date(), first.date())).orders == 1

    @atomic
    def move() -> None:
        db.session.execute(update(Tenant).where(Tenant.id == in_shop.id).values(timezone=ZONE))

    move()
    with shop_scope(get_shop(in_shop.id)):
        refresh_sales(whole=True)
        assert sales_of(Period(first.date(), first.date())).orders == 0
        before = first.date() - timedelta(days=1)
        assert sales_of(Period(before, before)).orders == 1


def test_the_hour_that_comes_twice_belongs_to_a_day_of_25_hours(new_york) -> None:
    day = date(2026, 11, 1)
    start, end = bounds(day, day)
    assert end - start == timedelta(hours=25)


def test_reading_costs_the_same_however_many_orders_there_are() -> None:
    make_product("Mug", stock=900, sku="MUG")
    counts = []
    for more in (1, 10):
        for _ in range(more):
            placed_order(sku="MUG")
        refresh_sales()
        with count_statements() as statements:
            sales_of(last_days(30))
            sales_by_day(last_days(30))
            sales_by("product", last_days(30), 5)
        counts.append(len(statements))
    assert counts == [3, 3]


def test_a_period_ends_after_it_begins_and_is_bounded() -> None:
    today = last_days(1).last
    with pytest.raises(InvalidValue):
        own_period(today, today - timedelta(days=1))
    with pytest.raises(InvalidValue):
        own_period(today - timedelta(days=5000), today)
    assert last_days(7).before == Period(today - timedelta(days=13), today - timedelta(days=7))
