"""Make a product with its variants, or one more variant, by hand: whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import func, select

from commerce.catalog.models import Product, ProductImage, Variant
from commerce.catalog.pictures import NewPicture, new_images
from commerce.catalog.plan_limits import enforce_product_limit
from commerce.catalog.product_changes import products_changed
from commerce.catalog.text import digest, folded, make_skus, make_slug
from commerce.catalog.update_product import catalogue_changed, lock_product, set_categories, unless_taken
from commerce.catalog.validation import (
    LIMITS,
    ProductValues,
    VariantValues,
    checked_line,
    checked_product,
    checked_sku,
    checked_variant,
)
from commerce.db import atomic, db, new_id
from commerce.errors import AlreadyExists, InvalidValue

OpenStock = Callable[[Mapping[uuid.UUID, int]], None]
"""What opens the first stock of new variants (units by variant id): a step of the stock room, which stands above us."""


@dataclass(frozen=True, slots=True)
class NewVariant:
    """A variant to make: what it is by each option, and the units there are of it. Without a SKU one is made.

    `picture` is the number of its picture among those of the product that have files, by their positions, from 0.
    `place` is where it stands in what was sent, such as `variants.0.`, so that a fault names its field.
    """

    sku: str
    values: VariantValues
    options: Mapping[str, str] = field(default_factory=dict)
    quantity: int = 0
    picture: int | None = None
    place: str = ""


@dataclass(frozen=True, slots=True)
class NewProduct:
    """A product to make. Without a `code` one is made from its title.

    `images` are addresses, nothing is fetched; `pictures` have their files already.
    """

    values: ProductValues
    variants: Sequence[NewVariant]
    code: str = ""
    categories: Sequence[str] = ()
    images: Sequence[str] = ()
    pictures: Sequence[NewPicture] = ()


@atomic
def create_product(new: NewProduct, *, open_stock: OpenStock) -> uuid.UUID:
    """Put a product with its variants and their stock into the catalogue and return its id.

    Raises InvalidValue, AlreadyExists for a code or SKU that the shop has, CatalogueFull when the plan has no room.
    """
    values = checked_product(new.values)
    axes = [checked_line(f"{new.variants[0].place}options", name) for name in new.variants[0].options]
    slug = _free_slug(new, values["title"])
    variants = new_variants(slug, new.variants, axes, [])
    with unless_taken():
        product = Product(slug=slug, option_names=axes, **values)
        pictures = new_images(new.pictures)
        for row, each in zip(variants, new.variants, strict=True):
            row.image_id = pictures[each.picture].id if each.picture is not None else None
        product.images = [
            *pictures,
            *(ProductImage(source_url=address, position=place) for place, address in enumerate(new.images)),
        ]
        product.variants = variants
        db.session.add(product)
        db.session.flush()
    enforce_product_limit()
    set_categories(product.id, new.categories)
    products_changed([product.id])
    open_stock({row.id: each.quantity for row, each in zip(variants, new.variants, strict=True)})
    return product.id


@atomic
def add_variant(product_id: uuid.UUID, new: NewVariant, *, open_stock: OpenStock) -> uuid.UUID:
    """Give a product one more variant with its stock and return its id.

    Raises NotFound, InvalidValue when its options are not those of the product, or are those of another variant,
    AlreadyExists for a SKU that the shop has.
    """
    product = lock_product(product_id)
    others = list(db.session.scalars(select(Variant.option_values).where(Variant.product_id == product_id)))
    variant = new_variants(product.slug, [new], product.option_names, others)[0]
    last = db.session.scalar(select(func.max(Variant.position)).where(Variant.product_id == product_id))
    variant.product_id, variant.position = product_id, 0 if last is None else last + 1
    with unless_taken():
        db.session.add(variant)
        db.session.flush()
    catalogue_changed(product)
    open_stock({variant.id: new.quantity})
    return variant.id


def new_variants(
    slug: str, new: Sequence[NewVariant], axes: Sequence[str], others: Sequence[list[str]]
) -> list[Variant]:
    """Return the rows of variants, checked, with SKUs. `others` are the options of those that the product has. A step.

    Raises InvalidValue, AlreadyExists.
    """
    new = _with_skus(slug, new)
    if len({axis.casefold() for axis in axes if axis}) != len(axes):
        raise InvalidValue(f"{new[0].place}options", "option_names_not_unique")
    made: list[Variant] = []
    seen = {folded(values) for values in others}
    for position, each in enumerate(new):
        with _at(each.place):
            sku = checked_sku(each.sku)
            if sku in {row.sku for row in made}:
                raise InvalidValue("sku", "sku_repeated")
            values = _option_values(each.options, axes)
            if folded(values) in seen:
                raise InvalidValue("options", "options_repeated")
            columns = checked_variant(each.values)
        seen.add(folded(values))
        made.append(Variant(sku=sku, position=position, option_values=values, **columns))
    _refuse_taken_skus(new)
    return made


@contextmanager
def _at(place: str) -> Iterator[None]:
    try:
        yield
    except InvalidValue as error:
        raise error.at(place + error.field) from error


def _with_skus(slug: str, new: Sequence[NewVariant]) -> list[NewVariant]:
    """Return variants each with a SKU: its own, or one that is made of the product's address and free. A step."""
    made = make_skus(slug, [tuple(each.options.values()) for each in new], LIMITS.made_sku)
    wanted = [sku for sku, each in zip(made, new, strict=True) if not each.sku]
    taken = {each.sku for each in new} | set(
        db.session.scalars(select(Variant.sku).where(Variant.sku.in_(wanted)))
    )
    complete = []
    for sku, each in zip(made, new, strict=True):
        if each.sku:
            complete.append(each)
            continue
        free = sku
        while free in taken:
            free = f"{sku}-{new_id().hex[-6:]}"
        taken.add(free)
        complete.append(replace(each, sku=free))
    return complete


def _option_values(options: Mapping[str, str], axes: Sequence[str]) -> list[str]:
    given = {checked_line("options", name): checked_line("options", value) for name, value in options.items()}
    if given.keys() != set(axes) or len(given) != len(options):
        if not axes:
            raise InvalidValue("options", "product_without_options")
        raise InvalidValue("options", "options_differ", options=list(axes))
    if not all(given.values()):
        raise InvalidValue("options", "option_value_required")
    return [given[axis] for axis in axes]


def _refuse_taken_skus(new: Sequence[NewVariant]) -> None:
    taken = set(db.session.scalars(select(Variant.sku).where(Variant.sku.in_([each.sku for each in new]))))
    for each in new:
        if each.sku in taken:
            raise AlreadyExists(f"{each.place}sku", "sku_taken", sku=each.sku)


def _free_slug(new: NewProduct, title: str) -> str:
    """Return the address of a new product: its code, or one that is made and free. A step."""
    if new.code:
        slug = make_slug(new.code, LIMITS.slug)
        if slug != new.code.lower():
            raise InvalidValue("code", "product_code_invalid")
        if _has(slug):
            raise AlreadyExists("code", "product_code_taken", code=slug)
        return slug
    sku = new.variants[0].sku
    own = digest(title, sku) if sku else new_id().hex[-8:]
    made = [make_slug(each, LIMITS.slug) for each in (title, f"{title} {sku}", f"{title} {own}")]
    return next((slug for slug in made if not _has(slug)), made[-1])


def _has(slug: str) -> bool:
    return db.session.scalar(select(Product.id).where(Product.slug == slug)) is not None
