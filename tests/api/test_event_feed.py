"""The event feed returns every event exactly once, in order, even if transactions commit late."""

import uuid
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from commerce import clock
from commerce.db import atomic, db, insert_rows, new_id
from commerce.events import feed
from commerce.events.models import Event, EventFeed
from commerce.orders.events import OrderConfirmed, OrderNoteAdded, OrderPlaced, PaymentSucceeded
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.api_clients import Program, make_program, order_body
from tests.factories.shop import make_product
from tests.support.statements import count_statements
from tests.webhooks.conftest import calling, receiver  # noqa: F401 - fixtures
from tests.webhooks.receiver import Receiver
from tests.webhooks.sample_events import happen, listen, verify, work


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def ask(program: Program, after: str = "", **more: Any) -> tuple[list[Any], str]:
    """Return the events of a page and where it ended."""
    asked = "&".join(f"{name}={value}" for name, value in ({"after": after} | more).items() if value)
    answer = program.get(f"/api/events?{asked}")
    assert answer.status_code == 200, answer.text
    return answer.json["items"], answer.json["nextCursor"]


def versions(events: list[Any]) -> list[int]:
    return [event["data"]["version"] for event in events]


def publish_as(event_id: uuid.UUID, subject: uuid.UUID, version: int) -> None:
    """Let an event be committed now whose id was made some time ago."""
    facts = {"code": "ORD-000009", "total": 100, "currency": "USD", "pay_later": False}
    row = {"id": event_id, "type": "OrderPlaced", "subject_id": subject, "subject_version": version}
    atomic(insert_rows)(Event, [row | {"payload": facts, "actor_kind": "system", "occurred_at": clock.now()}])


def test_the_feed_returns_what_webhooks_deliver_and_continues_at_its_cursor(
    program: Program,
    calling: Shop,  # noqa: F811 - the fixture of that name
    receiver: Receiver,  # noqa: F811
) -> None:
    _id, secret = listen(receiver.url)
    make_product("Wireless Mouse", price=2999, sku="PRD-001")
    assert program.post("/api/orders", order_body(("PRD-001", 2))).status_code == 201
    (placed,), cursor = ask(program)
    assert (placed["type"], placed["data"]["total"], placed["data"]["currency"]) == (
        "order.placed",
        64.98,
        "USD",
    )
    work()
    (message,) = receiver.messages
    assert {"id": message.headers["webhook-id"], **verify(secret, message)} == placed
    assert ask(program, cursor) == ([], cursor)
    happen(PaymentSucceeded, OrderConfirmed)
    (paid,), further = ask(program, cursor, limit=1)
    (confirmed,), end = ask(program, further, limit=1)
    assert (paid["type"], confirmed["type"]) == ("order.paid", "order.confirmed")
    assert ask(program, end)[0] == []


def test_types_can_change_from_page_to_page_and_internal_events_are_skipped(program: Program) -> None:
    happen(OrderPlaced, PaymentSucceeded, OrderNoteAdded)
    (placed,), middle = ask(program, types="order.placed", limit=1)
    assert placed["type"] == "order.placed"
    rest, end = ask(program, middle)
    assert [event["type"] for event in rest] == ["order.paid"]
    happen(OrderNoteAdded)
    nothing, passed = ask(program, end)
    assert nothing == []
    assert passed != end
    assert ask(program, passed, types="order.placed,order.paid") == ([], passed)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("types=order.eaten", "types"),
        ("types=", "types"),
        ("after=ImEi.made-up", "after"),
        ("limit=101", "limit"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
    ],
)
def test_it_rejects_invalid_parameters(program: Program, asked: str, field: str) -> None:
    answer = program.get(f"/api/events?{asked}")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)


def test_another_shop_sees_no_events_and_rejects_the_cursors(
    app: Flask, program: Program, other_shop: Shop
) -> None:
    happen(OrderPlaced)
    _events, cursor = ask(program)
    with shop_scope(other_shop):
        other = make_program(app, host="other.localhost")
        happen(PaymentSucceeded)
    assert [event["data"]["shop"] for event in ask(other)[0]] == ["other"]
    assert other.get(f"/api/events?after={cursor}").status_code == 422
    assert len(ask(program)[0]) == 1


def test_a_cursor_from_before_a_restored_backup_is_rejected(
    program: Program,
) -> None:
    happen(OrderPlaced, PaymentSucceeded)
    _events, cursor = ask(program)
    atomic(lambda: db.session.execute(update(EventFeed).values(position=1)))()
    answer = program.get(f"/api/events?after={cursor}")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "after")


def test_a_key_without_the_scope_reads_no_events(app: Flask, in_shop: Shop) -> None:
    answer = make_program(app, ["orders:read"]).get("/api/events")
    assert (answer.status_code, answer.json["scope"]) == (403, "events:read")


def test_an_event_that_commits_late_is_not_missed(program: Program) -> None:
    """Its id is smaller than one that was read already, which is what following ids would never look at again."""
    early = new_id()
    happen(OrderPlaced)
    (seen,), cursor = ask(program)
    newest = max(db.session.scalars(select(Event.id)))
    db.session.close()
    publish_as(early, new_id(), 7)
    by_id = db.session.scalars(select(Event.id).where(Event.id > newest)).all()
    db.session.close()
    assert by_id == [], "control: whoever follows ids misses it"
    (late,), _end = ask(program, cursor)
    assert (late["id"], late["data"]["version"]) == (f"msg_{early.hex}", 7)
    assert [event["id"] for event in ask(program)[0]] == [seen["id"], late["id"]]


def test_events_of_an_order_are_sorted_by_version_despite_clock_skew(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "BATCH", 2)
    order, ids = new_id(), [new_id() for _ in range(5)]
    for event_id, version in zip(ids, (3, 1, 2, 5, 4), strict=True):
        publish_as(event_id, order, version)
    assert versions(ask(program)[0]) == [1, 2, 3, 4, 5]


def test_a_long_backlog_is_returned_in_full_pages(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BATCH", 3)
    for _ in range(4):
        happen(OrderPlaced, PaymentSucceeded)
    found, cursor = ask(program, limit=5)
    assert len(found) == 5
    rest, _end = ask(program, cursor, limit=5)
    assert len({event["id"] for event in [*found, *rest]}) == 8


def test_polling_an_idle_shop_writes_nothing(program: Program) -> None:
    happen(OrderPlaced)
    _events, cursor = ask(program)
    with count_statements() as statements:
        ask(program, cursor)
    assert all(statement.startswith("SELECT") for statement in statements), statements
    assert len(statements) <= 6, statements
