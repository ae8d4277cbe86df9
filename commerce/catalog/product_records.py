"""Products whole and hidden ones too, by their codes: as programs read them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Uuid, func, literal, select
from sqlalchemy.orm import selectinload

from commerce.catalog.models import Category, Product, ProductCategory, Variant
from commerce.catalog.search import found_ids, search_parameters
from commerce.db import current_tenant_id, db
from commerce.errors import NotFound

MAX_CODE = 255


@dataclass(frozen=True, slots=True)
class ProductRecord:
    """A product with variants and pictures loaded, and the slugs of its categories in their order."""

    product: Product
    categories: list[str]


@dataclass(frozen=True, slots=True)
class ProductFilter:
    """Filter of products: shown or not, in a category, of a type, found by words as in the shop's search."""

    active: bool | None = None
    category: str = ""
    words: str = ""
    product_type: str = ""


def product_id_of(code: str) -> uuid.UUID:
    """Return the id of the product with this code, or with a variant that has it as its SKU. Raises NotFound."""
    found = db.session.scalar(select(Product.id).where(Product.slug == _storable(code).lower()))
    if found is None:
        found = db.session.scalar(select(Variant.product_id).where(Variant.sku == code))
    if found is None:
        raise NotFound("product_not_found")
    return found


def product_version(product_id: uuid.UUID) -> int:
    """Return the version of a product as its row is now. Raises NotFound."""
    version = db.session.scalar(select(Product.version).where(Product.id == product_id))
    if version is None:
        raise NotFound("product_not_found")
    return version


def product_record(product_id: uuid.UUID) -> ProductRecord:
    """Return a product as its rows are now. Raises NotFound."""
    records = records_of([product_id])
    if not records:
        raise NotFound("product_not_found")
    return records[0]


def variant_of(code: str) -> Variant:
    """Return the variant that a product code means, its product loaded. Raises NotFound.

    It is a SKU, or the code of a product that has one single active variant.
    """
    found = _variants(Variant.sku == _storable(code))
    if not found:
        found = _variants(Product.slug == code.lower(), Variant.active)
    if len(found) != 1:
        raise NotFound("variant_not_found")
    return found[0]


def get_variant(variant_id: uuid.UUID) -> Variant:
    """Return a variant as its row is now, its product loaded. Raises NotFound."""
    found = _variants(Variant.id == variant_id)
    if not found:
        raise NotFound("variant_not_found")
    return found[0]


def list_records(
    wanted: ProductFilter, before: uuid.UUID | None, limit: int
) -> tuple[list[ProductRecord], uuid.UUID | None]:
    """Return a page of products, the newest first, and the id to go on from, None at the end.

    By id, which never changes: no page costs more than the first, and none shifts.
    """
    statement, parameters = _found(select(Product.id), wanted)
    if before is not None:
        statement = statement.where(Product.id < literal(before, Uuid()))
    statement = statement.order_by(Product.id.desc()).limit(limit + 1)
    ids = list(db.session.scalars(statement, parameters))
    return records_of(ids[:limit]), ids[limit - 1] if len(ids) > limit else None


def count_records(wanted: ProductFilter) -> int:
    """Return how many products there are of those that are wanted."""
    statement, parameters = _found(select(func.count()).select_from(Product), wanted)
    return int(db.session.scalar(statement, parameters) or 0)


def _found(statement: Select[Any], wanted: ProductFilter) -> tuple[Select[Any], dict[str, Any]]:
    parameters: dict[str, Any] = {}
    if wanted.active is not None:
        shown = Product.status == "active"
        statement = statement.where(shown if wanted.active else ~shown)
    if wanted.category:
        on_shelf = (
            select(ProductCategory.product_id)
            .join(
                Category,
                (Category.tenant_id == ProductCategory.tenant_id)
                & (Category.id == ProductCategory.category_id),
            )
            .where(Category.slug == wanted.category)
        )
        statement = statement.where(Product.id.in_(on_shelf))
    if wanted.product_type:
        statement = statement.where(Product.product_type == wanted.product_type)
    if wanted.words:
        asked = search_parameters(wanted.words)
        if asked is None:
            return statement.where(literal(value=False)), {}
        parameters = {"tenant": current_tenant_id(), "words": asked["words"]}
        statement = statement.where(Product.id.in_(found_ids(db.engine.dialect.name)))
    return statement, parameters


def records_of(product_ids: Collection[uuid.UUID]) -> list[ProductRecord]:
    """Return products as their rows are now, the newest first. At most four statements."""
    rows = db.session.scalars(
        select(Product)
        .where(Product.id.in_(product_ids))
        .options(selectinload(Product.variants), selectinload(Product.images))
        .order_by(Product.id.desc())
        .execution_options(populate_existing=True)
    ).all()
    categories = _categories(product_ids)
    return [ProductRecord(row, categories.get(row.id, [])) for row in rows]


def _categories(product_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    rows = db.session.execute(
        select(ProductCategory.product_id, Category.slug)
        .join(
            Category,
            (Category.tenant_id == ProductCategory.tenant_id) & (Category.id == ProductCategory.category_id),
        )
        .where(ProductCategory.product_id.in_(product_ids))
        .order_by(Category.position, Category.name, Category.id)
    )
    found: dict[uuid.UUID, list[str]] = {}
    for product_id, slug in rows:
        found.setdefault(product_id, []).append(slug)
    return found


def _variants(*conditions: Any) -> Sequence[Variant]:
    return db.session.scalars(
        select(Variant)
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .where(*conditions)
        .options(selectinload(Variant.product))
        .execution_options(populate_existing=True)
        .limit(2)
    ).all()


def _storable(code: str) -> str:
    """Return a code that a database can look for; any other is nobody's. Raises NotFound."""
    if len(code) > MAX_CODE or any(sign < " " for sign in code):
        raise NotFound("product_not_found")
    return code
