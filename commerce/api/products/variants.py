"""Variants over JSON: one more for a product, one looked at, one changed."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from flask import Response

from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation
from commerce.api.preconditions import needed_version
from commerce.api.products.answers import VariantOut, variant_out
from commerce.api.products.schemas import VariantPatch, VariantToMake
from commerce.api.products.views import stock_opener
from commerce.catalog.create_product import add_variant
from commerce.catalog.product_records import get_variant, product_id_of, variant_of
from commerce.catalog.update_product import VariantUpdate, change_product

TAG = "Variants"


@operation(
    "POST",
    "/products/<sku:code>/variants",
    scope="products:write",
    tag=TAG,
    body=VariantToMake,
    answers={201: VariantOut},
    problems=(404, 409),
    idempotent="honoured",
)
def add_one_variant(code: str, body: VariantToMake) -> Response:
    """Add a variant to a product, with its first stock.

    Its `options` are those of the product, and no other variant has the same.
    """
    product_id, new, open_stock = product_id_of(code), body.new(), stock_opener()

    def answer(variant_id: uuid.UUID) -> Reply:
        shown = variant_out(get_variant(variant_id))
        return Reply(shown, 201, {"Location": f"/api/variants/{quote(shown.code)}"}, shown.version)

    return run_idempotent(
        lambda: add_variant(product_id, new, open_stock=open_stock), answer, needed=False
    ).response


@operation(
    "GET", "/variants/<sku:sku>", scope="products:read", tag=TAG, answers={200: VariantOut}, problems=(404,)
)
def get_one_variant(sku: str) -> Reply:
    """Show one variant, by its SKU or by the code of a product that has one."""
    shown = variant_out(variant_of(sku))
    return Reply(shown, version=shown.version)


@operation(
    "PATCH",
    "/variants/<sku:sku>",
    scope="products:write",
    tag=TAG,
    body=VariantPatch,
    answers={200: VariantOut},
    problems=(404, 409),
)
def change_one_variant(sku: str, body: VariantPatch) -> Response:
    """Change a variant, if it still has the version that you have seen. Its product gets a new version, too."""
    variant = variant_of(sku)
    change = VariantUpdate(variant.id, needed_version(body.version), body.variant_values())

    def answer(_changed: bool) -> Reply:
        shown = variant_out(get_variant(change.id))
        return Reply(shown, version=shown.version)

    return run_idempotent(
        lambda: change_product(variant.product_id, seen_version=None, variants=[change]), answer, needed=False
    ).response
