"""The catalogue as a CSV file with Shopify's columns, which our own import reads back to the same products."""

from __future__ import annotations

import csv
import json
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from sqlalchemy import Row, Text, Uuid, and_, cast, literal, select, tuple_

from commerce.catalog.models import (
    Category,
    Product,
    ProductAttribute,
    ProductCategory,
    ProductImage,
    Variant,
)
from commerce.catalog_import.columns import COLUMNS, OPTIONS, OWN_COLUMNS
from commerce.catalog_import.product import EXEMPT, STANDARD, VARIANT_ATTRIBUTE, option_name, option_value
from commerce.catalog_import.rows import as_text, join_names
from commerce.csv_files import BOM
from commerce.db import UtcDateTime, db, walk_indexes
from commerce.money import to_decimal
from commerce.tenants.scope import current_shop

BATCH = 250
LEFT_OUT = frozenset({"category", "collection"})
"""Shopify's own taxonomy, which a category of ours is not, and its collection."""
NO_CATEGORY = ","
"""What the column of categories has for a product with a type and no category: blank would make the type one."""

OnHand = Callable[[Collection[uuid.UUID]], Mapping[uuid.UUID, int]]
"""What the catalogue asks the stock room, which stands above it: units on hand by variant id."""


_PRODUCT_COLUMNS = (
    "id",
    "slug",
    "title",
    "description_html",
    "vendor",
    "product_type",
    "status",
    "tags",
    "option_names",
    "seo_title",
    "seo_description",
    "attributes",
    "published_at",
)
_VARIANT_COLUMNS = (
    "id",
    "product_id",
    "sku",
    "barcode",
    "tax_class",
    "option_values",
    "attributes",
    "weight_grams",
    "backorder",
    "price",
    "compare_at",
    "unit_cost",
    "requires_shipping",
    "image_id",
    "active",
)
_IMAGE_COLUMNS = ("id", "product_id", "file", "source_url", "alt")


class ReadProduct:
    """A product as it is read for a file: the columns of a `Product` as plain values, its variants and pictures.

    Objects of the ORM cost three times as much, and a catalogue may have a hundred thousand.
    """

    __slots__ = ("_row", "images", "variants")

    def __init__(self, row: Row[Any], variants: list[Any], images: list[Any]) -> None:
        self._row = row
        self.variants = variants
        self.images = images

    def __getattr__(self, name: str) -> Any:
        return getattr(self._row, name)


AnyProduct = Product | ReadProduct


@dataclass(frozen=True, slots=True)
class ExportContext:
    """What a product's row in a file depends on beside the product.

    `base` is the address of the shop, for pictures that came from nowhere else; `categories` are their names by
    product id, `stock` units by variant id.
    """

    currency: str
    base: str
    categories: Mapping[uuid.UUID, Sequence[str]]
    stock: Mapping[uuid.UUID, int]


def export_catalogue(out: TextIO, *, base: str, on_hand: OnHand) -> int:
    """Write all products of the current shop into `out`, the newest first, and return how many there were.

    They are read a batch at a time, each in a transaction of its own, so neither memory nor the time of a transaction
    grows with them. A text that a spreadsheet would take for a formula is marked by a leading ' (CWE-1236), which the
    import takes off again.
    """
    columns = _columns(_most_options())
    currency = current_shop().currency
    out.write(BOM)
    writer = csv.writer(out)
    writer.writerow(columns.values())
    count = 0
    for products in _batches():
        variants = [variant.id for product in products for variant in product.variants]
        around = ExportContext(
            currency, base, category_names([each.id for each in products]), on_hand(variants)
        )
        db.session.rollback()
        for product in products:
            rows = product_cells(product, around)
            writer.writerows([row.get(field, "") for field in columns] for row in rows)
            count += 1
    return count


def product_cells(product: AnyProduct, around: ExportContext) -> list[dict[str, str]]:
    """Return the rows of a product, as cells by field: variants and pictures stand beside each other."""
    variants = [_variant(variant, product, around) for variant in shown_variants(product)]
    pictures = [
        {"image": url, "image_position": str(place), "image_alt": as_text(image.alt)}
        for place, image in enumerate(product.images, start=1)
        if (url := image_address(image, around.base))
    ]
    rows = [{"handle": product.slug} for _ in range(max(len(variants), len(pictures), 1))]
    for part in (variants, pictures, [_head(product, around)]):
        for row, cells in zip(rows, part, strict=False):
            row.update(cells)
    return rows


def image_address(image: ProductImage, base: str) -> str:
    """Return where a picture came from, or else where the shop shows it; empty when it is nowhere."""
    return image.source_url or (f"{base}/media/{image.file}" if image.file else "")


def category_names(product_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """Return the names of the categories of products."""
    rows = db.session.execute(
        select(ProductCategory.product_id, Category.name)
        .join(
            Category,
            and_(Category.tenant_id == ProductCategory.tenant_id, Category.id == ProductCategory.category_id),
        )
        .where(ProductCategory.product_id.in_(product_ids))
        .order_by(Category.position, Category.name, Category.id)
    )
    found: dict[uuid.UUID, list[str]] = {}
    for product_id, name in rows:
        found.setdefault(product_id, []).append(name)
    return found


def _head(product: AnyProduct, around: ExportContext) -> dict[str, str]:
    categories = around.categories.get(product.id, [])
    names = product.option_names or ["Title"]
    texts = {
        "title": product.title,
        "body": product.description_html,
        "vendor": product.vendor,
        "type": product.product_type,
        "categories": join_names(categories) or (NO_CATEGORY if product.product_type else ""),
        "tags": ", ".join(product.tags),
        "seo_title": product.seo_title,
        "seo_description": product.seo_description,
        **{option_name(axis): name for axis, name in enumerate(names)},
        **{f"attribute {key}": text for key, text in product.attributes.items()},
    }
    flags = {
        "published": _flag(product.status == "active"),
        "gift_card": "FALSE",
        "status": product.status,
    }
    return {name: as_text(text) for name, text in texts.items()} | flags


def _variant(variant: Variant, product: AnyProduct, around: ExportContext) -> dict[str, str]:
    pictures = {image.id: image_address(image, around.base) for image in product.images}
    values = variant.option_values or ["Default Title"]
    texts = {
        "sku": variant.sku,
        "barcode": variant.barcode,
        "tax_class": variant.tax_class if variant.tax_class not in (STANDARD, EXEMPT) else "",
        **{option_value(axis): value for axis, value in enumerate(values)},
        **{
            f"attribute {key}" if key.startswith(VARIANT_ATTRIBUTE) else key: text
            for key, text in variant.attributes.items()
        },
    }
    facts = {
        "grams": str(variant.weight_grams),
        "tracker": "shopify",
        "quantity": str(around.stock.get(variant.id, 0)),
        "policy": "continue" if variant.backorder else "deny",
        "price": _amount(variant.price, around.currency),
        "compare_at": _amount(variant.compare_at, around.currency),
        "cost": _amount(variant.unit_cost, around.currency),
        "ships": _flag(variant.requires_shipping),
        "taxable": _flag(variant.tax_class != EXEMPT),
        "variant_image": pictures.get(variant.image_id, "") if variant.image_id else "",
        "active": _flag(variant.active),
    }
    return {name: as_text(text) for name, text in texts.items()} | facts


def shown_variants(product: AnyProduct) -> list[Variant]:
    """Return the variants that a file can have: a switched-off one only while it fits the product's options."""
    taken = {_folded(variant) for variant in product.variants if variant.active}
    return [
        variant
        for variant in product.variants
        if variant.active
        or (len(variant.option_values) == len(product.option_names) and _folded(variant) not in taken)
    ]


def _folded(variant: Variant) -> tuple[str, ...]:
    return tuple(value.casefold() for value in variant.option_values)


def _amount(amount: int | None, currency: str) -> str:
    return "" if amount is None else str(to_decimal(amount, currency))


def _flag(truth: bool) -> str:
    return "TRUE" if truth else "FALSE"


def _columns(axes: int) -> dict[str, str]:
    """Return the headings by field, for products with at most `axes` options."""
    columns = {field: names[0] for field, names in COLUMNS.items() if field not in LEFT_OUT}
    for axis in range(OPTIONS, axes):
        columns[option_name(axis)] = f"Option{axis + 1} Name"
        columns[option_value(axis)] = f"Option{axis + 1} Value"
    columns |= {field: names[0] for field, names in OWN_COLUMNS.items()}
    known = db.session.execute(
        select(ProductAttribute.key, ProductAttribute.name).order_by(ProductAttribute.key)
    )
    return columns | {f"attribute {row.key}": metafield(row.key, row.name) for row in known}


def metafield(key: str, name: str) -> str:
    """Return the heading of an attribute's column, as Shopify writes it."""
    owner = "variant" if key.startswith(VARIANT_ATTRIBUTE) else "product"
    return f"{name} ({owner}.metafields.{key.removeprefix(VARIANT_ATTRIBUTE)})"


def _most_options() -> int:
    # There are few sets of options, however many products have them.
    sets = db.session.scalars(select(cast(Product.option_names, Text)).distinct())
    return max((len(json.loads(names)) for names in sets), default=0)


def _batches() -> Iterator[Sequence[ReadProduct]]:
    """Yield all products, the newest first: an import puts the first row of a file first."""
    query = (
        select(*(getattr(Product, name) for name in _PRODUCT_COLUMNS))
        .order_by(Product.published_at.desc(), Product.id.desc())
        .limit(BATCH)
    )
    walk_indexes()
    rows = db.session.execute(query).all()
    while rows:
        ids = [row.id for row in rows]
        variants, images = (
            _parts_of(Variant, _VARIANT_COLUMNS, ids),
            _parts_of(ProductImage, _IMAGE_COLUMNS, ids),
        )
        yield [ReadProduct(row, variants.get(row.id, []), images.get(row.id, [])) for row in rows]
        # As one comparison of pairs: only then do both databases go on in the index where the last batch ended.
        older = tuple_(Product.published_at, Product.id) < tuple_(
            literal(rows[-1].published_at, UtcDateTime()), literal(ids[-1], Uuid())
        )
        if len(rows) < BATCH:
            return
        walk_indexes()
        rows = db.session.execute(query.where(older)).all()


def _parts_of(
    model: Any, columns: Sequence[str], product_ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, list[Any]]:
    """Return the variants or pictures of products in their order."""
    rows = db.session.execute(
        select(*(getattr(model, name) for name in columns))
        .where(model.product_id.in_(product_ids))
        .order_by(model.product_id, model.position)
    )
    found: dict[uuid.UUID, list[Any]] = {}
    for row in rows:
        found.setdefault(row.product_id, []).append(row)
    return found
