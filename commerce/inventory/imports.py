"""Stock that comes from a catalogue file."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from sqlalchemy import select

from commerce.db import db
from commerce.errors import Conflict
from commerce.inventory.models import StockItem
from commerce.inventory.services import change_on_hand, default_location, set_initial_stock

CAUSE = "import"


class ImportedStock:
    """The stock room as a catalogue import sees it (`StockWriter`): quantities at the shop's first location."""

    def open(self, quantities: Mapping[uuid.UUID, int], *, actor: str, reference: str) -> None:
        """Give new variants their first stock. A step."""
        set_initial_stock(quantities, cause=CAUSE, actor=actor, reference=reference)

    def replace(self, quantities: Mapping[uuid.UUID, int], *, actor: str, reference: str) -> int:
        """Set the units on hand of known variants and return how many of them changed. A step.

        Each difference becomes one movement. Raises Conflict when fewer units would be left than are reserved.
        """
        rows = db.session.execute(
            select(StockItem.id, StockItem.variant_id, StockItem.on_hand, StockItem.reserved)
            .where(StockItem.variant_id.in_(quantities), StockItem.location_id == default_location())
            .order_by(StockItem.id)
        ).all()
        changed = 0
        for row in rows:
            units = quantities[row.variant_id]
            if units < row.reserved:
                raise Conflict(f"{row.reserved} units are reserved for orders, so {units} cannot be on hand.")
            if units != row.on_hand:
                change_on_hand(row.id, units - row.on_hand, cause=CAUSE, actor=actor, reference=reference)
                changed += 1
        stocked = {row.variant_id for row in rows}
        missing = {variant_id: units for variant_id, units in quantities.items() if variant_id not in stocked}
        if missing:
            self.open(missing, actor=actor, reference=reference)
        return changed + len(missing)
