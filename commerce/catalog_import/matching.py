"""One product of a file against one product of the shop: what to make, what to change, what to leave."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from commerce.catalog.models import Variant
from commerce.catalog.text import folded, make_slug
from commerce.catalog_import.parsed import ParsedImage, ParsedProduct, ParsedVariant, RowError
from commerce.catalog_import.report import MAX_SLUG, FieldChange, Outcome
from commerce.csv_files import ImportNote
from commerce.db import new_id


@dataclass(slots=True)
class WriteResult:
    """Result of one product: its outcome, and the variants that were made or found with their parsed rows.

    `product_id` is given when the product was made or changed.
    """

    parsed: ParsedProduct
    outcome: Outcome
    errors: tuple[RowError, ...] = ()
    product_id: uuid.UUID | None = None
    notes: list[ImportNote] = field(default_factory=list)
    made: list[tuple[uuid.UUID, ParsedVariant]] = field(default_factory=list)
    found: list[tuple[uuid.UUID, ParsedVariant]] = field(default_factory=list)
    stock_set: int = 0
    categories_made: list[str] = field(default_factory=list)
    changes: list[FieldChange] = field(default_factory=list)


def digest_of(product: ParsedProduct) -> str:
    """Return a fingerprint of all that an import would write, stock aside: the same again means nothing to do."""
    facts = asdict(product)
    for name in ("source", "rows", "notes", "handle", "only_known"):
        del facts[name]
    facts["categories"] = sorted(facts["categories"])
    for variant in facts["variants"]:
        for name in ("row", "quantity", "tracked", "sku_was_made", "made_sku"):
            del variant[name]
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def product_values(parsed: ParsedProduct) -> dict[str, Any]:
    """Return the columns of a product that come from the file."""
    return {
        "slug": parsed.slug,
        "title": parsed.title,
        "description_html": parsed.description_html,
        "vendor": parsed.vendor,
        "product_type": parsed.product_type,
        "status": parsed.status,
        "tags": list(parsed.tags),
        "option_names": list(parsed.option_names),
        "seo_title": parsed.seo_title,
        "seo_description": parsed.seo_description,
        "attributes": said(parsed.attributes),
        "source": parsed.source,
        "source_digest": digest_of(parsed),
    }


def variant_values(parsed: ParsedVariant, position: int, image_id: uuid.UUID | None) -> dict[str, Any]:
    """Return the columns of a variant that come from the file."""
    return {
        "position": position,
        "sku": parsed.sku,
        "option_values": list(parsed.option_values),
        "price": parsed.price,
        "compare_at": parsed.compare_at_price,
        "weight_grams": parsed.weight_grams,
        "tax_class": parsed.tax_class,
        "requires_shipping": parsed.requires_shipping,
        "barcode": parsed.barcode,
        "backorder": parsed.backorder,
        "unit_cost": parsed.unit_cost,
        "attributes": said(parsed.attributes),
        "image_id": image_id,
    }


def category_slug(name: str) -> str:
    """Return the address of the category with this name."""
    return make_slug(name, MAX_SLUG)


def said(attributes: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Return the attributes that have a text."""
    return {key: text for key, text in attributes if text}


def image_values(parsed: ParsedImage, position: int) -> dict[str, Any]:
    """Return the columns of a picture that come from the file; its file is fetched on request only."""
    return {"position": position, "source_url": parsed.url, "alt": parsed.alt}


def image_rows(parsed: ParsedProduct, product_id: uuid.UUID) -> list[dict[str, Any]]:
    """Return the rows of a new product's pictures."""
    return [
        image_values(image, position) | {"id": new_id(), "product_id": product_id}
        for position, image in enumerate(parsed.images)
    ]


def variant_rows(
    parsed: ParsedProduct, product_id: uuid.UUID, images: dict[str, uuid.UUID]
) -> list[dict[str, Any]]:
    """Return the rows of a new product's variants; `images` are its pictures' ids by address."""
    return [
        variant_values(variant, position, images.get(variant.image_url))
        | {"id": new_id(), "product_id": product_id, "active": variant.active}
        for position, variant in enumerate(parsed.variants)
    ]


def match(
    existing: Sequence[Variant], parsed: Sequence[ParsedVariant], *, by_options: bool = True
) -> dict[str, Variant]:
    """Return the shop's variant for each parsed SKU that has one: that with the same SKU, or the same options.

    Without `by_options` (the file has none) a variant without SKU is the only one that there is.
    """
    free = {variant.id: variant for variant in existing}
    by_sku = {variant.sku: variant for variant in existing}
    found: dict[str, Variant] = {}
    for each in parsed:
        variant = None if each.sku_was_made else by_sku.get(each.sku)
        if variant is not None and free.pop(variant.id, None) is not None:
            found[each.sku] = variant
    for each in parsed:
        if each.sku in found:
            continue
        wanted = folded(each.option_values)
        variant = (
            next((v for v in free.values() if folded(v.option_values) == wanted), None)
            if by_options
            else None
        )
        if variant is None and not by_options and len(existing) == len(parsed) == 1:
            variant = next(iter(free.values()), None)
        if variant is None and each.sku_was_made and by_sku.get(each.sku) in free.values():
            variant = by_sku[each.sku]
        if variant is not None:
            del free[variant.id]
            found[each.sku] = variant
    return found
