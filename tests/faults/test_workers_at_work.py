"""Two workers at once, a mail server that takes its time, a mail that nobody takes, and commits that come late."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from commerce import clock
from commerce.db import atomic, insert_rows, new_id
from commerce.event_handlers import make_relay
from commerce.events.models import Delivery, Event
from commerce.events.relay import PAUSES
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from commerce.webhooks.services import create_endpoint
from tests.admin.conftest import desk, signed_in  # noqa: F401 - fixtures
from tests.events.sample_event import Ear, claim_mails, deliveries, fan_out_to, pauses_end, relay, ring
from tests.factories.checkout import make_order
from tests.factories.shop import make_product
from tests.factories.staff import post
from tests.faults.worker_setup import (
    PATIENCE,
    Nursery,
    count,
    left_to_do,
    post_office,
    time_passes,
    wait_until,
)
from tests.support.client import ShopClient
from tests.support.invariants import broken_invariants
from tests.webhooks.receiver import receiving

COD = "cash_on_delivery"
PATIENT_SECONDS = 2.0


def parked() -> int:
    return count(select(func.count()).select_from(Delivery).where(Delivery.state == "parked"))


def test_two_workers_at_once_do_everything_once(in_shop: Shop, database_url: str, tmp_path: Path) -> None:
    tea = make_product("Green tea", price=1000, stock=100)
    with post_office() as (postman, mail_url), receiving() as receiver:
        create_endpoint(url=receiver.url, description="", event_types=["order.confirmed"])
        with (
            Nursery(database_url, tmp_path / "one", mail_url) as one,
            Nursery(database_url, tmp_path / "two", mail_url) as two,
        ):
            for _ in range(12):
                make_order((tea, 1), payment_method=COD)
            for each in (one, two):
                each.begin()
            for _ in range(12):
                make_order((tea, 1), payment_method=COD)
            wait_until(lambda: left_to_do() == 0, "the workers do not finish")
            assert [each.stop() for each in (one, two)] == [False, False]
    confirmed = select(func.count()).select_from(Event).where(Event.type == "OrderConfirmed")
    assert count(confirmed) == 24
    assert sorted(postman.taken.values()) == [1] * 24
    assert len({each.headers["webhook-id"] for each in receiver.messages}) == len(receiver.messages) == 24
    assert {(each.state, each.tries) for each in deliveries()} == {("done", 1)}
    assert broken_invariants() == []


def test_a_slow_mail_server_slows_no_checkout_and_no_webhook(
    in_shop: Shop, database_url: str, tmp_path: Path
) -> None:
    tea = make_product("Green tea", price=1000, stock=100)
    with post_office() as (postman, mail_url), receiving() as receiver:
        create_endpoint(url=receiver.url, description="", event_types=["order.placed"])
        with Nursery(database_url, tmp_path / "one", mail_url) as only:
            make_order((tea, 1), payment_method=COD)
            postman.release.clear()
            only.begin()
            assert postman.holding.wait(PATIENCE), "no mail was sent"
            slowest = 0.0
            for _ in range(10):
                before = time.monotonic()
                make_order((tea, 1), payment_method=COD)
                slowest = max(slowest, time.monotonic() - before)
            wait_until(lambda: len(receiver.messages) == 11, "webhooks wait for the mail server")
            assert postman.taken.total() == 0, "the mail was held all the time"
            assert slowest < PATIENT_SECONDS
            postman.release.set()
            wait_until(lambda: postman.taken.total() >= 1, "the mail is never sent")
            only.stop()


def test_a_mail_that_nobody_takes_is_parked_holds_up_nobody_and_is_run_again_by_staff(
    make_app: Callable[..., Flask],
    in_shop: Shop,
    desk: ShopClient,  # noqa: F811 - the fixture of that name
) -> None:
    tea = make_product("Green tea", price=1000, stock=100)
    with post_office() as (postman, mail_url):
        postman.refused = {"poison@example.com"}
        app = make_app(mail_url=mail_url)
        with app.app_context(), shop_scope(in_shop):
            make_order((tea, 1), payment_method=COD, email="poison@example.com")
            for number in range(len(PAUSES) + 1):
                make_order((tea, 1), payment_method=COD)
                make_relay().run_until_idle()
                assert postman.taken.total() == number + 1, "others get their mail meanwhile"
                pauses_end()
            make_relay().run_until_idle()
            assert (parked(), left_to_do()) == (1, 0)
            page = desk.get("/admin/events?state=parked").text
            assert "no such mailbox" in page
            (poison,) = [each for each in deliveries() if each.state == "parked"]
            postman.refused = set()
            assert post(desk, f"/admin/events/{poison.id}/replay").status_code == 303
            make_relay().run_until_idle()
            assert (parked(), left_to_do()) == (0, 0)
            assert postman.taken[f"<{poison.id}@demo.localhost>"] == 1
            assert desk.get("/admin/events?state=parked").text.count("no such mailbox") == 0


def test_an_event_whose_transaction_commits_late_is_reported_although_later_ones_were(in_shop: Shop) -> None:
    """It has the smaller id and the older time: whoever looks for "id greater than the last one" never sees it."""
    early, moment, subject = new_id(), clock.now(), new_id()
    ring("later")
    ear = Ear("ear")
    relay(ear).run_until_idle()

    @atomic
    def commit_late() -> None:
        insert_rows(
            Event,
            [
                {
                    "id": early,
                    "type": "Rang",
                    "subject_id": subject,
                    "subject_version": 1,
                    "payload": {"tone": "early"},
                    "actor_kind": "system",
                    "occurred_at": moment,
                }
            ],
        )

    commit_late()
    relay(ear).run_until_idle()
    assert ear.heard == ["later", "early"]
    assert max(each.event_id for each in deliveries()) != early


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_worker_whose_clock_is_wrong_does_not_decide_when_the_next_try_is_due(
    in_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring("a")
    with monkeypatch.context() as wrong:
        wrong.setattr(clock, "now", lambda: datetime.now(UTC) + timedelta(days=3))
        assert relay(Ear("ear", fails=1)).run_once() == 1
    (delivery,) = deliveries()
    assert delivery.due_at - datetime.now(UTC) < timedelta(seconds=2 * PAUSES[0])


def test_what_kills_workers_is_tried_alone_and_takes_no_others_along(in_shop: Shop) -> None:
    """All of a batch were claimed when the worker died: only one of them is to blame."""
    for tone in ("poison", "b", "c"):
        ring(tone)
    fan_out_to("ear")
    assert len(claim_mails()) == 3  # and the worker is killed by the first
    for tries in range(2, len(PAUSES) + 2):
        time_passes()
        (claim,) = claim_mails()  # and again
        assert (claim.payload["tone"], claim.tries) == ("poison", tries)
    ear = Ear("ear")
    time_passes()
    relay(ear).run_until_idle()
    assert ear.heard == ["b", "c"]
    assert sorted((each.state, each.tries) for each in deliveries()) == [
        ("done", 2),
        ("done", 2),
        ("parked", 12),
    ]
