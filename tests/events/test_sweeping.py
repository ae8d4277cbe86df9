"""Deliveries that are done and events that nothing refers to are not kept for ever; histories of orders are."""

import uuid
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from commerce.db import atomic, db, every_shop
from commerce.event_handlers import PASSING_EVENTS
from commerce.events.models import Delivery, Event
from commerce.events.services import first_id_of, sweep_deliveries, sweep_events
from commerce.tenants.models import Shop
from commerce.worker import KEEP_DELIVERIES, sweep_outbox
from tests.events.sample_event import ALL, Ear, deliveries, events, relay, ring

TOMORROW = datetime.now(UTC) + timedelta(days=1)


@every_shop()
@atomic
def set_all(model: type[Delivery | Event], **values: object) -> None:
    db.session.execute(update(model).values(**values).execution_options(synchronize_session=False, **ALL))


def test_what_was_delivered_long_ago_is_swept_in_batches_and_what_is_not_done_stays(in_shop: Shop) -> None:
    for tone in "abcde":
        ring(tone)
    relay(Ear("ear")).run_until_idle()
    ring("waits")
    relay(Ear("ear", fails=1)).run_until_idle()
    assert sweep_deliveries(datetime.now(UTC) - timedelta(days=1)) == 0
    assert [sweep_deliveries(TOMORROW, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert [each.state for each in deliveries()] == ["waiting"]
    assert len(events()) == 6


def test_passing_events_are_swept_once_nothing_of_them_is_left_to_deliver(in_shop: Shop) -> None:
    ring("kept by its kind")
    relay(Ear("ear")).run_until_idle()
    sweep_deliveries(TOMORROW)
    assert sweep_events(PASSING_EVENTS, TOMORROW) == (0, None)
    set_all(Event, type=PASSING_EVENTS[0])
    ring("waits")
    relay(Ear("ear", fails=1)).run_until_idle()
    set_all(Event, type=PASSING_EVENTS[0])
    assert sweep_events(PASSING_EVENTS, datetime.now(UTC) - timedelta(days=1)) == (0, None)
    assert sweep_events(PASSING_EVENTS, TOMORROW) == (1, None)
    assert [each.payload["tone"] for each in events()] == ["waits"]


def test_events_are_looked_through_page_by_page(in_shop: Shop) -> None:
    for tone in "abc":
        ring(tone)
    relay().run_until_idle()
    set_all(Event, type=PASSING_EVENTS[0])
    ids = [each.id for each in events()]
    deleted, after = sweep_events(PASSING_EVENTS, TOMORROW, looked_at=2)
    assert (deleted, after) == (2, ids[1])
    assert sweep_events(PASSING_EVENTS, TOMORROW, after, looked_at=2) == (1, None)
    assert events() == []


def test_the_worker_keeps_what_is_younger(in_shop: Shop) -> None:
    ring("young")
    relay(Ear("ear")).run_until_idle()
    assert sweep_outbox() == 0
    (delivery,) = deliveries()
    old = uuid.UUID(int=first_id_of(datetime.now(UTC) - KEEP_DELIVERIES).int - 1)
    set_all(Delivery, id=old)
    assert delivery.id > old
    assert sweep_outbox() == 1
    assert deliveries() == []
