"""Lists of products, hidden ones too. Plain columns, one statement each."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from commerce.admin.queries import contains, page_of
from commerce.catalog.categories import category_tree
from commerce.catalog.models import Product, ProductImage, Variant
from commerce.db import db
from commerce.errors import NotFound
from commerce.inventory.availability import units_in_stock
from commerce.inventory.locations import list_locations
from commerce.inventory.models import Location, StockItem
from commerce.paging import Page


def _found_by(search: str) -> list[ColumnElement[bool]]:
    if not search:
        return []
    words = contains(search)
    # The outer statement joins variants, too; those have nothing to do with the ones that are looked for here.
    of_sku = (
        select(Variant.product_id).where(func.lower(Variant.sku).like(words, escape="\\")).correlate(None)
    )
    return [or_(func.lower(Product.title).like(words, escape="\\"), Product.id.in_(of_sku))]


def list_products(*, search: str = "", status: str = "", page: int = 1) -> Page[Any]:
    """Return a page of products by title, with variants, lowest and highest price (minor units) and units available."""
    conditions = _found_by(search)
    if status:
        conditions.append(Product.status == status)
    total = db.session.execute(select(func.count(Product.id)).where(*conditions)).scalar_one()
    units = (
        select(StockItem.variant_id, func.sum(units_in_stock(StockItem)).label("units"))
        .group_by(StockItem.variant_id)
        .subquery()
    )
    statement = (
        select(
            Product.slug,
            Product.title,
            Product.status,
            func.count(Variant.id).label("variants"),
            func.min(Variant.price).label("lowest"),
            func.max(Variant.price).label("highest"),
            func.coalesce(func.sum(units.c.units), 0).label("available"),
        )
        .outerjoin(
            Variant,
            and_(Variant.tenant_id == Product.tenant_id, Variant.product_id == Product.id, Variant.active),
        )
        .outerjoin(units, units.c.variant_id == Variant.id)
        .where(*conditions)
        .group_by(Product.tenant_id, Product.id)
        .order_by(func.lower(Product.title), Product.id)
    )
    return page_of(statement, total, page)


def count_products(search: str = "") -> dict[str, int]:
    """Return how many products a search finds (without one: all products) in each status."""
    statement = select(Product.status, func.count(Product.id).label("products")).where(*_found_by(search))
    return {row.status: row.products for row in db.session.execute(statement.group_by(Product.status))}


def get_product(slug: str) -> Product:
    """Return a product by its slug, whatever its status. Raises NotFound."""
    found = db.session.scalar(
        select(Product).where(Product.slug == slug).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("product_not_found")
    return found


def variants_of(product_id: uuid.UUID) -> Sequence[Variant]:
    """Return all variants of a product in their order, inactive ones too."""
    return db.session.scalars(
        select(Variant)
        .where(Variant.product_id == product_id)
        .order_by(Variant.position, Variant.id)
        .execution_options(populate_existing=True)
    ).all()


def images_of(product_id: uuid.UUID) -> Sequence[ProductImage]:
    """Return the pictures of a product in their order."""
    return db.session.scalars(
        select(ProductImage)
        .where(ProductImage.product_id == product_id)
        .order_by(ProductImage.position, ProductImage.id)
        .execution_options(populate_existing=True)
    ).all()


def slug_of(product_id: uuid.UUID) -> str:
    """Return the address of a product. Raises NotFound."""
    slug = db.session.scalar(select(Product.slug).where(Product.id == product_id))
    if slug is None:
        raise NotFound("product_not_found")
    return slug


def category_choices() -> list[tuple[str, str]]:
    """Return the slug of each category with its names from the top of the tree, in the order of the shop."""
    return [(node.slug, " › ".join(node.trail)) for node in category_tree()]


def location_choices() -> list[tuple[str, str]]:
    """Return the code and name of each location, in the order in which they are asked."""
    return [(row.code, row.name) for row in list_locations()]


def location_id(code: str) -> uuid.UUID:
    """Return the id of a location. Raises NotFound."""
    found = db.session.scalar(select(Location.id).where(Location.code == code))
    if found is None:
        raise NotFound("location_not_found")
    return found
