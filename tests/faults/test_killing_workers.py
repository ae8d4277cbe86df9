"""`kill -9` for the worker, dozens of times, before and after everything that it does: the effects are counted."""

import itertools
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from commerce.db import db
from commerce.events.models import Delivery, Event
from commerce.events.outbox import Actor
from commerce.orders.models import Order
from commerce.orders.services import cancel_order
from commerce.payments.models import Refund
from commerce.settlement.services import take_payment
from commerce.tenants.models import Shop
from commerce.webhooks.services import create_endpoint
from tests.factories.checkout import make_order
from tests.factories.shop import Sold, make_product
from tests.faults.worker_setup import (
    ALL,
    Nursery,
    Postman,
    count,
    left_to_do,
    post_office,
    time_passes,
    wait_until,
)
from tests.faults.worker_spawner import OWN, POINTS
from tests.support.invariants import broken_invariants
from tests.webhooks.receiver import Receiver, receiving

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and kills processes")
CARD = "4242 4242 4242 4242"
BOB = Actor("staff", name="Bob")
MORE = int(os.environ.get("LOCKSTEP_KILLS", "1"))
# Each trap twice, and once.
KILLS = {"postgresql": 28 * MORE, "sqlite": 16 * MORE}


class Town:
    """Where the orders come from and the effects go to."""

    def __init__(self, tea: Sold, postman: Postman, receiver: Receiver, nursery: Nursery) -> None:
        self.tea, self.postman, self.receiver, self.nursery = tea, postman, receiver, nursery
        self.orders = 0

    def order(self, *, give_back: bool = False) -> None:
        """Order cash on delivery, which the worker must confirm; or pay by card and cancel, which it must refund."""
        self.orders += 1
        if not give_back:
            make_order((self.tea, 1), payment_method="cash_on_delivery")
            return
        order = make_order((self.tea, 1), payment_method="card")
        assert order.payment_id is not None
        take_payment(order.payment_id, CARD)
        cancel_order(order.id, BOB, reason="Sold out")

    def finish(self) -> None:
        """Let a healthy worker do what is left."""
        time_passes()
        self.nursery.begin()
        wait_until(lambda: left_to_do() == 0, "the worker does not finish")
        assert not self.nursery.stop()


@contextmanager
def town(shop: Shop, database_url: str, folder: Path) -> Iterator[Town]:
    tea = make_product("Green tea", price=1000, stock=1000)
    with post_office() as (postman, mail_url), receiving() as receiver:
        create_endpoint(url=receiver.url, description="", event_types=[])
        with Nursery(database_url, folder / "nursery", mail_url) as nursery:
            yield Town(tea, postman, receiver, nursery)


def events_of(kind: str) -> Counter[object]:
    """Return how often something happened, by order."""
    db.session.close()
    rows = db.session.execute(
        select(Event.subject_id, func.count()).where(Event.type == kind).group_by(Event.subject_id)
    ).all()
    db.session.close()
    return Counter({row[0]: row[1] for row in rows})


def statuses() -> dict[str, int]:
    db.session.close()
    rows = db.session.execute(select(Order.status, func.count()).group_by(Order.status)).all()
    db.session.close()
    return {row[0]: row[1] for row in rows}


def check_effects(town: Town, kills: int) -> None:
    """Database effects exactly once; mails at least once and at most one more per kill, under ids that never change."""
    assert count(select(func.count()).select_from(Delivery).where(Delivery.state != "done")) == 0
    given_back = count(select(func.count()).select_from(Refund))
    assert statuses() == {"confirmed": town.orders - given_back, "cancelled": given_back}
    assert set(events_of("OrderConfirmed").values()) == {1}
    assert list(events_of("RefundSettled").values()) == [1] * given_back
    db.session.close()
    refunds = db.session.execute(select(Refund.state, Refund.amount), execution_options=ALL).all()
    assert {tuple(each) for each in refunds} == {("succeeded", 1500)}
    assert broken_invariants() == []
    mails = count(
        select(func.count())
        .select_from(Delivery)
        .where(
            Delivery.handler.in_(
                ("mail_order_confirmation", "mail_cancellation_notice", "mail_refund_notice")
            )
        )
    )
    sent = Counter(
        {key: n for key, n in town.postman.taken.items() if "confirmed" in town.postman.subjects[key]}
    )
    assert len(sent) == town.orders, "each order is confirmed under one Message-ID"
    assert len(town.postman.taken) == mails
    duplicates = sum(town.postman.taken.values()) - len(town.postman.taken)
    assert duplicates <= kills
    told = Counter(each.headers["webhook-id"] for each in town.receiver.messages)
    due = count(select(func.count()).select_from(Delivery).where(Delivery.handler.startswith("webhook:")))
    assert len(told) == due


def test_whenever_the_worker_is_killed_every_effect_happens_and_none_twice(
    in_shop: Shop, database_url: str, tmp_path: Path
) -> None:
    wanted = KILLS["postgresql" if database_url.startswith("postgresql") else "sqlite"]
    chance = random.Random(7)
    kills: Counter[str] = Counter()
    with town(in_shop, database_url, tmp_path) as place:
        traps = itertools.cycle((at, when) for at in (*POINTS, "any time") for when in ("before", "after"))
        rounds = 0
        while kills.total() < wanted:
            assert rounds < 2 * wanted, f"the traps are not reached: {kills}"
            rounds += 1
            at, when = next(traps)
            place.order(give_back=at == "send_queued_refund" or rounds % 5 == 0)
            if left_to_do() < 15:
                place.order()
            nth = 1 if at in OWN else chance.randint(1, 2)
            killed = (
                place.nursery.work_for(chance.uniform(0.0, 0.25))
                if at == "any time"
                else place.nursery.work(at, when, nth)
            )
            kills[f"{when} {at}"] += killed
            time_passes()
        place.finish()
        missed = [
            f"{when} {at}" for at in POINTS for when in ("before", "after") if not kills[f"{when} {at}"]
        ]
        assert missed == [], "these traps were never reached"
        check_effects(place, kills.total())
