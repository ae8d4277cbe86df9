"""Read what a product page shows."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from sqlalchemy import BigInteger, ColumnElement, Uuid, and_, bindparam, func, select

from commerce.catalog.product_cache import cache_enabled, cached
from commerce.catalog.reading import (
    ATTRIBUTES,
    CATEGORIES,
    IMAGES,
    PRODUCTS,
    REDIRECTS,
    SHELVED,
    STOCK,
    TENANT,
    VARIANTS,
    expected_on,
    read,
    sold,
    units_sellable,
    units_there,
)
from commerce.catalog.text import lookup_key
from commerce.errors import NotFound, Rejected
from commerce.storefront.product_cards import CategoryLink
from commerce.storefront.variant_picker import RESERVED_KEYS, SoldVariant, axis_keys


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A picture of a product; `file` is empty while it was only recorded, sizes are 0 while unknown."""

    id: uuid.UUID
    file: str
    alt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ProductPage:
    """A product with all that its page shows."""

    id: uuid.UUID
    slug: str
    title: str
    description_html: str
    vendor: str
    option_names: tuple[str, ...]
    seo_title: str
    seo_description: str
    variants: tuple[SoldVariant, ...]
    pictures: tuple[PagePicture, ...]
    shelves: tuple[CategoryLink, ...]
    details: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        """The address of the product's page."""
        return f"/products/{quote(self.slug)}"


def product_page(slug: str) -> ProductPage:
    """Return a product that is sold, with its variants, pictures and categories. Raises NotFound.

    Four statements; one, for the stock, when its facts come from the cache.
    """
    facts = cached("product", slug, lambda: _read_facts(slug))
    product_id, slug, title, description_html, vendor, option_names, seo_title, seo_description = facts[0][:8]
    variants = [
        [uuid.UUID(row[0]), *row[1:6], _id_or_none(row[6]), row[7], expected_on(_day_or_none(row[8]))]
        for row in facts[1]
    ]
    if cache_enabled():
        units = {row[0]: row[1:] for row in read(_AVAILABLE, product=uuid.UUID(product_id))}
        for row in variants:
            row[5], row[7] = units.get(row[0], (0, 0))
    names, fitted = _fitted(option_names, variants)
    return ProductPage(
        uuid.UUID(product_id),
        slug,
        title,
        description_html,
        vendor,
        names,
        seo_title,
        seo_description,
        fitted,
        tuple(PagePicture(uuid.UUID(row[0]), *row[1:]) for row in facts[2]),
        tuple(CategoryLink(uuid.UUID(row[0]), *row[1:]) for row in facts[3]),
        tuple((name, text) for name, text in facts[4]),
    )


def moved_to(slug: str) -> str:
    """Return the address of the product that had this one before. One statement. Raises NotFound."""
    rows = read(_MOVED, slug=lookup_key(slug))
    if not rows:
        raise NotFound("There is no such product.")
    return f"/products/{quote(rows[0][0])}"


def _read_facts(slug: str) -> list[Any]:
    """Return the rows of product, variants, pictures and shelves as JSON values."""
    rows = read(_PRODUCT, slug=slug)
    if not rows:
        raise NotFound("There is no such product.")
    product_id = rows[0][0]
    lists = [read(each, product=product_id) for each in (_SOLD_VARIANTS, _PICTURES, _SHELVES_OF)]
    details = _details(rows[0].attributes) if rows[0].attributes else []
    return [_plain(rows[0]), *([_plain(row) for row in each] for each in lists), details]


def _details(attributes: Mapping[str, str]) -> list[list[str]]:
    """Return names and texts of those attributes that the shop shows."""
    shown = [
        (row.name, _spelled(attributes[row.key])) for row in read(_SHOWN_ATTRIBUTES) if row.key in attributes
    ]
    return [[name, text] for name, text in shown if text]


def _spelled(text: str) -> str:
    """Return an attribute as shoppers read it: a list of texts with commas; nothing for a reference to another shop."""
    try:
        parts = json.loads(text) if text.startswith("[") else [text]
    except ValueError:
        parts = [text]
    return ", ".join(part for part in parts if isinstance(part, str) and not part.startswith("gid://"))


def _plain(row: Any) -> list[Any]:
    return [str(value) if isinstance(value, uuid.UUID | date) else value for value in row]


def _id_or_none(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None


def _day_or_none(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def chosen_variant(variant_id: uuid.UUID, form: Mapping[str, str]) -> uuid.UUID:
    """Return the variant that a product page's form asks for.

    Without JavaScript the options may say something else than the hidden `variant_id`, which is of the time when the
    page was made; what the shopper sees as chosen counts. An option that the form leaves out is that of `variant_id`.
    Two statements, none when the form has no options. Raises NotFound for a variant that is not sold, Rejected for a
    combination that is not made.
    """
    if RESERVED_KEYS.issuperset(form):
        return variant_id
    rows = read(_PRODUCT_OF, variant=variant_id)
    if not rows:
        raise NotFound("This is not sold here.")
    names, variants = _fitted(rows[0][1], read(_SOLD_VARIANTS, product=rows[0][0]))
    shown = next((variant for variant in variants if variant.id == variant_id), None)
    if shown is None:
        raise NotFound("This is not sold here.")
    asked = tuple(form.get(key, value) for key, value in zip(axis_keys(names), shown.values, strict=True))
    chosen = next((variant for variant in variants if variant.values == asked), None)
    if chosen is None:
        raise Rejected(f"There is no {' / '.join(filter(None, asked))} of this product. Please choose again.")
    return chosen.id


def _fitted(
    option_names: Sequence[str], rows: Sequence[Any]
) -> tuple[tuple[str, ...], tuple[SoldVariant, ...]]:
    """Return names and variants with one value per name; variants that no option tells apart get an option."""
    names = tuple(option_names)
    values = [tuple(row[2])[: len(names)] + ("",) * (len(names) - len(row[2])) for row in rows]
    if len(set(values)) < len(values):
        names, values = ("Version",), [(" / ".join(filter(None, [*row[2], row[1]])),) for row in rows]
    return names, tuple(
        SoldVariant(row[0], row[1], fitted, row[3], _former(row[3], row[4]), *row[5:])
        for row, fitted in zip(rows, values, strict=True)
    )


def _former(price: int, compare_at: int | None) -> int | None:
    return compare_at if compare_at is not None and compare_at > price else None


def _sum(units: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(units), 0).cast(BigInteger())


def _stock_totals(units: ColumnElement[int]) -> ColumnElement[int]:
    shelves = select(_sum(units)).where(STOCK.c.tenant_id == TENANT, STOCK.c.variant_id == VARIANTS.c.id)
    return shelves.correlate(VARIANTS).scalar_subquery()


_product = bindparam("product", type_=Uuid())
_PRODUCT = select(
    PRODUCTS.c.id,
    PRODUCTS.c.slug,
    PRODUCTS.c.title,
    PRODUCTS.c.description_html,
    PRODUCTS.c.vendor,
    PRODUCTS.c.option_names,
    PRODUCTS.c.seo_title,
    PRODUCTS.c.seo_description,
    PRODUCTS.c.attributes,
).where(sold(), PRODUCTS.c.slug == bindparam("slug"))
_MOVED = (
    select(PRODUCTS.c.slug)
    .join(
        REDIRECTS,
        and_(REDIRECTS.c.tenant_id == PRODUCTS.c.tenant_id, REDIRECTS.c.product_id == PRODUCTS.c.id),
    )
    .where(sold(), REDIRECTS.c.slug == bindparam("slug"))
)
_SHOWN_ATTRIBUTES = (
    select(ATTRIBUTES.c.key, ATTRIBUTES.c.name)
    .where(ATTRIBUTES.c.tenant_id == TENANT, ATTRIBUTES.c.shown)
    .order_by(ATTRIBUTES.c.name, ATTRIBUTES.c.key)
)
_PRODUCT_OF = (
    select(PRODUCTS.c.id, PRODUCTS.c.option_names)
    .join(
        VARIANTS,
        and_(VARIANTS.c.tenant_id == PRODUCTS.c.tenant_id, VARIANTS.c.product_id == PRODUCTS.c.id),
    )
    .where(PRODUCTS.c.tenant_id == TENANT, PRODUCTS.c.status == "active")
    .where(VARIANTS.c.id == bindparam("variant", type_=Uuid()))
)
_SOLD_VARIANTS = (
    select(
        VARIANTS.c.id,
        VARIANTS.c.sku,
        VARIANTS.c.option_values,
        VARIANTS.c.price,
        VARIANTS.c.compare_at,
        _stock_totals(units_sellable(STOCK.c)),
        VARIANTS.c.image_id,
        _stock_totals(units_there(STOCK.c)),
        VARIANTS.c.ships_from,
    )
    .where(VARIANTS.c.tenant_id == TENANT, VARIANTS.c.product_id == _product, VARIANTS.c.active)
    .order_by(VARIANTS.c.position, VARIANTS.c.id)
)
_AVAILABLE = (
    select(VARIANTS.c.id, _sum(units_sellable(STOCK.c)), _sum(units_there(STOCK.c)))
    .outerjoin(STOCK, and_(STOCK.c.tenant_id == TENANT, STOCK.c.variant_id == VARIANTS.c.id))
    .where(VARIANTS.c.tenant_id == TENANT, VARIANTS.c.product_id == _product)
    .group_by(VARIANTS.c.id)
)
_PICTURES = (
    select(IMAGES.c.id, IMAGES.c.file, IMAGES.c.alt, IMAGES.c.width, IMAGES.c.height)
    .where(IMAGES.c.tenant_id == TENANT, IMAGES.c.product_id == _product)
    .order_by(IMAGES.c.position, IMAGES.c.id)
)
_SHELVES_OF = (
    select(CATEGORIES.c.id, CATEGORIES.c.slug, CATEGORIES.c.name)
    .join(
        SHELVED,
        and_(SHELVED.c.tenant_id == CATEGORIES.c.tenant_id, SHELVED.c.category_id == CATEGORIES.c.id),
    )
    .where(CATEGORIES.c.tenant_id == TENANT, SHELVED.c.product_id == _product)
    .order_by(CATEGORIES.c.position, CATEGORIES.c.name, CATEGORIES.c.id)
)
