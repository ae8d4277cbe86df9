"""Every kind of change that can be planned, by its name."""

from __future__ import annotations

from collections.abc import Mapping

from commerce.bulk.product_changes import (
    ChangeCategories,
    ChangePrice,
    ChangeStatus,
    ChangeTags,
    ProductChange,
)
from commerce.errors import NotFound

KINDS: Mapping[str, ProductChange] = {
    "products.price": ChangePrice(),
    "products.status": ChangeStatus(),
    "products.tags": ChangeTags(),
    "products.categories": ChangeCategories(),
}


def kind_of(name: str) -> ProductChange:
    """Return a kind of change. Raises NotFound."""
    kind = KINDS.get(name)
    if kind is None:
        raise NotFound("bulk_kind_not_found")
    return kind
