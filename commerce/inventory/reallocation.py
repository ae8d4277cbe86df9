"""Change what an order holds while it is edited: units more of some lines, units less of others, in one pass.

Two passes over the stock items, one for each direction, could wait crosswise for another order; see docs/locking.md.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete

from commerce.db import db, insert_rows, new_id
from commerce.errors import Conflict
from commerce.inventory.allocation import Allocation, AllocationRequest, allocate_stock, minimum_available
from commerce.inventory.models import Reservation
from commerce.inventory.services import StockChanges, Units, _change, _open_units, _reservations, _unsent


def exchange(
    order_id: uuid.UUID,
    *,
    more: Sequence[AllocationRequest],
    less: Units,
    state: str,
    off_shelf: bool,
    actor: str,
    reference: str,
) -> StockChanges:
    """Change the reservations of an order: units `more`, and units `less` as if they had never been asked for. A step.

    The counters follow when the caller posts the returned books, last of all in his transaction; if they cannot be
    posted, others took units meanwhile. New units are in `state` held or committed; `off_shelf` takes those that are
    there off the shelf at once, for a shop that deducts at confirmation. Units to free have not left the house. Raises
    StockRaced when any want is short, Conflict when the reservations do not hold what shall be freed.
    """
    books = StockChanges("edited", actor, reference)
    rows = _reservations(order_id)
    freed = _take_out(rows, less, books)
    _put_in(
        order_id, rows, allocate_stock(more, freed) if more else [], books, state=state, off_shelf=off_shelf
    )
    return books


def _take_out(rows: Sequence[Any], less: Units, books: StockChanges) -> dict[uuid.UUID, int]:
    """Take units out of reservations and return how many each stock item gets back."""
    freed: dict[uuid.UUID, int] = defaultdict(int)
    for row, from_open, from_shelf in _unsent(rows, less):
        _lessen(row, from_open, from_shelf)
        books.shift(row.stock_item_id, on_hand=from_shelf, reserved=-from_open)
        freed[row.stock_item_id] += from_open + from_shelf
    if sum(freed.values()) != sum(less.values()):
        raise Conflict("Stock and reservations disagree; nothing was changed. Run: flask stock check")
    return freed


def _lessen(row: Any, from_open: int, from_shelf: int) -> None:
    quantity = row.quantity - from_open - from_shelf
    if not quantity:
        db.session.execute(
            delete(Reservation).where(Reservation.id == row.id).execution_options(synchronize_session=False)
        )
        return
    deducted = row.deducted - from_shelf
    state = row.state
    if state in ("held", "committed") and quantity == deducted + row.released:
        state = "deducted" if deducted else "released"
    _change(row, quantity=quantity, deducted=deducted, state=state)


def _put_in(
    order_id: uuid.UUID,
    rows: Sequence[Any],
    plan: Sequence[Allocation],
    books: StockChanges,
    *,
    state: str,
    off_shelf: bool,
) -> None:
    """Add units to the reservations of their lines, or make new ones.

    A reservation that grows beyond the stock goes to the end of the queue, so that nobody waits longer because of it.
    """
    known = {(row.order_line_id, row.stock_item_id): row for row in rows}
    fresh = []
    for take in plan:
        line_id, stock_id, units = take.order_line_id, take.stock_item_id, take.units
        taken = units - take.beyond if off_shelf else 0
        row = known.get((line_id, stock_id))
        if row is None:
            place = {"order_id": order_id, "order_line_id": line_id, "stock_item_id": stock_id}
            kind = "deducted" if taken == units else state
            fresh.append({**place, "quantity": units, "deducted": taken, "state": kind})
        else:
            left = _open_units(row) + units - taken
            kind = (row.state if _open_units(row) else state) if left else "deducted"
            key = new_id() if take.beyond else row.id
            _change(row, id=key, quantity=row.quantity + units, deducted=row.deducted + taken, state=kind)
        books.shift(stock_id, on_hand=-taken, reserved=units - taken)
    insert_rows(Reservation, fresh)
    books.keep(minimum_available(plan))
