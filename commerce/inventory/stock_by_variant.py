"""Stock of each variant at each location, and its movements with running balances, as the API shows them."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, Uuid, func, literal, select
from sqlalchemy.orm import aliased

from commerce.catalog.models import Product, Variant
from commerce.db import db
from commerce.errors import NotFound
from commerce.inventory.availability import units_in_stock
from commerce.inventory.models import Location, StockItem, StockMovement
from commerce.tenants.scope import current_shop


@dataclass(frozen=True, slots=True)
class StockLevel:
    """One variant at one warehouse, in units."""

    stock_item_id: uuid.UUID
    warehouse: str
    on_hand: int
    reserved: int
    backorder_limit: int
    version: int
    restocked_at: datetime | None

    @property
    def free(self) -> int:
        """Units on hand and not reserved; never below 0, since one location's backorders take nothing from another."""
        return max(0, self.on_hand - self.reserved)


@dataclass(frozen=True, slots=True)
class VariantStock:
    """A variant with its stock levels, in the order in which locations are used."""

    variant_id: uuid.UUID
    sku: str
    title: str
    option_values: list[str]
    levels: list[StockLevel] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The variant's full name."""
        return ", ".join([self.title, *self.option_values])


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A stock movement, and the units on hand at its warehouse after it."""

    id: uuid.UUID
    warehouse: str
    delta: int
    cause: str
    actor: str
    reference: str
    occurred_at: datetime
    balance: int


def stock_of_variant(variant_id: uuid.UUID, warehouse: str = "") -> VariantStock:
    """Return the stock of a variant, at one location or at all. Raises NotFound for an unknown variant or location."""
    if warehouse and db.session.scalar(select(Location.id).where(Location.code == warehouse)) is None:
        raise NotFound("location_not_found")
    found = _with_stock_levels(_variants().where(Variant.id == variant_id), warehouse)
    if not found:
        raise NotFound("product_not_found")
    return found[0]


def list_stock_by_variant(
    warehouse: str, after: uuid.UUID | None, limit: int, *, low: bool | None = None
) -> tuple[list[VariantStock], uuid.UUID | None]:
    """Return a page of variants with their stock, the oldest first, and the id of the next page, None at the end.

    `low` selects those with no more free units than the shop's threshold. By id, so that no page shifts.
    """
    statement = _variants().where(*_wanted(warehouse, low=low))
    if after is not None:
        statement = statement.where(Variant.id > literal(after, Uuid()))
    found = _with_stock_levels(statement.order_by(Variant.id).limit(limit + 1), warehouse)
    return found[:limit], found[limit - 1].variant_id if len(found) > limit else None


def count_stocked_variants(warehouse: str, *, low: bool | None = None) -> int:
    """Return how many variants `list_stock_by_variant` has in all."""
    counted = select(func.count()).select_from(Variant).where(*_wanted(warehouse, low=low))
    return int(db.session.scalar(counted) or 0)


def movement_ledger(
    variant_id: uuid.UUID, warehouse: str, before: uuid.UUID | None, limit: int
) -> tuple[list[LedgerLine], uuid.UUID | None]:
    """Return a page of a variant's movements with running balances, newest first, and the id of the next page.

    Each location has its own balance, counted back from what is on hand, in the one statement that reads the page.
    """
    items = _balances(variant_id, warehouse, before)
    statement = (
        select(
            StockMovement.id,
            items.c.code,
            StockMovement.delta,
            StockMovement.cause,
            StockMovement.actor,
            StockMovement.reference,
            StockMovement.occurred_at,
            items.c.id.label("stock_item_id"),
            items.c.balance,
        )
        .join(items, items.c.id == StockMovement.stock_item_id)
        .order_by(StockMovement.id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        statement = statement.where(StockMovement.id < literal(before, Uuid()))
    rows = db.session.execute(statement).all()
    gone: dict[uuid.UUID, int] = defaultdict(int)
    lines = []
    for row in rows[:limit]:
        facts: tuple[Any, ...] = (*row[:7], int(row.balance) - gone[row.stock_item_id])
        lines.append(LedgerLine(*facts))
        gone[row.stock_item_id] += row.delta
    return lines, lines[-1].id if len(rows) > limit else None


def fresh_movement(movement_id: uuid.UUID) -> LedgerLine:
    """Return a movement that was made in this transaction, whose stock item is locked. A step."""
    row = db.session.execute(
        select(
            StockMovement.id,
            Location.code,
            StockMovement.delta,
            StockMovement.cause,
            StockMovement.actor,
            StockMovement.reference,
            StockMovement.occurred_at,
            StockItem.on_hand,
        )
        .join(
            StockItem,
            (StockItem.tenant_id == StockMovement.tenant_id) & (StockItem.id == StockMovement.stock_item_id),
        )
        .join(Location, (Location.tenant_id == StockItem.tenant_id) & (Location.id == StockItem.location_id))
        .where(StockMovement.id == movement_id)
    ).one()
    return LedgerLine(*row)


def _balances(variant_id: uuid.UUID, warehouse: str, before: uuid.UUID | None) -> Subquery:
    """Return the stock items of a variant with the units on hand before the movements from `before` on."""
    place = (Location.tenant_id == StockItem.tenant_id) & (Location.id == StockItem.location_id)
    here = [StockItem.variant_id == variant_id, *([Location.code == warehouse] if warehouse else [])]
    if before is None:
        balance = StockItem.on_hand.label("balance")
        return select(StockItem.id, Location.code, balance).join(Location, place).where(*here).subquery()
    newer = aliased(StockMovement)
    its_own = (newer.tenant_id == StockItem.tenant_id) & (newer.stock_item_id == StockItem.id)
    moved = func.coalesce(func.sum(newer.delta), 0)
    return (
        select(StockItem.id, Location.code, (StockItem.on_hand - moved).label("balance"))
        .join(Location, place)
        .outerjoin(newer, its_own & (newer.id >= literal(before, Uuid())))
        .where(*here)
        .group_by(StockItem.tenant_id, StockItem.id, Location.tenant_id, Location.id)
        .subquery()
    )


def _variants() -> Select[Any]:
    its_own = (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id)
    columns: tuple[Any, ...] = (Variant.id, Variant.sku, Product.title, Variant.option_values)
    return select(*columns).join(Product, its_own)


def _wanted(warehouse: str, *, low: bool | None) -> list[ColumnElement[bool]]:
    item = select(StockItem.id).where(StockItem.variant_id == Variant.id).correlate(Variant)
    free = select(func.coalesce(func.sum(units_in_stock(StockItem)), 0)).where(
        StockItem.variant_id == Variant.id
    )
    if warehouse:
        here = select(Location.id).where(Location.code == warehouse).scalar_subquery()
        item = item.where(StockItem.location_id == here)
        free = free.where(StockItem.location_id == here)
    conditions: list[ColumnElement[bool]] = [item.exists()] if warehouse else []
    if low is not None:
        is_low = free.correlate(Variant).scalar_subquery() <= current_shop().low_stock_at
        conditions.append(is_low if low else ~is_low)
    return conditions


def _with_stock_levels(statement: Select[Any], warehouse: str) -> list[VariantStock]:
    found = [VariantStock(*row) for row in db.session.execute(statement)]
    levels = _stock_levels([each.variant_id for each in found], warehouse)
    for each in found:
        each.levels.extend(levels.get(each.variant_id, []))
    return found


def _stock_levels(variant_ids: Collection[uuid.UUID], warehouse: str) -> dict[uuid.UUID, list[StockLevel]]:
    statement = (
        select(
            StockItem.variant_id,
            StockItem.id,
            Location.code,
            StockItem.on_hand,
            StockItem.reserved,
            StockItem.backorder_limit,
            StockItem.version,
            StockItem.restocked_at,
        )
        .join(Location, (Location.tenant_id == StockItem.tenant_id) & (Location.id == StockItem.location_id))
        .where(StockItem.variant_id.in_(variant_ids))
        .order_by(Location.position, Location.id)
    )
    if warehouse:
        statement = statement.where(Location.code == warehouse)
    rows: Sequence[Any] = db.session.execute(statement).all()
    found: dict[uuid.UUID, list[StockLevel]] = defaultdict(list)
    for variant_id, *facts in rows:
        found[variant_id].append(StockLevel(*facts))
    return found
