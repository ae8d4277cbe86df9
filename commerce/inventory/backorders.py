"""What is promised to orders and not there yet. Nothing is stored of it: who gets what is there is told by the queue.

The open reservations of a stock item stand in a queue, oldest first (their ids grow with time). They are covered while
their running sum is within what is on hand; whoever comes after waits. See docs/decisions/0009-backorders.md.
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
    """An open reservation in the queue of its stock item: of its `units`, `covered` are on the shelf."""

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


def lock_backordered(stock_item_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Lock stock items in the order of all rows; return what waits there: units not covered, by reservation. A step.

    Nobody waits where no more is reserved than is there, so then it is one statement.
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
    """Units of one order line: `off_shelf` have left the shelf, of the `open` ones `waiting` are not there yet.

    `before` are the orders that get first what is there.
    """

    off_shelf: int = 0
    open: int = 0
    waiting: int = 0
    before: set[uuid.UUID] = field(default_factory=set)

    @property
    def covered(self) -> int:
        """Units that are reserved and on the shelf."""
        return self.open - self.waiting


def lock_coverage(order_id: uuid.UUID) -> Mapping[uuid.UUID, BackorderCoverage]:
    """Return what is there for an order, as `coverage_of`, and lock its stock items so that it stays there. A step."""
    shelves = select(Reservation.stock_item_id).where(
        Reservation.order_id == order_id, Reservation.state.in_(OPEN)
    )
    lock_backordered(db.session.scalars(shelves).all())
    return coverage_of(order_id)


def coverage_of(order_id: uuid.UUID) -> Mapping[uuid.UUID, BackorderCoverage]:
    """Return what is there for an order, by line id; a line that it knows nothing of has no cover. Reads only."""
    found: dict[uuid.UUID, BackorderCoverage] = defaultdict(BackorderCoverage)
    shelves = set()
    for row in db.session.execute(
        select(Reservation.order_line_id, Reservation.stock_item_id, Reservation.deducted, Reservation.state)
        .where(Reservation.order_id == order_id)
        .order_by(Reservation.id)
    ):
        found[row.order_line_id].off_shelf += row.deducted
        if row.state in OPEN:
            shelves.add(row.stock_item_id)
    ahead: dict[uuid.UUID, set[uuid.UUID]] = defaultdict(set)
    for each in backorder_queues(shelves) if shelves else ():
        if each.order_id == order_id:
            line = found[each.order_line_id]
            line.open += each.units
            line.waiting += each.units - each.covered
            if each.covered < each.units:
                line.before |= ahead[each.stock_item_id]
        elif each.covered:
            ahead[each.stock_item_id].add(each.order_id)
    return found
