"""Asking units back and answering: what the request is about, what it does to the status, what comes of it."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from commerce import clock
from commerce.db import atomic, db
from commerce.errors import Conflict, IllegalTransition, InvalidValue, NotAllowed, NotFound, StaleVersion
from commerce.events.models import Event
from commerce.events.outbox import Actor
from commerce.orders.models import Credit, Order, ReturnRequest
from commerce.orders.queries import timeline
from commerce.orders.refunds import RefundRequest, credit_order
from commerce.orders.return_queries import (
    count_requests,
    credits_of,
    get_request,
    list_requests,
    requests_of,
    units_to_ask_for,
)
from commerce.orders.returns import (
    approve_return,
    decline_refund,
    decline_return,
    receive_return,
    refund_order,
    refund_return,
    request_return,
    withdraw_return,
)
from commerce.orders.services import cancel_order
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope
from tests.factories.orders import BOB, fresh, order_in, take_step
from tests.factories.shop import Sold, counters, make_product
from tests.support.invariants import broken_invariants

ANN = Actor("guest", name="ann@buyer.test")


@pytest.fixture
def tea(in_shop: Shop) -> Sold:
    return make_product(sku="TEA-1", stock=10)


def ask(order: Order, units: int | None = 1, kind: str = "refund", actor: Actor = ANN) -> uuid.UUID:
    """Ask for units of the order's only line back; None is everything."""
    chosen = None if units is None else {order.lines[0].id: units}
    return request_return(order.id, actor, kind=kind, units=chosen, reason="It does not fit")


def asked(order: Order) -> ReturnRequest:
    """Return the newest request as it is now."""
    db.session.close()
    found = requests_of(order.id)[0]
    db.session.close()
    return found


def traces(order: Order) -> tuple[Any, ...]:
    """Return everything that a request or its answer changes."""
    now = fresh(order.id)
    counts = [
        db.session.scalar(select(func.count()).select_from(each)) for each in (Event, Credit, ReturnRequest)
    ]
    states = [each.state for each in requests_of(order.id)]
    db.session.close()
    return now.status, now.payment_status, now.version, counts, states


def last_event(order: Order) -> Event:
    db.session.close()
    found = timeline(order.id)[-1]
    db.session.close()
    return found


# --- asking -----------------------------------------------------------------------------------------


def test_a_request_for_a_part_leaves_the_status_alone_and_is_reported(tea: Sold) -> None:
    order = order_in("delivered")
    ask(order, 1, "return")
    now, request = fresh(order.id), asked(order)
    assert (now.status, now.version > order.version) == ("delivered", True)
    assert (request.number, request.kind, request.state, request.whole) == (1, "return", "requested", False)
    assert [(line.order_line_id, line.quantity) for line in request.lines] == [(order.lines[0].id, 1)]
    event = last_event(order)
    assert (event.type, event.payload["kind"], event.payload["reason"]) == (
        "ReturnRequested",
        "return",
        "It does not fit",
    )
    assert units_to_ask_for(now) == {order.lines[0].id: 1}


@pytest.mark.parametrize("units", [None, 2])
def test_a_request_for_everything_moves_the_order(tea: Sold, units: int | None) -> None:
    order = order_in("delivered")
    ask(order, units)
    assert (fresh(order.id).status, asked(order).whole) == ("refund_requested", True)
    assert last_event(order).type == "RefundRequested"


def test_a_request_for_all_the_rest_moves_the_order_too(tea: Sold) -> None:
    order = order_in("delivered")
    credit_order(
        order.id, RefundRequest(units={order.lines[0].id: 1}, returned=True), BOB, reason="One was broken"
    )
    ask(order, None)
    assert (fresh(order.id).status, asked(order).whole) == ("refund_requested", True)
    refund_order(order.id, BOB)
    assert (fresh(order.id).status, fresh(order.id).payment_status) == ("refunded", "refunded")
    assert sum(credit.amount for credit in credits_of(order.id)) == order.total
    db.session.close()
    assert broken_invariants() == []


def test_the_same_units_cannot_be_asked_for_twice(tea: Sold) -> None:
    order = order_in("delivered")
    ask(order, 1)
    seen = traces(order)
    with pytest.raises(InvalidValue, match=r"(refund_request|return_units)_out_of_range .*maximum=1"):
        ask(order, 2)
    assert traces(order) == seen
    ask(order, 1)
    with pytest.raises(IllegalTransition, match="nothing_left_to_request"):
        ask(order, 1)


def test_only_what_has_left_can_be_sent_back(tea: Sold) -> None:
    order = order_in("processing", quantity=3)
    with pytest.raises(InvalidValue, match="return_not_available"):
        ask(order, 1, "return")
    ship_order(order.id, BOB, units={order.lines[0].id: 1})
    with pytest.raises(InvalidValue, match=r"(refund_request|return_units)_out_of_range .*maximum=1"):
        ask(order, 2, "return")
    ask(order, 1, "return")
    with pytest.raises(InvalidValue, match="return_not_available"):
        ask(order, 1, "return")


def test_units_of_another_order_or_shop_change_nothing(tea: Sold, other_shop: Shop) -> None:
    order, other = order_in("delivered"), order_in("delivered")
    seen = traces(order), traces(other)
    with pytest.raises(InvalidValue, match="line_not_in_order"):
        request_return(order.id, ANN, units={other.lines[0].id: 1}, reason="Because")
    with shop_scope(other_shop), pytest.raises(NotFound):
        ask(order, 1)
    assert (traces(order), traces(other)) == seen


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"reason": " "}, InvalidValue),
        ({"reason": "x" * 501}, InvalidValue),
        ({"kind": "exchange", "reason": "x"}, InvalidValue),
        ({"units": {}, "reason": "x"}, InvalidValue),
        ({"seen_version": 1, "reason": "x"}, StaleVersion),
    ],
)
def test_a_request_that_makes_no_sense_leaves_no_trace(
    tea: Sold, values: dict[str, Any], error: type[Exception]
) -> None:
    order = order_in("delivered")
    seen = traces(order)
    with pytest.raises(error):
        request_return(order.id, ANN, **values)
    assert traces(order) == seen


# --- answering --------------------------------------------------------------------------------------


def test_a_return_goes_from_the_request_to_the_money(tea: Sold) -> None:
    order = order_in("delivered")
    key = order.lines[0].id
    return_id = ask(order, 1, "return")
    approve_return(return_id, BOB, answer="Send it to the warehouse.")
    assert (asked(order).state, asked(order).answer) == ("approved", "Send it to the warehouse.")
    receive_return(return_id, {key: 1}, BOB)
    assert last_event(order).payload["answer"] == "", "what was said before is not said again"
    assert counters(tea) == (8, 0)
    refund_return(return_id, RefundRequest(units={key: 1}, restock={key: 1}), BOB)
    now = fresh(order.id)
    assert (now.status, now.payment_status) == ("delivered", "partially_refunded")
    assert (asked(order).state, counters(tea)) == ("closed", (9, 0))
    assert asked(order).answer == "Send it to the warehouse."
    (credit,) = credits_of(order.id)
    assert (credit.return_id, credit.amount) == (return_id, 1000)
    told = [event.payload["state"] for event in timeline(order.id) if event.type == "ReturnAnswered"]
    db.session.close()
    assert told == ["approved", "received", "closed"]
    assert broken_invariants() == []


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"units": 2}, "return_refund_out_of_range maximum=1"),
        ({"units": 1, "restock": 2}, "return_restock_out_of_range maximum=1"),
        ({"foreign": 1}, "line_not_in_return"),
    ],
)
def test_a_request_is_answered_with_what_it_asks_for(tea: Sold, wish: dict[str, int], words: str) -> None:
    order = order_in("delivered")
    key = order.lines[0].id
    return_id = ask(order, 1, "return")
    approve_return(return_id, BOB)
    receive_return(return_id, {key: 1}, BOB)
    seen, stock = traces(order), counters(tea)
    units = {uuid.uuid4(): 1} if "foreign" in wish else {key: wish["units"]}
    with pytest.raises(InvalidValue, match=words):
        refund_return(return_id, RefundRequest(units=units, restock={key: wish.get("restock", 0)}), BOB)
    assert (traces(order), counters(tea)) == (seen, stock)


def test_what_came_back_is_a_part_of_the_request(tea: Sold) -> None:
    order = order_in("delivered")
    return_id = ask(order, 1, "return")
    approve_return(return_id, BOB)
    seen = traces(order)
    for units in ({}, {order.lines[0].id: 0}, {order.lines[0].id: 2}, {uuid.uuid4(): 1}):
        with pytest.raises(InvalidValue):
            receive_return(return_id, units, BOB)
    assert traces(order) == seen


def test_a_whole_request_granted_with_shipping_refunds_the_order(tea: Sold) -> None:
    order = order_in("delivered")
    return_id = ask(order, 2, "return")
    approve_return(return_id, BOB)
    receive_return(return_id, {order.lines[0].id: 2}, BOB)
    wish = RefundRequest(units={order.lines[0].id: 2}, shipping=True, restock={order.lines[0].id: 1})
    refund_return(return_id, wish, BOB, shown_amount=order.total)
    now = fresh(order.id)
    assert (now.status, now.payment_status, counters(tea)) == ("refunded", "refunded", (9, 0))
    assert asked(order).state == "closed"
    assert broken_invariants() == []


def test_a_whole_request_granted_in_part_goes_on_where_it_was(tea: Sold) -> None:
    order = order_in("delivered")
    return_id = ask(order, None)
    wish = RefundRequest(units={order.lines[0].id: 1}, returned=True)
    refund_return(return_id, wish, BOB, shown_amount=1000)
    now = fresh(order.id)
    assert (now.status, now.payment_status, asked(order).state) == (
        "delivered",
        "partially_refunded",
        "closed",
    )


def test_a_whole_request_before_anything_left_is_not_granted_without_shipping(tea: Sold) -> None:
    """It would go on as an order with nothing to deliver."""
    order = order_in("confirmed")
    return_id = ask(order, None)
    seen = traces(order)
    with pytest.raises(Conflict, match="refund_leaves_nothing"):
        refund_return(return_id, RefundRequest(units={order.lines[0].id: 2}), BOB)
    assert traces(order) == seen
    refund_return(return_id, RefundRequest(units={order.lines[0].id: 2}, shipping=True), BOB)
    assert (fresh(order.id).status, counters(tea)) == ("refunded", (10, 0))


def test_a_refused_request_tells_why(tea: Sold) -> None:
    order = order_in("delivered")
    return_id = ask(order, 1)
    decline_return(return_id, BOB, reason="Worn")
    assert (asked(order).state, asked(order).answer) == ("declined", "Worn")
    assert last_event(order).payload["answer"] == "Worn"
    assert units_to_ask_for(fresh(order.id)) == {order.lines[0].id: 2}


@pytest.mark.parametrize("by", ["request", "order"])
def test_a_refused_request_for_everything_leads_back(tea: Sold, by: str) -> None:
    order = order_in("delivered")
    return_id = ask(order, None)
    if by == "request":
        decline_return(return_id, BOB, reason="Worn")
    else:
        decline_refund(order.id, BOB, reason="Worn")
    assert (fresh(order.id).status, asked(order).state, asked(order).answer) == (
        "delivered",
        "declined",
        "Worn",
    )


def test_steps_out_of_order_are_refused(tea: Sold) -> None:
    order = order_in("delivered")
    key = order.lines[0].id
    plain = ask(order, 1)
    with pytest.raises(Conflict):
        approve_return(plain, BOB)
    withdraw_return(plain, ANN)
    back = ask(order, 1, "return")
    seen = traces(order)
    with pytest.raises(Conflict):
        receive_return(back, {key: 1}, BOB)
    with pytest.raises(Conflict):
        refund_return(back, RefundRequest(units={key: 1}), BOB)
    for do in (approve_return, decline_return):
        with pytest.raises(NotAllowed):
            do(back, ANN)
        with pytest.raises(NotFound):
            do(uuid.uuid4(), BOB)
    assert traces(order) == seen
    approve_return(back, BOB)
    with pytest.raises(Conflict):
        withdraw_return(back, ANN)


def test_a_customer_may_withdraw_a_part_but_not_the_whole(tea: Sold) -> None:
    order, other = order_in("delivered"), order_in("delivered")
    withdraw_return(ask(order, 1), ANN)
    assert asked(order).state == "withdrawn"
    whole = ask(other, None)
    with pytest.raises(Conflict, match="return_needs_shop"):
        withdraw_return(whole, ANN)
    assert fresh(other.id).status == "refund_requested"


def test_requests_close_with_their_order(tea: Sold) -> None:
    cancelled, delivered = order_in("confirmed"), order_in("delivered")
    ask(cancelled, 1)
    cancel_order(cancelled.id, BOB, reason="Sold out")
    assert asked(cancelled).state == "closed"
    ask(delivered, 1)
    credit_order(
        delivered.id, RefundRequest(units={delivered.lines[0].id: 1}, returned=True), BOB, reason="One"
    )
    with pytest.raises(IllegalTransition):
        refund_order(delivered.id, BOB)
    assert asked(delivered).state == "requested"


# --- looking ----------------------------------------------------------------------------------------


def test_the_list_goes_on_where_it_stopped_and_counts_by_state(tea: Sold) -> None:
    orders = [order_in("delivered") for _ in range(3)]
    ids = [ask(order, 1) for order in orders]
    decline_return(ids[0], BOB, reason="No")
    db.session.close()
    first = list_requests(limit=1)
    assert first.older is not None
    second = list_requests(limit=1, before=first.older)
    assert [row.id for row in (*first.rows, *second.rows)] == [ids[2], ids[1]]
    assert second.older is None
    assert [row.id for row in list_requests(state="declined").rows] == [ids[0]]
    assert (count_requests()["requested"], count_requests()["declined"]) == (2, 1)
    assert first.rows[0].units == 1


def test_a_request_of_another_order_or_shop_is_not_found(tea: Sold, other_shop: Shop) -> None:
    order, other = order_in("delivered"), order_in("delivered")
    return_id = ask(order, 1)
    with pytest.raises(NotFound):
        get_request(other.id, return_id)
    with shop_scope(other_shop):
        with pytest.raises(NotFound):
            approve_return(return_id, BOB)
        assert list_requests().rows == []
    db.session.close()
    assert asked(order).state == "requested"


def test_asking_before_the_money_came_is_refused(tea: Sold) -> None:
    order = order_in("pending", pay_later=True)
    take_step(order.id, "confirm")
    seen = traces(order)
    with pytest.raises(IllegalTransition, match="nothing_paid"):
        ask(order, 1)
    assert traces(order) == seen


@atomic
def set_delivered(order: Order, *, days_ago: float) -> None:
    moment = clock.now() - timedelta(days=days_ago)
    db.session.execute(update(Order).where(Order.id == order.id).values(delivered_at=moment))


@pytest.mark.parametrize("status", ["delivered", "completed"])
@pytest.mark.parametrize("kind", ["refund", "return"])
def test_a_shopper_asks_within_the_return_window_and_staff_after_it_too(
    in_shop: Shop, tea: Sold, status: str, kind: str
) -> None:
    order = order_in(status)
    set_delivered(order, days_ago=in_shop.return_days + 0.01)
    for units in (1, None):
        with pytest.raises(IllegalTransition) as refused:
            ask(order, units, kind)
        assert (refused.value.reason, refused.value.facts["days"]) == ("return_window_over", 14)
        with pytest.raises(IllegalTransition, match="return_window_over"):
            ask(order, units, kind, Actor("member", name="ann@buyer.test"))
    assert requests_of(order.id) == []
    ask(order, 1, kind, BOB)
    set_delivered(order, days_ago=in_shop.return_days - 0.01)
    assert ask(order, 1, kind)


def test_what_is_not_delivered_yet_can_be_asked_back_at_any_time(tea: Sold) -> None:
    for status in ("confirmed", "shipped"):
        assert ask(order_in(status), None)
