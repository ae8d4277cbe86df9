"""Change a product by hand."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select

from commerce import clock
from commerce.catalog.models import Product, Variant
from commerce.catalog.search import index_products
from commerce.db import atomic, db
from commerce.errors import InvalidValue, NotFound, StaleVersion
from commerce.money import MAX_AMOUNT
from commerce.tenants.services import touch_catalogue

STATUSES = ("active", "draft", "archived")


@dataclass(frozen=True, slots=True)
class VariantChange:
    """What a variant shall become. Prices are minor units of the shop's currency; `version` is what was seen.

    `ships_from` is the day on which units beyond the stock are expected, None when nobody knows.
    """

    id: uuid.UUID
    version: int
    price: int
    compare_at: int | None
    active: bool
    ships_from: date | None = None


@atomic
def change_product(
    product_id: uuid.UUID, *, seen_version: int, title: str, status: str, variants: Sequence[VariantChange]
) -> bool:
    """Set title, status and prices of a product and tell whether anything was new. What is not named stays.

    Raises NotFound, StaleVersion when the product or one of the variants was changed since they were shown,
    InvalidValue for an empty title, an unknown status or a price out of bounds.
    """
    _check(title, status, variants)
    product = db.session.scalar(select(Product).where(Product.id == product_id).with_for_update())
    if product is None:
        raise NotFound("There is no such product.")
    if product.version != seen_version:
        raise StaleVersion("product", seen_version, product.version)
    changed = _set(product, title=title.strip(), status=status)
    rows = db.session.scalars(
        select(Variant).where(Variant.product_id == product_id).order_by(Variant.id).with_for_update()
    )
    known = {row.id: row for row in rows}
    for change in variants:
        variant = known.get(change.id)
        if variant is None:
            raise NotFound("There is no such variant.")
        if variant.version != change.version:
            raise StaleVersion("variant", change.version, variant.version)
        changed |= _set(
            variant,
            price=change.price,
            compare_at=change.compare_at,
            active=change.active,
            ships_from=change.ships_from,
        )
    if changed:
        # One version for the whole page: whoever has it open learns of a new price, too.
        product.updated_at = clock.now()
        index_products([product_id])
        touch_catalogue()
    return changed


def _check(title: str, status: str, variants: Sequence[VariantChange]) -> None:
    if not title.strip() or len(title.strip()) > 500:
        raise InvalidValue("title", "A title has 1 to 500 characters.")
    if status not in STATUSES:
        raise InvalidValue("status", f"{status!r} is no status of a product.")
    for change in variants:
        for name, amount in (("price", change.price), ("compare_at", change.compare_at)):
            if amount is not None and not 0 <= amount <= MAX_AMOUNT:
                raise InvalidValue(f"{name}-{change.id.hex}", "This price is out of bounds.")


def _set(row: Product | Variant, **values: object) -> bool:
    """Assign what differs, so that a row that stays as it is keeps its version."""
    new = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in new.items():
        setattr(row, name, value)
    return bool(new)
