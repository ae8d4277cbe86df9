"""Products as a bulk change sees and writes them: plain rows, a few statements for hundreds of products."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import bindparam, delete, select, tuple_, update

from commerce import clock
from commerce.catalog.models import Product, ProductCategory, Variant
from commerce.catalog.product_changes import products_changed
from commerce.db import current_tenant_id, db, execute_many, insert_rows


@dataclass(frozen=True, slots=True)
class VariantSnapshot:
    """A variant; amounts are minor units of the shop's currency."""

    id: uuid.UUID
    sku: str
    price: int
    compare_at: int | None


@dataclass(frozen=True, slots=True)
class ProductSnapshot:
    """A product with what a change may be about."""

    id: uuid.UUID
    slug: str
    title: str
    status: str
    tags: Sequence[str]
    version: int
    variants: Sequence[VariantSnapshot] = ()
    categories: frozenset[uuid.UUID] = frozenset()


@dataclass(slots=True)
class ProductTarget:
    """What is to be written into a product; empty when it is so already."""

    columns: dict[str, Any] = field(default_factory=dict)
    prices: dict[uuid.UUID, tuple[int, int | None]] = field(default_factory=dict)
    into: set[uuid.UUID] = field(default_factory=set)
    out_of: set[uuid.UUID] = field(default_factory=set)

    def __bool__(self) -> bool:
        """Tell whether anything changes."""
        return bool(self.columns or self.prices or self.into or self.out_of)


def load_products(
    ids: Collection[uuid.UUID], *, variants: bool, categories: bool, lock: bool
) -> dict[uuid.UUID, ProductSnapshot]:
    """Return those of the products that exist, by id. `lock`: a step; they stay as they are until it commits."""
    columns = (Product.id, Product.slug, Product.title, Product.status, Product.tags, Product.version)
    statement = select(*columns).where(Product.id.in_(ids)).order_by(Product.id)
    products = db.session.execute(statement.with_for_update() if lock else statement).all()
    of_product: dict[uuid.UUID, list[VariantSnapshot]] = {}
    if variants:
        rows = (
            select(Variant.id, Variant.product_id, Variant.sku, Variant.price, Variant.compare_at)
            .where(Variant.product_id.in_(ids))
            .order_by(Variant.id)
        )
        for row in db.session.execute(rows.with_for_update() if lock else rows):
            of_product.setdefault(row.product_id, []).append(
                VariantSnapshot(row.id, row.sku, row.price, row.compare_at)
            )
    places: dict[uuid.UUID, set[uuid.UUID]] = {}
    if categories:
        pairs = select(ProductCategory.product_id, ProductCategory.category_id)
        for pair in db.session.execute(pairs.where(ProductCategory.product_id.in_(ids))):
            places.setdefault(pair.product_id, set()).add(pair.category_id)
    return {
        row.id: ProductSnapshot(*row, tuple(of_product.get(row.id, ())), frozenset(places.get(row.id, ())))
        for row in products
    }


def write_products(targets: Mapping[uuid.UUID, ProductTarget]) -> None:
    """Write locked products, each with a new version, as an edit by hand would. A step."""
    if not targets:
        return
    tenant_id = current_tenant_id()
    _write_heads(targets, tenant_id)
    prices = [
        {"b_id": variant_id, "price": price, "compare_at": compare_at}
        for target in targets.values()
        for variant_id, (price, compare_at) in sorted(target.prices.items())
    ]
    if prices:
        table: Any = Variant.__table__
        execute_many(
            update(table)
            .where(table.c.tenant_id == tenant_id, table.c.id == bindparam("b_id"))
            .values(
                price=bindparam("price"), compare_at=bindparam("compare_at"), version=table.c.version + 1
            ),
            prices,
        )
    left = [(product_id, each) for product_id, target in targets.items() for each in target.out_of]
    if left:
        pair = tuple_(ProductCategory.product_id, ProductCategory.category_id)
        db.session.execute(
            delete(ProductCategory).where(pair.in_(left)).execution_options(synchronize_session=False)
        )
    insert_rows(
        ProductCategory,
        [
            {"product_id": product_id, "category_id": each}
            for product_id, target in targets.items()
            for each in sorted(target.into)
        ],
    )
    products_changed(targets)


def _write_heads(targets: Mapping[uuid.UUID, ProductTarget], tenant_id: uuid.UUID) -> None:
    """All targets of a change name the same columns, or none."""
    table: Any = Product.__table__
    names = sorted({name for target in targets.values() for name in target.columns})
    execute_many(
        update(table)
        .where(table.c.tenant_id == tenant_id, table.c.id == bindparam("b_id"))
        .values(
            version=table.c.version + 1, updated_at=clock.now(), **{name: bindparam(name) for name in names}
        ),
        [{"b_id": product_id, **target.columns} for product_id, target in sorted(targets.items())],
    )
