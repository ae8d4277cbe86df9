"""A process whose clock is two hours off neither cancels orders early nor holds them too long."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from flask import Flask
from sqlalchemy import select, text, update

from commerce import clock
from commerce import db as database
from commerce.db import atomic, db, new_id
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.worker import expire_unpaid_orders
from tests.factories.checkout import make_order
from tests.factories.shop import make_product

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
ALL = {"all_tenants": True}
NEAR = timedelta(seconds=30)
"""Far more than a slow machine needs, and far less than the clocks are apart."""


@pytest.fixture(params=[-2, 2], ids=["two hours behind", "two hours ahead"])
def wrong_clock(request: pytest.FixtureRequest) -> Iterator[datetime]:
    """Set the clock of this process; yields what time it really is."""
    real = datetime.now(UTC)
    with time_machine.travel(real + timedelta(hours=request.param), tick=True):
        yield real
    clock.use_own()
    database._last_id[0] = 0


@pytest.fixture
def app_there(wrong_clock: datetime, make_app: Callable[..., Flask], shop: Shop) -> Iterator[Flask]:
    """The shop in that process, as it runs outside of tests; its shop is entered."""
    app = make_app(testing=False)
    with app.app_context(), shop_scope(shop):
        yield app


def database_time() -> datetime:
    moment: datetime = db.session.execute(
        text("SELECT clock_timestamp()"), execution_options=ALL
    ).scalar_one()
    db.session.close()
    return moment


def test_an_order_is_held_as_long_as_its_method_of_payment_says(app_there: Flask) -> None:
    placed = make_order((make_product("Tea", stock=5), 1), payment_method="card")
    order = db.session.execute(select(Order).where(Order.id == placed.id)).scalar_one()
    assert order.hold_expires_at is not None
    now = database_time()
    assert abs(order.placed_at - now) < NEAR
    assert abs(order.hold_expires_at - now - timedelta(minutes=30)) < NEAR
    assert expire_unpaid_orders() == 0


def test_an_order_whose_time_is_over_is_cancelled(app_there: Flask) -> None:
    placed = make_order((make_product("Tea", stock=5), 1), payment_method="card")

    @atomic
    def end() -> None:
        db.session.execute(update(Order).values(hold_expires_at=text("now() - interval '1 second'")))

    end()
    assert expire_unpaid_orders() == 1
    db.session.close()
    assert db.session.scalar(select(Order.status).where(Order.id == placed.id)) == "cancelled"


def test_the_clock_is_the_databases_also_after_somebody_sets_that_of_the_machine(
    app_there: Flask, wrong_clock: datetime
) -> None:
    database_time()
    database._last_id[0] = 0  # the shop was made before the database was asked for the time
    for hours in (0, 5, -5):
        with time_machine.travel(wrong_clock + timedelta(hours=hours), tick=True):
            assert abs(clock.now() - database_time()) < NEAR
            made = datetime.fromtimestamp((new_id().int >> 80) / 1000, UTC)
            assert made - database_time() < NEAR, "rows are sorted by their ids"


def test_a_clock_that_was_measured_long_ago_is_measured_again(
    app_there: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was asleep counts no seconds meanwhile."""
    database_time()
    clock.synchronize(datetime.now(UTC) - timedelta(days=3), 0, 0)
    monkeypatch.setattr(clock, "_measured", float("-inf"))
    assert abs(clock.now() - database_time()) > NEAR
    assert abs(clock.now() - database_time()) < NEAR
