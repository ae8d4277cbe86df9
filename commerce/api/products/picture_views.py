"""API operations on the pictures of a product."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from flask import Response, current_app, request

from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation, required_version
from commerce.api.products.picture_schemas import (
    MAX_BODY,
    PictureCreate,
    PictureList,
    PictureOut,
    PicturePatch,
    pictures_out,
)
from commerce.catalog.images import normalise, store
from commerce.catalog.pictures import NewPicture
from commerce.catalog.product_pictures import add_picture, change_picture, images_of, remove_picture
from commerce.catalog.product_records import product_id_of, product_version
from commerce.errors import InvalidValue
from commerce.tenants.scope import current_shop

TAG = "Pictures"
ALL = "/products/<sku:code>/pictures"
ONE = f"{ALL}/<uuid:picture_id>"


@operation("GET", ALL, scope="products:read", tag=TAG, responses={200: PictureList})
def list_product_pictures(code: str) -> Reply:
    """List the pictures of a product in their order, with its version."""
    product_id = product_id_of(code)
    return Reply(PictureList(items=_shown(product_id)), version=product_version(product_id))


@operation(
    "POST",
    ALL,
    scope="products:write",
    tag=TAG,
    body=PictureCreate,
    responses={201: PictureOut},
    idempotency="optional",
    takes=MAX_BODY,
)
def add_product_picture(code: str, body: PictureCreate) -> Response:
    """Add a picture to a product.

    It is checked, turned upright, reduced to 1600 pixels on its longer side and stored as WebP, without any metadata.
    The version of the product changes.
    """
    product_id = product_id_of(code)
    # Decoding takes a while, so it is done before the transaction; a file that no product has does no harm.
    picture = _taken_in(body)

    def reply(picture_id: uuid.UUID) -> Reply:
        shown = next(each for each in _shown(product_id) if each.id == picture_id)
        here = {"Location": f"/api/products/{quote(code)}/pictures/{picture_id}"}
        return Reply(shown, 201, here, product_version(product_id))

    return run_idempotent(
        lambda: add_picture(product_id, picture, body.place), reply, required=False
    ).response


@operation("PATCH", ONE, scope="products:write", tag=TAG, body=PicturePatch, responses={200: PictureOut})
def change_product_picture(code: str, picture_id: uuid.UUID, body: PicturePatch) -> Response:
    """Describe or move a picture. `version` is that of the product, which changes.

    Returns 409 if the product has changed since the version you send.
    """
    product_id, seen = product_id_of(code), required_version(body.version)

    def reply(_changed: bool) -> Reply:
        shown = next(each for each in _shown(product_id) if each.id == picture_id)
        return Reply(shown, version=product_version(product_id))

    return run_idempotent(
        lambda: change_picture(product_id, picture_id, seen_version=seen, alt=body.alt, place=body.place),
        reply,
        required=False,
    ).response


@operation("DELETE", ONE, scope="products:write", tag=TAG, responses={204: None})
def delete_product_picture(code: str, picture_id: uuid.UUID) -> Reply:
    """Delete a picture. Variants that show it show the product's main picture instead."""
    remove_picture(product_id_of(code), picture_id)
    return Reply(None, 204)


def _taken_in(body: PictureCreate) -> NewPicture:
    """Write the file of a request into the media folder. Raises InvalidValue at its field."""
    try:
        made = normalise(body.data)
    except InvalidValue as error:
        raise error.at("content") from error
    file = store(made, current_app.config["LOCKSTEP"].media, current_shop().id)
    return NewPicture(file, made.width, made.height, body.alt)


def _shown(product_id: uuid.UUID) -> list[PictureOut]:
    return pictures_out(images_of(product_id), request.host_url.rstrip("/"))
