"""The background loop: deliver events, let unpaid holds expire, ask about unknown payments, complete old orders.

`flask worker` runs it as a process; the one-command run has it as a thread of the server. Any number may run at once.
Other people's programs are called from threads of their own: a webhook that does not answer keeps no mail waiting.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from typing import NamedTuple

from flask import Flask
from sqlalchemy import select, tuple_

from commerce import clock
from commerce.accounts.audit import purge_refused_tries
from commerce.accounts.email_tokens import purge_expired_tokens
from commerce.accounts.members import sweep_members
from commerce.accounts.sessions import OPERATOR, STAFF
from commerce.accounts.throttle import purge_throttles
from commerce.api.idempotency import PURGE_BATCH, purge_idempotency_keys
from commerce.bulk.runner import run_bulk_plans
from commerce.cart.services import sweep_carts
from commerce.catalog.publishing import publish_scheduled_products
from commerce.db import db
from commerce.event_handlers import PASSING_EVENTS, make_relay
from commerce.events.dispatcher import Dispatcher
from commerce.events.listening import Listener
from commerce.events.outbox import SYSTEM
from commerce.events.services import sweep_deliveries, sweep_events
from commerce.file_imports.runner import purge_file_imports, run_file_imports
from commerce.form_submissions import purge_form_submissions, purge_operator_form_submissions
from commerce.inventory.back_in_stock import find_back_in_stock, notify_subscribers
from commerce.notifications.rendering import base_url
from commerce.orders.expired_holds import cancel_if_expired, find_expired
from commerce.orders.models import Order
from commerce.orders.services import change_status
from commerce.platform import operator_log
from commerce.reports.services import refresh_sales
from commerce.settlement.reconciliation import (
    compare_books,
    find_queued_refunds,
    find_unsettled,
    reconcile_payment,
    reconcile_refund,
)
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop, list_shops
from commerce.tenants.scope import shop_scope
from commerce.webhooks.services import sweep_log

log = logging.getLogger("commerce.worker")
IDLE = 0.7
"""Seconds between two looks at an empty outbox, where nobody wakes a worker."""
LISTENING = (0.25, 0.5, 1.0, 2.0)
"""The same where PostgreSQL does: of simultaneous commits it may have notified of the first alone."""
BATCH = 100
KEEP_DELIVERIES = timedelta(days=60)
"""Longer than a webhook's log: until then deliveries can be repeated."""


@contextmanager
def log_and_continue(what: str) -> Generator[None]:
    """Log whatever fails and go on: the oldest comes first each time, so one bad row would stop all younger ones."""
    try:
        yield
    except Exception:
        log.exception("%s failed and will be tried again", what)


def expire_unpaid_orders() -> int:
    """Cancel unpaid orders whose hold has run out, each in its own transaction, until none is left; return how many."""
    count, last = 0, None
    while True:
        moment, found = find_expired(BATCH, last)
        db.session.close()
        for tenant_id, orders in groupby(found, key=lambda each: each.tenant_id):
            with log_and_continue(f"cancelling orders of shop {tenant_id}"), shop_scope(get_shop(tenant_id)):
                for order in orders:
                    with log_and_continue(f"cancelling order {order.order_id}"):
                        count += cancel_if_expired(order.order_id, moment)
        if len(found) < BATCH:
            return count
        last = found[-1]


def reconcile_payments() -> int:
    """Ask about every payment whose outcome is unknown; return how many were settled."""
    settled, began, asked = 0, clock.now(), set[uuid.UUID]()
    # Whoever was asked about goes behind all others; one that cannot even be asked about must not come for ever.
    while found := [each for each in find_unsettled(asked_before=began) if each.id not in asked]:
        db.session.close()
        for tenant_id, payment_id in found:
            asked.add(payment_id)
            with shop_scope(get_shop(tenant_id)), log_and_continue(f"asking about payment {payment_id}"):
                result = reconcile_payment(payment_id)
                settled += result.after != result.before
    return settled


def reconcile_refunds() -> int:
    """Ask about every refund that should have been paid out by now; return how many were settled."""
    settled, after = 0, None
    while found := find_queued_refunds(BATCH, after=after):
        db.session.close()
        for tenant_id, refund_id in found:
            with shop_scope(get_shop(tenant_id)), log_and_continue(f"asking about refund {refund_id}"):
                settled += reconcile_refund(refund_id) != "queued"
        after = found[-1].id
    return settled


def compare_payment_books() -> int:
    """Log where the books of the last two days differ from the gateways'; return how often they do."""
    count = 0
    for shop in list_shops():
        with shop_scope(shop), log_and_continue(f"comparing the books of {shop.code}"):
            for each in compare_books(clock.now() - timedelta(days=2)):
                log.warning("the books of %s differ: %s", shop.code, each)
                count += 1
    return count


def complete_delivered_orders() -> int:
    """Complete orders whose return window is over, until none is left; return how many."""
    count = 0
    for shop in list_shops():
        # Shop by shop, because each has its own window; what is wrong with one of them must not stop the others.
        with log_and_continue(f"completing orders of {shop.code}"), shop_scope(shop):
            before, last = clock.now() - timedelta(days=shop.return_days), None
            while found := _delivered(before, last):
                for order in found:
                    with log_and_continue(f"completing order {order.id}"):
                        change_status(order.id, "complete", SYSTEM)
                        count += 1
                last = found[-1]
    return count


class _DeliveredOrder(NamedTuple):
    id: uuid.UUID
    delivered_at: datetime


def _delivered(before: datetime, last: _DeliveredOrder | None) -> list[_DeliveredOrder]:
    """Return delivered orders whose window is over, behind the last one that was looked at."""
    statement = select(Order.id, Order.delivered_at).where(
        Order.status == "delivered", Order.delivered_at <= before
    )
    if last is not None:
        statement = statement.where(tuple_(Order.delivered_at, Order.id) > tuple_(last.delivered_at, last.id))
    rows = db.session.execute(statement.order_by(Order.delivered_at, Order.id).limit(BATCH)).all()
    db.session.close()
    return [_DeliveredOrder(row.id, row.delivered_at) for row in rows if row.delivered_at is not None]


def send_back_in_stock_alerts() -> int:
    """Tell everybody who waits for a variant that can be had again; return how many."""
    found = find_back_in_stock()
    db.session.close()
    count = 0
    for tenant_id, variant_id in found:
        with shop_scope(get_shop(tenant_id)), log_and_continue(f"telling of variant {variant_id}"):
            count += notify_subscribers(variant_id)
    return count


def purge_expired_records() -> int:
    """Delete expired links, unconfirmed accounts, and old wrong sign-ins; return how many accounts and sign-ins."""
    count, yesterday = 0, clock.now() - timedelta(days=1)
    for shop in list_shops():
        with shop_scope(shop), log_and_continue(f"deleting expired records of {shop.code}"):
            purge_expired_tokens(yesterday)
            count += sweep_members(clock.now() - timedelta(days=7))
            purge_throttles(STAFF, yesterday)  # with those of members
            count += purge_refused_tries()
    purge_throttles(OPERATOR, yesterday)
    return count + operator_log.purge_refused_operator_tries()


def purge_idempotency_answers() -> int:
    """Forget what programs were answered under keys that are over; return how much."""
    count = 0
    for shop in list_shops():
        with shop_scope(shop), log_and_continue(f"forgetting answers of {shop.code}"):
            swept = PURGE_BATCH
            while swept == PURGE_BATCH:
                swept = purge_idempotency_keys()
                count += swept
    return count


def purge_sent_forms() -> int:
    """Forget which forms were sent more than a day ago; return how many."""
    count = purge_operator_form_submissions()
    for shop in list_shops():
        with shop_scope(shop), log_and_continue(f"forgetting sent forms of {shop.code}"):
            count += _until_none(purge_form_submissions)
    return count


def sweep_webhook_log() -> int:
    """Delete calls of webhooks that are too old; return how many."""
    return _until_none(sweep_log)


def sweep_outbox() -> int:
    """Delete deliveries that are done, and events that are no line of an order's timeline; return how many."""
    count = 0
    for shop in list_shops():
        with log_and_continue(f"sweeping the outbox of {shop.code}"), shop_scope(shop):
            before = clock.now() - KEEP_DELIVERIES
            swept = _until_none(partial(sweep_deliveries, before))
            after: uuid.UUID | None = None
            while True:
                deleted, after = sweep_events(PASSING_EVENTS, before, after)
                swept += deleted
                if after is None:
                    break
            count += _reported(swept, "deliveries and events", shop)
    return count


def sweep_abandoned_carts() -> int:
    """Delete carts that guests have left for longer than their shop keeps them; return how many."""
    count = 0
    for shop in list_shops():
        with log_and_continue(f"sweeping the carts of {shop.code}"), shop_scope(shop):
            before = clock.now() - timedelta(days=shop.cart_days)
            swept = _until_none(partial(sweep_carts, before))
            count += _reported(swept, "abandoned carts", shop)
    return count


def publish_products() -> int:
    """Publish products whose time has come; return how many."""
    count = 0
    for shop in list_shops():
        with shop_scope(shop), log_and_continue(f"publishing products of {shop.code}"):
            count += _until_none(publish_scheduled_products)
    return count


def refresh_sales_summaries() -> int:
    """Add up what was sold since the last time, and of older days a month; return in how many shops days are left."""
    left = 0
    for shop in list_shops():
        with log_and_continue(f"adding up the sales of {shop.code}"), shop_scope(shop):
            left += not refresh_sales()
    return left


def _until_none(sweep: Callable[[], int]) -> int:
    """Sweep batch after batch, each in a transaction of its own, until nothing is left."""
    count = 0
    while swept := sweep():
        count += swept
    return count


def _reported(count: int, what: str, shop: Shop) -> int:
    if count:
        log.info("swept %s: %s of %s", count, what, shop.code)
    return count


@dataclass
class Job:
    """Something to do every so many seconds. `again`: at once, as long as there was something to do."""

    run: Callable[[], int]
    seconds: float
    again: bool = False
    next_at: float = field(default=0.0)


def jobs() -> list[Job]:
    """Return the periodic jobs."""
    return [
        Job(expire_unpaid_orders, 10),
        Job(send_back_in_stock_alerts, 5, again=True),
        Job(reconcile_payments, 20),
        Job(reconcile_refunds, 120),
        Job(compare_payment_books, 3600),
        Job(complete_delivered_orders, 300),
        Job(publish_products, 30),
        Job(refresh_sales_summaries, 60, again=True),
        Job(sweep_webhook_log, 3600),
        Job(purge_expired_records, 3600),
        Job(purge_idempotency_answers, 3600),
        Job(purge_sent_forms, 3600),
        Job(sweep_outbox, 3600),
        Job(sweep_abandoned_carts, 3600),
        Job(purge_file_imports, 3600),
    ]


def long_jobs(app: Flask, stop: threading.Event) -> list[Job]:
    """Return what may take minutes at a time: each has a thread of its own, so that nothing else waits for it."""
    address_of = partial(base_url, app.config["LOCKSTEP"])

    def import_files() -> int:
        return run_file_imports(address_of, stop.is_set)

    def carry_out_plans() -> int:
        return run_bulk_plans(stop.is_set)

    return [Job(import_files, 1, again=True), Job(carry_out_plans, 1, again=True)]


def run(app: Flask, stop: threading.Event) -> None:
    """Work until `stop` is set. What fails is logged and tried again: a worker does not die of one bad order."""
    dispatcher = Dispatcher(make_relay(), app.app_context, stop)
    with app.app_context():
        listener = Listener(db.engine, dispatcher.wake.set, stop)
    listener.start()
    delivering = threading.Thread(
        target=dispatcher.run,
        args=(lambda: LISTENING if listener.listening else (IDLE,),),
        name="dispatcher",
        daemon=True,
    )
    delivering.start()
    long_running = [
        threading.Thread(target=_do_jobs, args=(app, stop, [job]), name=job.run.__name__, daemon=True)
        for job in long_jobs(app, stop)
    ]
    for thread in long_running:
        thread.start()
    _do_jobs(app, stop, jobs())
    dispatcher.wake.set()
    delivering.join()
    for thread in long_running:
        thread.join()


def _do_jobs(app: Flask, stop: threading.Event, periodic: list[Job]) -> None:
    """Do each job when its time has come, and at once again while it finds something to do: after the others' turn."""
    while not stop.is_set():
        for job in periodic:
            if time.monotonic() < job.next_at or stop.is_set():
                continue
            done = 0
            with app.app_context(), log_and_continue(job.run.__name__):
                done = job.run()
            job.next_at = time.monotonic() + (0 if done and job.again else job.seconds)
        stop.wait(max(0.0, min(job.next_at for job in periodic) - time.monotonic()))
