"""One product of a file against one product of the shop: what to make, what to change, what to leave."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import asdict, dataclass, field
from typing import Any

from commerce.catalog.models import Product, ProductImage, Variant
from commerce.catalog.text import folded
from commerce.catalog_import.export import ExportContext, image_address, product_cells
from commerce.catalog_import.parsed import ParsedImage, ParsedProduct, ParsedVariant, RowError
from commerce.catalog_import.product import ProductBuilder
from commerce.catalog_import.report import Outcome
from commerce.catalog_import.rows import ImportSettings, SourceRow
from commerce.csv_files import ImportNote
from commerce.db import new_id


@dataclass(slots=True)
class WriteResult:
    """What became of one product: its outcome, and the variants that were made or found with their parsed rows.

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


def digest_of(product: ParsedProduct) -> str:
    """Return a fingerprint of all that an import would write, stock aside: the same again means nothing to do."""
    facts = asdict(product)
    for name in ("source", "rows", "notes", "handle"):
        del facts[name]
    facts["categories"] = sorted(facts["categories"])
    for variant in facts["variants"]:
        for name in ("row", "quantity", "tracked", "sku_was_made"):
            del variant[name]
    return hashlib.sha256(json.dumps(facts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def says_the_same(product: Product, parsed: ParsedProduct, around: ExportContext) -> bool:
    """Tell whether the product is now what the file says: whether it would be read the same from our own export."""
    rows = [SourceRow(1, cells) for cells in product_cells(product, around)]
    axes = max(1, len(product.option_names))
    shop = ImportSettings(around.currency, comma_is_mark=False, heading=str, source=parsed.source, axes=axes)
    ours = ProductBuilder(product.slug, product.slug, rows, shop).build()
    return isinstance(ours, ParsedProduct) and digest_of(ours) == digest_of(parsed)


def product_values(parsed: ParsedProduct) -> dict[str, Any]:
    """Return the columns of a product that come from the file."""
    return {
        "slug": parsed.slug,
        "title": parsed.title,
        "description_html": parsed.description_html,
        "vendor": parsed.vendor,
        "status": parsed.status,
        "tags": list(parsed.tags),
        "option_names": list(parsed.option_names),
        "seo_title": parsed.seo_title,
        "seo_description": parsed.seo_description,
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
        "image_id": image_id,
    }


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


def change(product: Product, parsed: ParsedProduct, written: WriteResult, base: str) -> list[dict[str, Any]]:
    """Bring a product of the shop to what the file says; return the rows of the variants that it lacks.

    Variants keep their identity, by SKU or else by their options, so that carts, stock and orders stay with them.
    What the file does not name stays, unless it cannot be shown any more: then it is switched off. `base` is the
    address of the shop, by which our own export names its pictures.
    """
    for name, value in product_values(parsed).items():
        setattr(product, name, value)
    images = _change_images(product, parsed, base)
    matched = match(product.variants, parsed.variants)
    new: list[dict[str, Any]] = []
    for position, each in enumerate(parsed.variants):
        values = variant_values(each, position, images.get(each.image_url))
        variant = matched.get(each.sku)
        if variant is None:
            values |= {"id": new_id(), "product_id": product.id, "active": each.active}
            new.append(values)
            written.made.append((values["id"], each))
            continue
        if each.sku_was_made:
            del values["sku"]  # what staff have put in place of an empty one is better
        if not each.active:
            variant.active = False
        elif not variant.active:
            written.notes.append(ImportNote(each.row, "inactive_variant", variant.sku))
        for name, value in values.items():
            setattr(variant, name, value)
        written.found.append((variant.id, each))
    _leave(product, parsed, {variant.id for variant in matched.values()}, written)
    return new


def match(existing: list[Variant], parsed: tuple[ParsedVariant, ...]) -> dict[str, Variant]:
    """Return the shop's variant for each parsed SKU that has one: that with the same SKU, or the same options."""
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
        variant = next((v for v in free.values() if folded(v.option_values) == wanted), None)
        if variant is None and each.sku_was_made and by_sku.get(each.sku) in free.values():
            variant = by_sku[each.sku]
        if variant is not None:
            del free[variant.id]
            found[each.sku] = variant
    return found


def _change_images(product: Product, parsed: ParsedProduct, base: str) -> dict[str, uuid.UUID]:
    """Make the product's fetched pictures those of the file; pictures that staff added stay, after them."""
    known = {image_address(image, base): image for image in product.images}
    images: list[ProductImage] = []
    for position, each in enumerate(parsed.images):
        image = known.get(each.url) or ProductImage(id=new_id(), product_id=product.id)
        values = image_values(each, position)
        if image.file and not image.source_url:
            del values["source_url"]  # it is one of our own, which the file names by where we show it
        for name, value in values.items():
            setattr(image, name, value)
        images.append(image)
    used = {image.id for image in images}
    own = [image for image in product.images if not image.source_url and image.id not in used]
    for position, image in enumerate(own, start=len(images)):
        image.position = position
    product.images = [*images, *own]
    return {each.url: image.id for each, image in zip(parsed.images, images, strict=True)}


def _leave(product: Product, parsed: ParsedProduct, matched: set[uuid.UUID], written: WriteResult) -> None:
    taken = {folded(each.option_values) for each in parsed.variants}
    position = len(parsed.variants)
    for variant in product.variants:
        if variant.id in matched or not variant.active:
            continue
        variant.position = position
        position += 1
        fits = (
            len(variant.option_values) == len(parsed.option_names)
            and folded(variant.option_values) not in taken
        )
        if not fits:
            variant.active = False
        written.notes.append(
            ImportNote(parsed.rows[0], "kept_variant" if fits else "retired_variant", variant.sku)
        )
