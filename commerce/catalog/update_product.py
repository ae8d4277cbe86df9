"""Change a product by hand: texts, address, categories, pictures, variants and their prices."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from commerce import clock
from commerce.catalog.models import Category, Product, ProductCategory, ProductImage, ProductRedirect, Variant
from commerce.catalog.pictures import PictureChanges, change_pictures
from commerce.catalog.product_changes import products_changed
from commerce.catalog.text import make_slug
from commerce.catalog.validation import (
    LIMITS,
    ProductValues,
    VariantValues,
    checked_product,
    checked_variant,
)
from commerce.db import atomic, check_version, db, insert_rows, lock
from commerce.errors import AlreadyExists, InvalidValue, NotFound, Rejected
from commerce.redirects.services import forget_redirect


class SeveralVariants(Rejected):
    """Something was said of the only variant of a product that has several."""

    code = "several_variants"


@dataclass(frozen=True, slots=True)
class VariantUpdate:
    """What a variant shall become. `version` is what was seen; None where that of the product speaks for it."""

    id: uuid.UUID
    version: int | None
    values: VariantValues = field(default_factory=VariantValues)


SetStock = Callable[[], bool]
"""What sets the stock of variants and tells whether any changed: a step of the stock room, which stands above us."""


@atomic
def change_product(
    product_id: uuid.UUID,
    *,
    seen_version: int | None,
    values: ProductValues | None = None,
    variants: Sequence[VariantUpdate] = (),
    only_variant: VariantValues | None = None,
    categories: Sequence[str] | None = None,
    code: str = "",
    pictures: PictureChanges | None = None,
    set_stock: SetStock | None = None,
) -> bool:
    """Set columns of a product and of its variants and tell whether anything was new. What is not named stays.

    `seen_version` is None where those of the variants say all that was seen, `only_variant` is said of a product that
    has one, `categories` are slugs of all categories it belongs to, `code` is the slug that it gets. Raises NotFound,
    StaleVersion when the product or one of the variants was changed since they were shown, SeveralVariants,
    InvalidValue, AlreadyExists for a code or SKU that another product has; what is wrong with a variant is at
    `variants.<id>.<field>`.
    """
    clean = checked_product(values or {})
    product = lock(Product, product_id, missing=NotFound("product_not_found"), version=seen_version)
    changed = _set(product, cast("Mapping[str, Any]", clean))
    if code:
        changed |= _rename(product, code)
    if pictures is not None:
        changed |= change_pictures(product, pictures)
    known = {row.id: row for row in _lock_variants(product_id)} if variants or only_variant else {}
    if only_variant:
        if len(known) != 1:
            raise SeveralVariants
        variants = [VariantUpdate(next(iter(known)), None, only_variant)]
    _refuse_taken_skus(variants)
    _refuse_foreign_pictures(product_id, variants)
    for change in variants:
        changed |= _change_variant(known.get(change.id), change)
    if categories is not None:
        changed |= set_categories(product_id, categories)
    if changed:
        with unless_taken():
            catalogue_changed(product)
    # Stock comes last, so a hot row is held for as short as possible.
    return changed | (set_stock is not None and set_stock())


@contextmanager
def unless_taken() -> Iterator[None]:
    """Say it as well as can be when somebody else took the code or the SKU between our look and our write."""
    try:
        yield
    except IntegrityError as error:
        raise AlreadyExists("sku", "sku_just_taken") from error


def _rename(product: Product, code: str) -> bool:
    """Give a product another address; the former one leads to it. A step. Raises InvalidValue, AlreadyExists."""
    slug = make_slug(code, LIMITS.slug)
    if slug != code.lower():
        raise InvalidValue("code", "product_code_invalid")
    if slug == product.slug:
        return False
    if db.session.scalar(select(Product.id).where(Product.slug == slug)) is not None:
        raise AlreadyExists("code", "product_code_taken", code=slug)
    former = product.slug
    lead_here = delete(ProductRedirect).where(ProductRedirect.slug.in_((slug, former)))
    db.session.execute(lead_here.execution_options(synchronize_session=False))
    insert_rows(ProductRedirect, [{"slug": former, "product_id": product.id}])
    forget_redirect(f"/products/{slug}")
    product.slug = slug
    return True


def _refuse_taken_skus(variants: Sequence[VariantUpdate]) -> None:
    """Go on if no SKU of these is another variant's. Raises InvalidValue, AlreadyExists."""
    wanted: dict[str, uuid.UUID] = {}
    for change in variants:
        sku = change.values.get("sku")
        if sku is None:
            continue
        if sku in wanted:
            raise InvalidValue(f"variants.{change.id}.sku", "sku_repeated")
        wanted[sku] = change.id
    if not wanted:
        return
    for variant_id, sku in db.session.execute(select(Variant.id, Variant.sku).where(Variant.sku.in_(wanted))):
        # One that is among the changed has, or gets, a SKU of its own; exchanging two at once is refused by the index.
        if wanted[sku] != variant_id:
            raise AlreadyExists(f"variants.{wanted[sku]}.sku", "sku_taken", sku=sku)


def _refuse_foreign_pictures(product_id: uuid.UUID, variants: Sequence[VariantUpdate]) -> None:
    wanted = {image_id for change in variants if (image_id := change.values.get("image_id")) is not None}
    if not wanted:
        return
    mine = set(db.session.scalars(select(ProductImage.id).where(ProductImage.product_id == product_id)))
    if not wanted <= mine:
        raise NotFound("picture_not_found")


def lock_product(product_id: uuid.UUID) -> Product:
    """Return a product, locked as it is now. A step. Raises NotFound."""
    return lock(Product, product_id, missing=NotFound("product_not_found"))


def catalogue_changed(product: Product) -> None:
    """Give a product whose parts were changed a new version, and bring all that is derived from it up to date. A step.

    One version for the whole page: whoever has it open learns of a new price, too.
    """
    product.updated_at = clock.now()
    products_changed([product.id])


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
    try:
        clean = checked_variant(change.values)
    except InvalidValue as error:
        # One that the caller has named by nothing else is the only one, and its fields are those of the product.
        raise error if change.version is None else error.at(f"variants.{change.id}.{error.field}") from error
    return _set(variant, cast("Mapping[str, Any]", clean))


def _set(row: Product | Variant, values: Mapping[str, Any]) -> bool:
    """Assign what differs, so that a row that stays as it is keeps its version."""
    new = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in new.items():
        setattr(row, name, value)
    return bool(new)
