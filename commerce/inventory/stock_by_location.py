"""Stock as programs name it: a variant and the code of a warehouse, where there may be no stock item yet."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from commerce.catalog.models import Variant
from commerce.db import atomic, db
from commerce.errors import InvalidValue, NotFound, StaleVersion
from commerce.inventory.adjustments import change_on_hand, count_on_hand, default_location, limit_promises
from commerce.inventory.locations import stock_item_at
from commerce.inventory.models import Location, StockItem

CAUSES = {"received": 1, "found": 1, "damaged": -1, "lost": -1, "correction": 0}
"""Why stock changes -> whether units come (1) or go (-1); 0: either."""


@atomic
def count_stock_at(
    variant_id: uuid.UUID, warehouse: str, counted: int, *, seen_version: int, actor: str, reference: str = ""
) -> uuid.UUID:
    """Set the units on hand to what was counted and return the stock item. `seen_version` is 0 where there was none.

    Raises NotFound, InvalidValue, StaleVersion when stock moved since it was looked at, UnitsReserved.
    """
    stock_item_id, version = _as_seen(variant_id, warehouse, seen_version)
    count_on_hand(stock_item_id, counted, seen_version=version, actor=actor, reference=reference)
    return stock_item_id


@atomic
def set_backorder_limit_at(
    variant_id: uuid.UUID, warehouse: str, limit: int, *, seen_version: int
) -> uuid.UUID:
    """Say how many units may be promised beyond what is there and return the stock item.

    Raises NotFound, InvalidValue, StaleVersion when stock moved since it was looked at, UnitsReserved.
    """
    stock_item_id, version = _as_seen(variant_id, warehouse, seen_version)
    limit_promises(stock_item_id, limit, seen_version=version)
    return stock_item_id


@atomic
def book_movement_at(
    variant_id: uuid.UUID, warehouse: str, delta: int, *, cause: str, actor: str, reference: str = ""
) -> uuid.UUID:
    """Book units that came (positive) or went and return the movement. Relative, so it needs no version.

    Raises NotFound, InvalidValue for an unknown cause or one that does not fit the sign, UnitsReserved.
    """
    if cause not in CAUSES:
        raise InvalidValue("cause", "unknown_stock_cause", causes=list(CAUSES))
    if delta * CAUSES[cause] < 0:
        raise InvalidValue("adjustment", "units_come" if delta < 0 else "units_go", cause=cause)
    stock_item_id = stock_item_at(variant_id, _place(variant_id, warehouse))
    return change_on_hand(stock_item_id, delta, cause=cause, actor=actor, reference=reference)


def _as_seen(variant_id: uuid.UUID, warehouse: str, seen_version: int) -> tuple[uuid.UUID, int]:
    """Return the stock item and the version by which it is to be locked; opened if none was seen. A step."""
    location_id = _place(variant_id, warehouse)
    here = (StockItem.variant_id == variant_id, StockItem.location_id == location_id)
    found = db.session.execute(select(StockItem.id, StockItem.version).where(*here)).one_or_none()
    if seen_version == 0 and found is None:
        return stock_item_at(variant_id, location_id), 1
    if found is None or seen_version == 0:
        raise StaleVersion("stock", seen_version, found.version if found else 0)
    return found.id, seen_version


def _place(variant_id: uuid.UUID, warehouse: str) -> uuid.UUID:
    """Return the location that is meant: that of the code, else the only one with this variant, else the first.

    A step. Raises NotFound for no such variant, InvalidValue for no such warehouse, and for none where several have it.
    """
    if db.session.scalar(select(Variant.id).where(Variant.id == variant_id)) is None:
        raise NotFound("product_not_found")
    if warehouse:
        found = db.session.scalar(select(Location.id).where(Location.code == warehouse))
        if found is None:
            raise InvalidValue("warehouse_code", "warehouse_unknown", warehouse=warehouse)
        return found
    places = db.session.scalars(
        select(StockItem.location_id).where(StockItem.variant_id == variant_id).limit(2)
    ).all()
    if len(places) > 1:
        raise InvalidValue("warehouse_code", "warehouse_required")
    return places[0] if places else default_location()
