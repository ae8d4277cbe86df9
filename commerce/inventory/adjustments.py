"""Stock adjustments: received, counted, damaged; everything that changes stock without an order."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import select, update

from commerce import clock
from commerce.db import atomic, db, insert_rows, lock, new_id
from commerce.errors import Conflict, InvalidValue, NotFound, StaleVersion
from commerce.inventory.models import MAX_QUANTITY, Location, StockItem, StockMovement
from commerce.inventory.services import StockChanges


class UnitsReserved(Conflict):
    """Fewer units would be left than are reserved for orders. Facts of the stock item as it is now, in units."""

    code = "units_reserved"

    def __init__(
        self, reason: str, /, on_hand: int, reserved: int, backorder_limit: int, **facts: int
    ) -> None:
        self.on_hand = on_hand
        self.reserved = reserved
        self.backorder_limit = backorder_limit
        super().__init__(reason, on_hand=on_hand, reserved=reserved, backorder_limit=backorder_limit, **facts)


def default_location() -> uuid.UUID:
    """Return the id of the shop's first location, making `main` when there is none. A step."""
    found = db.session.scalar(select(Location.id).order_by(Location.position, Location.id).limit(1))
    if found is not None:
        return found
    location_id = new_id()
    insert_rows(Location, [{"id": location_id, "code": "main", "name": "Main warehouse"}])
    return location_id


def set_initial_stock(
    quantities: Mapping[uuid.UUID, int],
    *,
    cause: str,
    actor: str,
    reference: str,
    location_id: uuid.UUID | None = None,
    limits: Mapping[uuid.UUID | None, int] | None = None,
) -> None:
    """Open stock items for new variants (variant id -> units on hand), at the default location or another. A step.

    `limits` says how many units may be promised beyond them; none where it says nothing.

    Raises InvalidValue for a quantity below 0 or above MAX_QUANTITY.
    """
    for units in quantities.values():
        check_quantity(units, low=0)
    location_id = location_id or default_location()
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
                "backorder_limit": (limits or {}).get(variant_id, 0),
                "restocked_at": moment if units else None,
            }
            for variant_id, units in quantities.items()
        ],
    )
    movements = [
        {
            "stock_item_id": ids[variant_id],
            "delta": units,
            "cause": cause,
            "actor": actor,
            "reference": reference,
        }
        for variant_id, units in quantities.items()
        if units
    ]
    insert_rows(StockMovement, movements)


def replace_on_hand(
    quantities: Mapping[uuid.UUID, int], *, cause: str, actor: str, reference: str
) -> set[uuid.UUID]:
    """Set the units on hand of variants at the default location, creating missing stock items. A step.

    Returns the variants that this changed. Raises InvalidValue for a bad quantity, Conflict when fewer would be left
    than are reserved, less what may be promised beyond the stock.
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
    changes = StockChanges(cause, actor, reference)
    changed = {row.variant_id for row in rows if quantities[row.variant_id] != row.on_hand}
    for row in rows:
        changes.add(row.id, on_hand=quantities[row.variant_id] - row.on_hand)
    if not changes.apply():
        raise Conflict("units_reserved")
    return changed | missing.keys()


@dataclass(frozen=True, slots=True)
class CountedStock:
    """Units of a variant at the default location: what a page showed (None: no stock there) and what was typed."""

    seen: int | None
    units: int


def set_counted_stock(counts: Mapping[uuid.UUID, CountedStock], *, actor: str) -> bool:
    """Set the units on hand of variants (by id) at the default location; tell whether any changed. A step.

    Raises StaleVersion when units moved since the page was shown, InvalidValue, Conflict as `replace_on_hand`.
    """
    if not counts:
        return False
    rows = db.session.execute(
        select(StockItem.variant_id, StockItem.on_hand)
        .where(StockItem.location_id == default_location(), StockItem.variant_id.in_(counts))
        .order_by(StockItem.id)
        .with_for_update()
    ).all()
    now = {row.variant_id: row.on_hand for row in rows}
    for variant_id, count in counts.items():
        if now.get(variant_id) != count.seen:
            raise StaleVersion("stock item", count.seen or 0, now.get(variant_id, 0))
    wanted = {variant_id: count.units for variant_id, count in counts.items()}
    return bool(replace_on_hand(wanted, cause="count", actor=actor, reference=""))


class CatalogueStock:
    """The stock room as the catalogue import knows it (it may not import us: it stands below)."""

    def open(
        self,
        quantities: Mapping[uuid.UUID, int],
        *,
        uncounted: Collection[uuid.UUID],
        actor: str,
        reference: str,
    ) -> None:
        """Give new variants their first stock; of those that are not counted any number may be promised."""
        limits: dict[uuid.UUID | None, int] = dict.fromkeys(uncounted, MAX_QUANTITY)
        set_initial_stock(quantities, cause="import", actor=actor, reference=reference, limits=limits)

    def replace(self, quantities: Mapping[uuid.UUID, int], *, actor: str, reference: str) -> set[uuid.UUID]:
        """Set the units on hand of known variants and return those that this changed."""
        return replace_on_hand(quantities, cause="import", actor=actor, reference=reference)

    def stocked(self, variant_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """Return those of the variants that have a stock anywhere, be it 0."""
        return set(
            db.session.scalars(select(StockItem.variant_id).where(StockItem.variant_id.in_(variant_ids)))
        )


def change_on_hand(
    stock_item_id: uuid.UUID, delta: int, *, cause: str, actor: str, reference: str = ""
) -> uuid.UUID:
    """Add (or, negative, take) free units: received, damaged, lost. Relative, so it needs no version. A step.

    Returns the id of the movement. What is lost is lost: units that orders count on go too, as far as so many may be
    promised beyond the stock.
    Raises InvalidValue for 0 or an absurd number, UnitsReserved when fewer units are free than are to go.
    """
    check_quantity(abs(delta), low=1)
    changes = StockChanges(cause, actor, reference)
    changes.add(stock_item_id, on_hand=delta)
    if not changes.apply():
        counters = (StockItem.on_hand, StockItem.reserved, StockItem.backorder_limit)
        row = db.session.execute(select(*counters).where(StockItem.id == stock_item_id)).one()
        raise UnitsReserved("units_reserved", *row)
    if delta > 0:
        db.session.execute(
            update(StockItem)
            .where(StockItem.id == stock_item_id)
            .values(restocked_at=clock.now())
            .execution_options(synchronize_session=False)
        )
    return changes.movements[stock_item_id]


def check_quantity(quantity: object, low: int = 1) -> None:
    """Raise InvalidValue unless `quantity` is a whole number from `low` to MAX_QUANTITY."""
    if isinstance(quantity, bool) or not isinstance(quantity, int) or not low <= quantity <= MAX_QUANTITY:
        raise InvalidValue("quantity", "not_a_whole_number_between", minimum=low, maximum=MAX_QUANTITY)


# --- use cases of staff ----------------------------------------------------------------------------


@atomic
def book_movement(
    stock_item_id: uuid.UUID, delta: int, *, cause: str, actor: str, reference: str = ""
) -> None:
    """Book units that came (positive) or went by hand. Relative, so it needs no version.

    Raises NotFound, InvalidValue for 0 or an absurd number, Conflict when fewer units are free than are to go.
    """
    if db.session.scalar(select(StockItem.id).where(StockItem.id == stock_item_id)) is None:
        raise NotFound("stock_not_found")
    change_on_hand(stock_item_id, delta, cause=cause, actor=actor, reference=reference)


@atomic
def book_count(stock_item_id: uuid.UUID, counted: int, *, seen_version: int, actor: str) -> int:
    """Set the units on hand to what somebody counted and return the difference that was booked.

    Raises what `count_on_hand` raises.
    """
    return count_on_hand(stock_item_id, counted, seen_version=seen_version, actor=actor)


def count_on_hand(
    stock_item_id: uuid.UUID, counted: int, *, seen_version: int, actor: str, reference: str = ""
) -> int:
    """Set the units on hand to what somebody counted and return the difference that was booked. A step.

    Raises NotFound, StaleVersion when stock moved since the page was opened, InvalidValue, UnitsReserved when fewer
    were counted than are reserved, less what may be promised beyond the stock.
    """
    check_quantity(counted, low=0)
    item = _locked_as_seen(stock_item_id, seen_version)
    if counted + item.backorder_limit < item.reserved:
        raise UnitsReserved(
            "count_below_reserved", item.on_hand, item.reserved, item.backorder_limit, counted=counted
        )
    difference = counted - item.on_hand
    if difference:
        change_on_hand(stock_item_id, difference, cause="count", actor=actor, reference=reference)
    return difference


def _locked_as_seen(stock_item_id: uuid.UUID, seen_version: int) -> StockItem:
    """Lock a stock item that did not move since its page was opened. A step. Raises NotFound, StaleVersion."""
    return lock(StockItem, stock_item_id, missing=NotFound("stock_not_found"), version=seen_version)


@atomic
def set_backorder_limit(stock_item_id: uuid.UUID, limit: int, *, seen_version: int) -> None:
    """Say how many units of a stock item may be promised beyond what is there; 0 sells only what is there.

    Raises what `limit_promises` raises.
    """
    limit_promises(stock_item_id, limit, seen_version=seen_version)


def limit_promises(stock_item_id: uuid.UUID, limit: int, *, seen_version: int) -> None:
    """Say how many units of a stock item may be promised beyond what is there. A step.

    Raises NotFound, StaleVersion when stock moved since the page was opened, InvalidValue for a bad number,
    UnitsReserved when more are promised already.
    """
    check_quantity(limit, low=0)
    item = _locked_as_seen(stock_item_id, seen_version)
    promised = item.reserved - item.on_hand
    if limit < promised:
        raise UnitsReserved(
            "limit_below_backordered",
            item.on_hand,
            item.reserved,
            item.backorder_limit,
            promised=promised,
            limit=limit,
        )
    item.backorder_limit = limit
    item.version += 1
