"""Collections whole and hidden ones too, by their codes: as programs read them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Uuid, literal, select

from commerce.catalog.collection_rules import conditions_of, holds_now
from commerce.catalog.models import Category, Collection
from commerce.catalog.tables import COLLECTION_PRODUCTS, PRODUCTS, sold
from commerce.db import TENANT, db, fetch_all
from commerce.errors import NotFound

StockFact = Callable[[Any], ColumnElement[bool]]
"""Makes a condition about the stock of a product (by the column of its id), which the stock room above us knows."""


def collection_of(code: str) -> Collection:
    """Return the collection with this address. Raises NotFound."""
    row = db.session.scalar(select(Collection).where(Collection.slug == code))
    if row is None:
        raise NotFound("collection_not_found")
    return row


def list_collections(before: uuid.UUID | None, limit: int) -> tuple[Sequence[Collection], uuid.UUID | None]:
    """Return a page of collections, the newest first, and the id to go on from, None at the end."""
    statement = select(Collection).order_by(Collection.id.desc()).limit(limit + 1)
    if before is not None:
        statement = statement.where(Collection.id < before)
    rows = db.session.scalars(statement).all()
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def slugs_of_categories(collections: Sequence[Collection]) -> dict[uuid.UUID, str]:
    """Return the slugs of the categories that the rules of collections name, by id. One statement at most."""
    wanted = {
        uuid.UUID(condition.value)
        for collection in collections
        if collection.kind == "rules"
        for condition in conditions_of(collection)
        if condition.fact == "category"
    }
    if not wanted:
        return {}
    rows = db.session.execute(select(Category.id, Category.slug).where(Category.id.in_(wanted)))
    return {row.id: row.slug for row in rows}


def ids_of_collected(
    collection_id: uuid.UUID,
    before: uuid.UUID | None,
    limit: int,
    *,
    available: StockFact,
    sold_out: StockFact,
) -> tuple[list[uuid.UUID], uuid.UUID | None]:
    """Return the ids of products on sale that are in a collection now, the newest first, and the id to go on from.

    By id, which never changes: no page costs more than the first, and none shifts.
    """
    members = COLLECTION_PRODUCTS.c
    statement = (
        select(members.product_id)
        .join(PRODUCTS, (PRODUCTS.c.tenant_id == members.tenant_id) & (PRODUCTS.c.id == members.product_id))
        .where(
            members.tenant_id == TENANT,
            members.collection_id == literal(collection_id, Uuid()),
            holds_now(members.stock, available(members.product_id), sold_out(members.product_id)),
            sold(),
        )
        .order_by(members.product_id.desc())
        .limit(limit + 1)
    )
    if before is not None:
        statement = statement.where(members.product_id < literal(before, Uuid()))
    ids = [row[0] for row in fetch_all(statement)]
    return ids[:limit], ids[limit - 1] if len(ids) > limit else None
