"""What must be true of stock and orders after anything that happened."""

from typing import Any

from sqlalchemy import func, select

from commerce.inventory.models import Reservation, StockItem, StockMovement
from commerce.orders.models import Credit, CreditLine, Order, OrderLine
from commerce.orders.transitions import FINAL
from commerce.payments.models import Payment, Refund
from tests.support.all_databases import everywhere


def broken_invariants() -> list[str]:
    """Return a sentence for every broken rule, over all shops; an empty list is a healthy installation."""
    return [*_counters(), *_finished_orders(), *_confirmed_orders(), *_shipped_lines(), *_credited_orders()]


def _counters() -> list[str]:
    """on_hand is the sum of the movements, reserved the sum of the open reservations, and both within bounds."""
    moved: dict[Any, int] = _sums(
        select(StockMovement.stock_item_id, func.sum(StockMovement.delta)), "stock_item_id"
    )
    held = _sums(
        select(
            Reservation.stock_item_id,
            func.sum(Reservation.quantity - Reservation.deducted - Reservation.released),
        ).where(Reservation.state.in_(("held", "committed"))),
        "stock_item_id",
    )
    found = []
    for row in everywhere(
        select(StockItem.id, StockItem.on_hand, StockItem.reserved, StockItem.backorder_limit)
    ):
        if row.on_hand != moved.get(row.id, 0):
            found.append(f"{row.id}: on hand {row.on_hand}, movements {moved.get(row.id, 0)}")
        if row.reserved != held.get(row.id, 0):
            found.append(f"{row.id}: reserved {row.reserved}, open reservations {held.get(row.id, 0)}")
        if not 0 <= row.reserved <= row.on_hand + row.backorder_limit:
            found.append(f"{row.id}: reserved {row.reserved} of {row.on_hand} and {row.backorder_limit}")
    return found


def _sums(statement: Any, column: str) -> dict[Any, int]:
    rows = everywhere(statement.group_by(column))
    return {row[0]: int(row[1]) for row in rows}


def _finished_orders() -> list[str]:
    rows = everywhere(
        select(Order.code, Reservation.state)
        .join(Reservation, Reservation.order_id == Order.id)
        .where(Order.status.in_(FINAL), Reservation.state.in_(("held", "committed")))
    )
    return [f"{code} is finished and has a reservation that is {state}" for code, state in rows]


def _confirmed_orders() -> list[str]:
    """Every confirmed order owns all its units."""
    owned = (
        select(func.coalesce(func.sum(Reservation.quantity - Reservation.released), 0))
        .where(
            Reservation.order_id == Order.id, Reservation.state.in_(("committed", "deducted", "restocked"))
        )
        .correlate(Order)
        .scalar_subquery()
    )
    wanted = (
        select(func.sum(OrderLine.quantity - OrderLine.cancelled))
        .where(OrderLine.order_id == Order.id)
        .correlate(Order)
        .scalar_subquery()
    )
    rows = everywhere(
        select(Order.code, owned, wanted).where(
            Order.status.in_(("confirmed", "processing", "shipped", "delivered")), owned != wanted
        )
    )
    return [f"{code} is confirmed, owns {has} of {needs} units" for code, has, needs in rows]


def _shipped_lines() -> list[str]:
    """Whatever has left the house was taken off the shelf, and no more of it came back than had left."""
    taken = (
        select(func.coalesce(func.sum(Reservation.deducted), 0))
        .where(Reservation.order_line_id == OrderLine.id)
        .correlate(OrderLine)
        .scalar_subquery()
    )
    back = (
        select(func.coalesce(func.sum(Reservation.restocked), 0))
        .where(Reservation.order_line_id == OrderLine.id)
        .correlate(OrderLine)
        .scalar_subquery()
    )
    rows = everywhere(
        select(OrderLine.sku, OrderLine.shipped, OrderLine.credited, taken, back).where(
            (taken < OrderLine.shipped) | ((back > OrderLine.shipped) & (OrderLine.shipped > 0))
        )
    )
    return [
        f"{sku}: {shipped} shipped, {credited} given back, {off} off the shelf, {on} back on it"
        for sku, shipped, credited, off, on in rows
    ]


def _credited_orders() -> list[str]:
    """Credits, lines and the order name the same amounts, and no more goes back than was credited and taken."""
    found = []
    decided = _sums(select(Credit.order_id, func.sum(Credit.amount)), "order_id")
    sent = _sums(
        select(Refund.order_id, func.sum(Refund.amount)).where(
            Refund.credit_id.is_not(None), Refund.state != "failed"
        ),
        "order_id",
    )
    captured = _sums(select(Payment.order_id, func.sum(Payment.captured)), "order_id")
    for order_id, amount in decided.items():
        if sent.get(order_id, 0) > min(amount, captured.get(order_id, 0)):
            found.append(f"{order_id}: {sent[order_id]} sent of {amount} and {captured.get(order_id, 0)}")
    found += [
        f"{row.id}: {row.credited_amount} of {row.total}, {decided.get(row.id, 0)} in credits"
        for row in everywhere(select(Order.id, Order.total, Order.credited_amount))
        if row.credited_amount != decided.get(row.id, 0) or row.credited_amount > row.total
    ]
    by_line = _sums(select(CreditLine.order_line_id, func.sum(CreditLine.amount)), "order_line_id")
    units = _sums(select(CreditLine.order_line_id, func.sum(CreditLine.quantity)), "order_line_id")
    lines = everywhere(select(OrderLine.id, OrderLine.sku, OrderLine.credited_amount, OrderLine.credited))
    for line_id, sku, amount, count in lines:
        if amount != by_line.get(line_id, 0) or count != units.get(line_id, 0):
            found.append(f"{sku}: the line names {count} for {amount}, its credits do not")
    return found
