"""What every change of products ends with: all that is derived from them is brought up to date."""

from __future__ import annotations

import uuid
from collections.abc import Collection

from commerce.catalog.collection_members import refresh_products
from commerce.catalog.search import index_products
from commerce.tenants.services import touch_catalogue


def products_changed(product_ids: Collection[uuid.UUID]) -> None:
    """Find changed products by their new words and in the collections whose rules they meet, tell the caches. A step.

    For new and deleted products, too, and whenever a product has come into a category or left one.
    """
    index_products(product_ids)
    touch_catalogue()
    refresh_products(product_ids)
