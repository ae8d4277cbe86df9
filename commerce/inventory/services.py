"""Reserve, commit, release, deduct and restock for an order; what comes in otherwise is in `receiving.py`.

These two and `exchanging.py` (an order that is edited) are the only code that changes stock. The shopper's path is a
guarded UPDATE with no lock taken before it; rows go in one order (by id) everywhere, so that two orders never wait for
each other crosswise. See docs/locking.md.
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
"""The floor is 0 for units that shall be there, so none of them silently becomes a promise."""
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
"""Every other change of the counters: it never leaves more reserved than is there and may be promised beyond it."""
# --- steps of placing, settling, cancelling and shipping an order ----------------------------------


def reserve_stock(order_id: uuid.UUID, wants: Sequence[AllocationRequest]) -> None:
    """Hold units for every want or for none. A step, and the last one of its transaction.

    Raises StockRaced when any of them is short; the rows touched so far are undone by the caller's rollback.
    """
    plan = allocate_stock(wants)
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
    """Reserve units of stock items or raise StockRaced."""
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
    """Hold once more what a cancelled order held, or of it what is `wanted`; `beyond` units need not be there. A step.

    What it held it lost: it stands last in the queue of each stock item. Raises StockRaced when any of it is short.
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
    """Take committed units off the shelf, as far as they are there: those of `units`, or all. A step.

    What others wait for before us stays theirs. Repeating it changes nothing.
    """
    books = StockChanges(cause, actor, reference)
    rows = _reservations(order_id, ("committed",))
    waiting = lock_backordered([row.stock_item_id for row in rows]) if rows else {}
    for row, count in _pick(rows, units, lambda each: _open_units(each) - waiting.get(each.id, 0)):
        state = "deducted" if count == _open_units(row) else "committed"
        if _change(row, state=state, deducted=row.deducted + count):
            books.shift(row.stock_item_id, on_hand=-count, reserved=-count)
    books.close()


def release_stock(order_id: uuid.UUID, state: str = "released") -> None:
    """Give back what the order holds and has not taken off the shelf. Repeating it changes nothing. A step."""
    books = StockChanges("released", "", "")
    for row in _reservations(order_id, OPEN):
        count = _open_units(row)
        after = "deducted" if row.deducted else state
        if _change(row, state=after, released=row.released + count):
            books.shift(row.stock_item_id, reserved=-count)
    books.close()


def restock_units(order_id: uuid.UUID, *, cause: str, actor: str, reference: str) -> None:
    """Put back everything that the order had taken off the shelf, once. A step."""
    books = StockChanges(cause, actor, reference)
    _restock_units(_reservations(order_id), None, books)
    books.close()


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
    """Free `unsent` units, which will never leave, and put `returned` ones, which had left, back on the shelf. A step.

    Unsent units are open, or off the shelf already when the shop deducts at confirmation; then they go back to it.
    All counters change in one sorted pass. Returns how many unsent units the reservations really held.
    """
    books = StockChanges(cause, actor, reference)
    rows = _reservations(order_id)
    freed = 0
    for row, from_open, from_shelf in _unsent(rows, unsent):
        freed += from_open + from_shelf
        deducted = row.deducted - from_shelf
        released = row.released + from_open + from_shelf
        if _change(row, state=_state(row, deducted, released, state), deducted=deducted, released=released):
            books.shift(row.stock_item_id, on_hand=from_shelf, reserved=-from_open)
    if any(returned.values()):
        _restock_units(_reservations(order_id) if any(unsent.values()) else rows, returned, books)
    books.close()
    return freed


def _unsent(rows: Sequence[Any], units: Units) -> list[tuple[Any, int, int]]:
    """Return (reservation, reserved units, units off the shelf) for as many of `units` as the rows have.

    Reserved units go first, over all locations: what is off the shelf may be in a parcel already. Of these, those go
    first that are at a location which has promised more than it has, so that a customer does not wait for them.
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


def _restock_units(rows: Sequence[Any], units: Units | None, books: StockChanges) -> None:
    for row, count in _pick(rows, units, lambda each: int(each.deducted - each.restocked)):
        restocked = row.restocked + count
        whole = restocked == row.deducted and not _open_units(row)
        if _change(row, state="restocked" if whole else row.state, restocked=restocked):
            books.shift(row.stock_item_id, on_hand=count)


def _open_units(row: Any) -> int:
    """Return the units of a reservation that are reserved on the shelf now."""
    return int(row.quantity - row.deducted - row.released) if row.state in OPEN else 0


def _state(row: Any, deducted: int, released: int, closed: str) -> str:
    if row.quantity > deducted + released:
        return str(row.state)
    return "deducted" if deducted else closed


def _pick(
    rows: Sequence[Any], units: Units | None, available: Callable[[Any], int]
) -> Iterator[tuple[Any, int]]:
    """Yield (row, units) for what is asked of each line, or for everything, as far as the rows have it."""
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
    """What one step does to the counters and the ledger, collected and then done in the one order of all rows."""

    def __init__(self, cause: str, actor: str, reference: str) -> None:
        self._note = {"cause": cause, "actor": actor, "reference": reference}
        self._on_hand: dict[uuid.UUID, int] = defaultdict(int)
        self._reserved: dict[uuid.UUID, int] = defaultdict(int)
        self._floor: dict[uuid.UUID, int] = {}
        self.movements: dict[uuid.UUID, uuid.UUID] = {}
        """Stock item id -> id of the movement that was written for it."""

    def shift(self, stock_item_id: uuid.UUID, *, on_hand: int = 0, reserved: int = 0) -> None:
        """Remember a change of one stock item, in units."""
        self._on_hand[stock_item_id] += on_hand
        self._reserved[stock_item_id] += reserved

    def keep(self, floors: Mapping[uuid.UUID, int]) -> None:
        """Demand that the changes leave `on_hand - reserved` no lower than the floor of each stock item."""
        self._floor.update(floors)

    def close(self) -> None:
        """Change the counters and write the movements. Raises Conflict when the books do not allow it: stop."""
        if not self.post():
            raise Conflict("Stock and reservations disagree; nothing was changed. Run: flask stock check")

    def post(self) -> bool:
        """Do it and tell whether every change fitted; the caller rolls back if one did not."""
        tenant_id = current_tenant_id()
        keys = [key for key in sorted(self._on_hand) if self._on_hand[key] or self._reserved[key]]
        rows = [
            {
                "b_tenant": tenant_id,
                "b_id": key,
                "b_on_hand": self._on_hand[key],
                "b_reserved": self._reserved[key],
                "b_floor": self._floor.get(key, NO_FLOOR),
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
