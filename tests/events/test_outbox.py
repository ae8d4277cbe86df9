"""What happened is written down with what made it happen, and each handler gets one delivery of it."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from commerce.accounts.events import EmailTokenRequested, MemberEmailChanged, StaffInvited
from commerce.db import atomic, db, every_shop, in_transaction, new_id
from commerce.event_handlers import EVENT_HANDLERS, EVENT_KINDS
from commerce.events.claims import EVENTS_AT_ONCE
from commerce.events.models import Event
from commerce.events.outbox import SYSTEM, DomainEvent, publish
from commerce.events.queries import backlog, outbox_lag_seconds
from commerce.events.relay import DeliveredEvent, handler_names
from commerce.inventory.events import BackInStock, StockLow
from commerce.orders import events as order_events
from commerce.tenants.models import Shop
from commerce.tenants.scope import current_shop, shop_scope
from commerce.webhooks.events import WebhookDisabled
from tests.events.sample_event import (
    ALL,
    RINGER,
    Ear,
    Rang,
    RangTwice,
    Stopped,
    deliveries,
    events,
    relay,
    ring,
)
from tests.support.statements import count_statements


def test_an_event_is_undone_with_its_transaction(in_shop: Shop) -> None:
    @atomic
    def use_case() -> None:
        publish(RINGER, Rang(subject_id=new_id(), subject_version=1, tone="a"))
        raise KeyError

    with pytest.raises(KeyError):
        use_case()
    ear = Ear("ear")
    assert relay(ear).run_until_idle() == 0
    assert (events(), ear.happenings) == ([], [])


def test_an_event_keeps_its_facts_and_who_did_it(in_shop: Shop) -> None:
    subject = ring("a", version=3)
    (event,) = events()
    assert (event.tenant_id, event.type, event.subject_id, event.subject_version) == (
        in_shop.id,
        "Rang",
        subject,
        3,
    )
    assert event.payload == {"tone": "a"}
    assert (event.actor_kind, event.actor_id, event.actor_name, event.request_id) == (
        "staff",
        "7",
        "Bob",
        "r-1",
    )
    assert abs(event.occurred_at - datetime.now(UTC)) < timedelta(seconds=10)
    assert not event.fanned_out


def test_facts_become_plain_values(in_shop: Shop) -> None:
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    key = uuid.UUID(int=7)
    event = Rang(subject_id=key, subject_version=1, tone=key)  # type: ignore[arg-type]
    assert event.payload() == {"tone": "00000000-0000-0000-0000-000000000007"}
    dated = Rang(subject_id=key, subject_version=1, tone=moment)  # type: ignore[arg-type]
    assert dated.payload() == {"tone": "2026-01-02T03:04:00+00:00"}


def test_each_handler_gets_each_event_once_however_often_the_relay_runs(in_shop: Shop) -> None:
    ring("a")
    left, right = Ear("left"), Ear("right")
    assert relay(left, right).run_until_idle() == 2
    assert relay(left, right).run_until_idle() == 0
    assert (left.heard, right.heard) == (["a"], ["a"])
    assert [(each.handler, each.state, each.tries) for each in deliveries()] == [
        ("left", "done", 1),
        ("right", "done", 1),
    ]
    assert [event.fanned_out for event in events()] == [True]


def test_a_handler_sees_plain_values_in_its_own_shop_and_outside_of_any_transaction(
    app: Flask, in_shop: Shop, other_shop: Shop
) -> None:
    seen: list[object] = []

    def look(happening: DeliveredEvent) -> None:
        seen.append((happening.payload["tone"], current_shop().code, in_transaction()))

    subject = ring("a")
    with shop_scope(other_shop):
        ring("b")
    ear = Ear("ear", then=look)
    relay(ear).run_until_idle()
    assert seen == [("a", "demo", False), ("b", "other", False)]
    first = ear.happenings[0]
    assert (first.tenant_id, first.type, first.subject_id) == (in_shop.id, "Rang", subject)
    assert (first.event_id, first.delivery_id) == (events()[0].id, deliveries()[0].id)
    assert current_shop() == in_shop


def test_a_handler_of_a_base_class_hears_its_subclasses_too(in_shop: Shop) -> None:
    @atomic
    def use_case() -> None:
        publish(SYSTEM, RangTwice(subject_id=new_id(), subject_version=1, tone="twice"))

    use_case()
    ear = Ear("ear")
    relay(ear).run_until_idle()
    assert ear.heard == ["twice"]
    assert ear.happenings[0].type == "RangTwice"


def test_an_event_that_nobody_hears_is_done_with_at_once(in_shop: Shop) -> None:
    @atomic
    def use_case() -> None:
        publish(SYSTEM, Stopped(subject_id=new_id(), subject_version=1))

    use_case()
    assert outbox_lag_seconds() >= 0
    assert relay(Ear("ear")).run_until_idle() == 0
    assert deliveries() == []
    assert [event.fanned_out for event in events()] == [True]


def test_an_event_of_a_kind_that_this_version_does_not_know_is_not_an_error() -> None:
    assert handler_names({Rang: [Ear("ear")]}, {"Rang": Rang}, "FromTheFuture") == []
    assert handler_names({Rang: [Ear("ear")]}, {"Rang": Rang}, "Rang") == ["ear"]


def test_more_events_than_one_batch_are_all_delivered(in_shop: Shop) -> None:
    tones = [f"{number:03}" for number in range(EVENTS_AT_ONCE + 1)]
    for tone in tones:
        ring(tone)
    ear = Ear("ear")
    assert relay(ear).run_until_idle() == len(tones)
    assert sorted(ear.heard) == tones


def test_an_idle_relay_writes_nothing_and_asks_once(in_shop: Shop) -> None:
    with count_statements() as statements:
        assert relay(Ear("ear")).run_once() == 0
    assert len(statements) == 1, statements
    assert all(statement.startswith("SELECT") for statement in statements)


def test_the_lag_is_the_age_of_the_oldest_event_that_waits_in_any_shop(
    in_shop: Shop, other_shop: Shop
) -> None:
    assert outbox_lag_seconds() == 0
    with shop_scope(other_shop):
        ring("a")
    ring("b")

    @every_shop()
    @atomic
    def age() -> None:
        db.session.execute(
            update(Event)
            .where(Event.tenant_id == other_shop.id)
            .values(occurred_at=datetime.now(UTC) - timedelta(hours=1))
            .execution_options(synchronize_session=False, **ALL)
        )

    age()
    assert 3599 < outbox_lag_seconds() < 3700
    relay(Ear("ear")).run_until_idle()
    assert outbox_lag_seconds() == 0


def test_no_two_handlers_of_the_shop_share_a_name() -> None:
    handlers = {id(each): each for group in EVENT_HANDLERS.values() for each in group}
    names = [each.__name__ for each in handlers.values()]
    assert len(names) == len(set(names)) >= 10


def test_every_event_of_the_orders_is_known_to_the_relay() -> None:
    bases = {order_events.OrderEvent, DomainEvent}
    written = {
        each
        for each in vars(order_events).values()
        if isinstance(each, type) and issubclass(each, DomainEvent) and each not in bases
    }
    accounts = {EmailTokenRequested, StaffInvited, MemberEmailChanged}
    assert written | accounts | {WebhookDisabled, StockLow, BackInStock} == set(EVENT_KINDS)
    assert set(EVENT_HANDLERS) <= set(EVENT_KINDS)


def test_what_waits_behind_a_failure_is_not_called_due(in_shop: Shop) -> None:
    ring("a", "b")
    relay(Ear("ear", fails=1)).run_once()
    (waits,) = backlog()
    assert (waits.waiting, waits.due, waits.failed, waits.parked) == (2, 0, 1, 0)
    assert outbox_lag_seconds() == 0
