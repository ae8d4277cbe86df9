"""Read stock."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from sqlalchemy import func, select

from commerce.catalog.reading import units_sellable
from commerce.db import db
from commerce.inventory.models import StockItem


def available_by_variant(variant_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return the units that can be sold now for each of `variant_ids` (0 when never stocked).

    Over all locations, with what may be promised beyond the stock.
    """
    rows = db.session.execute(
        select(StockItem.variant_id, func.sum(units_sellable(StockItem)))
        .where(StockItem.variant_id.in_(variant_ids))
        .group_by(StockItem.variant_id)
    )
    found = {variant_id: int(units) for variant_id, units in rows}
    return {variant_id: found.get(variant_id, 0) for variant_id in variant_ids}
