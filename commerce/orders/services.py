"""The life of an order. The only code that assigns `.status`; every change goes through `move()` and the table."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypedDict

from sqlalchemy import func, select, text, update

from commerce import clock
from commerce.db import atomic, current_tenant_id, db, insert_rows, lock, new_id
from commerce.errors import IllegalTransition, InvalidValue, NotAllowed, NotFound
from commerce.events.outbox import SYSTEM, Actor, publish
from commerce.inventory.services import commit_reservations, deduct_stock, release_and_restock
from commerce.orders.balance import payment_status_of
from commerce.orders.events import STATUS_EVENTS, InventoryReservationFailed, RefundQueued
from commerce.orders.models import Order, OrderAdjustment, OrderLine, ReturnRequest
from commerce.orders.return_queries import OPEN as OPEN_REQUESTS
from commerce.orders.search import index_new_order
from commerce.orders.transitions import BY_ACTION, REMEMBERED, why_not
from commerce.payments.models import Payment, Refund
from commerce.payments.services import lock_payments, queue_refunds
from commerce.pricing.services import release_coupons
from commerce.tenants.order_codes import order_code
from commerce.tenants.scope import current_shop
from commerce.tenants.services import order_code_sequence

UNDER_WAY = ("unknown", "authorized")
"""States of a payment whose money may be there any moment: its order is not given up meanwhile."""
ACTOR_KINDS = {"guest": "shopper", "member": "shopper", "api": "staff"}
"""How actors of the outside are called in the table of transitions."""


# --- steps -----------------------------------------------------------------------------------------


def next_number() -> int:
    """Return the shop's next order number. A step. Gaps are allowed; waiting is not.

    PostgreSQL: a sequence per shop, which no transaction locks. SQLite has one writer anyway.
    """
    if db.engine.dialect.name == "postgresql":
        name = order_code_sequence(current_tenant_id())
        return int(db.session.connection().execute(text(f"SELECT nextval('{name}')")).scalar_one())
    return int(db.session.scalar(select(func.coalesce(func.max(Order.number), 0) + 1)) or 1)


def create_order(
    values: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    adjustments: Sequence[Mapping[str, Any]],
    coupons: Sequence[str] = (),
) -> tuple[uuid.UUID, str, str, list[uuid.UUID]]:
    """Insert an order with its lines and adjustments and return its id, code, link token and line ids. A step.

    It can be found by the codes of its `coupons`.
    """
    order_id, number, token = new_id(), next_number(), secrets.token_urlsafe(32)
    code = order_code(current_shop().order_code_format, number)
    insert_rows(Order, [{"id": order_id, "number": number, "code": code, "token": token, **values}])
    line_ids = [new_id() for _ in lines]
    insert_rows(
        OrderLine,
        [
            {"id": line_id, "order_id": order_id, "position": index, **line}
            for index, (line_id, line) in enumerate(zip(line_ids, lines, strict=True))
        ],
    )
    insert_rows(
        OrderAdjustment,
        [{"order_id": order_id, "position": index, **each} for index, each in enumerate(adjustments)],
    )
    index_new_order(order_id, {**values, "number": number, "code": code}, lines, coupons)
    return order_id, code, token, line_ids


def lock_order(order_id: uuid.UUID, seen_version: int | None = None) -> Order:
    """Lock an order and return it. A step.

    Raises NotFound, or StaleVersion when the page that asks had seen another version.
    """
    return lock(Order, order_id, missing=NotFound("order_not_found"), version=seen_version)


class Guards(TypedDict):
    """What the table asks about an order beside its status."""

    pay_later: bool
    paid: bool
    sent: bool
    returns_ended: int | None


def guards(order: Order) -> Guards:
    """Return what `transitions.why_not` needs to know of an order."""
    return {
        "pay_later": order.pay_later,
        # An edit may have made a paid order dearer: it is open again, and yet there is money to give back.
        # Goods that are paid for on delivery may come back unpaid.
        "paid": order.payment_status in ("paid", "partially_refunded")
        or (order.payment_status == "unpaid" and order.paid_at is not None)
        or (order.pay_later and any(line.shipped for line in order.lines)),
        "sent": order.status == "processing" and any(line.shipped for line in order.lines),
        "returns_ended": current_shop().return_days if is_return_window_over(order) else None,
    }


def is_return_window_over(order: Order) -> bool:
    """Tell whether the shop's return window has passed since the delivery. Staff may still grant a return."""
    ends_at = returns_end_at(order)
    return ends_at is not None and clock.now() >= ends_at


def returns_end_at(order: Order) -> datetime | None:
    """Return until when the customer can ask to return what was delivered, None before the delivery."""
    return order.delivered_at + timedelta(days=current_shop().return_days) if order.delivered_at else None


def apply_transition(order: Order, action: str, actor: Actor, reason: str = "") -> None:
    """Do one action of the table on a locked order: status, time stamp, event. A step.

    Raises IllegalTransition, NotAllowed (wrong actor) or InvalidValue (reason missing).
    """
    row = BY_ACTION[action]
    kind = ACTOR_KINDS.get(actor.kind, actor.kind)
    reason = reason.strip()
    refusal = why_not(row, order.status, kind, **guards(order))
    if refusal:
        if order.status in row.sources and kind not in row.actors:
            raise NotAllowed(refusal.reason, **refusal.facts)
        raise IllegalTransition(order.status, action, refusal.reason, **refusal.facts)
    if row.reason_required and not reason:
        raise InvalidValue("reason", "reason_required")
    if len(reason) > 500:
        raise InvalidValue("reason", "text_too_long", maximum=500)
    before, target = order.status, row.target
    if target == REMEMBERED:
        target = order.status_before_refund
    if action == "request_refund":
        order.status_before_refund = before
    order.status = target
    if action in ("cancel", "reopen"):
        order.cancelled_by = actor.kind if action == "cancel" else ""
    if row.stamp:
        setattr(order, row.stamp, clock.now())
    db.session.flush()
    event = STATUS_EVENTS[row.event](
        subject_id=order.id,
        subject_version=order.version,
        code=order.code,
        action=action,
        from_status=before,
        to_status=target,
        reason=reason,
    )
    publish(actor, event)


def confirm_step(order: Order, actor: Actor, reason: str = "") -> bool:
    """Commit the stock of a locked order and confirm it; tell whether that was possible. A step.

    If units are missing the order stays as it is, flagged, and operations are alerted: no confirmation
    is sent.
    """
    needed = db.session.scalar(
        select(func.sum(OrderLine.quantity - OrderLine.cancelled)).where(OrderLine.order_id == order.id)
    )
    owned = commit_reservations(order.id)
    if owned < (needed or 0):
        problem = f"Stock could not be committed: {owned} of {needed} units are reserved."
        order.attention = problem
        db.session.flush()
        publish(
            SYSTEM,
            InventoryReservationFailed(
                subject_id=order.id, subject_version=order.version, code=order.code, error=problem
            ),
        )
        return False
    apply_transition(order, "confirm", actor, reason)
    if current_shop().deduct_on == "confirmation":
        deduct_stock(order.id, cause="sale", actor=actor.name or actor.kind, reference=order.code)
    return True


def cancel_step(order: Order, actor: Actor, reason: str, *, reservation_state: str = "released") -> None:
    """Cancel a locked order: stock back, captured money queued for refund. A step."""
    payments = lock_payments(order.id)
    apply_transition(order, "cancel", actor, reason)
    queue_refund(order, payments, actor, f"Order cancelled: {reason}")
    release_coupons(order.id)
    close_requests(order.id)
    release_and_restock(
        order.id,
        unsent={line.id: line.to_ship for line in order.lines},
        returned={},
        cause="cancelled",
        actor=actor.name or actor.kind,
        reference=order.code,
        state=reservation_state,
    )


def close_requests(order_id: uuid.UUID) -> None:
    """Close what was asked back of an order whose money goes back in whole. A step; the order is locked."""
    db.session.execute(
        update(ReturnRequest)
        .where(ReturnRequest.order_id == order_id, ReturnRequest.state.in_(OPEN_REQUESTS))
        .values(state="closed", updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def queue_refund(
    order: Order,
    payments: Sequence[Payment],
    actor: Actor,
    reason: str,
    *,
    amount: int | None = None,
    credit_id: uuid.UUID | None = None,
) -> list[Refund]:
    """Queue the refund of `amount` (minor units), or of all that is left of the captured money. A step.

    The worker sends it; the rows are locked. Raises InvalidValue when less than `amount` is left.
    """
    refunds = queue_refunds(payments, reason[:500], amount=amount, credit_id=credit_id)
    if refunds:
        order.payment_status = payment_status_of(order, payments)
        order.updated_at = clock.now()
        db.session.flush()
    events = [
        RefundQueued(
            subject_id=order.id,
            subject_version=order.version,
            code=order.code,
            refund_id=str(refund.id),
            amount=refund.amount,
            currency=order.currency,
        )
        for refund in refunds
    ]
    publish(actor, *events)
    return refunds


# --- use cases -------------------------------------------------------------------------------------


@atomic
def change_status(
    order_id: uuid.UUID, action: str, actor: Actor, *, seen_version: int | None = None, reason: str = ""
) -> None:
    """Do an action that only moves the status: process, deliver, complete.

    Raises NotFound, StaleVersion, IllegalTransition, NotAllowed, InvalidValue.
    """
    if action not in ("process", "deliver", "complete"):
        raise ValueError(f"{action} has a use case of its own")
    apply_transition(lock_order(order_id, seen_version), action, actor, reason)


@atomic
def confirm_order(
    order_id: uuid.UUID, actor: Actor, *, seen_version: int | None = None, reason: str = ""
) -> bool:
    """Confirm by hand: a paid order whose stock was missing, or a pay-later order. Tells whether it worked.

    Raises as `change_status`.
    """
    order = lock_order(order_id, seen_version)
    row = BY_ACTION["confirm"]
    refusal = why_not(
        row, order.status, ACTOR_KINDS.get(actor.kind, actor.kind), pay_later=order.pay_later, paid=True
    )
    if refusal:
        raise IllegalTransition(order.status, "confirm", refusal.reason, **refusal.facts)
    confirmed = confirm_step(order, actor, reason)
    if confirmed:
        order.attention = ""
    return confirmed


@atomic
def confirm_pay_later(order_id: uuid.UUID) -> None:
    """Confirm a fresh order that is paid for on delivery. Repeating it changes nothing."""
    order = lock_order(order_id)
    if order.status == "pending" and order.pay_later:
        confirm_step(order, SYSTEM)


@atomic
def cancel_order(
    order_id: uuid.UUID, actor: Actor, *, seen_version: int | None = None, reason: str = ""
) -> None:
    """Cancel with all that follows from it. Raises as `change_status`."""
    cancel_step(lock_order(order_id, seen_version), actor, reason)
