"""What was never sold may go without a trace; what an order has is kept for ever."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from sqlalchemy import delete, func, select

from commerce.db import db, dialect_name
from commerce.inventory.models import StockItem, StockMovement
from commerce.orders.models import OrderLine


def sold_variants(variant_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of the variants that an order has."""
    rows = select(OrderLine.variant_id).where(OrderLine.variant_id.in_(variant_ids)).distinct()
    return set(db.session.scalars(rows))


def delete_unsold_stock(variant_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Delete stock and ledger of those variants that no order has, and return them. A step.

    Nobody can order one meanwhile: an order locks the stock items that are locked here.
    """
    items = db.session.execute(
        select(StockItem.id, StockItem.variant_id)
        .where(StockItem.variant_id.in_(variant_ids))
        .order_by(StockItem.id)
        .with_for_update()
    ).all()
    unsold = set(variant_ids) - sold_variants(variant_ids)
    gone = [row.id for row in items if row.variant_id in unsold]
    if dialect_name() == "postgresql":
        # The role of the application may take nothing out of the ledger.
        db.session.execute(select(func.delete_movements_of_unsold(list(unsold))))
    else:
        movements = delete(StockMovement).where(StockMovement.stock_item_id.in_(gone))
        db.session.execute(movements.execution_options(synchronize_session=False))
    stock = delete(StockItem).where(StockItem.id.in_(gone))
    db.session.execute(stock.execution_options(synchronize_session=False))
    return unsold
