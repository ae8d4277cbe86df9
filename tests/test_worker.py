"""What happens by itself: unpaid holds run out, unknown payments are asked about, delivered orders are completed."""

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from commerce import worker
from commerce.cart.models import Cart
from commerce.cart.services import sweep_carts
from commerce.db import _as_tenant, atomic, db, insert_rows, new_id
from commerce.errors import Conflict, GatewayNoAnswer
from commerce.events.outbox import Actor
from commerce.orders import expired_holds
from commerce.orders.models import Order
from commerce.orders.queries import get_order, timeline
from commerce.orders.returns import request_return
from commerce.payments.gateways.registry import GATEWAYS
from commerce.payments.gateways.test_card import TestCardGateway
from commerce.payments.models import Payment
from commerce.payments.queries import get_payment
from commerce.settlement.services import take_payment
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.scope import shop_scope
from commerce.worker import (
    complete_delivered_orders,
    expire_unpaid_orders,
    reconcile_payments,
    sweep_abandoned_carts,
)
from tests.factories.checkout import make_order
from tests.factories.orders import order_in
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants

NO_ANSWER = "4000 0000 0000 0119"
BOB = Actor("staff", name="Bob")


def at_work(job: Callable[[], int]) -> int:
    """Do a job as the worker does it, which is in no shop before."""
    with _as_tenant(None, every=False):
        return job()


class Silent(TestCardGateway):
    """A provider that cannot be reached."""

    def look_up(self, charge: Any) -> Any:  # noqa: ARG002 - the interface of all gateways
        raise GatewayNoAnswer("nobody there")


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product("Green tea", sku="TEA-1", price=1000, stock=5)


@atomic
def set_order(order_id: uuid.UUID, **values: Any) -> None:
    db.session.execute(
        update(Order)
        .where(Order.id == order_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


@atomic
def age_payment(payment_id: uuid.UUID | None) -> None:
    """Let an attempt be older than any call to a gateway lasts."""
    db.session.execute(
        update(Payment)
        .where(Payment.id == payment_id)
        .values(updated_at=datetime.now(UTC) - timedelta(minutes=2))
        .execution_options(synchronize_session=False)
    )


def hold_runs_out(order_id: uuid.UUID, minutes: int = 1) -> None:
    set_order(order_id, hold_expires_at=datetime.now(UTC) - timedelta(minutes=minutes))


def status_of(order_id: uuid.UUID) -> str:
    db.session.close()
    found = get_order(order_id).status
    db.session.close()
    return found


# --- unpaid holds ---------------------------------------------------------------------------------------


def test_an_unpaid_order_is_cancelled_when_its_hold_runs_out_and_its_stock_is_free_again(tea: Sold) -> None:
    late, early = make_order((tea, 2)), make_order((tea, 1))
    hold_runs_out(late.id)
    assert counters(tea) == (5, 3)
    assert at_work(expire_unpaid_orders) == 1
    assert (status_of(late.id), status_of(early.id)) == ("cancelled", "pending")
    assert counters(tea) == (5, 1)
    event = timeline(late.id)[-1]
    assert (event.type, event.actor_kind, event.payload["reason"]) == (
        "OrderCancelled",
        "system",
        "Not paid in time",
    )
    assert at_work(expire_unpaid_orders) == 0
    assert counters(tea) == (5, 1)
    db.session.close()
    assert broken_invariants() == []


def test_a_paid_order_is_never_expired(tea: Sold) -> None:
    order = order_in("confirmed")
    hold_runs_out(order.id)
    assert at_work(expire_unpaid_orders) == 0
    assert status_of(order.id) == "confirmed"
    assert counters(tea) == (5, 2)


def test_an_order_is_not_expired_while_its_payment_is_unknown(tea: Sold) -> None:
    order = make_order((tea, 1), payment_method="card")
    assert order.payment_id is not None
    assert take_payment(order.payment_id, NO_ANSWER).state == "unknown"
    hold_runs_out(order.id)
    assert at_work(expire_unpaid_orders) == 0
    assert status_of(order.id) == "pending"
    assert counters(tea) == (5, 1)
    age_payment(order.payment_id)
    assert reconcile_payments() == 1
    assert status_of(order.id) == "confirmed"


def test_orders_of_every_shop_are_expired_in_their_own_shop(tea: Sold, other_shop: Shop) -> None:
    mine = make_order((tea, 1))
    with shop_scope(other_shop):
        kite = make_product("Kite", stock=4)
        theirs = make_order((kite, 3))
        hold_runs_out(theirs.id)
    hold_runs_out(mine.id)
    assert at_work(expire_unpaid_orders) == 2
    assert status_of(mine.id) == "cancelled"
    with shop_scope(other_shop):
        assert status_of(theirs.id) == "cancelled"
        assert counters(kite) == (4, 0)


def test_an_order_that_cannot_be_cancelled_does_not_stop_the_others(
    tea: Sold, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, even = make_order((tea, 1)), make_order((tea, 1))
    hold_runs_out(odd.id, minutes=9)
    hold_runs_out(even.id)
    cancel = expired_holds.cancel_step

    def fail_for_odd(order: Order, *args: Any, **kwargs: Any) -> None:
        if order.id == odd.id:
            raise Conflict("t match, so nothing was changed. Run: flask stock check")
        cancel(order, *args, **kwargs)

    monkeypatch.setattr(expired_holds, "cancel_step", fail_for_odd)
    assert at_work(expire_unpaid_orders) == 1
    assert (status_of(odd.id), status_of(even.id)) == ("pending", "cancelled")


# --- unknown payments -----------------------------------------------------------------------------------


def test_an_unknown_payment_is_asked_about_once_it_is_old_enough(tea: Sold) -> None:
    order = make_order((tea, 1), payment_method="card")
    assert order.payment_id is not None
    take_payment(order.payment_id, NO_ANSWER)
    assert reconcile_payments() == 0  # a call may still be under way
    assert get_payment(order.payment_id).state == "unknown"
    age_payment(order.payment_id)
    assert reconcile_payments() == 1
    db.session.close()
    assert get_payment(order.payment_id).state == "captured"
    assert status_of(order.id) == "confirmed"
    assert reconcile_payments() == 0


def test_an_attempt_whose_shopper_never_came_back_is_settled_as_failed(tea: Sold) -> None:
    order = make_order((tea, 1), payment_method="card")
    age_payment(order.payment_id)
    assert reconcile_payments() == 1
    assert order.payment_id is not None
    assert get_payment(order.payment_id).state == "failed"
    assert status_of(order.id) == "pending"


def test_a_bank_transfer_is_nobodys_to_ask_about(tea: Sold) -> None:
    order = make_order((tea, 1))
    age_payment(order.payment_id)
    assert reconcile_payments() == 0
    assert order.payment_id is not None
    assert get_payment(order.payment_id).state == "started"


def test_a_provider_that_is_silent_is_asked_again_later(tea: Sold, monkeypatch: pytest.MonkeyPatch) -> None:
    order = make_order((tea, 1), payment_method="card")
    assert order.payment_id is not None
    take_payment(order.payment_id, NO_ANSWER)
    age_payment(order.payment_id)
    with monkeypatch.context() as away:
        away.setitem(GATEWAYS, "test_card", Silent())
        assert reconcile_payments() == 0
    assert status_of(order.id) == "pending"
    assert reconcile_payments() == 0  # it was asked about just now
    age_payment(order.payment_id)
    assert reconcile_payments() == 1
    assert status_of(order.id) == "confirmed"


# --- the return window ----------------------------------------------------------------------------------


def delivered(days_ago: float) -> uuid.UUID:
    order = order_in("delivered", quantity=1)
    set_order(order.id, delivered_at=datetime.now(UTC) - timedelta(days=days_ago))
    return order.id


def test_a_delivered_order_is_completed_after_the_return_window(tea: Sold) -> None:
    over, within = delivered(14.01), delivered(13.99)
    assert at_work(complete_delivered_orders) == 1
    assert (status_of(over), status_of(within)) == ("completed", "delivered")
    assert timeline(over)[-1].actor_kind == "system"
    assert at_work(complete_delivered_orders) == 0


def test_each_shop_has_its_own_return_window_and_none_blocks_another(
    tea: Sold, other_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    @atomic
    def be_generous() -> None:
        db.session.execute(update(Tenant).where(Tenant.code == "demo").values(return_days=365))

    be_generous()
    monkeypatch.setattr(worker, "BATCH", 1)
    patient = delivered(100)
    with shop_scope(other_shop):
        make_product("Kite", sku="TEA-1", stock=5)
        over = delivered(15)
    assert at_work(complete_delivered_orders) == 1
    assert status_of(patient) == "delivered"
    with shop_scope(other_shop):
        assert status_of(over) == "completed"


def test_an_order_whose_refund_is_asked_for_is_not_completed(tea: Sold) -> None:
    order_id = delivered(20)
    request_return(order_id, BOB, reason="Broken")
    assert at_work(complete_delivered_orders) == 0
    assert status_of(order_id) == "refund_requested"


# --- the loop -------------------------------------------------------------------------------------------


def test_the_loop_delivers_and_does_its_jobs_until_it_is_stopped(
    app: Flask, tea: Sold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "IDLE", 0.01)
    order = make_order((tea, 1), payment_method="cash_on_delivery")
    late = make_order((tea, 1))
    hold_runs_out(late.id)
    db.session.close()
    with running(app):
        wait_until(lambda: (status_of(order.id), status_of(late.id)) == ("confirmed", "cancelled"))


def test_the_loop_survives_a_job_that_fails(app: Flask, tea: Sold, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def fail() -> int:
        calls.append("failed")
        raise ValueError("a bug that nobody foresaw")

    def work() -> int:
        calls.append("worked")
        return 0

    monkeypatch.setattr(worker, "IDLE", 0.01)
    monkeypatch.setattr(worker, "jobs", lambda: [worker.Job(fail, 0.05), worker.Job(work, 0.01)])
    with running(app):
        wait_until(lambda: calls.count("failed") > 1 and "worked" in calls)


class running:  # noqa: N801 - reads as a sentence after `with`
    """A worker in a thread, as the one-command run has it."""

    def __init__(self, app: Flask) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=worker.run, args=(app, self._stop))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=15)
        assert not self._thread.is_alive(), "the worker does not stop"


def wait_until(true: Callable[[], bool]) -> None:
    waiting = threading.Event()
    for _ in range(400):
        if true():
            return
        waiting.wait(0.025)
    pytest.fail("it did not happen within 10 seconds")


# --- what goes on until nothing is due ------------------------------------------------------------------


def test_a_sweep_goes_on_until_nothing_is_due_and_past_what_fails(
    tea: Sold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BATCH", 2)
    orders_late = [make_order((tea, 1)) for _ in range(5)]
    for number, order in enumerate(orders_late):
        hold_runs_out(order.id, minutes=9 - number)
    odd = {order.id for order in orders_late[:2]}
    cancel = expired_holds.cancel_step

    def fail_for_odd(order: Order, *args: Any, **kwargs: Any) -> None:
        if order.id in odd:
            raise Conflict("Stock and reservations disagree")
        cancel(order, *args, **kwargs)

    monkeypatch.setattr(expired_holds, "cancel_step", fail_for_odd)
    assert at_work(expire_unpaid_orders) == 3
    assert [status_of(order.id) for order in orders_late] == ["pending"] * 2 + ["cancelled"] * 3


def test_all_orders_whose_return_window_is_over_are_completed_at_once(
    tea: Sold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "BATCH", 1)
    over = [delivered(20 + number) for number in range(3)]
    assert at_work(complete_delivered_orders) == 3
    assert {status_of(order_id) for order_id in over} == {"completed"}


def test_all_unknown_payments_are_asked_about_at_once(tea: Sold, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    find = worker.find_unsettled
    monkeypatch.setattr(worker, "find_unsettled", lambda **kwargs: find(1, **kwargs))
    monkeypatch.setattr(worker, "reconcile_payment", lambda payment_id: asked.append(payment_id) or 1 / 0)
    wanted = set()
    for _ in range(3):
        order = make_order((tea, 1), payment_method="card")
        age_payment(order.payment_id)
        wanted.add(order.payment_id)
    assert reconcile_payments() == 0
    assert len(asked) == 1, "one that cannot be asked about comes first each time, and ends the round"
    assert set(asked) < wanted


@pytest.mark.parametrize("name", ["return_days", "cart_days"])
def test_a_shop_with_an_absurd_number_of_days_stops_no_other_shops_sweep(
    tea: Sold, other_shop: Shop, name: str
) -> None:
    @atomic
    def be_absurd() -> None:
        db.session.execute(update(Tenant).where(Tenant.code == "demo").values({name: 5_000_000}))

    be_absurd()
    with shop_scope(other_shop):
        make_product("Kite", sku="TEA-1", stock=5)
        over = delivered(15)
        abandoned = guest_cart(days_ago=31)
    assert (at_work(complete_delivered_orders), at_work(sweep_abandoned_carts)) == (1, 1)
    with shop_scope(other_shop):
        assert status_of(over) == "completed"
        assert not exists_cart(abandoned)


# --- what is not kept for ever --------------------------------------------------------------------------


@atomic
def guest_cart(days_ago: float, **values: Any) -> uuid.UUID:
    """Return an open cart with a typed address, last changed so many days ago."""
    cart_id = new_id()
    insert_rows(
        Cart,
        [
            {
                "id": cart_id,
                "shopper_hash": cart_id.hex * 2,
                "checkout_token": cart_id.hex,
                "details": {"email": "ann@example.com", "street_address": "1 Main Street"},
                "updated_at": datetime.now(UTC) - timedelta(days=days_ago),
                **values,
            }
        ],
    )
    return cart_id


def exists_cart(cart_id: uuid.UUID) -> bool:
    db.session.close()
    return db.session.scalar(select(Cart.id).where(Cart.id == cart_id)) is not None


def test_carts_that_guests_left_are_swept_after_the_time_that_the_owner_set(
    tea: Sold, monkeypatch: pytest.MonkeyPatch
) -> None:
    left, fresh = guest_cart(days_ago=31), guest_cart(days_ago=29)
    draft, ordered = guest_cart(days_ago=99, draft_by="Bob"), guest_cart(days_ago=99, status="ordered")
    assert at_work(sweep_abandoned_carts) == 1
    assert [exists_cart(each) for each in (left, fresh, draft, ordered)] == [False, True, True, True]
    assert at_work(sweep_abandoned_carts) == 0

    @atomic
    def be_short() -> None:
        db.session.execute(update(Tenant).where(Tenant.code == "demo").values(cart_days=7))

    be_short()
    assert at_work(sweep_abandoned_carts) == 1
    assert not exists_cart(fresh)


def test_more_abandoned_carts_than_one_batch_are_all_swept(tea: Sold) -> None:
    for _ in range(5):
        guest_cart(days_ago=31)
    assert worker._until_none(lambda: sweep_carts(datetime.now(UTC), limit=2)) == 5
