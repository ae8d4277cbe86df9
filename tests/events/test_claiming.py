"""A claim costs the same whatever waits: each part is a walk along an index with a limit, also without statistics."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Self

import psycopg
import pytest
from flask import Flask
from sqlalchemy import Engine, bindparam, event, select, update

from commerce.db import atomic, current_tenant_id, db, every_shop, execute_many, insert_rows, new_id
from commerce.events.claims import CLAIMED_AT_ONCE, QUEUES_AT_ONCE, Lane, Turns, claim, look
from commerce.events.models import Delivery, Event
from commerce.events.outcomes import before_effect
from commerce.events.queries import outbox_lag_seconds
from commerce.events.relay import Relay
from commerce.events.services import replay
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from tests.events.sample_event import Ear, Rang, deliveries, fan_out_to, relay, ring
from tests.support.statements import count_statements

MANY = 50_000
MANY_ON_SQLITE = 2_000
FEW_PAGES = 500
"""Pages that a claim of twenty may touch; the waiting rows alone have thousands."""


@atomic
def wait_in_line(count: int) -> None:
    """Let so many deliveries wait, each of a subject of its own."""
    tenant_id, now = current_tenant_id(), datetime.now(UTC) - timedelta(minutes=1)
    if db.engine.dialect.name == "postgresql":
        # Or foreign keys are checked as was best when there was nothing yet.
        db.session.connection().exec_driver_sql("SET LOCAL plan_cache_mode = force_custom_plan")
    for start in range(0, count, 1000):
        ids = [new_id() for _ in range(min(1000, count - start))]
        insert_rows(
            Event,
            [
                {
                    "id": each,
                    "type": "Rang",
                    "subject_id": each,
                    "subject_version": 1,
                    "payload": {"tone": str(each)},
                    "actor_kind": "system",
                    "fanned_out": True,
                }
                for each in ids
            ],
        )
        insert_rows(
            Delivery,
            [
                {
                    "event_id": each,
                    "handler": "ear",
                    "subject_id": each,
                    "subject_version": 1,
                    "queue_id": tenant_id,
                    "due_at": now,
                }
                for each in ids
            ],
        )


class Explained:
    """The plans of what was sent meanwhile to the tables of the outbox."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, object]] = []

    def __enter__(self) -> Self:
        event.listen(Engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(Engine, "before_cursor_execute", self._note)

    def _note(
        self, _connection: object, _cursor: object, statement: str, parameters: object, *_: object
    ) -> None:
        if re.search(r"\b(deliveries|events)\b", statement):
            self.sent.append((statement, parameters))

    @every_shop()
    def plans(self, explain: str) -> list[str]:
        """Return the plan of each statement, run once more where `explain` says so."""
        return [
            "\n".join(str(row[-1] if len(row) == 4 else row[0]) for row in rows)
            for rows in self._ask(explain)
        ]

    @atomic
    def _ask(self, explain: str) -> list[list[tuple[object, ...]]]:
        connection = db.session.connection()
        return [
            [tuple(row) for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)]  # type: ignore[arg-type]
            for statement, parameters in self.sent
        ]


def everything_a_worker_asks() -> Explained:
    with Explained() as explained:
        look()
        assert len(claim(Lane.MAILS, 20, Turns())) == 20
        assert outbox_lag_seconds() > 0
    assert len(explained.sent) >= 6
    return explained


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("analyzed", [False, True], ids=["never analyzed", "analyzed"])
def test_whatever_waits_a_claim_walks_along_indexes_on_postgresql(
    app: Flask, in_shop: Shop, analyzed: bool
) -> None:
    wait_in_line(MANY)
    db.session.close()
    if analyzed:
        owner = app.config["LOCKSTEP"].migration_database_url.replace("+psycopg", "")
        with psycopg.connect(owner, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE deliveries, events")
    explained = everything_a_worker_asks()
    for statement, plan in zip(
        (sent for sent, _ in explained.sent),
        explained.plans("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF)"),
        strict=True,
    ):
        about = f"{statement}\n{plan}"
        assert "Seq Scan" not in plan, about
        assert not re.search(r"\bSort\b|Hash Join|Merge", plan), about
        (touched,) = re.findall(r"Buffers: shared hit=(\d+)", plan)[:1] or ["0"]
        assert int(touched) <= FEW_PAGES, about
    plans = "\n".join(explained.plans("EXPLAIN"))
    for index in ("ix_events_waiting", "ix_deliveries_due", "ix_deliveries_queue", "ix_deliveries_chain"):
        assert index in plans


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_whatever_waits_a_claim_walks_along_indexes_on_sqlite(in_shop: Shop) -> None:
    wait_in_line(MANY_ON_SQLITE)
    explained = everything_a_worker_asks()
    plans = explained.plans("EXPLAIN QUERY PLAN")
    for (statement, _), plan in zip(explained.sent, plans, strict=True):
        scans = [line for line in plan.splitlines() if re.match(r"SCAN (?!queues|CONSTANT|\d)", line)]
        assert all("USING" in line and "INDEX ix_" in line for line in scans), f"{statement}\n{plan}"
        assert "TEMP B-TREE" not in plan, f"{statement}\n{plan}"
    whole = "\n".join(plans)
    for index in ("ix_events_waiting", "ix_deliveries_due", "ix_deliveries_queue", "ix_deliveries_chain"):
        assert index in whole


def test_a_claim_takes_as_many_statements_for_one_delivery_as_for_a_hundred(in_shop: Shop) -> None:
    counts = []
    for count in (1, CLAIMED_AT_ONCE):
        wait_in_line(count)
        with count_statements() as statements:
            assert len(claim(Lane.MAILS)) == count
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 3


def test_a_batch_of_deliveries_is_noted_by_one_statement(in_shop: Shop) -> None:
    ear, tones = Ear("ear"), [str(number) for number in range(50)]
    for tone in tones:
        ring(tone)
    told = relay(ear)
    with count_statements() as statements:
        assert told.run_once() == 50
    assert sorted(ear.heard) == sorted(tones)
    # One look, fanning out (events, endpoints' time, deliveries, mark), two empty lanes, a claim, the shop, the result.
    assert len(statements) <= 14, statements


def test_what_a_handler_sends_is_sent_after_all_before_it_is_noted(in_shop: Shop) -> None:
    """A worker that dies has at most one effect of which it did not note that it was made."""
    noted: list[int] = []

    def send(_happening: object) -> None:
        before_effect("a letter was sent")
        noted.append(sum(each.state == "done" for each in deliveries()))

    for tone in "abc":
        ring(tone)
    relay(Ear("ear", then=send)).run_until_idle()
    assert noted == [0, 1, 2]
    assert [each.state for each in deliveries()] == ["done"] * 3


def test_nothing_leaves_the_house_inside_a_transaction(in_shop: Shop) -> None:
    @atomic
    def use_case() -> None:
        before_effect("a letter was sent")

    with pytest.raises(RuntimeError, match="a letter was sent inside a transaction"):
        use_case()


# --- lanes and queues ---------------------------------------------------------------------------------


def test_payments_are_delivered_before_mails_although_these_are_older(in_shop: Shop) -> None:
    heard: list[str] = []
    pay, mail = (Ear(name, then=lambda _happening, name=name: heard.append(name)) for name in ("pay", "mail"))
    told = Relay(
        {Rang: [mail, pay]},
        (Rang,),
        lambda tenant_id: shop_scope(get_shop(tenant_id)),
        lanes={"pay": Lane.ORDERS},
    )
    for tone in "abc":
        ring(tone)
    told.run_until_idle()
    assert heard == ["pay"] * 3 + ["mail"] * 3
    assert {(each.handler, each.lane) for each in deliveries()} == {("pay", "orders"), ("mail", "mails")}


def test_the_oldest_come_first(in_shop: Shop) -> None:
    for tone in "abcdef":
        ring(tone)
    ear = Ear("ear")
    relay(ear).run_once()
    assert ear.heard == list("abcdef")


def test_a_shop_with_a_long_backlog_leaves_the_others_their_turn(in_shop: Shop, other_shop: Shop) -> None:
    wait_in_line(5 * CLAIMED_AT_ONCE)
    with shop_scope(other_shop):
        wait_in_line(2)
    claimed = claim(Lane.MAILS)
    assert [each.tenant_id for each in claimed].count(other_shop.id) == 2
    assert len(claimed) == CLAIMED_AT_ONCE // 2 + 2


def test_a_queue_that_is_busy_is_passed_over(in_shop: Shop, other_shop: Shop) -> None:
    wait_in_line(3)
    with shop_scope(other_shop):
        wait_in_line(3)
    claimed = claim(Lane.MAILS, busy={in_shop.id})
    assert {each.tenant_id for each in claimed} == {other_shop.id}
    assert claim(Lane.MAILS, busy={in_shop.id}) == []


def test_every_queue_has_its_turn_however_many_there_are(in_shop: Shop) -> None:
    queues = [uuid.UUID(int=number + 1) for number in range(2 * QUEUES_AT_ONCE + 1)]
    wait_in_line(2 * len(queues))

    @atomic
    def spread() -> None:
        ids = db.session.scalars(select(Delivery.id).order_by(Delivery.id)).all()
        table = Delivery.__table__
        execute_many(
            update(table).where(table.c.id == bindparam("one")).values(queue_id=bindparam("queue")),  # type: ignore[arg-type]
            [{"one": each, "queue": queues[number % len(queues)]} for number, each in enumerate(ids)],
        )

    spread()
    turns, seen = Turns(), []
    while claimed := claim(Lane.MAILS, QUEUES_AT_ONCE, turns):
        seen.append({each.queue_id for each in claimed})
    assert set.union(*seen[:3]) == set(queues), "each had its turn before any had its second"
    assert sum(len(each) for each in seen) >= len(queues)
    assert {each.lease is not None for each in deliveries()} == {True}


# --- chains -------------------------------------------------------------------------------------------


def test_a_chain_is_claimed_as_a_whole_and_made_in_its_order(in_shop: Shop) -> None:
    subject = ring("a", "b", "c")
    fan_out_to("ear")
    claimed = claim(Lane.MAILS)
    assert [(each.subject_id, each.payload["tone"]) for each in claimed] == [
        (subject, tone) for tone in "abc"
    ]


def test_a_failure_ends_the_turn_of_its_chain_alone(in_shop: Shop) -> None:
    ring("a", "b")
    ring("other")
    ear = Ear("ear", fails=1)
    assert relay(ear).run_once() == 2
    assert ear.heard == ["other"]
    assert [(each.state, each.tries) for each in deliveries()] == [
        ("waiting", 1),
        ("waiting", 0),
        ("done", 1),
    ]


def test_what_waits_behind_a_failure_steps_back_and_comes_again_with_it(in_shop: Shop) -> None:
    """Else a claim would find the same held ones again and again, and one day nothing but them."""
    ring("a", "b")
    ear = Ear("ear", fails=1)
    relay(ear).run_until_idle()
    first, second = deliveries()
    assert second.due_at == first.due_at > datetime.now(UTC)
    assert not look()
    replay(first.id)
    relay(ear).run_until_idle()
    assert ear.heard == ["a", "b"]


def test_a_queue_is_not_clogged_by_what_cannot_run(in_shop: Shop) -> None:
    ring(*(str(number) for number in range(30)))
    fan_out_to("ear")
    assert len(claim(Lane.MAILS, 1)) == 1  # somebody is at the first of the chain, and takes long
    ring("free")
    fan_out_to("ear")
    found = [each.payload["tone"] for _ in range(5) for each in claim(Lane.MAILS, 10)]
    assert found == ["free"]


def test_a_condition_spares_a_delivery_that_has_nothing_to_do(in_shop: Shop) -> None:
    loud, all_of_them = Ear("loud"), Ear("all")
    told = Relay(
        {Rang: [loud, all_of_them]},
        (Rang,),
        lambda tenant_id: shop_scope(get_shop(tenant_id)),
        conditions={"loud": lambda facts: facts["tone"].isupper()},
    )
    ring("a")
    ring("B")
    told.run_until_idle()
    assert (loud.heard, all_of_them.heard) == (["B"], ["a", "B"])
    assert sorted(each.handler for each in deliveries()) == ["all", "all", "loud"]


def test_a_condition_that_does_not_know_the_facts_leaves_them_to_the_handler(in_shop: Shop) -> None:
    ear = Ear("ear")
    told = Relay(
        {Rang: [ear]},
        (Rang,),
        lambda tenant_id: shop_scope(get_shop(tenant_id)),
        conditions={"ear": lambda facts: bool(facts["volume"])},
    )
    ring("a")
    told.run_until_idle()
    assert ear.heard == ["a"]
