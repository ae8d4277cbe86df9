"""Change a product by hand: texts, categories, variants and their prices."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import delete, select

from commerce import clock
from commerce.catalog.models import Category, Product, ProductCategory, Variant
from commerce.catalog.search import index_products
from commerce.catalog.validation import ProductValues, VariantValues, checked_product, checked_variant
from commerce.db import atomic, check_version, db, insert_rows, lock
from commerce.errors import InvalidValue, NotFound, Rejected
from commerce.tenants.services import touch_catalogue


class SeveralVariants(Rejected):
    """Something was said of the only variant of a product that has several."""

    code = "several_variants"


@dataclass(frozen=True, slots=True)
class VariantUpdate:
    """What a variant shall become. `version` is what was seen; None where that of the product speaks for it."""

    id: uuid.UUID
    version: int | None
    values: VariantValues = field(default_factory=VariantValues)


@atomic
def change_product(
    product_id: uuid.UUID,
    *,
    seen_version: int | None,
    values: ProductValues | None = None,
    variants: Sequence[VariantUpdate] = (),
    only_variant: VariantValues | None = None,
    categories: Sequence[str] | None = None,
) -> bool:
    """Set columns of a product and of its variants and tell whether anything was new. What is not named stays.

    `seen_version` is None where those of the variants say all that was seen, `only_variant` is said of a product that
    has one, `categories` are slugs of all categories it belongs to. Raises NotFound, StaleVersion when
    the product or one of the variants was changed since they were shown, SeveralVariants, InvalidValue.
    """
    clean = checked_product(values or {})
    product = lock(Product, product_id, missing=NotFound("product_not_found"), version=seen_version)
    changed = _set(product, cast("Mapping[str, Any]", clean))
    known = {row.id: row for row in _lock_variants(product_id)} if variants or only_variant else {}
    if only_variant:
        if len(known) != 1:
            raise SeveralVariants
        variants = [VariantUpdate(next(iter(known)), None, only_variant)]
    for change in variants:
        changed |= _change_variant(known.get(change.id), change)
    if categories is not None:
        changed |= set_categories(product_id, categories)
    if changed:
        catalogue_changed(product)
    return changed


def lock_product(product_id: uuid.UUID) -> Product:
    """Return a product, locked as it is now. A step. Raises NotFound."""
    return lock(Product, product_id, missing=NotFound("product_not_found"))


def catalogue_changed(product: Product) -> None:
    """Give a product whose parts were changed a new version, find it by its new words, tell the caches. A step.

    One version for the whole page: whoever has it open learns of a new price, too.
    """
    product.updated_at = clock.now()
    index_products([product.id])
    touch_catalogue()


def set_categories(product_id: uuid.UUID, slugs: Sequence[str]) -> bool:
    """Put a product into exactly these categories; tell whether that changed anything. A step. Raises InvalidValue."""
    rows = db.session.execute(select(Category.slug, Category.id).where(Category.slug.in_(slugs)))
    known = {row.slug: row.id for row in rows}
    for slug in slugs:
        if slug not in known:
            raise InvalidValue("category_code", "category_not_found", category=slug)
    mine = ProductCategory.product_id == product_id
    before = set(db.session.scalars(select(ProductCategory.category_id).where(mine)))
    wanted = {known[slug] for slug in slugs}
    if before - wanted:
        gone = ProductCategory.category_id.in_(before - wanted)
        db.session.execute(
            delete(ProductCategory).where(mine, gone).execution_options(synchronize_session=False)
        )
    new = [{"category_id": each, "product_id": product_id} for each in sorted(wanted - before)]
    insert_rows(ProductCategory, new)
    return before != wanted


def _lock_variants(product_id: uuid.UUID) -> Sequence[Variant]:
    return db.session.scalars(
        select(Variant)
        .where(Variant.product_id == product_id)
        .order_by(Variant.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _change_variant(variant: Variant | None, change: VariantUpdate) -> bool:
    if variant is None:
        raise NotFound("variant_not_found")
    if change.version is not None:
        check_version("variant", change.version, variant.version)
    return _set(variant, cast("Mapping[str, Any]", checked_variant(change.values)))


def _set(row: Product | Variant, values: Mapping[str, Any]) -> bool:
    """Assign what differs, so that a row that stays as it is keeps its version."""
    new = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in new.items():
        setattr(row, name, value)
    return bool(new)
