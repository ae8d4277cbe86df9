"""Read what a product page shows."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import BigInteger, ColumnElement, Uuid, and_, bindparam, case, func, select

from commerce.catalog.product_cache import cache_enabled, cached
from commerce.catalog.tables import (
    ATTRIBUTES,
    CATEGORIES,
    IMAGES,
    PRODUCT_CATEGORIES,
    PRODUCTS,
    REDIRECTS,
    VARIANTS,
    sold,
)
from commerce.catalog.text import lookup_key
from commerce.db import TENANT, fetch_all
from commerce.errors import NotFound, Rejected
from commerce.inventory.availability import STOCK, expected_on, units_available, units_in_stock
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
    categories: tuple[CategoryLink, ...]
    details: tuple[tuple[str, str], ...] = ()
    trail: tuple[CategoryLink, ...] = ()
    """The first category with those above it, the top first."""

    @property
    def path(self) -> str:
        """The address of the product's page."""
        return f"/products/{quote(self.slug)}"


class _VariantRow(NamedTuple):
    """A row of `_SOLD_VARIANTS`. Ids and dates are text when the row comes from the cache of product facts."""

    id: uuid.UUID
    sku: str
    option_values: Sequence[str]
    price: int
    compare_at: int | None
    available: int
    image_id: uuid.UUID | None
    in_stock: int
    ships_from: date | None


class _Facts(NamedTuple):
    """The rows of a product page as JSON values, so that a cache server may keep them."""

    product: Sequence[Any]
    variants: Sequence[Sequence[Any]]
    pictures: Sequence[Sequence[Any]]
    categories: Sequence[Sequence[Any]]
    details: Sequence[Sequence[str]] = ()


def product_page(slug: str) -> ProductPage:
    """Return a product that is sold, with its variants, pictures and categories. Raises NotFound.

    Four statements; one, for the stock, when its facts come from the cache.
    """
    facts = _Facts._make(cached("product", slug, lambda: _read_facts(slug)))
    product_id, slug, title, description_html, vendor, option_names, seo_title, seo_description = (
        facts.product[:8]
    )
    variants = [_variant_row(row) for row in facts.variants]
    if cache_enabled():
        units = {key: units for key, *units in fetch_all(_AVAILABLE, product=uuid.UUID(product_id))}
        variants = [
            row._replace(available=available, in_stock=in_stock)
            for row in variants
            for available, in_stock in (units.get(row.id, (0, 0)),)
        ]
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
        tuple(PagePicture(uuid.UUID(picture_id), *rest) for picture_id, *rest in facts.pictures),
        tuple(
            CategoryLink(uuid.UUID(category_id), slug, name)
            for category_id, slug, name, *_ in facts.categories
        ),
        tuple((name, text) for name, text in facts.details),
        _trail(facts.categories[0]) if facts.categories else (),
    )


def _trail(row: Sequence[Any]) -> tuple[CategoryLink, ...]:
    """Return the links to a category of `_CATEGORIES_OF` and to those above it."""
    return tuple(
        CategoryLink(uuid.UUID(key), slug, name) for key, slug, name in (row[6:9], row[3:6], row[0:3]) if key
    )


def moved_to(slug: str) -> str:
    """Return the address of the product that had this one before. One statement. Raises NotFound."""
    rows = fetch_all(_MOVED, slug=lookup_key(slug))
    if not rows:
        raise NotFound("product_not_found")
    return f"/products/{quote(rows[0].slug)}"


def _read_facts(slug: str) -> _Facts:
    rows = fetch_all(_PRODUCT, slug=slug)
    if not rows:
        raise NotFound("product_not_found")
    product_id = rows[0].id
    lists = [fetch_all(each, product=product_id) for each in (_SOLD_VARIANTS, _PICTURES, _CATEGORIES_OF)]
    details = _details(rows[0].attributes) if rows[0].attributes else []
    facts = _Facts(_plain(rows[0]), *([_plain(row) for row in each] for each in lists))
    return facts._replace(details=details)


def _details(attributes: Mapping[str, str]) -> list[list[str]]:
    """Return names and texts of those attributes that the shop shows."""
    shown = [
        (row.name, _spelled(attributes[row.key]))
        for row in fetch_all(_SHOWN_ATTRIBUTES)
        if row.key in attributes
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


def _variant_row(values: Sequence[Any]) -> _VariantRow:
    row = _VariantRow._make(values)
    ships_from = date.fromisoformat(str(row.ships_from)) if row.ships_from else None
    return row._replace(
        id=uuid.UUID(str(row.id)),
        image_id=uuid.UUID(str(row.image_id)) if row.image_id else None,
        ships_from=expected_on(ships_from),
    )


def chosen_variant(variant_id: uuid.UUID, form: Mapping[str, str]) -> uuid.UUID:
    """Return the variant that a product page's form asks for.

    Without JavaScript the options may differ from the hidden `variant_id`, which dates from when the page was rendered;
    what the shopper sees as chosen counts. An option that the form leaves out is that of `variant_id`.
    Two statements, none when the form has no options. Raises NotFound for a variant that is not sold, Rejected for a
    combination that does not exist.
    """
    if RESERVED_KEYS.issuperset(form):
        return variant_id
    rows = fetch_all(_PRODUCT_OF, variant=variant_id)
    if not rows:
        raise NotFound("not_for_sale")
    names, variants = _fitted(
        rows[0].option_names,
        [_VariantRow._make(row) for row in fetch_all(_SOLD_VARIANTS, product=rows[0].id)],
    )
    shown = next((variant for variant in variants if variant.id == variant_id), None)
    if shown is None:
        raise NotFound("not_for_sale")
    asked = tuple(form.get(key, value) for key, value in zip(axis_keys(names), shown.values, strict=True))
    chosen = next((variant for variant in variants if variant.values == asked), None)
    if chosen is None:
        raise Rejected("combination_not_made", options=list(filter(None, asked)))
    return chosen.id


def _fitted(
    option_names: Sequence[str], rows: Sequence[_VariantRow]
) -> tuple[tuple[str, ...], tuple[SoldVariant, ...]]:
    """Return names and variants with one value per name; variants that no option tells apart get an option."""
    names = tuple(option_names)
    values = [
        tuple(row.option_values)[: len(names)] + ("",) * (len(names) - len(row.option_values)) for row in rows
    ]
    if len(set(values)) < len(values):
        names = ("Version",)
        values = [(" / ".join(filter(None, [*row.option_values, row.sku])),) for row in rows]
    return names, tuple(
        SoldVariant(
            row.id,
            row.sku,
            fitted,
            row.price,
            _former_price(row.price, row.compare_at),
            row.available,
            row.image_id,
            row.in_stock,
            row.ships_from,
        )
        for row, fitted in zip(rows, values, strict=True)
    )


def _former_price(price: int, compare_at: int | None) -> int | None:
    return compare_at if compare_at is not None and compare_at > price else None


def _sum(units: ColumnElement[int]) -> ColumnElement[int]:
    return func.coalesce(func.sum(units), 0).cast(BigInteger())


def _stock_totals(units: ColumnElement[int]) -> ColumnElement[int]:
    total = select(_sum(units)).where(STOCK.c.tenant_id == TENANT, STOCK.c.variant_id == VARIANTS.c.id)
    return total.correlate(VARIANTS).scalar_subquery()


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
        _stock_totals(units_available(STOCK.c)),
        VARIANTS.c.image_id,
        _stock_totals(units_in_stock(STOCK.c)),
        VARIANTS.c.ships_from,
    )
    .where(VARIANTS.c.tenant_id == TENANT, VARIANTS.c.product_id == _product, VARIANTS.c.active)
    .order_by(VARIANTS.c.position, VARIANTS.c.id)
)
_AVAILABLE = (
    select(VARIANTS.c.id, _sum(units_available(STOCK.c)), _sum(units_in_stock(STOCK.c)))
    .outerjoin(STOCK, and_(STOCK.c.tenant_id == TENANT, STOCK.c.variant_id == VARIANTS.c.id))
    .where(VARIANTS.c.tenant_id == TENANT, VARIANTS.c.product_id == _product)
    .group_by(VARIANTS.c.id)
)
_PICTURES = (
    select(IMAGES.c.id, IMAGES.c.file, IMAGES.c.alt, IMAGES.c.width, IMAGES.c.height)
    .where(IMAGES.c.tenant_id == TENANT, IMAGES.c.product_id == _product)
    .order_by(IMAGES.c.position, IMAGES.c.id)
)
_PARENT, _TOP = CATEGORIES.alias("parent"), CATEGORIES.alias("top")
_CATEGORIES_OF = (
    select(*(table.c[name] for table in (CATEGORIES, _PARENT, _TOP) for name in ("id", "slug", "name")))
    .select_from(CATEGORIES)
    .join(
        PRODUCT_CATEGORIES,
        and_(
            PRODUCT_CATEGORIES.c.tenant_id == CATEGORIES.c.tenant_id,
            PRODUCT_CATEGORIES.c.category_id == CATEGORIES.c.id,
        ),
    )
    .outerjoin(_PARENT, and_(_PARENT.c.tenant_id == TENANT, _PARENT.c.id == CATEGORIES.c.parent_id))
    .outerjoin(_TOP, and_(_TOP.c.tenant_id == TENANT, _TOP.c.id == _PARENT.c.parent_id))
    .where(CATEGORIES.c.tenant_id == TENANT, PRODUCT_CATEGORIES.c.product_id == _product)
    # The deepest first: it says most about the product.
    .order_by(
        case((_TOP.c.id.is_not(None), 0), (_PARENT.c.id.is_not(None), 1), else_=2),
        CATEGORIES.c.position,
        CATEGORIES.c.name,
        CATEGORIES.c.id,
    )
)
