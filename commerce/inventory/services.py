"""Reserve, commit, release, deduct and restock: the only code that changes stock.

The shopper's path is a guarded UPDATE with no lock taken before it; rows go in one order (by id) everywhere, so that
two orders never wait for each other crosswise. See docs/locking.md.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update

from commerce import clock
from commerce.catalog.reading import TENANT, read
from commerce.db import atomic, current_tenant_id, db, execute_many, insert_rows, new_id
from commerce.errors import Conflict, InvalidValue, NotFound, StaleVersion
from commerce.inventory.models import MAX_QUANTITY, Location, Reservation, StockItem, StockMovement

OPEN = ("held", "committed")
_stock = StockItem.__table__
_ROW = (_stock.c.tenant_id == bindparam("b_tenant")) & (_stock.c.id == bindparam("b_id"))
_TAKE = (
    update(StockItem.__table__)  # type: ignore[arg-type]
    .where(_ROW, _stock.c.on_hand - _stock.c.reserved >= bindparam("b_units"))
    .values(reserved=_stock.c.reserved + bindparam("b_units"), version=_stock.c.version + 1)
)
_GIVE_BACK = (
    update(StockItem.__table__)  # type: ignore[arg-type]
    .where(_ROW, _stock.c.reserved >= bindparam("b_units"))
    .values(reserved=_stock.c.reserved - bindparam("b_units"), version=_stock.c.version + 1)
)
_DEDUCT = (
    update(StockItem.__table__)  # type: ignore[arg-type]
    .where(_ROW, _stock.c.reserved >= bindparam("b_units"), _stock.c.on_hand >= bindparam("b_units"))
    .values(
        on_hand=_stock.c.on_hand - bindparam("b_units"),
        reserved=_stock.c.reserved - bindparam("b_units"),
        version=_stock.c.version + 1,
    )
)
_PUT_IN = (
    update(StockItem.__table__)  # type: ignore[arg-type]
    .where(_ROW, _stock.c.on_hand - _stock.c.reserved + bindparam("b_units") >= 0)
    .values(on_hand=_stock.c.on_hand + bindparam("b_units"), version=_stock.c.version + 1)
)
_locations = Location.__table__
_ON_SHELVES = (
    select(_stock.c.variant_id, _stock.c.id, _stock.c.on_hand - _stock.c.reserved)
    .join(_locations, (_locations.c.tenant_id == TENANT) & (_locations.c.id == _stock.c.location_id))
    .where(_stock.c.tenant_id == TENANT, _stock.c.variant_id.in_(bindparam("variants", expanding=True)))
    .order_by(_locations.c.position, _stock.c.id)
)


@dataclass(frozen=True, slots=True)
class Want:
    """Units of one variant for one order line."""

    order_line_id: uuid.UUID
    variant_id: uuid.UUID
    quantity: int


class StockRaced(Exception):
    """Somebody took units between our look and our grip. The caller rolls back, looks again and decides."""


# --- steps of placing, settling, cancelling and shipping an order ----------------------------------


def reserve(order_id: uuid.UUID, wants: Sequence[Want]) -> None:
    """Hold units for every want or for none. A step, and the last one of its transaction.

    Raises StockRaced when any of them is short; the rows touched so far are undone by the caller's rollback.
    """
    plan = _allocate(wants)
    insert_rows(
        Reservation,
        [
            {"order_id": order_id, "order_line_id": line_id, "stock_item_id": stock_id, "quantity": units}
            for line_id, stock_id, units in plan
        ],
    )
    taken: dict[uuid.UUID, int] = defaultdict(int)
    for _line_id, stock_id, units in plan:
        taken[stock_id] += units
    if _move(_TAKE, taken) != len(taken):
        raise StockRaced


def _allocate(wants: Sequence[Want]) -> list[tuple[uuid.UUID, uuid.UUID, int]]:
    """Choose stock items: one location that has all, else several in their order. Raises StockRaced when short."""
    rows = read(_ON_SHELVES, variants=[want.variant_id for want in wants])
    left: dict[uuid.UUID, dict[uuid.UUID, int]] = defaultdict(dict)
    for variant_id, stock_id, available in rows:
        left[variant_id][stock_id] = available
    plan = []
    for want in wants:
        shelves = left[want.variant_id]
        whole = next((stock_id for stock_id, units in shelves.items() if units >= want.quantity), None)
        missing = want.quantity
        for stock_id in [whole] if whole else list(shelves):
            units = min(missing, max(0, shelves[stock_id]))
            if units:
                shelves[stock_id] -= units
                missing -= units
                plan.append((want.order_line_id, stock_id, units))
        if missing:
            raise StockRaced
    return plan


def commit_reservations(order_id: uuid.UUID) -> int:
    """Make the order's holds permanent (no expiry) and return how many units it now owns. A step."""
    db.session.execute(
        update(Reservation)
        .where(Reservation.order_id == order_id, Reservation.state == "held")
        .values(state="committed")
        .execution_options(synchronize_session=False)
    )
    rows = _reservations(order_id, ("committed", "deducted"))
    return sum(row.quantity for row in rows)


def reserve_again(order_id: uuid.UUID) -> None:
    """Hold once more what the order held before it was cancelled. A step. Raises StockRaced when any of it is short."""
    units: dict[uuid.UUID, int] = defaultdict(int)
    for row in _reservations(order_id, ("released", "expired")):
        if _change_state(row, "held"):
            units[row.stock_item_id] += row.quantity - row.deducted
    if not units or _move(_TAKE, units) != len(units):
        raise StockRaced


def release(order_id: uuid.UUID, state: str = "released") -> None:
    """Give back what the order holds and has not shipped. Repeating it changes nothing. A step."""
    units: dict[uuid.UUID, int] = defaultdict(int)
    for row in _reservations(order_id, OPEN):
        if _change_state(row, state):
            units[row.stock_item_id] += row.quantity - row.deducted
    _move_all(_GIVE_BACK, units)


def deduct(order_id: uuid.UUID, *, cause: str, actor: str, reference: str) -> None:
    """Take the order's committed units off the shelf. Repeating it changes nothing. A step."""
    units: dict[uuid.UUID, int] = defaultdict(int)
    for row in _reservations(order_id, ("committed",)):
        if _change_state(row, "deducted", deducted=row.quantity):
            units[row.stock_item_id] += row.quantity - row.deducted
    _move_all(_DEDUCT, units)
    _write_ledger({key: -count for key, count in units.items()}, cause, actor, reference)


def restock(order_id: uuid.UUID, *, cause: str, actor: str, reference: str) -> None:
    """Put back what the order had taken off the shelf, once. A step."""
    units: dict[uuid.UUID, int] = defaultdict(int)
    for row in _reservations(order_id, ("deducted",)):
        if _change_state(row, "restocked"):
            units[row.stock_item_id] += row.deducted
    _move_all(_PUT_IN, units)
    _write_ledger(units, cause, actor, reference)


def _reservations(order_id: uuid.UUID, states: tuple[str, ...]) -> Sequence[Any]:
    """Return the order's reservations in `states`. The order's row is locked by the caller, so they stand still."""
    return db.session.execute(
        select(
            Reservation.id,
            Reservation.stock_item_id,
            Reservation.quantity,
            Reservation.deducted,
            Reservation.state,
        )
        .where(Reservation.order_id == order_id, Reservation.state.in_(states))
        .order_by(Reservation.stock_item_id)
    ).all()


def _change_state(row: Any, state: str, **values: Any) -> bool:
    """Move one reservation on, if it still is where we saw it; counters move only with it."""
    result = db.session.execute(
        update(Reservation)
        .where(Reservation.id == row.id, Reservation.state == row.state)
        .values(state=state, **values)
        .execution_options(synchronize_session=False)
    )
    return bool(result.rowcount == 1)  # type: ignore[attr-defined]


def _move(statement: Any, units: Mapping[uuid.UUID, int]) -> int:
    """Run a guarded counter change for each stock item, in the one order of all, and return how many it hit."""
    tenant_id = current_tenant_id()
    rows = [{"b_tenant": tenant_id, "b_id": key, "b_units": units[key]} for key in sorted(units)]
    return execute_many(statement, rows) if rows else 0


def _move_all(statement: Any, units: Mapping[uuid.UUID, int]) -> None:
    """Run a counter change that the reservations entitle us to; if one does not fit, the books are wrong: stop."""
    if _move(statement, units) != len(units):
        raise Conflict("Stock and reservations disagree; nothing was changed. Run: flask stock check")


def _write_ledger(deltas: Mapping[uuid.UUID, int], cause: str, actor: str, reference: str) -> None:
    insert_rows(
        StockMovement,
        [
            {"stock_item_id": key, "delta": delta, "cause": cause, "actor": actor, "reference": reference}
            for key, delta in sorted(deltas.items())
            if delta
        ],
    )


# --- stock coming in -------------------------------------------------------------------------------


def default_location() -> uuid.UUID:
    """Return the id of the shop's first location, making `main` when there is none. A step."""
    found = db.session.scalar(select(Location.id).order_by(Location.position, Location.id).limit(1))
    if found is not None:
        return found
    location_id = new_id()
    insert_rows(Location, [{"id": location_id, "code": "main", "name": "Main warehouse"}])
    return location_id


def set_initial_stock(quantities: Mapping[uuid.UUID, int], *, cause: str, actor: str, reference: str) -> None:
    """Open stock items at the default location for new variants (variant id -> units on hand). A step.

    Raises InvalidValue for a quantity below 0 or above MAX_QUANTITY.
    """
    for units in quantities.values():
        check_quantity(units, low=0)
    location_id = default_location()
    ids = {variant_id: new_id() for variant_id in quantities}
    moment = clock.now()
    insert_rows(
        StockItem,
        [
            {
                "id": ids[variant_id],
                "variant_id": variant_id,
                "location_id": location_id,
                "on_hand": units,
                "restocked_at": moment if units else None,
            }
            for variant_id, units in quantities.items()
        ],
    )
    _write_ledger(
        {ids[variant_id]: units for variant_id, units in quantities.items()}, cause, actor, reference
    )


def replace_on_hand(
    quantities: Mapping[uuid.UUID, int], *, cause: str, actor: str, reference: str
) -> set[uuid.UUID]:
    """Set the units on hand of variants at the default location, making stock items where there are none. A step.

    Returns the variants that this changed. Raises InvalidValue for a bad quantity, Conflict when fewer would be left
    than are reserved.
    """
    for units in quantities.values():
        check_quantity(units, low=0)
    rows = db.session.execute(
        select(StockItem.variant_id, StockItem.id, StockItem.on_hand)
        .where(StockItem.location_id == default_location(), StockItem.variant_id.in_(quantities))
        .order_by(StockItem.id)
        .with_for_update()
    ).all()
    known = {row.variant_id for row in rows}
    missing = {variant_id: units for variant_id, units in quantities.items() if variant_id not in known}
    if missing:
        set_initial_stock(missing, cause=cause, actor=actor, reference=reference)
    deltas = {row.id: quantities[row.variant_id] - row.on_hand for row in rows}
    deltas = {key: delta for key, delta in deltas.items() if delta}
    if _move(_PUT_IN, deltas) != len(deltas):
        raise Conflict("Fewer units would be left than are reserved for orders.")
    _write_ledger(deltas, cause, actor, reference)
    return {row.variant_id for row in rows if row.id in deltas} | missing.keys()


class CatalogueStock:
    """The stock room as the catalogue import knows it (it may not import us: it stands below)."""

    def open(self, quantities: Mapping[uuid.UUID, int], *, actor: str, reference: str) -> None:
        """Give new variants their first stock."""
        set_initial_stock(quantities, cause="import", actor=actor, reference=reference)

    def replace(self, quantities: Mapping[uuid.UUID, int], *, actor: str, reference: str) -> set[uuid.UUID]:
        """Set the units on hand of known variants and return those that this changed."""
        return replace_on_hand(quantities, cause="import", actor=actor, reference=reference)


def change_on_hand(
    stock_item_id: uuid.UUID, delta: int, *, cause: str, actor: str, reference: str = ""
) -> None:
    """Add (or, negative, take) free units: received, damaged, lost. Relative, so it needs no version. A step.

    Raises InvalidValue for 0 or an absurd number, Conflict when fewer units are free than are to go.
    """
    check_quantity(abs(delta), low=1)
    if _move(_PUT_IN, {stock_item_id: delta}) != 1:
        raise Conflict("Fewer units are free than that: the others are reserved for orders.")
    if delta > 0:
        db.session.execute(
            update(StockItem)
            .where(StockItem.id == stock_item_id)
            .values(restocked_at=clock.now())
            .execution_options(synchronize_session=False)
        )
    _write_ledger({stock_item_id: delta}, cause, actor, reference)


def check_quantity(quantity: object, low: int = 1) -> None:
    """Raise InvalidValue unless `quantity` is a whole number from `low` to MAX_QUANTITY."""
    if isinstance(quantity, bool) or not isinstance(quantity, int) or not low <= quantity <= MAX_QUANTITY:
        raise InvalidValue("quantity", f"The quantity must be a whole number from {low} to {MAX_QUANTITY}.")


# --- use cases of staff ----------------------------------------------------------------------------


@atomic
def book_movement(
    stock_item_id: uuid.UUID, delta: int, *, cause: str, actor: str, reference: str = ""
) -> None:
    """Book units that came (positive) or went by hand. Relative, so it needs no version.

    Raises NotFound, InvalidValue for 0 or an absurd number, Conflict when fewer units are free than are to go.
    """
    if db.session.scalar(select(StockItem.id).where(StockItem.id == stock_item_id)) is None:
        raise NotFound("There is no such stock.")
    change_on_hand(stock_item_id, delta, cause=cause, actor=actor, reference=reference)


@atomic
def book_count(stock_item_id: uuid.UUID, counted: int, *, seen_version: int, actor: str) -> int:
    """Set the units on hand to what somebody counted and return the difference that was booked.

    Raises NotFound, StaleVersion when stock moved since the page was opened, InvalidValue, Conflict when fewer
    were counted than are reserved.
    """
    check_quantity(counted, low=0)
    item = db.session.scalar(
        select(StockItem)
        .where(StockItem.id == stock_item_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if item is None:
        raise NotFound("There is no such stock.")
    if item.version != seen_version:
        raise StaleVersion("stock", seen_version, item.version)
    if counted < item.reserved:
        raise Conflict(f"{item.reserved} units are reserved for orders, so {counted} cannot be on hand.")
    difference = counted - item.on_hand
    if difference:
        change_on_hand(stock_item_id, difference, cause="count", actor=actor)
    return difference
