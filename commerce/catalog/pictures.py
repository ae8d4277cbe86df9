"""Pictures of a product by hand: added, put in order, described, replaced, removed. Files are written beforehand."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select, update

from commerce.catalog.models import Product, ProductImage, Variant
from commerce.catalog.text import clean_line
from commerce.catalog.validation import LIMITS
from commerce.db import db, new_id
from commerce.errors import InvalidValue, NotFound, Rejected

MAX_PICTURES = 100


@dataclass(frozen=True, slots=True)
class NewPicture:
    """A picture whose file is in the media folder. Pictures are ordered by `position`; size in pixels.

    `id` is the one that it gets, a new one when it is None.
    """

    file: str
    width: int
    height: int
    alt: str = ""
    position: int = LIMITS.variants
    id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class PictureUpdate:
    """What a picture of a product becomes. `replaced_by` is another file in its place; None keeps it."""

    alt: str
    position: int
    replaced_by: NewPicture | None = None


@dataclass(frozen=True, slots=True)
class PictureChanges:
    """Everything that is new about a product's pictures; known ones by id. Those that are not named stay."""

    updates: Mapping[uuid.UUID, PictureUpdate] = field(default_factory=dict)
    removed: Collection[uuid.UUID] = ()
    added: Sequence[NewPicture] = ()


def new_images(pictures: Sequence[NewPicture]) -> list[ProductImage]:
    """Return the rows of a new product's pictures. A step. Raises InvalidValue, Rejected."""
    _refuse_too_many(len(pictures))
    ordered = sorted(pictures, key=lambda each: each.position)
    return [_row(each, position) for position, each in enumerate(ordered)]


def change_pictures(product: Product, changes: PictureChanges) -> bool:
    """Change the pictures of a locked product and tell whether anything was new. A step.

    Variants keep a picture that is replaced, and lose one that is removed. Raises NotFound, InvalidValue, Rejected.
    """
    rows = db.session.scalars(
        select(ProductImage)
        .where(ProductImage.product_id == product.id)
        .order_by(ProductImage.position, ProductImage.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    known = {row.id: row for row in rows}
    if not known.keys() >= {*changes.updates, *changes.removed}:
        raise NotFound("picture_not_found")
    kept = [row for row in rows if row.id not in changes.removed]
    _refuse_too_many(len(kept) + len(changes.added))
    changed = bool(changes.removed or changes.added)
    wanted: dict[uuid.UUID, int] = {row.id: row.position for row in kept}
    for row in kept:
        update_of = changes.updates.get(row.id)
        if update_of is not None:
            wanted[row.id] = update_of.position
            changed |= _update(row, update_of)
    for image_id in changes.removed:
        _remove(product.id, known[image_id])
    places = [(wanted[row.id], place, row) for place, row in enumerate(kept)]
    for each in changes.added:
        row = _row(each, 0)
        row.product_id = product.id
        db.session.add(row)
        places.append((each.position, len(places), row))
    for position, (_wanted, _place, row) in enumerate(sorted(places, key=lambda place: place[:2])):
        if row.position != position:
            row.position, changed = position, True
    return changed


def _row(picture: NewPicture, position: int) -> ProductImage:
    return ProductImage(
        id=picture.id or new_id(),
        file=picture.file,
        width=picture.width,
        height=picture.height,
        alt=_checked_alt(picture.alt),
        position=position,
    )


def _update(row: ProductImage, update_of: PictureUpdate) -> bool:
    alt, file = _checked_alt(update_of.alt), update_of.replaced_by
    changed = alt != row.alt or file is not None
    row.alt = alt
    if file is not None:
        row.file, row.width, row.height, row.source_url = file.file, file.width, file.height, ""
    return changed


def _remove(product_id: uuid.UUID, row: ProductImage) -> None:
    lose = update(Variant).where(Variant.product_id == product_id, Variant.image_id == row.id)
    db.session.execute(lose.values(image_id=None).execution_options(synchronize_session=False))
    db.session.delete(row)


def _checked_alt(text: str) -> str:
    alt = clean_line(text)
    if len(alt) > LIMITS.alt:
        raise InvalidValue("pictures", "text_too_long", maximum=LIMITS.alt)
    return alt


def _refuse_too_many(count: int) -> None:
    if count > MAX_PICTURES:
        raise Rejected("too_many_pictures", maximum=MAX_PICTURES)
