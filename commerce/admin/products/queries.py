"""Lists of products, hidden ones too. Plain columns, one statement each."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select, union

from commerce.admin.queries import page_by_keys
from commerce.catalog.categories import category_tree
from commerce.catalog.models import TITLE_KEY, Category, Product, ProductImage, Variant
from commerce.catalog.search import MatchingProducts
from commerce.catalog.validation import STATUSES
from commerce.db import db
from commerce.errors import NotFound
from commerce.inventory.availability import units_in_stock
from commerce.inventory.locations import list_locations
from commerce.inventory.models import Location, StockItem
from commerce.list_queries import bounded_count, bounded_counts
from commerce.paging import MOST_COUNTED, Page


@dataclass(frozen=True, slots=True)
class FoundProducts:
    """What a search of the list finds: by the shop's search, or exactly by the SKU. `total` is bounded."""

    conditions: tuple[ColumnElement[bool], ...]
    total: int
    too_many: bool = False
    """Whether they are not counted for each status."""


def search_products(search: str) -> FoundProducts:
    """Return what a search finds; all products without one. A step."""
    if not search:
        return FoundProducts((), bounded_count(select(Product.id)))
    found = MatchingProducts(search)
    if found.too_many:
        return FoundProducts((found.holds(Product.id),), found.total, too_many=True)
    of_sku = select(Variant.product_id).where(Variant.sku == search)
    ids = of_sku if found.ids is None else union(found.ids, of_sku)
    condition = Product.id.in_(ids)
    return FoundProducts((condition,), bounded_count(select(Product.id).where(condition)))


def list_products(found: FoundProducts, *, status: str = "", page: int = 1) -> Page[Any]:
    """Return a page of products by title, with variants, lowest and highest price (minor units) and units available."""
    conditions = [*found.conditions, *([Product.status == status] if status else [])]
    total = found.total
    if status:
        total = MOST_COUNTED + 1 if found.too_many else bounded_count(select(Product.id).where(*conditions))
    keys = select(Product.tenant_id, Product.id).where(*conditions).order_by(TITLE_KEY, Product.id)

    def rows(page_of_keys: Any) -> Any:
        key = (Product.tenant_id == page_of_keys.c.tenant_id) & (Product.id == page_of_keys.c.id)
        return (
            select(
                Product.id,
                Product.slug,
                Product.title,
                Product.status,
                _of_variants(func.count(Variant.id)).label("variants"),
                _of_variants(func.min(Variant.price)).label("lowest"),
                _of_variants(func.max(Variant.price)).label("highest"),
                _units_available().label("available"),
            )
            .join(page_of_keys, key)
            .order_by(TITLE_KEY, Product.id)
        )

    return page_by_keys(keys, total, page, rows)


def _of_variants(fact: Any) -> Any:
    return select(fact).where(*_VARIANT_OF_PRODUCT).correlate(Product).scalar_subquery()


def _units_available() -> Any:
    return (
        select(func.coalesce(func.sum(units_in_stock(StockItem)), 0))
        .join(Variant, and_(Variant.tenant_id == StockItem.tenant_id, Variant.id == StockItem.variant_id))
        .where(*_VARIANT_OF_PRODUCT)
        .correlate(Product)
        .scalar_subquery()
    )


_VARIANT_OF_PRODUCT = (
    Variant.tenant_id == Product.tenant_id,
    Variant.product_id == Product.id,
    Variant.active,
)


def matching_products(search: str, status: str) -> Select[uuid.UUID, int]:
    """Return the statement for the id and version of every product that the list's filter finds. A step."""
    found = search_products(search)
    statement = select(Product.id, Product.version).where(*found.conditions).order_by(Product.id)
    return statement.where(Product.status == status) if status else statement


def chosen_products(ids: Sequence[uuid.UUID]) -> Select[uuid.UUID, int]:
    """Return the statement for the id and version of these products."""
    return select(Product.id, Product.version).where(Product.id.in_(ids)).order_by(Product.id)


def category_ids() -> list[tuple[str, str]]:
    """Return the id and name of each category, in the order of the shop."""
    rows = db.session.execute(
        select(Category.id, Category.name).order_by(Category.position, func.lower(Category.name), Category.id)
    )
    return [(str(row.id), row.name) for row in rows]


def count_products(found: FoundProducts) -> dict[str, int]:
    """Return how many there are in all by '' and in each status, bounded; of too many found ones, only how many."""
    counts = {"": found.total}
    if found.too_many:
        return counts
    every = select(Product.id).where(*found.conditions)
    return counts | bounded_counts({status: every.where(Product.status == status) for status in STATUSES})


def get_product(slug: str) -> Product:
    """Return a product by its slug, whatever its status. Raises NotFound."""
    found = db.session.scalar(
        select(Product).where(Product.slug == slug).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("product_not_found")
    return found


def find_product(slug: str) -> Product:
    """Return the product that an address of the back office names, whatever its status. Raises NotFound."""
    if not slug.isprintable() or len(slug) > 255:
        raise NotFound("product_not_found")
    return get_product(slug)


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
