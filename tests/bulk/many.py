"""Thousands of products in a second."""

import uuid

from commerce.catalog.models import Product, Variant
from commerce.db import atomic, insert_rows, new_id


@atomic
def make_many(count: int, price: int = 1010) -> list[uuid.UUID]:
    """Make products with one variant each and return their ids in the order in which a plan takes them."""
    ids = [new_id() for _ in range(count)]
    insert_rows(
        Product, [{"id": each, "slug": f"p-{n}", "title": f"Product {n}"} for n, each in enumerate(ids)]
    )
    insert_rows(
        Variant, [{"product_id": each, "sku": f"P-{n}", "price": price} for n, each in enumerate(ids)]
    )
    return ids
