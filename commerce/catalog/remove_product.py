"""Copy a product, and delete one that was never sold."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from typing import cast

from sqlalchemy import delete, select

from commerce.catalog.create_product import NewProduct, NewVariant, OpenStock, create_product
from commerce.catalog.models import Product, Variant
from commerce.catalog.pictures import NewPicture
from commerce.catalog.product_changes import products_changed
from commerce.catalog.product_records import product_record
from commerce.catalog.validation import ProductValues, VariantValues
from commerce.db import atomic, db, lock
from commerce.errors import NotFound, Rejected

DeleteUnsold = Callable[[Collection[uuid.UUID]], set[uuid.UUID]]
"""What deletes the stock of those variants that no order has, and returns them: a step of the orders, above us."""

_TEXTS = ("title", "description_html", "vendor", "product_type", "tags", "seo_title", "seo_description")
_FACTS = ("price", "compare_at", "unit_cost", "weight_grams", "tax_class", "requires_shipping")


def duplicate_product(product_id: uuid.UUID, *, title: str, open_stock: OpenStock) -> uuid.UUID:
    """Make a draft with everything that a product has but its SKUs, barcodes and stock; return its id.

    Raises NotFound, InvalidValue for the title, CatalogueFull.
    """
    record = product_record(product_id)
    product = record.product
    files = [image for image in product.images if image.file]
    numbers = {image.id: number for number, image in enumerate(files)}
    values = {name: getattr(product, name) for name in _TEXTS}
    variants = [
        NewVariant(
            "",
            cast("VariantValues", {name: getattr(row, name) for name in _FACTS}),
            dict(zip(product.option_names, row.option_values, strict=True)),
            picture=numbers.get(row.image_id) if row.image_id else None,
        )
        for row in product.variants
        if row.active and len(row.option_values) == len(product.option_names)
    ]
    if not variants:
        raise Rejected("nothing_to_duplicate")
    new = NewProduct(
        cast("ProductValues", {**values, "title": title, "status": "draft"}),
        variants,
        categories=record.categories,
        images=[image.source_url for image in product.images if not image.file],
        pictures=[
            NewPicture(image.file, image.width, image.height, image.alt, number)
            for number, image in enumerate(files)
        ],
    )
    db.session.rollback()
    return create_product(new, open_stock=open_stock)


@atomic
def delete_product(product_id: uuid.UUID, *, seen_version: int, delete_unsold: DeleteUnsold) -> None:
    """Delete a product with its variants, pictures and stock. It must never have been sold.

    Raises NotFound, StaleVersion when it was changed since it was shown, Rejected when an order has it.
    """
    product = lock(Product, product_id, missing=NotFound("product_not_found"), version=seen_version)
    variants = set(db.session.scalars(select(Variant.id).where(Variant.product_id == product_id)))
    if delete_unsold(variants) != variants:
        raise Rejected("product_was_sold")
    db.session.execute(
        delete(Product).where(Product.id == product.id).execution_options(synchronize_session=False)
    )
    db.session.expunge(product)
    products_changed([product_id])
