"""Which stock items an order's units come from: first what is there, then what may be promised beyond it.

This only looks. The guard of the UPDATE that follows decides; see docs/locking.md.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, select

from commerce.db import TENANT, fetch_all
from commerce.inventory.models import MAX_QUANTITY, Location, StockItem

NO_FLOOR = -MAX_QUANTITY
"""A floor for `on_hand - reserved` that no limit of backorders reaches: the limit alone decides."""
_stock = StockItem.__table__
_locations = Location.__table__
_ON_SHELVES = (
    select(_stock.c.variant_id, _stock.c.id, _stock.c.on_hand - _stock.c.reserved, _stock.c.backorder_limit)
    .join(_locations, (_locations.c.tenant_id == TENANT) & (_locations.c.id == _stock.c.location_id))
    .where(_stock.c.tenant_id == TENANT, _stock.c.variant_id.in_(bindparam("variants", expanding=True)))
    .order_by(_locations.c.position, _stock.c.id)
)


@dataclass(frozen=True, slots=True)
class AllocationRequest:
    """Units of one variant for one order line. Up to `beyond` of them need not be there, as the buyer was shown."""

    order_line_id: uuid.UUID
    variant_id: uuid.UUID
    quantity: int
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Allocation:
    """Units of a stock item for an order line, of them `beyond` that are not there."""

    order_line_id: uuid.UUID
    stock_item_id: uuid.UUID
    units: int
    beyond: int


@dataclass(slots=True)
class _StockLevel:
    """A stock item while units of it are handed out: those that are `there`, and `room` for promises beyond them."""

    id: uuid.UUID
    there: int
    room: int


class StockChangedMeanwhile(Exception):
    """Somebody took units between our look and our grip. The caller rolls back, looks again and decides."""


def allocate_stock(
    wants: Sequence[AllocationRequest], freed: Mapping[uuid.UUID, int] | None = None
) -> list[Allocation]:
    """Choose stock items for every want. A step; changes nothing.

    One location that has all, else several in their order; then, for what is missing and need not be there, those
    that may promise more. Units of stock items that the same transaction has `freed` count as there. Raises
    StockRaced when any want is short.
    """
    rows = fetch_all(_ON_SHELVES, variants=[want.variant_id for want in wants])
    left: dict[uuid.UUID, list[_StockLevel]] = defaultdict(list)
    for variant_id, stock_id, free, limit in rows:
        there = free + (freed or {}).get(stock_id, 0)
        left[variant_id].append(_StockLevel(stock_id, max(0, there), limit + min(0, there)))
    return [take for want in wants for take in _assign(want, left[want.variant_id])]


def _assign(want: AllocationRequest, shelves: Sequence[_StockLevel]) -> Iterator[Allocation]:
    """Take the units of a want off the shelves' counts and yield what came from each."""
    whole = next((shelf for shelf in shelves if shelf.there >= want.quantity), None)
    there: dict[uuid.UUID, int] = defaultdict(int)
    beyond: dict[uuid.UUID, int] = defaultdict(int)
    missing = want.quantity
    for shelf in [whole] if whole else shelves:
        units = min(missing, shelf.there)
        shelf.there, missing, there[shelf.id] = shelf.there - units, missing - units, units
    if missing > want.beyond:
        raise StockChangedMeanwhile
    for shelf in shelves if missing else ():
        units = min(missing, shelf.room)
        shelf.room, missing, beyond[shelf.id] = shelf.room - units, missing - units, units
    if missing:
        raise StockChangedMeanwhile
    for shelf in shelves:
        if there[shelf.id] or beyond[shelf.id]:
            yield Allocation(
                want.order_line_id, shelf.id, there[shelf.id] + beyond[shelf.id], beyond[shelf.id]
            )


def minimum_available(plan: Sequence[Allocation]) -> dict[uuid.UUID, int]:
    """Return what `on_hand - reserved` must not fall below by a plan, by stock item.

    Where any units shall be there it is 0, less those that need not be; where none need, the limit alone decides.
    """
    beyond: dict[uuid.UUID, int] = defaultdict(int)
    for take in plan:
        beyond[take.stock_item_id] += take.beyond
    there = {take.stock_item_id for take in plan if take.units > take.beyond}
    return {key: -units if key in there else NO_FLOOR for key, units in beyond.items()}
