"""Alert when a variant runs low, once each time it does."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import Row, func, select

from commerce.catalog.models import Product, Variant
from commerce.db import atomic, db
from commerce.events.models import Event
from commerce.events.outbox import SYSTEM, publish
from commerce.inventory.availability import units_in_stock
from commerce.inventory.events import StockLow
from commerce.inventory.models import Reservation, StockItem, StockMovement
from commerce.tenants.scope import current_shop


def low_variants(order_id: uuid.UUID) -> list[uuid.UUID]:
    """Return the variants of an order that have no more than the shop's threshold left, sorted by id."""
    return sorted(variant_id for _order_id, variant_id in _low([order_id]))


def orders_with_low_variants(order_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return which of some orders have a variant with no more than the shop's threshold left. One statement."""
    return {order_id for order_id, _variant_id in _low(order_ids)}


def _low(order_ids: Collection[uuid.UUID]) -> Sequence[Row[uuid.UUID, uuid.UUID]]:
    taken = (
        select(Reservation.order_id, StockItem.variant_id)
        .join(
            StockItem,
            (StockItem.tenant_id == Reservation.tenant_id) & (StockItem.id == Reservation.stock_item_id),
        )
        .where(Reservation.order_id.in_(order_ids))
        .distinct()
        .subquery()
    )
    return db.session.execute(
        select(taken.c.order_id, taken.c.variant_id)
        .join(StockItem, StockItem.variant_id == taken.c.variant_id)
        .group_by(taken.c.order_id, taken.c.variant_id)
        .having(func.sum(units_in_stock(StockItem)) <= current_shop().low_stock_at)
    ).all()


@atomic
def notice_low_stock(order_id: uuid.UUID, code: str) -> int:
    """Publish StockLow for variants of an order that run low, once until units come in again; return how many.

    Repeating it changes nothing.
    """
    published = 0
    for variant_id in low_variants(order_id):
        items = db.session.scalars(
            select(StockItem)
            .where(StockItem.variant_id == variant_id)
            .order_by(StockItem.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()
        available = sum(max(0, item.on_hand - item.reserved) for item in items)
        if available <= current_shop().low_stock_at and not _already_notified(variant_id, items):
            publish(SYSTEM, _event(variant_id, items, available, code))
            published += 1
    return published


def _already_notified(variant_id: uuid.UUID, items: Sequence[StockItem]) -> bool:
    last = db.session.scalar(
        select(func.max(Event.occurred_at)).where(Event.subject_id == variant_id, Event.type == "StockLow")
    )
    came_in = db.session.scalar(
        select(func.max(StockMovement.occurred_at)).where(
            StockMovement.stock_item_id.in_([item.id for item in items]), StockMovement.delta > 0
        )
    )
    return last is not None and (came_in is None or came_in <= last)


def _event(variant_id: uuid.UUID, items: Sequence[StockItem], available: int, code: str) -> StockLow:
    row: Row[str, list[str], str] = db.session.execute(
        select(Variant.sku, Variant.option_values, Product.title)
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .where(Variant.id == variant_id)
    ).one()
    sku, options, title = row
    return StockLow(
        subject_id=variant_id,
        subject_version=max(item.version for item in items),
        sku=sku,
        title=title,
        options=" / ".join(options),
        available=available,
        low_at=current_shop().low_stock_at,
        code=code,
    )
