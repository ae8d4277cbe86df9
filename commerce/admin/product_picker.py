"""What can be picked on the pages for prices: products, categories, variants by SKU. One statement each."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from commerce.catalog.models import Category, Product, ProductCategory, Variant
from commerce.db import db

MOST = 30
"""How many are shown for one search; whoever misses something types more of its name."""


@dataclass(frozen=True, slots=True)
class Pick:
    """Something to tick: its id as text, and what it is called."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class PickedVariant:
    """A variant as a sample cart names it."""

    id: uuid.UUID
    sku: str
    title: str


def categories() -> list[Pick]:
    """Return all categories by name."""
    rows = db.session.execute(
        select(Category.id, Category.name).order_by(func.lower(Category.name), Category.id)
    )
    return [Pick(str(key), name) for key, name in rows]


def products(ids: Collection[str]) -> list[Pick]:
    """Return the products of this shop among `ids` (as text) by title."""
    return _products(Product.id.in_([uuid.UUID(key) for key in ids])) if ids else []


def find_products(search: str) -> list[Pick]:
    """Return products whose title, or the SKU of one of whose variants, has `search` in it."""
    text = search.lower()
    of_sku = select(Variant.product_id).where(func.lower(Variant.sku).contains(text, autoescape=True))
    return _products(
        or_(func.lower(Product.title).contains(text, autoescape=True), Product.id.in_(of_sku)), limit=MOST
    )


def find_addable_products(inside: ColumnElement[bool], search: str) -> Sequence[Any]:
    """Return products outside of a list whose title, or the SKU of one of whose variants, has `search` in it.

    `inside` is the condition that a product is in the list already. Hidden products are found, too.
    """
    text = search.lower()
    of_sku = select(Variant.product_id).where(func.lower(Variant.sku).contains(text, autoescape=True))
    return db.session.execute(
        select(Product.id, Product.title, Product.status)
        .where(
            or_(func.lower(Product.title).contains(text, autoescape=True), Product.id.in_(of_sku)), ~inside
        )
        .order_by(func.lower(Product.title), Product.id)
        .limit(MOST)
    ).all()


def _products(condition: Any, limit: int | None = None) -> list[Pick]:
    rows = db.session.execute(
        select(Product.id, Product.title)
        .where(condition)
        .order_by(func.lower(Product.title), Product.id)
        .limit(limit)
    )
    return [Pick(str(key), title) for key, title in rows]


def variants(skus: Collection[str]) -> dict[str, PickedVariant]:
    """Return the variants with these SKUs, by SKU."""
    return {found.sku: found for found in _variants(Variant.sku.in_(list(skus)))} if skus else {}


def find_variants(search: str) -> Sequence[PickedVariant]:
    """Return variants that are sold whose SKU or title has `search` in it; without a search the first ones by SKU."""
    text = search.lower()
    named = or_(
        func.lower(Variant.sku).contains(text, autoescape=True),
        func.lower(Product.title).contains(text, autoescape=True),
    )
    return _variants(and_(_SOLD, named), limit=MOST)


def variants_for(scope: str, targets: Collection[str], limit: int = 2) -> Sequence[PickedVariant]:
    """Return some variants that a promotion on these products or categories (ids as text) is about."""
    ids = [uuid.UUID(key) for key in targets]
    condition: Any = _SOLD
    if scope == "products":
        condition = and_(condition, Product.id.in_(ids))
    if scope == "categories":
        in_categories = select(ProductCategory.product_id).where(ProductCategory.category_id.in_(ids))
        condition = and_(condition, Product.id.in_(in_categories))
    return _variants(condition, limit=limit)


_SOLD = and_(Variant.active, Product.status == "active")


def _variants(condition: Any, limit: int | None = None) -> list[PickedVariant]:
    rows = db.session.execute(
        select(Variant.id, Variant.sku, Product.title, Variant.option_values)
        .join(Product, and_(Product.tenant_id == Variant.tenant_id, Product.id == Variant.product_id))
        .where(condition)
        .order_by(Variant.sku)
        .limit(limit)
    )
    return [
        PickedVariant(key, sku, f"{title} ({' / '.join(options)})" if options else title)
        for key, sku, title, options in rows
    ]
