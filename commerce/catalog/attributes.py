"""Kinds of facts that products have ("Allergens"): which there are, and which shoppers see."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select

from commerce.catalog.models import ProductAttribute
from commerce.db import atomic, db
from commerce.errors import InvalidValue
from commerce.tenants.services import touch_catalogue


def list_attributes() -> Sequence[ProductAttribute]:
    """Return the attributes of the shop's products by their names."""
    return db.session.scalars(
        select(ProductAttribute).order_by(ProductAttribute.name, ProductAttribute.key)
    ).all()


@atomic
def show_attributes(*, show: Collection[str], hide: Collection[str]) -> None:
    """Let shoppers see attributes (by key) on the product pages, or no longer. Raises InvalidValue for an unknown one.

    What belongs to a variant alone is kept and not shown.
    """
    rows = db.session.scalars(select(ProductAttribute).where(ProductAttribute.key.in_({*show, *hide})))
    known = {row.key: row for row in rows}
    for key in (*show, *hide):
        if key not in known:
            raise InvalidValue("attribute", "attribute_not_found", key=key)
        if key in show and key.startswith("variant:"):
            raise InvalidValue("attribute", "attribute_of_variants", key=key)
    changed = [row for key, row in known.items() if row.shown != (key in show)]
    for row in changed:
        row.shown = not row.shown
    if changed:
        db.session.flush()
        touch_catalogue()
