"""The history of an order: actor, statuses and reason of each event."""

import pytest
from flask import Flask

from commerce.api.orders.history import name_of
from commerce.orders.events import OrderEvent
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.api.order_helpers import assert_rejected, make_tea, order_url, paid_order
from tests.factories.api_clients import Program, make_program


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app, name="Robot")


def test_the_history_has_actor_status_and_reason(program: Program) -> None:
    order = paid_order(make_tea(), 1)
    program.patch(order_url(order, "status"), {"status": "cancelled", "reason": "Sold out"})
    items = program.get(order_url(order, "events")).json["items"]
    assert [each["type"] for each in items] == [
        "order.placed",
        "payment.received",
        "order.paid",
        "order.confirmed",
        "order.cancelled",
        "refund.queued",
    ]
    cancelled = items[4]
    told = ("action", "fromStatus", "toStatus", "reason", "actor")
    robot = {"kind": "api", "name": "Robot"}
    assert [cancelled[name] for name in told] == ["cancel", "confirmed", "cancelled", "Sold out", robot]
    assert cancelled["requestId"]
    assert cancelled["occurredAt"].endswith("Z")
    assert cancelled["id"].startswith("msg_")
    assert (items[5]["amount"], items[5]["currency"]) == (15, "USD")
    assert [each["version"] for each in items] == sorted(each["version"] for each in items)


def test_it_is_paginated_while_events_are_added(program: Program) -> None:
    order = paid_order(make_tea(), 1)
    page = program.get(order_url(order, "events") + "?limit=3").json
    program.patch(order_url(order, "status"), {"status": "processing"})
    found = page["items"]
    while page["nextCursor"]:
        page = program.get(order_url(order, "events") + f"?limit=1&cursor={page['nextCursor']}").json
        found += page["items"]
    assert found == program.get(order_url(order, "events")).json["items"]
    assert [each["action"] for each in found] == ["", "", "pay", "confirm", "process"]


def test_it_rejects_a_cursor_of_another_order(program: Program) -> None:
    sold = make_tea()
    cursor = program.get(order_url(paid_order(sold, 1), "events") + "?limit=1").json["nextCursor"]
    other = program.get(order_url(paid_order(sold, 1), "events") + f"?cursor={cursor}")
    assert_rejected(other, 422, "invalid_value", "cursor")


def test_every_event_of_an_order_has_a_public_name() -> None:
    def kinds(family: type[OrderEvent]) -> set[str]:
        below = {name for kind in family.__subclasses__() for name in kinds(kind)}
        return below | ({family.type()} if family is not OrderEvent else set())

    names = {name_of(kind) for kind in kinds(OrderEvent)}
    assert {"order.placed", "order.note_added", "shipment.sent"} <= names


def test_the_history_is_not_found_by_another_shop(app: Flask, program: Program, other_shop: Shop) -> None:
    order = paid_order(make_tea(), 1)
    with shop_scope(other_shop):
        charlie = make_program(app, host=other_shop.host)
    assert_rejected(charlie.get(order_url(order, "events")), 404, "not_found")
    assert_rejected(
        make_program(app, ["events:read"]).get(order_url(order, "events")), 403, "insufficient_scope"
    )
