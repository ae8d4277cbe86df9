"""An order that staff edit, what it was before, and what must hold after any edit."""

import uuid
from typing import Any

from sqlalchemy import func, select

from commerce.db import db
from commerce.events.models import Event
from commerce.inventory.models import Reservation
from commerce.order_management.edit_order import edit_order, preview_edit
from commerce.order_management.edit_types import OrderEdit
from commerce.orders.models import Order
from commerce.orders.refund_amounts import line_total, shipping_total
from commerce.payments.models import Payment, Refund
from commerce.pricing.validation import PromotionValues
from commerce.settlement.manual_payments import record_receipt
from tests.factories.checkout import make_order
from tests.factories.orders import BOB, fresh
from tests.factories.shop import Sold
from tests.support.invariants import broken_invariants

TEN_OFF = PromotionValues(label="Ten percent", kind="percentage", percent_ppm=100_000)


def bought(*lines: tuple[Sold, int], paid: bool = True, **details: Any) -> Order:
    """Return an order as a shopper placed it, confirmed when it is paid."""
    order_id = make_order(*lines, **details).id
    if paid:
        record_receipt(order_id, BOB)
    return fresh(order_id)


def edit(order: Order, change: OrderEdit, **wish: Any) -> Order:
    """Edit an order as the page would that shows it now, and return what it has become."""
    total = preview_edit(order.id, change).total
    edit_order(order.id, BOB, change, **{"seen_version": order.version, "shown_total": total, **wish})
    now = fresh(order.id)
    check_sums(now)
    assert broken_invariants() == []
    db.session.close()
    return now


def check_sums(order: Order) -> None:
    """Whatever was edited, the parts of an order add up to its total, and the shares to the adjustments."""
    added = sum(each.amount for each in order.adjustments if not each.included)
    assert order.subtotal == sum(line.amount for line in order.lines)
    assert order.total == order.subtotal + added
    assert [line.position for line in order.lines] == list(range(len(order.lines)))
    off = [
        sum(-each.shares[line.position] for each in order.adjustments if each.source_type == "promotion")
        for line in order.lines
    ]
    assert off == [line.discount_amount for line in order.lines]
    assert shipping_total(order) >= 0
    assert all(line_total(line, prices_include_tax=order.prices_include_tax) >= 0 for line in order.lines)


def traces(order_id: uuid.UUID) -> tuple[Any, ...]:
    """Return everything that an edit could have changed."""
    now = fresh(order_id)
    lines = [(line.id, line.quantity, line.discount_amount) for line in now.lines]
    held = db.session.execute(
        select(Reservation.order_line_id, Reservation.quantity, Reservation.state).order_by(Reservation.id)
    ).all()
    counts = [
        db.session.scalar(select(func.count()).select_from(table)) for table in (Event, Refund, Payment)
    ]
    db.session.close()
    return now.version, now.total, now.payment_status, now.attention, lines, held, counts


def units(order: Order, *quantities: int) -> dict[uuid.UUID, int]:
    """Return new units for the lines of an order, in their order."""
    return {line.id: quantity for line, quantity in zip(order.lines, quantities, strict=True)}
