"""What must be true of stock and orders after anything that happened."""

from typing import Any

from sqlalchemy import func, select

from commerce.db import db
from commerce.inventory.models import Reservation, StockItem, StockMovement
from commerce.orders.models import Order, OrderLine
from commerce.orders.transitions import FINAL

ALL = {"all_tenants": True}


def broken_invariants() -> list[str]:
    """Return a sentence for every broken rule, over all shops; an empty list is a healthy installation."""
    return [*_counters(), *_finished_orders(), *_confirmed_orders()]


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
    for row in db.session.execute(
        select(StockItem.id, StockItem.on_hand, StockItem.reserved), execution_options=ALL
    ):
        if row.on_hand != moved.get(row.id, 0):
            found.append(f"{row.id}: on hand {row.on_hand}, movements {moved.get(row.id, 0)}")
        if row.reserved != held.get(row.id, 0):
            found.append(f"{row.id}: reserved {row.reserved}, open reservations {held.get(row.id, 0)}")
        if not 0 <= row.reserved <= row.on_hand:
            found.append(f"{row.id}: reserved {row.reserved} of {row.on_hand}")
    return found


def _sums(statement: Any, column: str) -> dict[Any, int]:
    rows = db.session.execute(statement.group_by(column), execution_options=ALL)
    return {row[0]: int(row[1]) for row in rows}


def _finished_orders() -> list[str]:
    rows = db.session.execute(
        select(Order.code, Reservation.state)
        .join(Reservation, Reservation.order_id == Order.id)
        .where(Order.status.in_(FINAL), Reservation.state.in_(("held", "committed"))),
        execution_options=ALL,
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
    rows = db.session.execute(
        select(Order.code, owned, wanted).where(
            Order.status.in_(("confirmed", "processing", "shipped", "delivered")), owned != wanted
        ),
        execution_options=ALL,
    )
    return [f"{code} is confirmed, owns {has} of {needs} units" for code, has, needs in rows]
