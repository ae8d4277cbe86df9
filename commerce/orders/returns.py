"""Requests to get money back, for all or some of an order, with or without sending goods back.

A request for everything moves the order to `refund_requested` by the table of transitions, and its answer moves it
on. One for a part leaves the status alone: only money and stock follow from its answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import func, select

from commerce import clock
from commerce.db import atomic, db, insert_rows, new_id
from commerce.errors import Conflict, IllegalTransition, InvalidValue, NotAllowed, NotFound, Refusal
from commerce.events.outbox import Actor, publish
from commerce.orders.events import ReturnAnswered, ReturnRequested
from commerce.orders.models import Order, ReturnLine, ReturnRequest
from commerce.orders.refund_amounts import is_count, uncredited
from commerce.orders.refunds import (
    RefundPlan,
    RefundRequest,
    check_reason,
    check_shown,
    credit_lines,
    plan_credit,
    plan_refund,
    refund_remaining,
)
from commerce.orders.return_queries import KINDS, OPEN, returnable_units, units_to_ask_for
from commerce.orders.services import ACTOR_KINDS, apply_transition, close_requests, guards, lock_order
from commerce.orders.transitions import BY_ACTION, STAFF, why_not
from commerce.payments.models import Payment
from commerce.payments.services import lock_payments

PARTLY = "Refunded in part: "
"""Begins the reason of an order that goes on because only a part of a request for everything was granted."""


# --- asking ----------------------------------------------------------------------------------------


@atomic
def request_return(
    order_id: uuid.UUID,
    actor: Actor,
    *,
    kind: str = "refund",
    units: Mapping[uuid.UUID, int] | None = None,
    reason: str = "",
    seen_version: int | None = None,
) -> uuid.UUID:
    """Ask for money back for `units` (by order line id; None is everything) and return the request's id.

    Raises NotFound, StaleVersion, IllegalTransition (nothing paid, wrong status, everything asked for already),
    NotAllowed, InvalidValue (no reason, units that are not there or, for a return, have not left yet).
    """
    order = lock_order(order_id, seen_version)
    refusal = why_not_request(order, actor.kind)
    if refusal:
        raise IllegalTransition(order.status, "request_refund", refusal.reason, **refusal.facts)
    reason = check_reason(reason)
    if kind not in KINDS:
        raise InvalidValue("kind", "return_kind_required")
    free = units_to_ask_for(order)
    chosen = free if units is None else {key: count for key, count in units.items() if count}
    _check_units(order, chosen, returnable_units(order, free, kind), kind)
    row = {
        "id": new_id(),
        "order_id": order.id,
        "number": _next_number(order.id),
        "kind": kind,
        "whole": chosen == uncredited(order),
        "reason": reason,
        "asked_by": actor.name or actor.kind,
    }
    insert_rows(ReturnRequest, [row])
    insert_rows(
        ReturnLine,
        [{"return_id": row["id"], "order_line_id": key, "quantity": count} for key, count in chosen.items()],
    )
    if row["whole"]:
        apply_transition(order, "request_refund", actor, reason)
    else:
        _raise_version(order)
        publish(
            actor,
            ReturnRequested(
                subject_id=order.id,
                subject_version=order.version,
                code=order.code,
                return_id=str(row["id"]),
                kind=kind,
                reason=reason,
            ),
        )
    return uuid.UUID(str(row["id"]))


def why_not_request(order: Order, actor_kind: str) -> Refusal | None:
    """Return why `actor_kind` may not ask for money back now, or None."""
    kind = ACTOR_KINDS.get(actor_kind, actor_kind)
    refusal = why_not(BY_ACTION["request_refund"], order.status, kind, **guards(order))
    if not refusal and not units_to_ask_for(order):
        return Refusal("nothing_left_to_request")
    return refusal


def _next_number(order_id: uuid.UUID) -> int:
    known = select(func.count()).select_from(ReturnRequest).where(ReturnRequest.order_id == order_id)
    return 1 + (db.session.scalar(known) or 0)


def _check_units(
    order: Order, chosen: Mapping[uuid.UUID, int], limits: Mapping[uuid.UUID, int], kind: str
) -> None:
    if not chosen:
        raise InvalidValue("lines", "return_lines_required")
    titles = {line.id: line.title for line in order.lines}
    for key, count in chosen.items():
        if key not in titles:
            raise InvalidValue("lines", "line_not_in_order")
        most = limits.get(key, 0)
        if not most:
            reason = "return_not_available" if kind == "return" else "refund_not_available"
            raise InvalidValue("lines", reason, title=titles[key])
        if not is_count(count, 1, most):
            bounds = "return_units_out_of_range" if kind == "return" else "refund_request_out_of_range"
            raise InvalidValue("lines", bounds, title=titles[key], maximum=most)


# --- answering -------------------------------------------------------------------------------------


@atomic
def decline_return(
    return_id: uuid.UUID, actor: Actor, *, seen_version: int | None = None, reason: str = ""
) -> None:
    """Decline a request, with a reason for the customer.

    Raises NotFound, StaleVersion, Conflict, NotAllowed, InvalidValue.
    """
    request, order = _locked(return_id, seen_version, actor)
    _expect(request, OPEN)
    _answer(order, request, "declined", actor, check_reason(reason))
    if request.whole and order.status == "refund_requested":
        apply_transition(order, "decline_refund", actor, reason)


@atomic
def approve_return(
    return_id: uuid.UUID, actor: Actor, *, seen_version: int | None = None, answer: str = ""
) -> None:
    """Agree that goods may be sent back; `answer` tells the customer how. Raises as `decline_return`."""
    request, order = _locked(return_id, seen_version, actor)
    if request.kind != "return":
        raise Conflict("return_without_goods")
    _expect(request, ("requested",))
    _answer(order, request, "approved", actor, _short(answer))


@atomic
def receive_return(
    return_id: uuid.UUID, units: Mapping[uuid.UUID, int], actor: Actor, *, seen_version: int | None = None
) -> None:
    """Note how many units of each line (by order line id) came back; stock moves with the refund.

    Raises as `decline_return`.
    """
    request, order = _locked(return_id, seen_version, actor)
    _expect(request, ("approved",))
    if set(units) - {line.order_line_id for line in request.lines}:
        raise InvalidValue("lines", "line_not_in_return")
    if not any(units.values()):
        raise InvalidValue("lines", "return_receipt_required")
    for line in request.lines:
        count = units.get(line.order_line_id, 0)
        if not is_count(count, 0, line.quantity):
            raise InvalidValue("lines", "return_receipt_out_of_range", maximum=line.quantity)
        line.received = count
    _answer(order, request, "received", actor, "")


@atomic
def refund_return(
    return_id: uuid.UUID,
    refund: RefundRequest,
    actor: Actor,
    *,
    seen_version: int | None = None,
    shown_amount: int | None = None,
    reason: str = "",
) -> None:
    """Give money back for a request: all or a part of what it asks for, or another amount; it is closed afterwards.

    A request for everything ends as `refunded` when all of it is given back; with a part of it the order goes back to
    the status that it had. Raises as `decline_return`, and Conflict when it would come to another amount than
    `shown_amount` (minor units).
    """
    request, order = _locked(return_id, seen_version, actor)
    payments = lock_payments(order.id)
    plan = plan_return(order, payments, request, refund)
    check_shown(plan, shown_amount)
    why = check_reason(reason.strip() or request.reason)
    if plan.status_after == "refunded":
        refund_remaining(order, payments, actor, why, restock=refund.restock, return_id=request.id)
    else:
        if request.whole:
            apply_transition(order, "decline_refund", actor, f"{PARTLY}{why}"[:500])
        credit_lines(order, payments, plan, actor, why, request.id)
    _answer(order, request, "closed", actor, reason.strip())
    if plan.status_after == "refunded":
        close_requests(order.id)


def plan_return(
    order: Order, payments: Sequence[Payment], request: ReturnRequest, refund: RefundRequest
) -> RefundPlan:
    """Return what giving money back for a request would do; nothing is changed.

    Raises Conflict when the request does not wait for it, InvalidValue for units that it does not ask for, and as
    `plan_credit`.
    """
    _expect(request, ("received",) if request.kind == "return" else ("requested",))
    _check_answered(request, refund)
    if request.kind == "return":
        refund = replace(refund, returned=True)
    if request.whole and covers_everything(order, refund):
        return plan_refund(order, payments, restock=refund.restock)
    return plan_credit(
        order, payments, refund, status=order.status_before_refund if request.whole else order.status
    )


def _check_answered(request: ReturnRequest, refund: RefundRequest) -> None:
    asked = {line.order_line_id: line.quantity for line in request.lines}
    came = {line.order_line_id: line.received for line in request.lines}
    if set(refund.units) - set(asked) or set(refund.restock) - set(asked):
        raise InvalidValue("lines", "line_not_in_return")
    for key, count in refund.units.items():
        if not is_count(count, 0, asked[key]):
            raise InvalidValue("lines", "return_refund_out_of_range", maximum=asked[key])
    for key, count in refund.restock.items():
        if request.kind == "return" and not is_count(count, 0, came[key]):
            raise InvalidValue("restock", "return_restock_out_of_range", maximum=came[key])


def covers_everything(order: Order, refund: RefundRequest) -> bool:
    """Tell whether a refund gives back every unit that is left, with shipping and without another amount."""
    chosen = {key: count for key, count in refund.units.items() if count}
    return refund.amount is None and refund.shipping and chosen == uncredited(order)


@atomic
def refund_order(
    order_id: uuid.UUID,
    actor: Actor,
    *,
    seen_version: int | None = None,
    reason: str = "",
    restore_inventory: bool = False,
    shown_amount: int | None = None,
) -> None:
    """Refund what is left of the money of an order whose refund was requested; restock if `restore_inventory`.

    Units that have not left yet are freed in any case. Raises NotFound, StaleVersion, IllegalTransition, NotAllowed,
    InvalidValue, Conflict when it would come to another amount than `shown_amount` (minor units).
    """
    order = lock_order(order_id, seen_version)
    payments = lock_payments(order.id)
    check_shown(plan_refund(order, payments, restock=restore_inventory), shown_amount)
    request = _open_whole(order.id)
    refund_remaining(
        order, payments, actor, reason, restock=restore_inventory, return_id=request.id if request else None
    )
    if request is not None:
        _answer(order, request, "closed", actor, reason.strip())
    close_requests(order.id)


@atomic
def decline_refund(
    order_id: uuid.UUID, actor: Actor, *, seen_version: int | None = None, reason: str = ""
) -> None:
    """Decline the request that the order waits with; it goes back to its status. Raises as `refund_order`."""
    order = lock_order(order_id, seen_version)
    request = _open_whole(order.id)
    apply_transition(order, "decline_refund", actor, reason)
    if request is not None:
        _answer(order, request, "declined", actor, reason.strip())


@atomic
def withdraw_return(return_id: uuid.UUID, actor: Actor, *, seen_version: int | None = None) -> None:
    """Let the customer take back a request for a part that nobody has answered. Raises NotFound, Conflict."""
    request = _find(return_id)
    order = lock_order(request.order_id, seen_version)
    db.session.refresh(request)
    if request.whole:
        raise Conflict("return_needs_shop")
    _expect(request, ("requested",))
    _answer(order, request, "withdrawn", actor, "")


def _find(return_id: uuid.UUID) -> ReturnRequest:
    request = db.session.scalar(select(ReturnRequest).where(ReturnRequest.id == return_id))
    if request is None:
        raise NotFound("return_not_found")
    return request


def _locked(return_id: uuid.UUID, seen_version: int | None, actor: Actor) -> tuple[ReturnRequest, Order]:
    """Lock a request by its order, for staff."""
    if ACTOR_KINDS.get(actor.kind, actor.kind) != STAFF:
        raise NotAllowed("staff_only")
    request = _find(return_id)
    order = lock_order(request.order_id, seen_version)
    db.session.refresh(request)
    return request, order


def _open_whole(order_id: uuid.UUID) -> ReturnRequest | None:
    return db.session.scalar(
        select(ReturnRequest)
        .where(ReturnRequest.order_id == order_id, ReturnRequest.whole, ReturnRequest.state.in_(OPEN))
        .order_by(ReturnRequest.number.desc())
        .limit(1)
    )


def _expect(request: ReturnRequest, states: tuple[str, ...]) -> None:
    if request.state not in states:
        raise Conflict("return_not_in_state", state=request.state)


def _answer(order: Order, request: ReturnRequest, state: str, actor: Actor, answer: str) -> None:
    """Move a request on and tell it; without new words the last ones stay.

    A change of the whole order's status tells its own story.
    """
    request.state, request.answer = state, answer or request.answer
    _raise_version(order)
    told_by_status = request.whole and state in ("declined", "closed")
    if not told_by_status:
        publish(
            actor,
            ReturnAnswered(
                subject_id=order.id,
                subject_version=order.version,
                code=order.code,
                return_id=str(request.id),
                kind=request.kind,
                state=state,
                answer=answer,
            ),
        )


def _raise_version(order: Order) -> None:
    """Whoever still has the order's old page open gets a conflict."""
    order.updated_at = clock.now()
    db.session.flush()


def _short(answer: str) -> str:
    answer = answer.strip()
    if len(answer) > 500:
        raise InvalidValue("answer", "text_too_long", maximum=500)
    return answer
