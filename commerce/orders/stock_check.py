"""Prove that stock, ledger, reservations and orders agree, in bounded memory, and mend what can be mended openly.

The rules: on_hand is the sum of the movements, reserved the sum of the open reservations and within what is there and
may be promised beyond it, a finished order holds nothing, a confirmed order owns all its units.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select, update

from commerce.catalog.models import Variant
from commerce.db import atomic, db, insert_rows
from commerce.inventory.models import OPEN, Reservation, StockItem, StockMovement
from commerce.inventory.services import OWNED, release_stock
from commerce.orders.models import Order, OrderLine
from commerce.orders.services import lock_order
from commerce.orders.transitions import FINAL

BATCH = 1000
"""Rows looked at by one statement: each stays well below the statement timeout, however large the shop."""
OWNING = ("confirmed", "processing", "shipped", "delivered")
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Break:
    """A rule that does not hold. `subject` is a SKU or an order code; `expected` and `actual` are units."""

    rule: str
    subject: str
    subject_id: uuid.UUID
    expected: int
    actual: int

    def __str__(self) -> str:
        return f"{self.subject}: {self.rule}: expected {self.expected}, found {self.actual}"


def count_to_check() -> int:
    """Return how many rows a check of the current shop looks at, for a progress bar."""
    items = db.session.scalar(select(func.count()).select_from(StockItem)) or 0
    orders = db.session.scalar(select(func.count()).select_from(Order)) or 0
    return items + orders


def check_stock(progress: Progress = lambda _rows: None) -> Iterator[Break]:
    """Yield every broken rule of the current shop; `progress` is called with how many more rows were looked at.

    Each batch is read at one moment, so a shop may go on selling meanwhile.
    """
    for items in _batches(
        select(
            StockItem.id, Variant.sku, StockItem.on_hand, StockItem.reserved, StockItem.backorder_limit
        ).join(Variant, (Variant.tenant_id == StockItem.tenant_id) & (Variant.id == StockItem.variant_id)),
        StockItem.id,
    ):
        yield from _check_items(items)
        progress(len(items))
    for orders in _batches(select(Order.id, Order.code, Order.status), Order.id):
        yield from _check_orders(orders)
        progress(len(orders))


def _batches(statement: Any, key: Any) -> Iterator[Sequence[Row[Any]]]:
    last: uuid.UUID | None = None
    while True:
        after = statement.where(key > last) if last else statement
        rows = db.session.execute(after.order_by(key).limit(BATCH)).all()
        if rows:
            yield rows
        db.session.close()
        if len(rows) < BATCH:
            return
        last = rows[-1].id


def _check_items(items: Sequence[Row[Any]]) -> Iterator[Break]:
    ids = [item.id for item in items]
    moved = _sums(StockMovement.stock_item_id, StockMovement.delta, StockMovement.stock_item_id.in_(ids))
    held = _sums(
        Reservation.stock_item_id,
        Reservation.quantity - Reservation.deducted - Reservation.released,
        Reservation.stock_item_id.in_(ids) & Reservation.state.in_(OPEN),
    )
    for item in items:
        if item.on_hand != moved.get(item.id, 0):
            yield Break(
                "on hand is the sum of the movements", item.sku, item.id, moved.get(item.id, 0), item.on_hand
            )
        if item.reserved != held.get(item.id, 0):
            yield Break(
                "reserved is the sum of the holds", item.sku, item.id, held.get(item.id, 0), item.reserved
            )
        most = item.on_hand + item.backorder_limit
        if item.reserved > most:
            yield Break(
                "no more is promised than is there and may be beyond it",
                item.sku,
                item.id,
                most,
                item.reserved,
            )


def _check_orders(orders: Sequence[Row[Any]]) -> Iterator[Break]:
    ids = [order.id for order in orders]
    held = _sums(
        Reservation.order_id,
        Reservation.quantity - Reservation.deducted - Reservation.released,
        Reservation.order_id.in_(ids) & Reservation.state.in_(OPEN),
    )
    owned = _sums(
        Reservation.order_id,
        Reservation.quantity - Reservation.released,
        Reservation.order_id.in_(ids) & Reservation.state.in_(OWNED),
    )
    needed = _sums(OrderLine.order_id, OrderLine.quantity - OrderLine.cancelled, OrderLine.order_id.in_(ids))
    for order in orders:
        if order.status in FINAL and held.get(order.id, 0):
            yield Break("a finished order holds nothing", order.code, order.id, 0, held[order.id])
        if order.status in OWNING and owned.get(order.id, 0) != needed.get(order.id, 0):
            yield Break(
                "a confirmed order owns its units",
                order.code,
                order.id,
                needed.get(order.id, 0),
                owned.get(order.id, 0),
            )


def _sums(key: Any, units: Any, condition: Any) -> dict[uuid.UUID, int]:
    rows = db.session.execute(select(key, func.sum(units)).where(condition).group_by(key))
    return {owner: int(total) for owner, total in rows}


# --- mending ---------------------------------------------------------------------------------------


def mend(found: Break) -> str:
    """Mend one break openly, in its own transaction, looked at again under the lock; return what was done, in words.

    The counted stock is trusted over the ledger: a correcting movement is added. Holds are trusted over their counter.
    """
    if found.rule.startswith("on hand"):
        return _correct_ledger(found.subject_id)
    if found.rule.startswith("reserved"):
        return _correct_reserved(found.subject_id)
    if found.rule.startswith("no more"):
        return "cannot be fixed here: count the stock, or raise the backorder limit"
    if found.rule.startswith("a finished"):
        return _release_leftovers(found.subject_id)
    return _flag_order(found.subject_id, str(found))


def _lock_item(stock_item_id: uuid.UUID) -> StockItem:
    return db.session.execute(
        select(StockItem).where(StockItem.id == stock_item_id).with_for_update()
    ).scalar_one()


@atomic
def _correct_ledger(stock_item_id: uuid.UUID) -> str:
    item = _lock_item(stock_item_id)
    moved = _sums(StockMovement.stock_item_id, StockMovement.delta, StockMovement.stock_item_id == item.id)
    delta = item.on_hand - moved.get(item.id, 0)
    if delta:
        row = {"stock_item_id": item.id, "delta": delta, "cause": "correction", "actor": "stock check"}
        insert_rows(StockMovement, [row])
    return f"wrote a correcting movement of {delta:+d}"


@atomic
def _correct_reserved(stock_item_id: uuid.UUID) -> str:
    item = _lock_item(stock_item_id)
    held = _sums(
        Reservation.stock_item_id,
        Reservation.quantity - Reservation.deducted - Reservation.released,
        (Reservation.stock_item_id == item.id) & Reservation.state.in_(OPEN),
    )
    units = held.get(item.id, 0)
    if units > item.on_hand + item.backorder_limit:
        return f"cannot be mended: {units} units are held and {item.on_hand} are on hand; count the stock"
    db.session.execute(
        update(StockItem)
        .where(StockItem.id == item.id)
        .values(reserved=units, version=StockItem.version + 1)
        .execution_options(synchronize_session=False)
    )
    return f"set the reserved counter to {units}"


@atomic
def _release_leftovers(order_id: uuid.UUID) -> str:
    order = lock_order(order_id)
    if order.status in FINAL:
        release_stock(order.id)
    return "released what the finished order still held"


@atomic
def _flag_order(order_id: uuid.UUID, problem: str) -> str:
    order = lock_order(order_id)
    order.attention = problem[:500]
    return "needs a person: the order is flagged in the back office"
