"""Products as a catalogue has them: variants, pictures, shelves. Real rows in the shop that the test has entered."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from commerce.catalog.models import Category, Product, ProductCategory, ProductImage, Variant
from commerce.catalog.product_changes import products_changed
from commerce.catalog.text import make_slug
from commerce.db import atomic, db
from commerce.inventory.adjustments import set_initial_stock

FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """One variant to make. Prices are minor units."""

    values: tuple[str, ...] = ()
    price: int = 1000
    stock: int = 10
    compare_at: int | None = None
    active: bool = True
    backorder: bool = False
    picture: int | None = None
    sku: str = ""


@atomic
def put_up(
    title: str,
    *variants: Made,
    options: Sequence[str] = (),
    shelves: Sequence[str] = (),
    files: Sequence[str] = (),
    day: int = 0,
    **columns: Any,
) -> uuid.UUID:
    """Put a product into the catalogue as a shop owner would, and return its id; `day` is when it was published."""
    slug = columns.pop("slug", make_slug(title, 200))
    product = Product(
        slug=slug,
        title=title,
        option_names=list(options),
        published_at=FIRST_DAY + timedelta(days=day),
        **columns,
    )
    product.images = [
        ProductImage(position=place, file=file, alt=f"{title} {place}", width=800, height=800)
        for place, file in enumerate(files)
    ]
    db.session.add(product)
    db.session.flush()
    stock = {}
    for place, made in enumerate(variants or (Made(),)):
        variant = Variant(
            product_id=product.id,
            position=place,
            sku=made.sku or "-".join([slug.upper(), *made.values]),
            option_values=list(made.values),
            price=made.price,
            compare_at=made.compare_at,
            active=made.active,
            backorder=made.backorder,
            image_id=product.images[made.picture].id if made.picture is not None else None,
        )
        db.session.add(variant)
        db.session.flush()
        stock[variant.id] = made.stock
    set_initial_stock(stock, cause="opening", actor="test", reference="test")
    for name in shelves:
        db.session.add(ProductCategory(category_id=_shelf(name), product_id=product.id))
    products_changed([product.id])
    return product.id


def _shelf(name: str) -> uuid.UUID:
    slug = make_slug(name, 200)
    known = db.session.scalar(select(Category.id).where(Category.slug == slug))
    if known is not None:
        return known
    category = Category(slug=slug, name=name)
    db.session.add(category)
    db.session.flush()
    return category.id


def put_up_many(count: int, **columns: Any) -> None:
    """Put up `count` products with one variant each, `Product 000` first."""
    for number in range(count):
        put_up(f"Product {number:03}", day=number, **columns)


def variant_id(sku: str) -> uuid.UUID:
    """Return the id of the variant with this code."""
    return db.session.scalars(select(Variant.id).where(Variant.sku == sku)).one()
