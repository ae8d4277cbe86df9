"""How the pages of the catalogue read: tables, the shop's parameter, and the one function that runs a statement.

Statements are built once and kept, and they run on the connection: a list page is asked for far more often than
anything else, and building its SQL again would cost more than running it. That bypasses the session's tenant filter,
so every statement names the shop by the parameter `tenant`, which `read` alone fills in.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Executable,
    Table,
    Uuid,
    and_,
    bindparam,
    case,
    column,
    exists,
    literal_column,
    table,
)

from commerce import clock
from commerce.catalog.models import (
    Category,
    Product,
    ProductAttribute,
    ProductCategory,
    ProductImage,
    ProductRedirect,
    Variant,
)
from commerce.db import current_tenant_id, db

PRODUCTS, VARIANTS, IMAGES, CATEGORIES, SHELVED = (
    cast("Table", model.__table__) for model in (Product, Variant, ProductImage, Category, ProductCategory)
)
ATTRIBUTES, REDIRECTS = (cast("Table", model.__table__) for model in (ProductAttribute, ProductRedirect))
# The stock room stands above the catalogue, so its models cannot be imported here; these columns are all that is read.
STOCK = table(
    "stock_items",
    column("tenant_id", Uuid()),
    column("variant_id", Uuid()),
    column("on_hand", BigInteger()),
    column("reserved", BigInteger()),
    column("backorder_limit", BigInteger()),
)
TENANT = bindparam("tenant", type_=Uuid())


def units_there(stock: Any) -> ColumnElement[int]:
    """Return the free units on a shelf, by the columns `stock`: never below 0, for what one shelf has promised beyond
    its stock takes nothing from another.
    """
    free = stock.on_hand - stock.reserved
    return case((free > 0, free), else_=literal_column("0"))


def units_sellable(stock: Any) -> ColumnElement[int]:
    """Return the units of a shelf that can be promised now: what is free, and what may be promised beyond it."""
    room: ColumnElement[int] = stock.on_hand + stock.backorder_limit - stock.reserved
    return room


def expected_on(day: date | None) -> date | None:
    """Return the day on which more units are expected, None when nobody knows: it was not said, or it is over."""
    return day if day is not None and day > clock.now().date() else None


def read(statement: Executable, **parameters: Any) -> Sequence[Any]:
    """Run a kept statement for the current shop. Raises NoTenant outside of any."""
    return db.session.connection().execute(statement, {"tenant": current_tenant_id(), **parameters}).all()


def dialect_name() -> str:
    """Return `sqlite` or `postgresql`."""
    return db.engine.dialect.name


def sold() -> ColumnElement[bool]:
    """Return the condition that a product is shown: active, with a variant that is."""
    variant = exists().where(
        VARIANTS.c.tenant_id == PRODUCTS.c.tenant_id,
        VARIANTS.c.product_id == PRODUCTS.c.id,
        VARIANTS.c.active,
    )
    return and_(PRODUCTS.c.tenant_id == TENANT, PRODUCTS.c.status == "active", variant)
