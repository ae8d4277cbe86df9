"""Change an order's reservations while it is edited: more units of some lines, fewer of others, in one pass.

Two passes over the stock items, one for each direction, could deadlock with another order; see docs/locking.md.
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
    deduct_now: bool,
    actor: str,
    reference: str,
) -> StockChanges:
    """Change the reservations of an order: add `more` units and remove `less` as if never ordered. A step.

    The counters change when the caller applies the returned changes, last of all in the transaction; if they do not
    fit, others took units in between. New units are `state` held or committed; `deduct_now` deducts those in stock at
    once, for a shop that deducts at confirmation. Units to remove have not shipped. Raises StockChangedMeanwhile when a
    request is short, Conflict when the reservations do not hold what should be released.
    """
    changes = StockChanges("edited", actor, reference)
    rows = _reservations(order_id)
    freed = _take_out(rows, less, changes)
    _put_in(
        order_id,
        rows,
        allocate_stock(more, freed) if more else [],
        changes,
        state=state,
        deduct_now=deduct_now,
    )
    return changes


def _take_out(rows: Sequence[Any], less: Units, changes: StockChanges) -> dict[uuid.UUID, int]:
    """Remove units from reservations and return how many each stock item gets back."""
    freed: dict[uuid.UUID, int] = defaultdict(int)
    for row, from_open, from_deducted in _unsent(rows, less):
        _lessen(row, from_open, from_deducted)
        changes.add(row.stock_item_id, on_hand=from_deducted, reserved=-from_open)
        freed[row.stock_item_id] += from_open + from_deducted
    if sum(freed.values()) != sum(less.values()):
        raise Conflict("stock_inconsistent")
    return freed


def _lessen(row: Any, from_open: int, from_deducted: int) -> None:
    quantity = row.quantity - from_open - from_deducted
    if not quantity:
        db.session.execute(
            delete(Reservation).where(Reservation.id == row.id).execution_options(synchronize_session=False)
        )
        return
    deducted = row.deducted - from_deducted
    state = row.state
    if state in ("held", "committed") and quantity == deducted + row.released:
        state = "deducted" if deducted else "released"
    _change(row, quantity=quantity, deducted=deducted, state=state)


def _put_in(
    order_id: uuid.UUID,
    rows: Sequence[Any],
    plan: Sequence[Allocation],
    changes: StockChanges,
    *,
    state: str,
    deduct_now: bool,
) -> None:
    """Add units to the reservations of their lines, or make new ones.

    A reservation that gains backordered units goes to the end of the queue, so that nobody else waits longer.
    """
    known = {(row.order_line_id, row.stock_item_id): row for row in rows}
    fresh = []
    for allocation in plan:
        line_id, stock_id, units = allocation.order_line_id, allocation.stock_item_id, allocation.units
        taken = units - allocation.beyond if deduct_now else 0
        row = known.get((line_id, stock_id))
        if row is None:
            place = {"order_id": order_id, "order_line_id": line_id, "stock_item_id": stock_id}
            kind = "deducted" if taken == units else state
            fresh.append({**place, "quantity": units, "deducted": taken, "state": kind})
        else:
            left = _open_units(row) + units - taken
            kind = (row.state if _open_units(row) else state) if left else "deducted"
            key = new_id() if allocation.beyond else row.id
            _change(row, id=key, quantity=row.quantity + units, deducted=row.deducted + taken, state=kind)
        changes.add(stock_id, on_hand=-taken, reserved=units - taken)
    insert_rows(Reservation, fresh)
    changes.require_minimum(minimum_available(plan))
