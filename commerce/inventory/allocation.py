"""Which stock items serve an order's units: first what is in stock, then what may be backordered.

This only reads. The guard of the UPDATE that follows decides; see docs/locking.md.
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
"""A minimum of `on_hand - reserved` that no backorder limit reaches: the limit alone decides."""
_stock = StockItem.__table__
_locations = Location.__table__
_STOCK_LEVELS = (
    select(_stock.c.variant_id, _stock.c.id, _stock.c.on_hand - _stock.c.reserved, _stock.c.backorder_limit)
    .join(_locations, (_locations.c.tenant_id == TENANT) & (_locations.c.id == _stock.c.location_id))
    .where(_stock.c.tenant_id == TENANT, _stock.c.variant_id.in_(bindparam("variants", expanding=True)))
    .order_by(_locations.c.position, _stock.c.id)
)


@dataclass(frozen=True, slots=True)
class AllocationRequest:
    """Units of one variant for one order line. Up to `beyond` of them may be backordered, as the buyer was shown."""

    order_line_id: uuid.UUID
    variant_id: uuid.UUID
    quantity: int
    beyond: int = 0


@dataclass(frozen=True, slots=True)
class Allocation:
    """Units of a stock item for an order line; `beyond` of them are backordered."""

    order_line_id: uuid.UUID
    stock_item_id: uuid.UUID
    units: int
    beyond: int


@dataclass(slots=True)
class _StockLevel:
    """A stock item during allocation: units in stock, and units that may be backordered beyond them."""

    id: uuid.UUID
    in_stock: int
    backorderable: int


class StockChangedMeanwhile(Exception):
    """Raised when stock was taken between check and update. The caller rolls back, reads again and decides."""


def allocate_stock(
    requests: Sequence[AllocationRequest], freed: Mapping[uuid.UUID, int] | None = None
) -> list[Allocation]:
    """Choose stock items for every request. A step; changes nothing.

    One location that has all units, else several in their order; then, for what is missing and may be backordered,
    those with a backorder limit. Units that the same transaction has `freed` count as in stock. Raises
    StockChangedMeanwhile when a request cannot be filled.
    """
    rows = fetch_all(_STOCK_LEVELS, variants=[request.variant_id for request in requests])
    left: dict[uuid.UUID, list[_StockLevel]] = defaultdict(list)
    for variant_id, stock_id, free, limit in rows:
        in_stock = free + (freed or {}).get(stock_id, 0)
        left[variant_id].append(_StockLevel(stock_id, max(0, in_stock), limit + min(0, in_stock)))
    return [allocation for request in requests for allocation in _assign(request, left[request.variant_id])]


def _assign(request: AllocationRequest, levels: Sequence[_StockLevel]) -> Iterator[Allocation]:
    """Take the units of a request from the stock levels and yield what came from each."""
    whole = next((level for level in levels if level.in_stock >= request.quantity), None)
    taken: dict[uuid.UUID, int] = defaultdict(int)
    beyond: dict[uuid.UUID, int] = defaultdict(int)
    missing = request.quantity
    for level in [whole] if whole else levels:
        units = min(missing, level.in_stock)
        level.in_stock, missing, taken[level.id] = level.in_stock - units, missing - units, units
    if missing > request.beyond:
        raise StockChangedMeanwhile
    for level in levels if missing else ():
        units = min(missing, level.backorderable)
        level.backorderable, missing, beyond[level.id] = level.backorderable - units, missing - units, units
    if missing:
        raise StockChangedMeanwhile
    for level in levels:
        if taken[level.id] or beyond[level.id]:
            yield Allocation(
                request.order_line_id, level.id, taken[level.id] + beyond[level.id], beyond[level.id]
            )


def minimum_available(plan: Sequence[Allocation]) -> dict[uuid.UUID, int]:
    """Return the minimum of `on_hand - reserved` after a plan, by stock item id.

    Where any units must be in stock it is 0, less those that may be backordered; where none must, the backorder limit
    alone decides.
    """
    beyond: dict[uuid.UUID, int] = defaultdict(int)
    for allocation in plan:
        beyond[allocation.stock_item_id] += allocation.beyond
    in_stock = {allocation.stock_item_id for allocation in plan if allocation.units > allocation.beyond}
    return {key: -units if key in in_stock else NO_FLOOR for key, units in beyond.items()}
