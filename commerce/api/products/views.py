"""API operations on products and their variants."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any
from urllib.parse import quote

from flask import Response, request

from commerce.api.auth import current_api_actor
from commerce.api.cursors import decode_cursor, encode_cursor
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation, required_version
from commerce.api.products.schemas import (
    ProductCreate,
    ProductList,
    ProductOut,
    ProductPatch,
    ProductQuery,
    ProductVersion,
    VariantCreate,
    VariantOut,
    VariantPatch,
    product_out,
    variant_out,
)
from commerce.catalog.create_product import OpenStock, add_variant, create_product
from commerce.catalog.product_records import (
    count_records,
    get_variant,
    list_records,
    product_id_of,
    product_record,
    variant_of,
)
from commerce.catalog.remove_product import delete_product
from commerce.catalog.update_product import VariantUpdate, change_product
from commerce.inventory.adjustments import set_initial_stock
from commerce.orders.unsold_variants import delete_unsold_stock

TAG, VARIANTS = "Products", "Variants"


@operation(
    "POST",
    "/products",
    scope="products:write",
    tag=TAG,
    body=ProductCreate,
    responses={201: ProductOut},
    idempotency="optional",
)
def add_product(body: ProductCreate) -> Response:
    """Create a product with its variants and their initial stock.

    Send `sku` and `price` for a product with one variant, or `variants`. Returns 409 if a code or SKU already exists.
    """
    new, open_stock = body.new(), _stock_opener()

    def reply(product_id: uuid.UUID) -> Reply:
        shown = _shown(product_id)
        return Reply(shown, 201, {"Location": f"/api/products/{quote(shown.code)}"}, shown.version)

    return run_idempotent(lambda: create_product(new, open_stock=open_stock), reply, required=False).response


@operation(
    "GET", "/products", scope="products:read", tag=TAG, query=ProductQuery, responses={200: ProductList}
)
def list_all_products(query: ProductQuery) -> Reply:
    """List products, newest first, including hidden ones.

    Products added while you read pages do not shift the following pages.
    """
    wanted = query.filter()
    filters: dict[str, Any] = {"active": wanted.active, "category": wanted.category, "words": wanted.words}
    if wanted.product_type:
        filters["type"] = wanted.product_type
    position = decode_cursor("products", filters, query.cursor)
    records, older = list_records(wanted, uuid.UUID(position) if position else None, query.limit)
    return Reply(
        ProductList(
            items=[product_out(each, _base()) for each in records],
            next_cursor=encode_cursor("products", filters, older) if older else None,
            total=count_records(wanted) if query.total else None,
        )
    )


@operation("GET", "/products/<sku:code>", scope="products:read", tag=TAG, responses={200: ProductOut})
def get_one_product(code: str) -> Reply:
    """Retrieve a product by its code or by the SKU of one of its variants."""
    shown = _shown(product_id_of(code))
    return Reply(shown, version=shown.version)


@operation(
    "PATCH",
    "/products/<sku:code>",
    scope="products:write",
    tag=TAG,
    body=ProductPatch,
    responses={200: ProductOut},
)
def change_one_product(code: str, body: ProductPatch) -> Response:
    """Update a product.

    Fields of a variant, such as price and weight, are accepted only if the product has one variant. Returns 409 if the
    product has changed since the version you send.
    """
    record = product_record(product_id_of(code))
    seen = required_version(body.version)
    values = body.product_values(record.product.status)
    if "name" in body.model_fields_set:
        values["title"] = body.name

    def change() -> bool:
        return change_product(
            record.product.id,
            seen_version=seen,
            values=values,
            only_variant=body.only_variant(),
            categories=body.category_slugs,
            code=body.code or "",
        )

    def reply(_changed: bool) -> Reply:
        shown = _shown(record.product.id)
        return Reply(shown, version=shown.version)

    return run_idempotent(change, reply, required=False).response


@operation(
    "DELETE",
    "/products/<sku:code>",
    scope="products:write",
    tag=TAG,
    query=ProductVersion,
    responses={204: None},
)
def delete_one_product(code: str, query: ProductVersion) -> Reply:
    """Delete a product with its variants, pictures and stock, if it was never ordered.

    Archive it otherwise. Send the version you have seen; returns 409 if the product has changed since.
    """
    product_id = product_id_of(code)
    delete_product(
        product_id, seen_version=required_version(query.version), delete_unsold=delete_unsold_stock
    )
    return Reply(None, 204)


# --- variants ------------------------------------------------------------------------------------------


@operation(
    "POST",
    "/products/<sku:code>/variants",
    scope="products:write",
    tag=VARIANTS,
    body=VariantCreate,
    responses={201: VariantOut},
    idempotency="optional",
)
def add_one_variant(code: str, body: VariantCreate) -> Response:
    """Add a variant to a product, with its initial stock.

    Send a value for each option of the product. No other variant can have the same values.
    """
    product_id, new, open_stock = product_id_of(code), body.new(), _stock_opener()

    def reply(variant_id: uuid.UUID) -> Reply:
        shown = variant_out(get_variant(variant_id))
        return Reply(shown, 201, {"Location": f"/api/variants/{quote(shown.code)}"}, shown.version)

    return run_idempotent(
        lambda: add_variant(product_id, new, open_stock=open_stock), reply, required=False
    ).response


@operation("GET", "/variants/<sku:sku>", scope="products:read", tag=VARIANTS, responses={200: VariantOut})
def get_one_variant(sku: str) -> Reply:
    """Retrieve a variant by its SKU, or by the code of a product with one variant."""
    shown = variant_out(variant_of(sku))
    return Reply(shown, version=shown.version)


@operation(
    "PATCH",
    "/variants/<sku:sku>",
    scope="products:write",
    tag=VARIANTS,
    body=VariantPatch,
    responses={200: VariantOut},
)
def change_one_variant(sku: str, body: VariantPatch) -> Response:
    """Update a variant. The version of its product changes as well.

    Returns 409 if the variant has changed since the version you send.
    """
    variant = variant_of(sku)
    change = VariantUpdate(variant.id, required_version(body.version), body.variant_values())

    def reply(_changed: bool) -> Reply:
        shown = variant_out(get_variant(change.id))
        return Reply(shown, version=shown.version)

    return run_idempotent(
        lambda: change_product(variant.product_id, seen_version=None, variants=[change]),
        reply,
        required=False,
    ).response


def _stock_opener() -> OpenStock:
    """Return the service that sets the initial stock of new variants, in the name of the API client."""
    return partial(set_initial_stock, cause="received", actor=current_api_actor().name, reference="")


def _shown(product_id: uuid.UUID) -> ProductOut:
    return product_out(product_record(product_id), _base())


def _base() -> str:
    return request.host_url.rstrip("/")
