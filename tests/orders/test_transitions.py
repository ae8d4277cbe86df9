"""Every status x action x actor: what the table allows happens, and what it does not allow leaves no trace.

The expectation is written out here once more, by hand, so that a slip in the table does not agree with itself.
"""

import itertools

import pytest
from sqlalchemy import func, select

from commerce.db import db
from commerce.errors import IllegalTransition, InvalidValue, NotAllowed
from commerce.events.models import Event
from commerce.events.outbox import Actor
from commerce.orders.transitions import FINAL, STATUSES, TRANSITIONS, Transition, why_not
from commerce.orders.transitions import SHOPPER as SHOPPER_KIND
from commerce.orders.transitions import STAFF as STAFF_KIND
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from tests.factories.orders import BOB, PATHS, fresh, move_alone, order_in
from tests.factories.shop import make_product

SHOPPER = {"guest", "member"}
STAFF = {"staff", "api"}
ACTORS = ("guest", "member", "api", "staff", "system", "gateway")
REFUND = ("refund_requested", SHOPPER | STAFF)
ALLOWED: dict[str, dict[str, tuple[str, set[str]]]] = {
    "pending": {
        "pay": ("paid", STAFF | {"gateway"}),
        "cancel": ("cancelled", SHOPPER | STAFF | {"system"}),
    },
    "paid": {
        "confirm": ("confirmed", STAFF | {"system"}),
        "cancel": ("cancelled", STAFF | {"system"}),
        "request_refund": REFUND,
    },
    "confirmed": {
        "process": ("processing", STAFF),
        "cancel": ("cancelled", SHOPPER | STAFF | {"system"}),
        "request_refund": REFUND,
    },
    "processing": {
        "ship": ("shipped", STAFF),
        "cancel": ("cancelled", STAFF | {"system"}),
        "request_refund": REFUND,
    },
    "shipped": {"deliver": ("delivered", STAFF), "request_refund": REFUND},
    "delivered": {"complete": ("completed", STAFF | {"system"}), "request_refund": REFUND},
    "completed": {"request_refund": REFUND},
    "cancelled": {"reopen": ("pending", {"system"})},
    "refund_requested": {"decline_refund": ("confirmed", STAFF), "refund": ("refunded", STAFF)},
    "refunded": {},
}
"""status -> action -> (the status after it, who may do it). The order is paid for in advance."""


def events_of(order_id: object) -> int:
    return db.session.scalar(select(func.count(Event.id)).where(Event.subject_id == order_id)) or 0


def test_the_expectation_names_every_status() -> None:
    assert set(ALLOWED) == set(STATUSES) == set(PATHS)


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_allowed_happens_and_is_written_down(in_shop: Shop, status: str) -> None:
    make_product(sku="TEA-1", stock=1000)
    for action, (target, actors) in ALLOWED[status].items():
        for kind in sorted(actors):
            order = order_in(status)
            before, version = events_of(order.id), order.version
            move_alone(order.id, action, Actor(kind, id="7", name="Somebody", request_id="r-1"))
            order = fresh(order.id)
            assert order.status == target, (action, kind)
            assert order.version > version
            assert events_of(order.id) == before + 1
            event = db.session.scalars(
                select(Event).where(Event.subject_id == order.id).order_by(Event.id.desc())
            ).first()
            assert event is not None
            facts = event.payload
            assert (facts["action"], facts["from_status"], facts["to_status"]) == (action, status, target)
            assert (event.actor_kind, event.actor_name, event.request_id) == (kind, "Somebody", "r-1")


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_not_allowed_leaves_no_trace(in_shop: Shop, status: str) -> None:
    make_product(sku="TEA-1", stock=100)
    order = order_in(status)
    seen = (order.status, order.payment_status, order.version, events_of(order.id))
    tried = 0
    for row in TRANSITIONS:
        _target, actors = ALLOWED[status].get(row.action, ("", set()))
        for kind in ACTORS:
            if kind in actors:
                continue
            tried += 1
            with pytest.raises((IllegalTransition, NotAllowed)):
                move_alone(order.id, row.action, Actor(kind))
    order = fresh(order.id)
    assert (order.status, order.payment_status, order.version, events_of(order.id)) == seen
    assert tried == len(TRANSITIONS) * len(ACTORS) - sum(
        len(actors) for _, actors in ALLOWED[status].values()
    )


def test_somebody_who_may_never_do_it_gets_the_reason(in_shop: Shop) -> None:
    make_product(sku="TEA-1")
    order = order_in("confirmed")
    with pytest.raises(NotAllowed):
        move_alone(order.id, "process", Actor("guest"))
    with pytest.raises(IllegalTransition):
        move_alone(order.id, "ship", BOB)


def test_a_pay_later_order_is_confirmed_before_it_is_paid(in_shop: Shop) -> None:
    make_product(sku="TEA-1")
    order = order_in("pending", pay_later=True)
    move_alone(order.id, "confirm", BOB)
    assert fresh(order.id).status == "confirmed"


def test_an_unpaid_order_has_nothing_to_refund(in_shop: Shop) -> None:
    make_product(sku="TEA-1")
    order = order_in("pending", pay_later=True)
    move_alone(order.id, "confirm", BOB)
    with pytest.raises(IllegalTransition):
        move_alone(order.id, "request_refund", BOB)


@pytest.mark.parametrize("status", ["paid", "confirmed", "processing", "shipped", "delivered", "completed"])
def test_a_declined_refund_leads_back_to_where_it_came_from(in_shop: Shop, status: str) -> None:
    make_product(sku="TEA-1")
    order = order_in(status)
    move_alone(order.id, "request_refund", BOB)
    move_alone(order.id, "decline_refund", BOB)
    assert fresh(order.id).status == status


@pytest.mark.parametrize(
    ("status", "action"),
    [("pending", "cancel"), ("confirmed", "request_refund"), ("refund_requested", "decline_refund")],
)
@pytest.mark.parametrize("reason", ["", "  \n", "x" * 501])
def test_a_reason_is_asked_for_and_has_a_limit(in_shop: Shop, status: str, action: str, reason: str) -> None:
    make_product(sku="TEA-1")
    order = order_in(status)
    with pytest.raises(InvalidValue):
        move_alone(order.id, action, BOB, reason)
    assert fresh(order.id).status == status


def test_nothing_leads_on_from_a_final_status_but_a_refund_and_late_money() -> None:
    leading_on = {(status, action) for status in FINAL for action in ALLOWED[status]}
    assert leading_on == {("completed", "request_refund"), ("cancelled", "reopen")}


# --- a part of it has left ----------------------------------------------------------------------------


def test_once_a_part_has_left_nobody_cancels_and_the_rest_goes_on(in_shop: Shop) -> None:
    make_product(sku="TEA-1", stock=1000)
    for action, (target, actors) in ALLOWED["processing"].items():
        for kind in ACTORS:
            order = order_in("processing")
            ship_order(order.id, BOB, units={order.lines[0].id: 1})
            seen = events_of(order.id), fresh(order.id).version
            if action != "cancel" and kind in actors:
                move_alone(order.id, action, Actor(kind))
                assert fresh(order.id).status == target, (action, kind)
                continue
            with pytest.raises((IllegalTransition, NotAllowed)):
                move_alone(order.id, action, Actor(kind))
            assert (events_of(order.id), fresh(order.id).version) == seen
            assert fresh(order.id).status == "processing"


@pytest.mark.parametrize("row", TRANSITIONS, ids=lambda row: row.action)
def test_that_a_part_has_left_matters_to_nothing_but_cancelling(row: Transition) -> None:
    for status in STATUSES:
        for actor in (SHOPPER_KIND, STAFF_KIND, "system", "gateway"):
            for pay_later, paid in itertools.product((True, False), repeat=2):
                facts = {"pay_later": pay_later, "paid": paid}
                before = why_not(row, status, actor, sent=False, **facts)
                after = why_not(row, status, actor, sent=True, **facts)
                assert before == after or (row.action == "cancel" and not before), (status, actor)
