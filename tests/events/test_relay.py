"""Deliveries that fail, wait, get lost or race: told at least once, in order, and never silently dropped."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from flask import Flask

from commerce.db import new_id
from commerce.errors import IllegalTransition, NotFound
from commerce.events import claims
from commerce.events.queries import deliveries_of, list_deliveries
from commerce.events.relay import PAUSES, DeliveredEvent
from commerce.events.services import replay
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.events.sample_event import (
    Ear,
    claim_mails,
    deliveries,
    events,
    fan_out_to,
    leases_end,
    pauses_end,
    relay,
    ring,
)

postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def test_one_subjects_events_are_heard_in_the_order_of_its_versions(in_shop: Shop) -> None:
    subject = new_id()
    ring("third", subject=subject, version=3)
    ring("first", "second", subject=subject, version=1)
    ear = Ear("ear")
    relay(ear).run_until_idle()
    assert ear.heard == ["first", "second", "third"]


def test_events_of_one_version_are_heard_in_the_order_they_were_written(in_shop: Shop) -> None:
    subject = new_id()
    for tone in ("a", "b", "c"):
        ring(tone, subject=subject, version=1)
    ear = Ear("ear")
    relay(ear).run_until_idle()
    assert ear.heard == ["a", "b", "c"]


def test_a_failed_delivery_waits_longer_each_time_and_is_parked_after_the_last(in_shop: Shop) -> None:
    ring("a")
    ear = Ear("ear", fails=10**6)
    for number, pause in enumerate(PAUSES, start=1):
        before = datetime.now(UTC)
        assert relay(ear).run_once() == 1
        (delivery,) = deliveries()
        assert (delivery.state, delivery.tries) == ("waiting", number)
        assert delivery.error == "OSError: the line is dead"
        assert (delivery.lease, delivery.leased_until) == (None, None)
        waits = (delivery.due_at - before).total_seconds()
        assert 0.8 * pause <= waits <= 1.2 * pause + 10
        assert relay(ear).run_until_idle() == 0
        pauses_end()
    assert relay(ear).run_once() == 1
    (delivery,) = deliveries()
    assert (delivery.state, delivery.tries, delivery.lease) == ("parked", len(PAUSES) + 1, None)
    pauses_end()
    assert relay(ear).run_until_idle() == 0
    assert len(ear.happenings) == len(PAUSES) + 1


def test_the_pauses_are_seconds_at_first_and_about_three_days_in_all() -> None:
    assert PAUSES[0] == 5
    assert list(PAUSES) == sorted(PAUSES)
    assert timedelta(days=3) <= timedelta(seconds=sum(PAUSES)) <= timedelta(days=4)


def test_a_failure_that_passes_is_mended_by_the_next_try(in_shop: Shop) -> None:
    ring("a")
    ear = Ear("ear", fails=2)
    for _ in range(3):
        relay(ear).run_once()
        pauses_end()
    (delivery,) = deliveries()
    assert (delivery.state, delivery.tries, delivery.error) == ("done", 3, "")
    assert delivery.done_at is not None
    assert ear.heard == ["a"]
    assert {each.delivery_id for each in ear.happenings} == {delivery.id}


def test_a_failure_holds_back_its_subject_and_handler_and_nothing_else(in_shop: Shop) -> None:
    stuck = ring("stuck 1", "stuck 2")
    bad, good = Ear("bad", fails=1), Ear("good")
    relay(bad, good).run_until_idle()
    ring("other")
    relay(bad, good).run_until_idle()
    assert (bad.heard, good.heard) == (["other"], ["stuck 1", "stuck 2", "other"])
    pauses_end()
    relay(bad, good).run_until_idle()
    assert bad.heard == ["other", "stuck 1", "stuck 2"]
    assert [each.state for each in deliveries_of(stuck)] == ["done"] * 4


def test_what_comes_after_a_parked_delivery_is_reported(in_shop: Shop) -> None:
    subject = ring("lost")
    ear = Ear("ear", fails=len(PAUSES) + 1)
    ring("next", subject=subject, version=2)
    for _ in range(len(PAUSES) + 1):
        relay(ear).run_until_idle()
        pauses_end()
    relay(ear).run_until_idle()
    assert ear.heard == ["next"]
    assert [each.state for each in deliveries()] == ["parked", "done"]


def test_staff_replay_what_was_parked_with_a_fresh_schedule(in_shop: Shop) -> None:
    ring("a")
    ear = Ear("ear", fails=len(PAUSES) + 2)
    for _ in range(len(PAUSES) + 1):
        relay(ear).run_once()
        pauses_end()
    ((delivery, event),) = [tuple(row) for row in list_deliveries().rows]
    assert (delivery.state, event.payload) == ("parked", {"tone": "a"})
    replay(delivery.id)
    assert relay(ear).run_until_idle() == 1
    assert [(each.state, each.tries) for each in deliveries()] == [("waiting", 1)]
    replay(delivery.id)  # no need to wait for the pause either
    assert relay(ear).run_until_idle() == 1
    assert ear.heard == ["a"]
    assert list_deliveries().rows == []


def test_what_was_delivered_is_not_replayed(in_shop: Shop) -> None:
    ring("a")
    ear = Ear("ear")
    relay(ear).run_until_idle()
    with pytest.raises(IllegalTransition):
        replay(deliveries()[0].id)
    assert relay(ear).run_until_idle() == 0
    assert ear.heard == ["a"]


def test_another_shops_delivery_cannot_be_replayed(in_shop: Shop, other_shop: Shop) -> None:
    ring("a")
    ear = Ear("ear", fails=1)
    relay(ear).run_until_idle()
    (before,) = deliveries()
    with shop_scope(other_shop):
        assert list_deliveries().rows == []
        with pytest.raises(NotFound):
            replay(before.id)
    with pytest.raises(NotFound):
        replay(new_id())
    (after,) = deliveries()
    assert (after.tries, after.due_at) == (before.tries, before.due_at)


def test_a_handler_that_this_version_lacks_is_a_failure_that_staff_see(in_shop: Shop) -> None:
    ring("a")
    fan_out_to("removed")
    relay(Ear("ear")).run_until_idle()
    (delivery,) = deliveries()
    assert (delivery.state, delivery.error) == ("waiting", "KeyError: 'removed'")


def test_two_relays_at_once_deliver_each_event_once(app: Flask, in_shop: Shop) -> None:
    tones = [f"{number:03}" for number in range(120)]
    for start in range(0, 120, 3):
        ring(*tones[start : start + 3])
    ears = [Ear("ear"), Ear("ear")]
    start_together = threading.Barrier(2)

    def work(ear: Ear) -> None:
        with app.app_context():
            start_together.wait(timeout=10)
            relay(ear).run_until_idle()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, ears))
    for _ in range(200):  # what one held back while the other had its predecessor comes again a moment later
        relay(ears[0]).run_until_idle()
        if all(each.state == "done" for each in deliveries()):
            break
        time.sleep(0.05)
    assert sorted(ears[0].heard + ears[1].heard) == tones
    assert {(each.state, each.tries) for each in deliveries()} == {("done", 1)}
    assert len(deliveries()) == 120


@postgresql
def test_an_event_that_another_worker_is_just_taking_up_holds_back_the_later_ones(
    in_shop: Shop, database_url: str
) -> None:
    subject = ring("first")
    ring("second", subject=subject, version=2)
    ring("elsewhere")
    ear = Ear("ear")
    with psycopg.connect(database_url.replace("+psycopg", "")) as other:
        other.execute("SET LOCAL lockstep.every_shop = 'on'")
        other.execute("SELECT * FROM events WHERE id = %s FOR UPDATE", (events()[0].id,))
        assert relay(ear).run_once() == 1
        assert ear.heard == ["elsewhere"]
    relay(ear).run_until_idle()
    assert ear.heard == ["elsewhere", "first", "second"]


def test_a_killed_workers_delivery_is_made_again_when_its_lease_is_over(in_shop: Shop) -> None:
    ring("a")
    fan_out_to("ear")
    (claim,) = claim_mails()  # and here it is killed
    (delivery,) = deliveries()
    assert (delivery.lease, delivery.tries, claim.tries) == (claim.lease, 1, 1)
    assert delivery.leased_until is not None
    assert timedelta(seconds=50) < delivery.leased_until - datetime.now(UTC) < timedelta(seconds=70)
    ear = Ear("ear")
    assert relay(ear).run_until_idle() == 0
    leases_end()
    assert relay(ear).run_until_idle() == 1
    assert ear.heard == ["a"]
    assert [(each.state, each.tries) for each in deliveries()] == [("done", 2)]


def test_a_delivery_that_kills_every_worker_is_parked_without_being_tried_for_ever(in_shop: Shop) -> None:
    ring("a")
    fan_out_to("ear")
    for _ in range(len(PAUSES) + 1):
        assert len(claim_mails()) == 1  # and the worker is killed
        leases_end()
    ear = Ear("ear")
    assert relay(ear).run_until_idle() == 1
    (delivery,) = deliveries()
    assert (delivery.state, ear.heard) == ("parked", [])
    assert "never came back" in delivery.error


def test_slow_handlers_leave_the_rest_before_the_lease_runs_out(
    in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty mails under one lease, ten seconds each: what is begun late could be begun by somebody else too."""
    for tone in "abc":
        ring(tone)
    monkeypatch.setattr(claims, "LEASE", timedelta(seconds=0.2))
    ear = Ear("ear", then=lambda _happening: time.sleep(0.15))
    assert relay(ear).run_once() == 1
    assert ear.heard == ["a"]


def test_the_failure_of_a_worker_that_lost_its_lease_is_not_recorded(in_shop: Shop) -> None:
    second = Ear("ear")

    def be_too_slow(_happening: DeliveredEvent) -> None:
        leases_end()
        assert relay(second).run_until_idle() == 1

    ring("a")
    first = Ear("ear", fails=1, then=be_too_slow)
    assert relay(first).run_once() == 1
    (delivery,) = deliveries()
    assert (delivery.state, delivery.error, delivery.tries) == ("done", "", 2)
    assert (first.heard, second.heard) == ([], ["a"])


def test_the_success_of_a_worker_that_lost_its_lease_is_not_recorded_either(in_shop: Shop) -> None:
    taken: list[object] = []

    def be_too_slow(_happening: DeliveredEvent) -> None:
        leases_end()
        taken.extend(claim.lease for claim in claim_mails())

    ring("a")
    relay(Ear("ear", then=be_too_slow)).run_once()
    (delivery,) = deliveries()
    assert (delivery.state, delivery.done_at) == ("waiting", None)
    assert [delivery.lease] == taken
