"""Reserve, commit, release, deduct and restock for an order; stock without an order is in `adjustments.py`.

These two and `reallocation.py` (order edits) are the only code that changes stock. The shopper's path is a
guarded UPDATE with no lock taken before it; rows go in one order (by id) everywhere, so that two orders never
deadlock. See docs/locking.md.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, select, update

from commerce.db import current_tenant_id, db, execute_many, insert_rows, new_id
from commerce.errors import Conflict
from commerce.inventory.allocation import (
    NO_FLOOR,
    Allocation,
    AllocationRequest,
    StockChangedMeanwhile,
    allocate_stock,
    minimum_available,
)
from commerce.inventory.backorders import lock_backordered
from commerce.inventory.models import OPEN, Reservation, StockItem, StockMovement

OWNED = ("committed", "deducted", "restocked")
Units = Mapping[uuid.UUID, int]
"""Units by order line id."""
_stock = StockItem.__table__
_ROW = (_stock.c.tenant_id == bindparam("b_tenant")) & (_stock.c.id == bindparam("b_id"))
_TAKE = (
    update(StockItem.__table__)  # type: ignore[arg-type]
    .where(
        _ROW,
        _stock.c.on_hand - _stock.c.reserved - bindparam("b_units") >= bindparam("b_floor"),
        _stock.c.on_hand + _stock.c.backorder_limit - _stock.c.reserved >= bindparam("b_units"),
    )
    .values(reserved=_stock.c.reserved + bindparam("b_units"), version=_stock.c.version + 1)
)
"""The minimum is 0 for units that must be in stock, so none of them silently becomes a backorder."""
_SHIFT = (
    update(StockItem.__table__)  # type: ignore[arg-type]
    .where(
        _ROW,
        _stock.c.reserved + bindparam("b_reserved") >= 0,
        _stock.c.on_hand + bindparam("b_on_hand") >= 0,
        _stock.c.on_hand + _stock.c.backorder_limit + bindparam("b_on_hand")
        >= _stock.c.reserved + bindparam("b_reserved"),
        _stock.c.on_hand + bindparam("b_on_hand") - _stock.c.reserved - bindparam("b_reserved")
        >= bindparam("b_floor"),
    )
    .values(
        on_hand=_stock.c.on_hand + bindparam("b_on_hand"),
        reserved=_stock.c.reserved + bindparam("b_reserved"),
        version=_stock.c.version + 1,
    )
)
"""Every other change of the counters: it never leaves more reserved than on hand plus the backorder limit."""
# --- steps of placing, settling, cancelling and shipping an order ----------------------------------


def reserve_stock(order_id: uuid.UUID, requests: Sequence[AllocationRequest]) -> None:
    """Reserve units for every request or for none. A step, and the last one of its transaction.

    Raises StockChangedMeanwhile when any is short; the caller's rollback undoes the rows touched so far.
    """
    plan = allocate_stock(requests)
    insert_rows(
        Reservation,
        [
            {
                "order_id": order_id,
                "order_line_id": take.order_line_id,
                "stock_item_id": take.stock_item_id,
                "quantity": take.units,
            }
            for take in plan
        ],
    )
    _take_units(plan)


def _take_units(plan: Sequence[Allocation]) -> None:
    """Reserve units of stock items. Raises StockChangedMeanwhile."""
    units: dict[uuid.UUID, int] = defaultdict(int)
    for take in plan:
        units[take.stock_item_id] += take.units
    tenant_id, floor = current_tenant_id(), minimum_available(plan)
    rows = [
        {"b_tenant": tenant_id, "b_id": key, "b_units": units[key], "b_floor": floor[key]}
        for key in sorted(units)
    ]
    if rows and execute_many(_TAKE, rows) != len(rows):
        raise StockChangedMeanwhile


def commit_reservations(order_id: uuid.UUID) -> int:
    """Make the order's holds permanent (no expiry) and return how many units it now owns. A step."""
    db.session.execute(
        update(Reservation)
        .where(Reservation.order_id == order_id, Reservation.state == "held")
        .values(state="committed")
        .execution_options(synchronize_session=False)
    )
    return sum(row.quantity - row.released for row in _reservations(order_id, OWNED))


def re_reserve(order_id: uuid.UUID, wanted: Units | None = None, *, beyond: Units | None = None) -> None:
    """Reserve again what a cancelled order held, or the `wanted` units of it; `beyond` may be backordered. A step.

    It goes to the end of the queue of each stock item. Raises StockChangedMeanwhile when any unit is short.
    """
    left, spare = dict(wanted or {}), dict(beyond or {})
    plan = []
    for row in _reservations(order_id, ("released", "expired")):
        units = row.quantity if wanted is None else min(row.quantity, left.get(row.order_line_id, 0))
        if units and _change(row, id=new_id(), state="held", released=row.quantity - units):
            left[row.order_line_id] = left.get(row.order_line_id, 0) - units
            not_there = _take_from(spare, row.order_line_id, units)
            plan.append(Allocation(row.order_line_id, row.stock_item_id, units, not_there))
    if not plan:
        raise StockChangedMeanwhile
    _take_units(plan)


def deduct_stock(
    order_id: uuid.UUID, *, cause: str, actor: str, reference: str, units: Units | None = None
) -> None:
    """Deduct committed units that are in stock: those of `units`, or all. A step.

    Units that earlier orders wait for stay theirs. Repeating it changes nothing.
    """
    changes = StockChanges(cause, actor, reference)
    rows = _reservations(order_id, ("committed",))
    waiting = lock_backordered([row.stock_item_id for row in rows]) if rows else {}
    for row, count in _pick(rows, units, lambda each: _open_units(each) - waiting.get(each.id, 0)):
        state = "deducted" if count == _open_units(row) else "committed"
        if _change(row, state=state, deducted=row.deducted + count):
            changes.add(row.stock_item_id, on_hand=-count, reserved=-count)
    changes.apply_or_raise()


def release_stock(order_id: uuid.UUID, state: str = "released") -> None:
    """Release what the order has reserved and not deducted. Repeating it changes nothing. A step."""
    changes = StockChanges("released", "", "")
    for row in _reservations(order_id, OPEN):
        count = _open_units(row)
        after = "deducted" if row.deducted else state
        if _change(row, state=after, released=row.released + count):
            changes.add(row.stock_item_id, reserved=-count)
    changes.apply_or_raise()


def restock_units(order_id: uuid.UUID, *, cause: str, actor: str, reference: str) -> None:
    """Restock everything that was deducted for the order, once. A step."""
    changes = StockChanges(cause, actor, reference)
    _restock_units(_reservations(order_id), None, changes)
    changes.apply_or_raise()


def release_and_restock(
    order_id: uuid.UUID,
    *,
    unsent: Units,
    returned: Units,
    cause: str,
    actor: str,
    reference: str,
    state: str = "released",
) -> int:
    """Release `unsent` units, which will not ship, and restock `returned` ones, which had shipped. A step.

    Unsent units are open, or deducted already when the shop deducts at confirmation; then they are restocked.
    All counters change in one sorted pass. Returns how many unsent units the reservations held.
    """
    changes = StockChanges(cause, actor, reference)
    rows = _reservations(order_id)
    freed = 0
    for row, from_open, from_deducted in _unsent(rows, unsent):
        freed += from_open + from_deducted
        deducted = row.deducted - from_deducted
        released = row.released + from_open + from_deducted
        if _change(row, state=_state(row, deducted, released, state), deducted=deducted, released=released):
            changes.add(row.stock_item_id, on_hand=from_deducted, reserved=-from_open)
    if any(returned.values()):
        _restock_units(_reservations(order_id) if any(unsent.values()) else rows, returned, changes)
    changes.apply_or_raise()
    return freed


def _unsent(rows: Sequence[Any], units: Units) -> list[tuple[Any, int, int]]:
    """Return (reservation, reserved units, deducted units) for as many of `units` as the rows have.

    Reserved units go first, over all locations: deducted ones may be in a parcel already. Of these, those at a
    location with backorders go first, so that a customer waits less.
    """
    left = dict(units)
    in_turn = sorted(rows, key=lambda row: not row.short)
    reserved = {row.id: _take_from(left, row.order_line_id, _open_units(row)) for row in in_turn}
    deducted = {row.id: _take_from(left, row.order_line_id, row.deducted - row.restocked) for row in rows}
    return [(row, reserved[row.id], deducted[row.id]) for row in rows if reserved[row.id] or deducted[row.id]]


def _take_from(left: dict[uuid.UUID, int], line_id: uuid.UUID, available: int) -> int:
    count = min(left.get(line_id, 0), available)
    left[line_id] = left.get(line_id, 0) - count
    return count


def _restock_units(rows: Sequence[Any], units: Units | None, changes: StockChanges) -> None:
    for row, count in _pick(rows, units, lambda each: int(each.deducted - each.restocked)):
        restocked = row.restocked + count
        whole = restocked == row.deducted and not _open_units(row)
        if _change(row, state="restocked" if whole else row.state, restocked=restocked):
            changes.add(row.stock_item_id, on_hand=count)


def _open_units(row: Any) -> int:
    """Return the units of a reservation that are reserved now."""
    return int(row.quantity - row.deducted - row.released) if row.state in OPEN else 0


def _state(row: Any, deducted: int, released: int, closed: str) -> str:
    if row.quantity > deducted + released:
        return str(row.state)
    return "deducted" if deducted else closed


def _pick(
    rows: Sequence[Any], units: Units | None, available: Callable[[Any], int]
) -> Iterator[tuple[Any, int]]:
    """Yield (row, units) for the units asked of each line, or for all, as far as the rows have them."""
    left = dict(units or {})
    for row in rows:
        count = available(row)
        if units is not None:
            count = min(count, left.get(row.order_line_id, 0))
            left[row.order_line_id] = left.get(row.order_line_id, 0) - count
        if count:
            yield row, count


_COLUMNS = (
    Reservation.id,
    Reservation.order_line_id,
    Reservation.stock_item_id,
    Reservation.quantity,
    Reservation.deducted,
    Reservation.released,
    Reservation.restocked,
    Reservation.state,
    (StockItem.reserved > StockItem.on_hand).label("short"),
)


def _reservations(order_id: uuid.UUID, states: tuple[str, ...] = ()) -> Sequence[Any]:
    """Return the order's reservations (in `states`). The order's row is locked by the caller, so they stand still."""
    statement = (
        select(*_COLUMNS)
        .join(
            StockItem,
            (StockItem.tenant_id == Reservation.tenant_id) & (StockItem.id == Reservation.stock_item_id),
        )
        .where(Reservation.order_id == order_id)
        .order_by(Reservation.stock_item_id)
    )
    return db.session.execute(statement.where(Reservation.state.in_(states)) if states else statement).all()


def _change(row: Any, **values: Any) -> bool:
    """Change one reservation, if it still is as we saw it; counters move only with it."""
    result = db.session.execute(
        update(Reservation)
        .where(
            Reservation.id == row.id,
            Reservation.state == row.state,
            Reservation.quantity == row.quantity,
            Reservation.deducted == row.deducted,
            Reservation.released == row.released,
            Reservation.restocked == row.restocked,
        )
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]


class StockChanges:
    """Changes of one step to stock counters and ledger, collected and applied sorted by stock item id."""

    def __init__(self, cause: str, actor: str, reference: str) -> None:
        self._note = {"cause": cause, "actor": actor, "reference": reference}
        self._on_hand: dict[uuid.UUID, int] = defaultdict(int)
        self._reserved: dict[uuid.UUID, int] = defaultdict(int)
        self._minimum: dict[uuid.UUID, int] = {}
        self.movements: dict[uuid.UUID, uuid.UUID] = {}
        """Stock item id -> id of the movement that was written for it."""

    def add(self, stock_item_id: uuid.UUID, *, on_hand: int = 0, reserved: int = 0) -> None:
        """Add a change of one stock item, in units."""
        self._on_hand[stock_item_id] += on_hand
        self._reserved[stock_item_id] += reserved

    def require_minimum(self, minimums: Mapping[uuid.UUID, int]) -> None:
        """Require that the changes leave `on_hand - reserved` at or above the minimum of each stock item."""
        self._minimum.update(minimums)

    def apply_or_raise(self) -> None:
        """Apply the changes. Raises Conflict when stock and reservations do not allow them."""
        if not self.apply():
            raise Conflict("stock_inconsistent")

    def apply(self) -> bool:
        """Change the counters, write the movements, and tell whether all fitted; if not, the caller rolls back."""
        tenant_id = current_tenant_id()
        keys = [key for key in sorted(self._on_hand) if self._on_hand[key] or self._reserved[key]]
        rows = [
            {
                "b_tenant": tenant_id,
                "b_id": key,
                "b_on_hand": self._on_hand[key],
                "b_reserved": self._reserved[key],
                "b_floor": self._minimum.get(key, NO_FLOOR),
            }
            for key in keys
        ]
        if rows and execute_many(_SHIFT, rows) != len(rows):
            return False
        self.movements = {key: new_id() for key in keys if self._on_hand[key]}
        rows = [
            {"id": movement_id, "stock_item_id": key, "delta": self._on_hand[key], **self._note}
            for key, movement_id in self.movements.items()
        ]
        insert_rows(StockMovement, rows)
        return True
