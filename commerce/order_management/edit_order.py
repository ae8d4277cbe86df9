"""Staff change a placed order: lines, address, shipping, discount. Money and stock follow in the same transaction.

What it comes to is `edit_plan.py`; what it means for the customer is written in docs/editing.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import delete, update

from commerce import clock
from commerce.db import atomic, db, insert_rows, new_id
from commerce.errors import Conflict, InvalidValue, NotAllowed, OutOfStock, PriceChanged
from commerce.events.outbox import Actor, publish
from commerce.inventory.allocation import AllocationRequest, StockChangedMeanwhile
from commerce.inventory.reallocation import exchange
from commerce.money import format_money
from commerce.order_management.edit_preview import coupon_refused, plan_edit
from commerce.order_management.edit_types import EditedLine, EditPlan, OrderEdit
from commerce.orders.balance import payment_status_of
from commerce.orders.events import OrderEdited
from commerce.orders.models import Order, OrderAdjustment, OrderLine
from commerce.orders.queries import get_order
from commerce.orders.search import index_orders
from commerce.orders.services import ACTOR_KINDS, lock_order, queue_refund
from commerce.orders.transitions import STAFF
from commerce.payments.models import Payment
from commerce.payments.queries import payment_method, payments_of
from commerce.payments.services import lock_payments
from commerce.pricing.queries import CouponFacts
from commerce.pricing.services import CouponConflict, use_coupons
from commerce.settlement.services import event_facts, follow_balance_now
from commerce.tenants.scope import current_shop

TRIES = 3
SURPLUS = "more was paid than the order costs since it was edited"
"""How the flag of an order begins to speak of money that an edit left over, so that a later one can take it away."""


def preview_edit(order_id: uuid.UUID, edit: OrderEdit) -> EditPlan:
    """Return what an edit would come to now. Raises NotFound and what `plan_edit` raises."""
    return plan_edit(get_order(order_id), payments_of(order_id), edit)


def edit_order(
    order_id: uuid.UUID,
    actor: Actor,
    edit: OrderEdit,
    *,
    seen_version: int,
    shown_total: int,
    refund: bool = False,
) -> EditPlan:
    """Change a placed order as the preview showed it (`seen_version`, `shown_total` in minor units).

    What costs more becomes open for the customer to pay; what was paid too much goes back with `refund`, else the
    order is flagged. Raises NotFound, NotAllowed, StaleVersion, PriceChanged, OutOfStock with every short line, and
    what `plan_edit` raises; then nothing has changed.
    """
    if ACTOR_KINDS.get(actor.kind, actor.kind) != STAFF:
        raise NotAllowed("staff_only")
    for _ in range(TRIES):
        try:
            plan = _edit(order_id, actor, edit, seen_version, shown_total, refund)
        except StockChangedMeanwhile:
            # Rolled back. Look again without our own grip on the rows: what is really short is said.
            shortages = preview_edit(order_id, edit).shortages
            if shortages:
                raise OutOfStock(list(shortages)) from None
        else:
            follow_balance_now(order_id, actor)
            return plan
    raise Conflict("others_buying")


@atomic
def _edit(
    order_id: uuid.UUID, actor: Actor, edit: OrderEdit, seen_version: int, shown_total: int, refund: bool
) -> EditPlan:
    order = lock_order(order_id, seen_version)
    payments = lock_payments(order.id)
    plan = plan_edit(order, payments, edit)
    if plan.total != shown_total:
        raise PriceChanged(shown_total, plan.total)
    if plan.shortages:
        raise OutOfStock(list(plan.shortages))
    if not plan.changes and not plan.repriced:
        raise InvalidValue("units", "edit_without_changes")
    for name, value in edit.contact.items():
        setattr(order, name, value)
    if edit.address is not None:
        order.shipping_address = dict(edit.address)
    order.updated_at = clock.now()
    fresh: dict[int, uuid.UUID] = {}
    if plan.repriced:
        fresh = _write_amounts(order, plan)
        _settle_money(order, payments, plan, actor, refund=refund)
    db.session.flush()
    if plan.coupon is not None:
        _use_coupon(order, plan.coupon)
    edited = OrderEdited(
        **event_facts(order),
        summary=plan.summary[:1000],
        total_before=plan.total_before,
        total=plan.total,
        currency=order.currency,
    )
    publish(actor, edited)
    _move_stock(order, plan, fresh, actor)
    index_orders([order.id])
    return plan


def _use_coupon(order: Order, coupon: CouponFacts) -> None:
    """Count the use of a code, as a placement does; cancelling the order gives it back. A step, before stock."""
    try:
        use_coupons(order.id, [coupon], order.email or order.customer_reference)
    except CouponConflict as raced:
        raise coupon_refused(coupon.code, "used_by_you" if raced.by_customer else "used_up") from None


def _write_amounts(order: Order, plan: EditPlan) -> dict[int, uuid.UUID]:
    """Write the new amounts and lines; return the ids of the new lines by their place among those that are kept."""
    for column in ("subtotal", "discount_amount", "shipping_amount", "fee_amount", "tax_amount", "total"):
        setattr(order, column, getattr(plan, column))
    order.shipping_method, order.shipping_label = plan.shipping_method, plan.shipping_label
    rows = {line.id: line for line in order.lines}
    first_free = max(line.position for line in order.lines) + 1
    fresh: dict[int, uuid.UUID] = {}
    for place, (change, priced) in enumerate(zip(plan.kept, plan.priced, strict=True)):
        amounts = {
            "quantity": priced.quantity,
            "backordered": change.backordered,
            "ships_from": _ships_from(change, rows),
            "amount": priced.amount,
            "discount_amount": priced.discount_amount,
            "tax_rate_ppm": priced.tax_rate_ppm,
            "tax_amount": priced.tax_amount,
        }
        if change.line_id is not None:
            for column, value in amounts.items():
                setattr(rows[change.line_id], column, value)
        else:
            fresh[place] = new_id()
            position = first_free + len(fresh) - 1
            new = {"id": fresh[place], "order_id": order.id, "position": position}
            insert_rows(OrderLine, [{**new, **_copied(change), **amounts}])
    _write_adjustments(order, plan)
    ids = {change.place: fresh[place] for place, change in enumerate(plan.kept) if place in fresh}
    order.sold_terms = plan.terms.with_line_ids(ids).to_json()
    return fresh


def _ships_from(change: EditedLine, rows: Mapping[uuid.UUID, OrderLine]) -> date | None:
    """Return when units on backorder ship: as the customer was promised, or as it is now for further ones."""
    if change.beyond and change.view is not None:
        return change.view.ships_from
    return rows[change.line_id].ships_from if change.line_id is not None and change.backordered else None


def _copied(change: EditedLine) -> dict[str, Any]:
    """Return what an order keeps of a variant that it sells."""
    if change.view is None:
        raise AssertionError("checked before")
    names = ("product_id", "variant_id", "sku", "title", "options", "slug", "image")
    return {**{name: getattr(change.view, name) for name in names}, "unit_price": change.unit_price}


def _write_adjustments(order: Order, plan: EditPlan) -> None:
    db.session.execute(
        delete(OrderAdjustment)
        .where(OrderAdjustment.order_id == order.id)
        .execution_options(synchronize_session=False)
    )
    insert_rows(
        OrderAdjustment,
        [
            {
                "order_id": order.id,
                "position": position,
                "source_type": each.source_type,
                "source_id": each.source_id,
                "label": each.label,
                "amount": each.amount,
                "included": each.included,
                "shares": list(each.shares),
            }
            for position, each in enumerate(plan.adjustments)
        ],
    )


# --- money -------------------------------------------------------------------------------------------


def _settle_money(
    order: Order, payments: Sequence[Payment], plan: EditPlan, actor: Actor, *, refund: bool
) -> None:
    """Ask for what is open, and give back or flag what is too much. All rows are locked."""
    for payment in payments:
        if payment.gateway == "manual" and payment.state == "started":
            payment.amount = plan.open_amount
    if SURPLUS in order.attention:
        order.attention = ""
    if plan.surplus and refund:
        # The last money that came is what was too much.
        queue_refund(
            order, list(reversed(payments)), actor, f"Order edited: {plan.summary}", amount=plan.surplus
        )
    elif plan.surplus:
        too_much = format_money(plan.surplus, order.currency, current_shop().locale)
        order.attention = f"{too_much} {SURPLUS}. Please give it back."
    order.payment_status = payment_status_of(order, payments)
    if plan.open_amount and plan.difference > 0:
        _hold_longer(order)


def _hold_longer(order: Order) -> None:
    """Give the customer the time of their payment method once more: they learn of the new amount only now."""
    method = payment_method(order.payment_method)
    if order.status == "pending" and order.hold_expires_at is not None and method is not None:
        later = clock.now() + timedelta(minutes=method.hold_minutes)
        order.hold_expires_at = max(order.hold_expires_at, later)


# --- stock -------------------------------------------------------------------------------------------


def _move_stock(order: Order, plan: EditPlan, fresh: Mapping[int, uuid.UUID], actor: Actor) -> None:
    """Reserve and free what the lines have more and less: reservations, then lines that go, then the counters, last."""
    ids = [change.line_id or fresh[place] for place, change in enumerate(plan.kept)]
    more = [
        AllocationRequest(key, change.variant_id, change.difference, beyond=change.beyond)
        for key, change in zip(ids, plan.kept, strict=True)
        if change.difference > 0
    ]
    less = {line.line_id: -line.difference for line in plan.lines if line.line_id and line.difference < 0}
    if not more and not less:
        return
    confirmed = order.status in ("confirmed", "processing")
    changes = exchange(
        order.id,
        more=more,
        less=less,
        state="held" if order.status == "pending" else "committed",
        deduct_now=confirmed and current_shop().deduct_on == "confirmation",
        actor=actor.name or actor.kind,
        reference=order.code,
    )
    _take_out_lines([line.line_id for line in plan.lines if line.line_id and not line.after], ids)
    if not changes.apply():
        raise StockChangedMeanwhile


def _take_out_lines(gone: Sequence[uuid.UUID], kept: Sequence[uuid.UUID]) -> None:
    """Delete lines and close the gaps: the shares of adjustments go by the lines' positions."""
    if not gone:
        return
    quietly = {"synchronize_session": False}
    db.session.execute(delete(OrderLine).where(OrderLine.id.in_(gone)).execution_options(**quietly))
    for position, key in enumerate(kept):
        db.session.execute(
            update(OrderLine)
            .where(OrderLine.id == key, OrderLine.position != position)
            .values(position=position)
            .execution_options(**quietly)
        )
