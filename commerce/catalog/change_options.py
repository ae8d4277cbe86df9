"""Change the options of a product: rename, add and remove options and their values, and the variants with them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, select

from commerce.catalog.create_product import NewVariant, OpenStock, new_variants
from commerce.catalog.models import Product, Variant
from commerce.catalog.options import Option, checked_options, combined
from commerce.catalog.remove_product import DeleteUnsold
from commerce.catalog.text import folded
from commerce.catalog.update_product import catalogue_changed, unless_taken
from commerce.catalog.validation import VariantValues
from commerce.db import atomic, db, lock
from commerce.errors import InvalidValue, NotFound


@dataclass(frozen=True, slots=True)
class OptionUpdate:
    """An option as it becomes. `former` is the number of the option that it was, from 0; None for a new one.

    `values` are its values in their order, `renamed` says what one was called before.
    """

    name: str
    values: Sequence[str]
    former: int | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OptionOutcome:
    """How many variants were added, deleted and, since orders have them, taken off sale."""

    added: int
    deleted: int
    switched_off: int


@atomic
def change_options(
    product_id: uuid.UUID,
    updates: Sequence[OptionUpdate],
    *,
    seen_version: int,
    open_stock: OpenStock,
    delete_unsold: DeleteUnsold,
) -> OptionOutcome:
    """Give a product other options, and a variant for each combination of values that has none yet.

    A variant stays what it is as long as its values are there; a new option has its first value for those that are
    there already. Variants without a place are deleted, or taken off sale when an order has them. New ones get price
    and facts of a neighbor, and no stock. Raises NotFound, StaleVersion, InvalidValue, Rejected.
    """
    options = checked_options([Option(each.name, each.values) for each in updates])
    product = lock(Product, product_id, missing=NotFound("product_not_found"), version=seen_version)
    count = len(product.option_names)
    if any(each.former is not None and not 0 <= each.former < count for each in updates):
        raise InvalidValue("options", "option_not_found")
    rows = db.session.scalars(
        select(Variant)
        .where(Variant.product_id == product_id)
        .order_by(Variant.position, Variant.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    grid = [tuple(each.values()) for each in combined(options)]
    wanted = {folded(values): values for values in grid}
    placed: dict[tuple[str, ...], Variant] = {}
    left: list[Variant] = []
    # Those on sale come first: they keep their place where two would have the same.
    for row in sorted(rows, key=lambda each: not each.active):
        values = _values_of(row, updates, options, count)
        key = folded(values) if values else ()
        if values is not None and key in wanted and key not in placed:
            placed[key] = row
        else:
            left.append(row)
    deleted, switched_off = _remove(left, delete_unsold)
    product.option_names = [each.name for each in options]
    for key, row in placed.items():
        if row.option_values != list(wanted[key]):
            row.option_values = list(wanted[key])
    missing = [values for values in grid if folded(values) not in placed]
    added = _add(product, missing, placed, rows) if missing else []
    for position, values in enumerate(grid):
        place = placed.get(folded(values)) or added[missing.index(values)]
        if place.position != position:
            place.position = position
    catalogue_changed(product)
    if added:
        open_stock({row.id: 0 for row in added})
    return OptionOutcome(len(added), deleted, switched_off)


def _values_of(
    row: Variant, updates: Sequence[OptionUpdate], options: Sequence[Option], count: int
) -> tuple[str, ...] | None:
    """Return what a variant is by the options as they become, None for one that did not fit those there were."""
    if len(row.option_values) != count:
        return None
    values = []
    for update, option in zip(updates, options, strict=True):
        if update.former is None:
            values.append(option.values[0])
        else:
            value = row.option_values[update.former]
            values.append(update.renamed.get(value, value))
    return tuple(values)


def _remove(rows: Sequence[Variant], delete_unsold: DeleteUnsold) -> tuple[int, int]:
    """Delete variants, or take them off sale when an order has them; return how many of each."""
    if not rows:
        return 0, 0
    gone = delete_unsold([row.id for row in rows])
    switched_off = 0
    for row in rows:
        if row.id in gone:
            db.session.expunge(row)
        elif row.active:
            row.active, switched_off = False, switched_off + 1
    if gone:
        removal = delete(Variant).where(Variant.id.in_(gone))
        db.session.execute(removal.execution_options(synchronize_session=False))
    return len(gone), switched_off


def _add(
    product: Product,
    missing: Sequence[tuple[str, ...]],
    placed: Mapping[tuple[str, ...], Variant],
    rows: Sequence[Variant],
) -> list[Variant]:
    names = product.option_names
    new = [
        NewVariant("", _facts_of(_neighbor(values, placed, rows)), dict(zip(names, values, strict=True)))
        for values in missing
    ]
    others = [list(key) for key in placed]
    added = new_variants(product.slug, new, names, others)
    for row in added:
        row.product_id = product.id
    with unless_taken():
        db.session.add_all(added)
        db.session.flush()
    return added


def _neighbor(
    values: tuple[str, ...], placed: Mapping[tuple[str, ...], Variant], rows: Sequence[Variant]
) -> Variant:
    """Return the variant that has most values in common with one that is to be made."""
    key = folded(values)
    known = [(sum(a == b for a, b in zip(key, other, strict=True)), row) for other, row in placed.items()]
    return max(known, key=lambda pair: pair[0])[1] if known else rows[0]


def _facts_of(row: Variant) -> VariantValues:
    return {
        "price": row.price,
        "compare_at": row.compare_at,
        "unit_cost": row.unit_cost,
        "weight_grams": row.weight_grams,
        "tax_class": row.tax_class,
        "requires_shipping": row.requires_shipping,
    }
