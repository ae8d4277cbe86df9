"""The background loop: deliver events, let unpaid holds expire, ask about unknown payments, complete old orders.

`flask worker` runs it as a process; the one-command run has it as a thread of the server. Any number may run at once.
Other people's programs are called from threads of their own: a webhook that does not answer keeps no mail waiting.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from flask import Flask
from sqlalchemy import select

from commerce import clock
from commerce.accounts.email_tokens import purge_expired_tokens
from commerce.accounts.members import sweep_members
from commerce.api.idempotency import PURGE_BATCH, purge_idempotency_keys
from commerce.db import db
from commerce.event_handlers import make_relay
from commerce.events.outbox import SYSTEM
from commerce.events.relay import Claim, Lane, Relay
from commerce.inventory.back_in_stock import find_back_in_stock, notify_subscribers
from commerce.orders.models import Order
from commerce.orders.queries import find_expired
from commerce.orders.services import cancel_if_expired, change_status
from commerce.settlement.reconciliation import (
    compare_books,
    find_queued_refunds,
    find_unsettled,
    reconcile_payment,
    reconcile_refund,
)
from commerce.tenants.queries import get_shop, list_shops
from commerce.tenants.scope import shop_scope
from commerce.webhooks.services import sweep_log

log = logging.getLogger("commerce.worker")
IDLE = 0.5
"""Seconds between two looks at an empty outbox."""
BATCH = 100
CALLERS = 8
"""Webhooks that one worker calls at once."""


@contextmanager
def log_and_continue(what: str) -> Generator[None]:
    """Log whatever fails and go on: the oldest comes first each time, so one bad row would stop all younger ones."""
    try:
        yield
    except Exception:
        log.exception("%s failed and will be tried again", what)


def expire_unpaid_orders() -> int:
    """Cancel unpaid orders whose hold has run out, each in its own transaction; return how many."""
    moment, found = find_expired(BATCH)
    db.session.close()
    count = 0
    for tenant_id, order_id in found:
        with shop_scope(get_shop(tenant_id)), log_and_continue(f"cancelling order {order_id}"):
            count += cancel_if_expired(order_id, moment)
    return count


def reconcile_payments() -> int:
    """Ask about every payment whose outcome is unknown; return how many were settled."""
    found = find_unsettled()
    db.session.close()
    settled = 0
    for tenant_id, payment_id in found:
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
        after = found[-1][1]
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
    """Complete orders whose return window is over; return how many."""
    count = 0
    for shop in list_shops():
        with shop_scope(shop):
            # Shop by shop, because each has its own window: the waiting orders of one must not fill another's batch.
            found = db.session.scalars(
                select(Order.id)
                .where(
                    Order.status == "delivered",
                    Order.delivered_at <= clock.now() - timedelta(days=shop.return_days),
                )
                .order_by(Order.delivered_at)
                .limit(BATCH)
            ).all()
            db.session.close()
            for order_id in found:
                with log_and_continue(f"completing order {order_id}"):
                    change_status(order_id, "complete", SYSTEM)
                    count += 1
    return count


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
    """Forget mailed links that are over, and accounts that were asked for and never opened; return how many."""
    count = 0
    for shop in list_shops():
        with shop_scope(shop), log_and_continue(f"forgetting claims of {shop.code}"):
            purge_expired_tokens(clock.now() - timedelta(days=1))
            count += sweep_members(clock.now() - timedelta(days=7))
    return count


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


@dataclass
class Job:
    """Something to do every so many seconds."""

    run: Callable[[], int]
    seconds: float
    next_at: float = field(default=0.0)


def jobs() -> list[Job]:
    """Return the periodic jobs."""
    return [
        Job(expire_unpaid_orders, 10),
        Job(send_back_in_stock_alerts, 5),
        Job(reconcile_payments, 20),
        Job(reconcile_refunds, 120),
        Job(compare_payment_books, 3600),
        Job(complete_delivered_orders, 300),
        Job(sweep_log, 3600),
        Job(purge_expired_records, 3600),
        Job(purge_idempotency_answers, 3600),
    ]


def run(app: Flask, stop: threading.Event) -> None:
    """Work until `stop` is set. What fails is logged and tried again: a worker does not die of one bad order."""
    relay = make_relay()
    caller = threading.Thread(target=_deliver_webhooks, args=(app, relay, stop), name="webhooks", daemon=True)
    caller.start()
    _work(app, relay, stop)
    caller.join()


def _work(app: Flask, relay: Relay, stop: threading.Event) -> None:
    periodic = jobs()
    while not stop.is_set():
        busy = 0
        with app.app_context():
            with log_and_continue("delivering events"):
                busy += relay.run_once(Lane.OWN)
            for job in periodic:
                if time.monotonic() >= job.next_at:
                    job.next_at = time.monotonic() + job.seconds
                    with log_and_continue(job.run.__name__):
                        busy += job.run()
        if not busy:
            stop.wait(IDLE)


def _deliver_webhooks(app: Flask, relay: Relay, stop: threading.Event) -> None:
    """Deliver webhooks, several at once."""
    with ThreadPoolExecutor(CALLERS, "webhook") as pool:

        def spread(make: Callable[[Claim], bool], claims: Sequence[Claim]) -> Iterable[bool]:
            def in_context(claim: Claim) -> bool:
                with app.app_context():
                    return make(claim)

            return pool.map(in_context, claims)

        while not stop.is_set():
            busy = 0
            with app.app_context(), log_and_continue("calling webhooks"):
                busy = relay.run_once(Lane.STRANGERS, spread)
            if not busy:
                stop.wait(IDLE)
