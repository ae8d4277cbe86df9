"""What the shop has already of the products in a file."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import or_, select
from sqlalchemy.orm import selectinload

from commerce.catalog.models import (
    Category,
    Product,
    ProductRedirect,
    Variant,
)
from commerce.catalog.text import same_handle, slugify
from commerce.catalog_import.matching import (
    category_slug,
    digest_of,
)
from commerce.catalog_import.parsed import ParsedProduct
from commerce.db import db, new_id


@dataclass(frozen=True, slots=True)
class KnownProducts:
    """Products of the shop that a batch may be about: by address, and by the addresses that they had."""

    by_slug: Mapping[str, Product]
    redirects: Mapping[str, uuid.UUID]
    by_key: dict[str, Product] = field(default_factory=dict)

    @property
    def taken(self) -> Collection[str]:
        """The addresses that are in use."""
        return self.by_slug

    def of(self, parsed: ParsedProduct) -> Product | None:
        """Return the product of the shop that one of the file is, if there is one.

        A handle that is an address here as it is means that product. One that had to be changed to become an address
        means the product that it led to before; the address alone could be that of another one ('cafe' and 'café').
        """
        product = self._find(parsed)
        if product is not None:
            self.by_key[parsed.slug] = product
        return product

    def _find(self, parsed: ParsedProduct) -> Product | None:
        by_id = {product.id: product for product in self.by_slug.values()}
        for former in parsed.former_slugs:
            if (led_to := by_id.get(self.redirects.get(former, new_id()))) is not None:
                return led_to
        if same_handle(parsed.handle) == parsed.slug:
            return self.by_slug.get(parsed.slug)
        for former in parsed.former_slugs:
            if former in self.by_slug:
                return self.by_slug[former]
        found = self.by_slug.get(parsed.slug)
        skus = {variant.sku for variant in parsed.variants}
        if found is not None and (
            found.title == parsed.title or any(variant.sku in skus for variant in found.variants)
        ):
            return found
        return None


def find_known_products(products: Sequence[ParsedProduct]) -> KnownProducts:
    """Return the products of the shop that those of a batch may be, with their variants and pictures."""
    slugs = {slug for product in products for slug in (product.slug, *product.former_slugs)}
    led = db.session.execute(
        select(ProductRedirect.slug, ProductRedirect.product_id).where(ProductRedirect.slug.in_(slugs))
    )
    redirects = {row.slug: row.product_id for row in led}
    found = db.session.scalars(
        select(Product)
        .where(or_(Product.slug.in_(slugs), Product.id.in_(redirects.values())))
        .options(selectinload(Product.variants), selectinload(Product.images))
    )
    return KnownProducts({product.slug: product for product in found}, redirects)


def find_unchanged(products: Sequence[ParsedProduct]) -> set[str]:
    """Return the slugs of those that the shop has exactly as the file has them, without loading them."""
    rows = db.session.execute(
        select(Product.slug, Product.source_digest).where(Product.slug.in_([each.slug for each in products]))
    )
    digests = {row.slug: row.source_digest for row in rows}
    return {each.slug for each in products if digests.get(each.slug) == digest_of(each)}


def find_sku_owners(products: Sequence[ParsedProduct]) -> dict[str, tuple[uuid.UUID, str]]:
    """Return who has the batch's SKUs in the shop now: SKU -> product id and slug."""
    skus = {
        sku for product in products for variant in product.variants for sku in (variant.sku, variant.made_sku)
    }
    rows = db.session.execute(
        select(Variant.sku, Product.id, Product.slug)
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .where(Variant.sku.in_(skus))
    )
    return {sku: (product_id, slug) for sku, product_id, slug in rows}


def find_known_categories(products: Sequence[ParsedProduct]) -> dict[str, uuid.UUID]:
    """Return the shop's categories by the address that their names lead to now."""
    slugs: dict[str, str] = {}
    for product in products:
        for name in product.categories:
            # Categories that are older than the rule for accents have them in their addresses.
            slugs |= {slugify(name): category_slug(name), category_slug(name): category_slug(name)}
    rows = db.session.execute(select(Category.slug, Category.id).where(Category.slug.in_(slugs)))
    return {slugs[row.slug]: row.id for row in rows}
