"""The status of an order changes by the table of transitions, and in no other way."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from commerce.accounts.models import AuditEntry
from commerce.accounts.scopes import SCOPES
from commerce.api.orders import status as order_status
from commerce.db import atomic, db
from commerce.events.models import Event
from commerce.inventory.services import release_and_restock
from commerce.order_management.actions import ACTIONS, LEADING_TO, gives_money_back
from commerce.orders.models import Order
from commerce.orders.transitions import STATUSES
from commerce.settlement.manual_payments import record_receipt
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from commerce.tenants.settings import change_settings
from tests.api.order_helpers import (
    assert_rejected,
    captured_and_refunded,
    make_tea,
    order_url,
    paid_order,
    snapshot,
)
from tests.factories.api_clients import Program, make_program
from tests.factories.checkout import make_order
from tests.factories.orders import BOB, fresh, order_in
from tests.factories.shop import counters
from tests.orders.test_transitions import ALLOWED
from tests.support.invariants import broken_invariants

WITHOUT_MONEY = tuple(scope for scope in SCOPES if scope != "payments:write")


@pytest.fixture
def program(app: Flask, in_shop: Shop) -> Program:
    return make_program(app)


def move(program: Program, order: Order, **body: Any) -> Any:
    return program.patch(order_url(order, "status"), body)


def by_hand(status: str) -> dict[str, str]:
    """Return action -> the status after it, of what staff may do; money that comes confirms the order at once."""
    table = {action: target for action, (target, who) in ALLOWED[status].items() if "api" in who}
    return table | ({"pay": "confirmed"} if "pay" in table else {})


# What one action does to stock on which database is tested where its service is; here it is the table, walked twice.
@pytest.mark.parametrize(
    ("deduct_on", "database_url"),
    [("shipment", "sqlite"), ("confirmation", "postgresql")],
    indirect=["database_url"],
)
def test_every_action_in_every_status_follows_the_table_of_transitions(
    program: Program, in_shop: Shop, deduct_on: str
) -> None:
    change_settings(in_shop.id, {"deduct_on": deduct_on}, seen_version=get_shop(in_shop.id).version)
    sold, tried = make_tea(stock=1000), 0
    for status in STATUSES:
        order, allowed = order_in(status), by_hand(status)
        before = snapshot(order)
        for action in ACTIONS.keys() - allowed.keys():
            problem = assert_rejected(
                move(program, order, action=action, reason="Because"), 409, "illegal_transition"
            )
            assert (problem["orderStatus"], problem["action"]) == (status, action)
            tried += 1
        assert snapshot(order) == before
        for action, target in allowed.items():
            answer = move(program, order_in(status), action=action, reason="Because")
            assert answer.status_code == 200, answer.text
            assert answer.json["attributes"]["status"] == target, (status, action)
            tried += 1
    assert tried == len(STATUSES) * len(ACTIONS)
    assert counters(sold)[0] < 1000
    assert broken_invariants() == []


def test_an_order_is_moved_from_pending_to_completed_by_status_names(program: Program) -> None:
    order = order_in("pending", sku=make_tea().sku)
    for status in ("paid", "processing", "shipped", "delivered", "completed", "refund_requested", "refunded"):
        answer = move(program, order, status=status, reason="Because")
        assert answer.json["attributes"]["status"] == {"paid": "confirmed"}.get(status, status), answer.text
    assert captured_and_refunded(order) == (2500, 2500)


def test_the_request_of_the_mbc_example_confirms_an_order(program: Program) -> None:
    order = order_in("paid", sku=make_tea().sku)
    answer = program.patch(order_url(order, "status"), {"status": "confirmed"})
    assert (answer.status_code, answer.json["attributes"]["status"]) == (200, "confirmed")


@pytest.mark.parametrize("remembered", ["confirmed", "shipped", "completed"])
def test_the_previous_status_declines_a_refund_request(program: Program, remembered: str) -> None:
    order = order_in(remembered, sku=make_tea().sku)
    move(program, order, status="refund_requested", reason="Too late")
    others = {"processing", "cancelled", "paid", "pending"} - {remembered}
    for other in sorted(others):
        assert_rejected(move(program, order, status=other, reason="No"), 409, "illegal_transition")
    answer = move(program, order, status=remembered, reason="It was in time")
    assert (answer.status_code, answer.json["attributes"]["status"]) == (200, remembered)


def test_carrier_and_restock_are_sent_with_the_status(program: Program) -> None:
    sold = make_tea()
    order = paid_order(sold, 2, "process")
    answer = move(program, order, status="shipped", carrier="DHL", trackingCode="X1")
    assert [each["shipped"] for each in answer.json["attributes"]["items"]] == [2]
    parcel = program.get(order_url(order, "shipments")).json["items"][0]
    assert (parcel["carrier"], parcel["trackingCode"]) == ("DHL", "X1")
    move(program, order, status="refund_requested", reason="Broken")
    move(program, order, status="refunded", restock=True, expectedAmount=25)
    assert (counters(sold), captured_and_refunded(order)) == ((100, 0), (2500, 2500))


@pytest.mark.parametrize(
    ("status", "wanted"),
    [("confirmed", "cancelled"), ("paid", "refund_requested"), ("shipped", "refund_requested")],
)
def test_a_reason_is_required_where_the_table_says_so(program: Program, status: str, wanted: str) -> None:
    order = order_in(status, sku=make_tea().sku)
    before = snapshot(order)
    assert_rejected(move(program, order, status=wanted), 422, "invalid_value", "reason")
    assert snapshot(order) == before


def test_it_rejects_a_stale_version(program: Program) -> None:
    order = paid_order(make_tea(), 1)
    before = snapshot(order)
    stale = assert_rejected(
        move(program, order, status="processing", version=order.version - 1), 409, "stale_version"
    )
    assert (stale["seenVersion"], stale["currentVersion"]) == (order.version - 1, order.version)
    by_header = program.patch(
        order_url(order, "status"), {"status": "processing"}, If_Match=f'"{order.version + 1}"'
    )
    assert_rejected(by_header, 409, "stale_version")
    assert snapshot(order) == before
    shown = program.get(order_url(order)).headers["ETag"]
    moved = program.patch(order_url(order, "status"), {"status": "processing"}, If_Match=shown)
    assert moved.status_code == 200, moved.text


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "invalid_value", "status"),
        ({"status": "processing", "action": "process"}, "invalid_value", "status"),
        ({"status": "done"}, "invalid_request", "status"),
        ({"action": "reopen"}, "invalid_request", "action"),
        ({"status": "processing", "version": "1"}, "invalid_request", "version"),
        ({"status": "processing", "restock": True}, "invalid_value", "restock"),
        ({"status": "cancelled", "reason": "No", "carrier": "DHL"}, "invalid_value", "carrier"),
        ({"status": "cancelled", "reason": "No", "expectedAmount": 1.001}, "invalid_value", "expectedAmount"),
        ({"status": "processing", "paidBy": "me"}, "invalid_request", "paidBy"),
    ],
)
def test_an_invalid_field_is_rejected_by_name(
    program: Program, body: dict[str, Any], code: str, field: str
) -> None:
    order = paid_order(make_tea(), 1)
    before = snapshot(order)
    assert_rejected(program.patch(order_url(order, "status"), body), 422, code, field)
    assert snapshot(order) == before


def test_nothing_is_refunded_if_the_amount_differs_from_the_expected_one(program: Program) -> None:
    order = paid_order(make_tea(), 1)
    before = snapshot(order)
    assert_rejected(
        move(program, order, status="cancelled", reason="No", expectedAmount=14.99), 409, "conflict"
    )
    assert snapshot(order) == before
    assert move(program, order, status="cancelled", reason="No", expectedAmount=15).status_code == 200
    assert captured_and_refunded(order) == (1500, 1500)


def test_money_is_moved_only_with_the_payment_scope(app: Flask, program: Program) -> None:
    mover, sold = make_program(app, WITHOUT_MONEY), make_tea()
    unpaid, paid = make_order((sold, 1)), paid_order(sold, 1)
    asked = order_in("refund_requested", sku=sold.sku)
    for order, status in ((fresh(unpaid.id), "paid"), (paid, "cancelled"), (asked, "refunded")):
        before = snapshot(order)
        problem = assert_rejected(move(mover, order, status=status, reason="No"), 403, "insufficient_scope")
        assert problem["scope"] == "payments:write"
        assert snapshot(order) == before
    assert move(mover, fresh(unpaid.id), status="cancelled", reason="No").status_code == 200
    assert move(mover, paid, status="processing").status_code == 200


def test_a_concurrent_payment_is_not_refunded_without_the_payment_scope(
    app: Flask, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of the money arrives when the key was looked at and the order is not locked yet."""
    mover, order = make_program(app, WITHOUT_MONEY), fresh(make_order((make_tea(), 1)).id)

    def arrive(action: str, seen: Order) -> bool:
        asked = gives_money_back(action, seen)
        record_receipt(order.id, BOB, amount=500)
        return asked

    monkeypatch.setattr(order_status, "gives_money_back", arrive)
    assert_rejected(move(mover, order, status="cancelled", reason="No"), 409, "conflict")
    assert (fresh(order.id).status, captured_and_refunded(order)) == ("pending", (500, 0))


def test_a_read_only_key_cannot_change_the_status(app: Flask, program: Program) -> None:
    order = paid_order(make_tea(), 1)
    reader = make_program(app, ["orders:read", "payments:write"])
    assert_rejected(move(reader, order, status="processing"), 403, "insufficient_scope")
    assert fresh(order.id).status == "confirmed"


@atomic
def lose_the_hold(order: Order) -> None:
    """Let go of what is reserved for an order, as a fault might."""
    unsent = {line.id: line.quantity for line in order.lines}
    release_and_restock(
        order.id, unsent=unsent, returned={}, cause="cancelled", actor="test", reference="test"
    )


def test_an_order_without_reserved_stock_is_not_confirmed(program: Program) -> None:
    order = order_in("paid", sku=make_tea().sku)
    lose_the_hold(order)
    problem = assert_rejected(move(program, order, status="confirmed"), 409, "reservation_failed")
    assert "0 of 2 units are reserved" in problem["detail"]
    assert program.get(order_url(order)).json["attributes"]["attention"] == problem["detail"]
    assert fresh(order.id).status == "paid"


def test_the_api_client_is_recorded_as_the_actor(program: Program) -> None:
    order = paid_order(make_tea(), 1)
    assert move(program, order, status="processing").status_code == 200
    db.session.close()
    event = db.session.scalars(
        select(Event).where(Event.subject_id == order.id).order_by(Event.id.desc())
    ).first()
    assert event is not None
    assert (event.actor_kind, event.actor_id) == ("api", str(program.client_id))
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "api.change_order_status")).one()
    assert (entry.subject, entry.actor_id) == (order.code, str(program.client_id))
    assert event.request_id == entry.request_id != ""


def test_every_status_has_an_action_that_leads_to_it() -> None:
    assert set(LEADING_TO) == set(STATUSES)


def test_control_characters_in_a_path_are_not_found(program: Program) -> None:
    for name in ("%00", "ORD%0A1", "x" * 300, "ORD-999999"):
        assert_rejected(program.get(f"/api/orders/{name}"), 404, "not_found")
        answer = program.patch(f"/api/orders/{name}/status", {"status": "processing"})
        assert_rejected(answer, 404, "not_found")


def test_an_order_of_another_shop_is_not_found(app: Flask, program: Program, other_shop: Shop) -> None:
    order = paid_order(make_tea(), 1)
    with shop_scope(other_shop):
        other = make_program(app, host=other_shop.host)
    assert_rejected(move(other, order, status="processing"), 404, "not_found")
    lost = Program(app, other.key)
    assert_rejected(move(lost, order, status="processing"), 401, "unauthorized")
    assert fresh(order.id).status == "confirmed"
