"""The catalog's tables as statements that are built once and run by `db.fetch_all` name them."""

from __future__ import annotations

from typing import cast

from sqlalchemy import ColumnElement, Table, and_, exists

from commerce.catalog.models import (
    Category,
    Collection,
    CollectionProduct,
    Product,
    ProductAttribute,
    ProductCategory,
    ProductImage,
    ProductRedirect,
    Variant,
)
from commerce.db import TENANT

PRODUCTS, VARIANTS, IMAGES, CATEGORIES, PRODUCT_CATEGORIES = (
    cast("Table", model.__table__) for model in (Product, Variant, ProductImage, Category, ProductCategory)
)
COLLECTIONS, COLLECTION_PRODUCTS = (
    cast("Table", model.__table__) for model in (Collection, CollectionProduct)
)
ATTRIBUTES, REDIRECTS = (cast("Table", model.__table__) for model in (ProductAttribute, ProductRedirect))


def sold() -> ColumnElement[bool]:
    """Return the condition that a product is shown: active, with an active variant."""
    variant = exists().where(
        VARIANTS.c.tenant_id == PRODUCTS.c.tenant_id,
        VARIANTS.c.product_id == PRODUCTS.c.id,
        VARIANTS.c.active,
    )
    return and_(PRODUCTS.c.tenant_id == TENANT, PRODUCTS.c.status == "active", variant)
