"""How many units of a variant can be sold: those in stock, and those that may be backordered beyond them."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import date
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Table, case, exists, func, literal_column, select

from commerce import clock
from commerce.catalog.tables import VARIANTS
from commerce.db import TENANT, db
from commerce.inventory.models import StockItem

STOCK = cast("Table", StockItem.__table__)


def units_in_stock(stock: Any) -> ColumnElement[int]:
    """Return the free units of a stock item, by the columns `stock`.

    Never below 0: what one location has promised beyond its stock takes nothing from another.
    """
    free = stock.on_hand - stock.reserved
    return case((free > 0, free), else_=literal_column("0"))


def units_available(stock: Any) -> ColumnElement[int]:
    """Return the units of a stock item that can be sold now: what is free and what may be backordered."""
    available: ColumnElement[int] = stock.on_hand + stock.backorder_limit - stock.reserved
    return available


def product_available(product_id: Any) -> ColumnElement[bool]:
    """Return the condition of a kept statement that one of a product's variants can be bought now."""
    # One short look for each product: of EXISTS PostgreSQL would first make a list of all that can be bought.
    return _can_be_bought(product_id).limit(literal_column("1")).scalar_subquery().is_not(None)


def product_sold_out(product_id: Any) -> ColumnElement[bool]:
    """Return the condition of a kept statement that none of a product's variants can be bought now."""
    # Few are sold out, so many products are looked at before a page is full: there that list pays.
    return ~_can_be_bought(product_id).exists()


def _can_be_bought(product_id: Any) -> Select[uuid.UUID]:
    # No join: SQLite would begin with all stock of the shop, for each product.
    stocked = exists().where(
        STOCK.c.tenant_id == TENANT, STOCK.c.variant_id == VARIANTS.c.id, units_available(STOCK.c) > 0
    )
    return (
        select(VARIANTS.c.id)
        .where(
            VARIANTS.c.tenant_id == TENANT,
            VARIANTS.c.product_id == product_id,
            VARIANTS.c.active,
            stocked.correlate_except(STOCK),
        )
        .correlate_except(VARIANTS)
    )


def available_by_variant(variant_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """Return the units that can be sold now for each of `variant_ids`, over all locations (0 when never stocked)."""
    rows = db.session.execute(
        select(StockItem.variant_id, func.sum(units_available(StockItem)))
        .where(StockItem.variant_id.in_(variant_ids))
        .group_by(StockItem.variant_id)
    )
    found = {variant_id: int(units) for variant_id, units in rows}
    return {variant_id: found.get(variant_id, 0) for variant_id in variant_ids}


def expected_on(day: date | None) -> date | None:
    """Return the day on which more units are expected; None when it is unknown or over."""
    return day if day is not None and day > clock.now().date() else None
