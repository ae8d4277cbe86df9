"""A product of a file on top of the same product of the shop: what the file says changes, all else stays as it is."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from commerce.catalog.models import Product, ProductImage, Variant
from commerce.catalog.text import clean_line, folded
from commerce.catalog_import.export import ExportContext, image_address, product_cells, shown_variants
from commerce.catalog_import.matching import (
    WriteResult,
    category_slug,
    image_values,
    match,
    said,
    variant_values,
)
from commerce.catalog_import.parsed import ParsedImage, ParsedProduct, ParsedVariant, RowError
from commerce.catalog_import.product import EXEMPT, STANDARD, STATUSES, ProductBuilder
from commerce.catalog_import.report import FieldChange
from commerce.catalog_import.rows import ImportSettings, SourceRow
from commerce.csv_files import ImportNote
from commerce.db import new_id

_PRODUCT_COLUMNS = (
    "title",
    "description_html",
    "vendor",
    "product_type",
    "tags",
    "status",
    "seo_title",
    "seo_description",
    "option_names",
    "attributes",
)
"""What was read of a product, under the names of the table's columns."""
_VARIANT_COLUMNS = {
    "sku": "sku",
    "option_values": "option_values",
    "price": "price",
    "compare_at_price": "compare_at",
    "weight_grams": "weight_grams",
    "tax_class": "tax_class",
    "requires_shipping": "requires_shipping",
    "barcode": "barcode",
    "backorder": "backorder",
    "unit_cost": "unit_cost",
    "attributes": "attributes",
}
"""The same of a variant: the table's columns by the fields of what was read."""


@dataclass(slots=True)
class Merge:
    """What a file makes of a product of the shop.

    `whole` is the product as it will be, `now` as it is; `matched` are the shop's variants by the index of what was
    read, `variants_now` what they are. `errors` say why it cannot be.
    """

    product: Product
    whole: ParsedProduct
    now: ParsedProduct
    matched: dict[int, Variant]
    variants_now: dict[uuid.UUID, ParsedVariant]
    around: ExportContext
    errors: list[RowError] = field(default_factory=list)


def merge(
    product: Product, parsed: ParsedProduct, around: ExportContext, heading: Callable[[str], str]
) -> Merge:
    """Lay what a file says over a product of the shop; nothing is written."""
    now, variants_now = _as_read(product, parsed, around)
    by_options = "option_values" not in parsed.lacks
    by_sku = match(product.variants, parsed.variants, by_options=by_options)
    matched = {at: by_sku[each.sku] for at, each in enumerate(parsed.variants) if each.sku in by_sku}
    result = Merge(product, parsed, now, matched, variants_now, around)
    variants = []
    for at, each in enumerate(parsed.variants):
        known = matched.get(at)
        if known is not None:
            variants.append(_filled_variant(each, variants_now[known.id], by_options=by_options))
            continue
        variants.append(each)
        for name, column in (("price", "price"), ("option_values", "option1_value")):
            lacks = name in each.lacks if name == "price" else (not by_options and product.option_names)
            if lacks and not (name == "price" and not each.active):
                reason = f"the variant is new, and the file has no column '{heading(column)}'"
                result.errors.append(RowError(each.row, heading("sku"), each.sku, reason, parsed.handle))
    result.whole = _filled_product(parsed, now, variants)
    names = result.whole.option_names
    for each in () if result.errors else result.whole.variants:
        if len(each.option_values) != len(names):
            reason = f"the product's options are {', '.join(names) or 'none'}, and the row has others"
            result.errors.append(
                RowError(
                    each.row, heading("option1_value"), " / ".join(each.option_values), reason, parsed.handle
                )
            )
    return result


def _as_read(
    product: Product, parsed: ParsedProduct, around: ExportContext
) -> tuple[ParsedProduct, dict[uuid.UUID, ParsedVariant]]:
    """Return a product and its variants as they would be read from our own export: what differs then, truly differs."""
    keys = {f"attribute {key}": key for key in {**product.attributes, **dict(parsed.attributes)}}
    for variant in product.variants:
        keys |= {f"attribute {key}": key for key in variant.attributes if key.startswith("variant:")}
    shop = ImportSettings(
        around.currency,
        comma_is_mark=False,
        heading=str,
        source=parsed.source,
        axes=max(1, len(product.option_names)),
        attributes=keys,
    )
    rows = [SourceRow(1, cells) for cells in product_cells(product, around)]
    read = ProductBuilder(product.slug, product.slug, rows, shop).build()
    exact = {variant.id: _as_it_is(variant, product, around) for variant in product.variants}
    if isinstance(read, ParsedProduct):
        shown = shown_variants(product)
        if len(shown) == len(read.variants):
            return read, exact | {
                variant.id: each for variant, each in zip(shown, read.variants, strict=True)
            }
    return _product_as_it_is(product, parsed, around, tuple(exact.values())), exact


def _product_as_it_is(
    product: Product, parsed: ParsedProduct, around: ExportContext, variants: tuple[ParsedVariant, ...]
) -> ParsedProduct:
    return replace(
        parsed,
        title=product.title,
        description_html=product.description_html,
        vendor=product.vendor,
        product_type=product.product_type,
        categories=tuple(around.categories.get(product.id, ())),
        tags=tuple(product.tags),
        status=STATUSES[product.status],
        seo_title=product.seo_title,
        seo_description=product.seo_description,
        option_names=tuple(product.option_names),
        attributes=tuple(sorted(product.attributes.items())),
        variants=variants,
        images=tuple(
            ParsedImage(url, image.alt)
            for image in product.images
            if (url := image_address(image, around.base))
        ),
    )


def _as_it_is(variant: Variant, product: Product, around: ExportContext) -> ParsedVariant:
    pictures = {image.id: image_address(image, around.base) for image in product.images}
    return ParsedVariant(
        row=0,
        sku=variant.sku,
        sku_was_made=False,
        made_sku=variant.sku,
        option_values=tuple(variant.option_values),
        price=variant.price,
        compare_at_price=variant.compare_at,
        quantity=None,
        tracked=True,
        backorder=variant.backorder,
        weight_grams=variant.weight_grams,
        requires_shipping=variant.requires_shipping,
        tax_class=variant.tax_class,
        barcode=variant.barcode,
        unit_cost=variant.unit_cost,
        attributes=tuple(sorted(variant.attributes.items())),
        image_url=pictures.get(variant.image_id, "") if variant.image_id else "",
        active=variant.active,
    )


def _filled_variant(said_: ParsedVariant, now: ParsedVariant, *, by_options: bool) -> ParsedVariant:
    """Return a variant with what the file lacks as it is now."""
    values: dict[str, Any] = {
        name: getattr(now, name)
        for name in said_.lacks
        if name in _VARIANT_COLUMNS or name in ("image_url", "active")
    }
    if said_.sku_was_made:
        values["sku"] = now.sku  # what staff have put in place of an empty one is better
    if not by_options:
        values["option_values"] = now.option_values
    if "tax_class_name" in said_.lacks:
        values["tax_class"] = now.tax_class if now.tax_class != EXEMPT else STANDARD
    if "sale_price" in said_.lacks and now.compare_at_price is not None and said_.price > now.price:
        values |= {
            "price": now.price,
            "compare_at_price": said_.price,
        }  # the file names the regular price alone
    values["attributes"] = _laid_over(said_.attributes, now.attributes)
    return replace(said_, **values, lacks=())


def _filled_product(
    said_: ParsedProduct, now: ParsedProduct, variants: Sequence[ParsedVariant]
) -> ParsedProduct:
    values: dict[str, Any] = {
        name: getattr(now, name)
        for name in said_.lacks
        if name in _PRODUCT_COLUMNS and name != "option_names"
    }
    if {"option_names", "option_values"} & set(said_.lacks):
        values["option_names"] = now.option_names
    known = {category_slug(name) for name in now.categories}
    added = (each for each in said_.categories if category_slug(each) not in known)
    values["categories"] = (*now.categories, *added)
    if "images" in said_.lacks:
        addresses = {image.url for image in now.images}
        values["images"] = (*now.images, *(each for each in said_.images if each.url not in addresses))
    elif "image_alt" in said_.lacks:
        alts = {image.url: image.alt for image in now.images}
        values["images"] = tuple(replace(each, alt=alts.get(each.url, each.alt)) for each in said_.images)
    # A variant's picture that the file has no column for is kept, also when no row has it as the product's.
    images = values.get("images", said_.images)
    addresses = {variant.image_url for variant in variants} - {image.url for image in images}
    values["images"] = (*images, *(each for each in now.images if each.url in addresses))
    if said_.status_with_price and any(variant.price for variant in variants):
        values["status"] = said_.status_with_price
    values["attributes"] = _laid_over(said_.attributes, now.attributes)
    return replace(said_, **values, variants=tuple(variants), lacks=())


def _laid_over(
    said_: tuple[tuple[str, str], ...], now: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, text) for key, text in ({**dict(now), **dict(said_)}).items() if text))


# --- bringing the product to it --------------------------------------------------------------------


def apply(merged: Merge, written: WriteResult) -> list[dict[str, Any]]:
    """Bring a product of the shop to what the file says; return the rows of the variants that it lacks.

    Only what differs is written, and `written` learns of it. Variants keep their identity, by SKU or else by their
    options, so that carts, stock and orders stay with them. What the file does not name stays, unless it cannot be
    shown any more: then it is switched off.
    """
    product, whole, now = merged.product, merged.whole, merged.now
    changes = _Changes(written, merged.around.currency)
    for name in _PRODUCT_COLUMNS:
        changes.set(product, name, name, getattr(whole, name), getattr(now, name))
    changes.say("categories", whole.categories[len(now.categories) :], ())
    images = _apply_images(merged, changes)
    new = _apply_variants(merged, changes, images)
    _switch_off(merged, changes)
    _order(merged, new, changes)
    return new


@dataclass(frozen=True, slots=True)
class _Changes:
    """Writes what differs and says so."""

    written: WriteResult
    currency: str

    def set(
        self, row: Product | Variant, name: str, column: str, value: Any, before: Any, *, sku: str = ""
    ) -> None:
        """Set a column, if the value that was read differs from that which would be read of the row."""
        if name == "attributes":
            value, before = said(value), said(before)
        if value != before:
            self.say(name, value, before, sku=sku)
            setattr(row, column, list(value) if isinstance(value, tuple) else value)

    def say(self, name: str, value: Any, before: Any, *, sku: str = "") -> None:
        """Remember a difference for the report."""
        if value != before:
            change = FieldChange.of(self.written.parsed.handle, sku, name, before, value, self.currency)
            self.written.changes.append(change)

    def note(self, row: int, code: str, detail: str) -> None:
        """Remember a remark for the report."""
        self.written.notes.append(ImportNote(row, code, detail))


def _apply_images(merged: Merge, changes: _Changes) -> dict[str, uuid.UUID]:
    """Make the product's fetched pictures those of the file; pictures that staff added stay, after them.

    Returns the ids of all its pictures by their addresses.
    """
    product, base = merged.product, merged.around.base
    before = [_shown(image_address(image, base), image.alt) for image in product.images]
    known = {image_address(image, base): image for image in product.images}
    images: list[ProductImage] = []
    for each in merged.whole.images:
        image = known.get(each.url)
        if image is None:
            image = ProductImage(id=new_id(), product_id=product.id, **image_values(each, len(images)))
        elif clean_line(image.alt) != each.alt:
            image.alt = each.alt
        images.append(image)
    used = {image.id for image in images}
    images += [image for image in product.images if not image.source_url and image.id not in used]
    if [image.id for image in product.images] != [image.id for image in images]:
        for position, image in enumerate(images):
            image.position = position
        product.images = images
    changes.say("images", [_shown(image_address(image, base), image.alt) for image in images], before)
    return {image_address(image, base): image.id for image in images}


def _shown(address: str, alt: str) -> str:
    return f"{address} ({alt})" if alt else address


def _apply_variants(merged: Merge, changes: _Changes, images: dict[str, uuid.UUID]) -> list[dict[str, Any]]:
    new: list[dict[str, Any]] = []
    written = changes.written
    for at, each in enumerate(merged.whole.variants):
        variant = merged.matched.get(at)
        if variant is None:
            values = variant_values(each, at, images.get(each.image_url))
            values |= {"id": new_id(), "product_id": merged.product.id, "active": each.active}
            new.append(values)
            written.made.append((values["id"], each))
            changes.say("variant", each.sku, "")
            continue
        now = merged.variants_now[variant.id]
        for name, column in _VARIANT_COLUMNS.items():
            changes.set(variant, name, column, getattr(each, name), getattr(now, name), sku=now.sku)
        changes.say("image_url", each.image_url, now.image_url, sku=now.sku)
        if each.image_url != now.image_url or variant.image_id not in images.values():
            variant.image_id = images.get(each.image_url)
        if not each.active and variant.active:
            variant.active = False
            changes.say("active", value=False, before=True, sku=now.sku)
        elif not variant.active and written.parsed.variants[at].active:
            changes.note(each.row, "inactive_variant", variant.sku)
        written.found.append((variant.id, written.parsed.variants[at]))
    return new


def _switch_off(merged: Merge, changes: _Changes) -> None:
    whole = merged.whole
    taken = {folded(each.option_values) for each in whole.variants}
    matched = {variant.id for variant in merged.matched.values()}
    for variant in merged.product.variants if whole.variants else ():
        if variant.id in matched or not variant.active:
            continue
        values = variant.option_values
        fits = len(values) == len(whole.option_names) and folded(values) not in taken
        if not fits:
            variant.active = False
            changes.say("active", value=False, before=True, sku=variant.sku)
        changes.note(whole.rows[0], "kept_variant" if fits else "retired_variant", variant.sku)


def _order(merged: Merge, new: list[dict[str, Any]], changes: _Changes) -> None:
    """Let the variants stand in the order of the file.

    A file that names only some of them, in the order in which they stand already, moves none: new ones come last.
    """
    known = list(merged.product.variants)
    fresh = iter(new)
    places: list[Variant | dict[str, Any]] = [
        merged.matched[at] if at in merged.matched else next(fresh)
        for at in range(len(merged.whole.variants))
    ]
    named = [each for each in places if isinstance(each, Variant)]
    others = [variant for variant in known if variant not in named]
    in_order = [variant for variant in known if variant in named] == named
    if in_order and not new:
        return
    if in_order and any(variant.active for variant in others):
        places = [*known, *new]
    else:
        places += others
    if not in_order:
        changes.say(
            "order of variants", [each.sku for each in named], [each.sku for each in known if each in named]
        )
    for position, each in enumerate(places):
        if isinstance(each, dict):
            each["position"] = position
        else:
            each.position = position
