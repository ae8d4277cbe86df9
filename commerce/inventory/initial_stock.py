"""What is on hand where an import of the catalogue puts it."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from sqlalchemy import select

from commerce.db import db
from commerce.inventory.models import Location, StockItem


def first_location_stock(variant_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return the units on hand of variants at the shop's first location; one without a stock item there is left out."""
    first = select(Location.id).order_by(Location.position, Location.id).limit(1).scalar_subquery()
    rows = db.session.execute(
        select(StockItem.variant_id, StockItem.on_hand).where(
            StockItem.location_id == first, StockItem.variant_id.in_(variant_ids)
        )
    )
    return {row.variant_id: row.on_hand for row in rows}
