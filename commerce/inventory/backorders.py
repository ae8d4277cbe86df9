"""Backordered units: sold and not in stock yet. Nothing is stored about them; the queue decides who gets what comes in.

The open reservations of a stock item form a queue, oldest first (their ids grow with time). They are covered while
their running sum is within what is on hand; later ones wait. See docs/decisions/0009-backorders.md.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select

from commerce.db import db
from commerce.inventory.models import OPEN, Reservation, StockItem

OPEN_UNITS = Reservation.quantity - Reservation.deducted - Reservation.released


@dataclass(frozen=True, slots=True)
class BackorderQueueEntry:
    """An open reservation in the queue of its stock item: `covered` of its `units` are in stock."""

    reservation_id: uuid.UUID
    order_id: uuid.UUID
    order_line_id: uuid.UUID
    stock_item_id: uuid.UUID
    units: int
    covered: int


def backorder_queues(stock_item_ids: Collection[uuid.UUID]) -> list[BackorderQueueEntry]:
    """Return the queues of stock items, each from its oldest reservation on. One statement."""
    running = func.sum(OPEN_UNITS).over(partition_by=Reservation.stock_item_id, order_by=Reservation.id)
    rows = db.session.execute(
        select(
            Reservation.id,
            Reservation.order_id,
            Reservation.order_line_id,
            Reservation.stock_item_id,
            OPEN_UNITS.label("units"),
            (StockItem.on_hand - running + OPEN_UNITS).label("left"),
        )
        .join(
            StockItem,
            (StockItem.tenant_id == Reservation.tenant_id) & (StockItem.id == Reservation.stock_item_id),
        )
        .where(Reservation.stock_item_id.in_(stock_item_ids), Reservation.state.in_(OPEN))
        .order_by(Reservation.stock_item_id, Reservation.id)
    )
    return [BackorderQueueEntry(*row[:5], covered=max(0, min(row.units, int(row.left)))) for row in rows]


def units_waiting(order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return which units of orders are not in stock yet, by order line id. Two statements; reads only."""
    short = (
        select(Reservation.stock_item_id)
        .join(
            StockItem,
            (StockItem.tenant_id == Reservation.tenant_id) & (StockItem.id == Reservation.stock_item_id),
        )
        .where(
            Reservation.order_id.in_(order_ids),
            Reservation.state.in_(OPEN),
            StockItem.reserved > StockItem.on_hand,
        )
        .distinct()
    )
    items = db.session.scalars(short).all()
    found: dict[uuid.UUID, int] = defaultdict(int)
    for each in backorder_queues(items) if items else ():
        if each.order_id in order_ids and each.covered < each.units:
            found[each.order_line_id] += each.units - each.covered
    return found


def lock_backordered(stock_item_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Lock stock items sorted by id and return the backordered units by reservation id. A step.

    Nothing is backordered where no more is reserved than on hand; then it is one statement.
    """
    items = db.session.execute(
        select(StockItem.id, StockItem.on_hand, StockItem.reserved)
        .where(StockItem.id.in_(stock_item_ids))
        .order_by(StockItem.id)
        .with_for_update()
    ).all()
    short = [item.id for item in items if item.reserved > item.on_hand]
    return (
        {each.reservation_id: each.units - each.covered for each in backorder_queues(short)} if short else {}
    )


@dataclass(slots=True)
class BackorderCoverage:
    """Units of one order line: `deducted` ones have left stock; of the `open` ones `waiting` are not in stock yet.

    `before` are the orders that come first in the queue.
    """

    deducted: int = 0
    open: int = 0
    waiting: int = 0
    before: set[uuid.UUID] = field(default_factory=set)

    @property
    def covered(self) -> int:
        """Units that are reserved and in stock."""
        return self.open - self.waiting


def lock_coverage(order_id: uuid.UUID) -> Mapping[uuid.UUID, BackorderCoverage]:
    """Return the coverage of an order, as `coverage_of`, and lock its stock items so that it stays true. A step."""
    items = select(Reservation.stock_item_id).where(
        Reservation.order_id == order_id, Reservation.state.in_(OPEN)
    )
    lock_backordered(db.session.scalars(items).all())
    return coverage_of(order_id)


def coverage_of(order_id: uuid.UUID) -> Mapping[uuid.UUID, BackorderCoverage]:
    """Return which units of an order are in stock, by order line id; an unknown line has none. Reads only."""
    found: dict[uuid.UUID, BackorderCoverage] = defaultdict(BackorderCoverage)
    items = set()
    for row in db.session.execute(
        select(Reservation.order_line_id, Reservation.stock_item_id, Reservation.deducted, Reservation.state)
        .where(Reservation.order_id == order_id)
        .order_by(Reservation.id)
    ):
        found[row.order_line_id].deducted += row.deducted
        if row.state in OPEN:
            items.add(row.stock_item_id)
    ahead: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for each in backorder_queues(items) if items else ():
        if each.order_id == order_id:
            line = found[each.order_line_id]
            line.open += each.units
            line.waiting += each.units - each.covered
            if each.covered < each.units:
                line.before |= ahead[each.stock_item_id]
        elif each.covered:
            ahead[each.stock_item_id].add(each.order_id)
    return found
