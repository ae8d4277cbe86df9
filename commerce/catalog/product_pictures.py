"""One picture of a product at a time, as programs change them; the editor changes all of them at once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import select

from commerce.catalog.models import Product, ProductImage
from commerce.catalog.pictures import NewPicture, PictureChanges, PictureUpdate, change_pictures
from commerce.catalog.update_product import catalogue_changed
from commerce.db import atomic, db, lock, new_id
from commerce.errors import NotFound


def images_of(product_id: uuid.UUID) -> Sequence[ProductImage]:
    """Return the pictures of a product in their order."""
    return db.session.scalars(
        select(ProductImage)
        .where(ProductImage.product_id == product_id)
        .order_by(ProductImage.position, ProductImage.id)
        .execution_options(populate_existing=True)
    ).all()


@atomic
def add_picture(product_id: uuid.UUID, picture: NewPicture, place: int | None = None) -> uuid.UUID:
    """Add a picture to a product, last or at a place from 0, and return its id.

    Raises NotFound, InvalidValue, Rejected.
    """
    product = lock(Product, product_id, missing=NotFound("product_not_found"))
    rows = images_of(product_id)
    picture_id = new_id()
    at = len(rows) if place is None else min(place, len(rows))
    # Those behind it move on by one.
    updates = {row.id: PictureUpdate(row.alt, index + (index >= at)) for index, row in enumerate(rows)}
    added = replace(picture, id=picture_id, position=at)
    change_pictures(product, PictureChanges(updates, added=[added]))
    catalogue_changed(product)
    return picture_id


@atomic
def change_picture(
    product_id: uuid.UUID,
    picture_id: uuid.UUID,
    *,
    seen_version: int,
    alt: str | None = None,
    place: int | None = None,
) -> bool:
    """Describe a picture or move it to a place from 0, and tell whether anything was new. None leaves it as it is.

    Raises NotFound, StaleVersion when the product was changed since it was shown, InvalidValue.
    """
    product = lock(Product, product_id, missing=NotFound("product_not_found"), version=seen_version)
    rows = list(images_of(product_id))
    row = next((each for each in rows if each.id == picture_id), None)
    if row is None:
        raise NotFound("picture_not_found")
    if place is not None:
        rows.remove(row)
        rows.insert(place, row)
    texts = {picture_id: alt} if alt is not None else {}
    updates = {each.id: PictureUpdate(texts.get(each.id, each.alt), index) for index, each in enumerate(rows)}
    changed = change_pictures(product, PictureChanges(updates))
    if changed:
        catalogue_changed(product)
    return changed


@atomic
def remove_picture(product_id: uuid.UUID, picture_id: uuid.UUID) -> None:
    """Take a picture away from a product, and from its variants that show it. Raises NotFound."""
    product = lock(Product, product_id, missing=NotFound("product_not_found"))
    change_pictures(product, PictureChanges(removed=[picture_id]))
    catalogue_changed(product)
