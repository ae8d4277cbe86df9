"""API operations on collections and the products in them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from flask import request

from commerce.api.collections.schemas import (
    CollectedQuery,
    CollectionList,
    CollectionOut,
    CollectionQuery,
    collection_out,
)
from commerce.api.cursors import decode_cursor, encode_cursor
from commerce.api.operation import Reply, operation
from commerce.api.products.schemas import ProductList, product_out
from commerce.catalog.collection_records import (
    collection_of,
    ids_of_collected,
    list_collections,
    slugs_of_categories,
)
from commerce.catalog.models import Collection
from commerce.catalog.product_records import records_of
from commerce.inventory.availability import product_available, product_sold_out

TAG = "Collections"


@operation(
    "GET",
    "/collections",
    scope="products:read",
    tag=TAG,
    query=CollectionQuery,
    responses={200: CollectionList},
)
def list_all_collections(query: CollectionQuery) -> Reply:
    """List collections, newest first, including unpublished ones."""
    position = decode_cursor("collections", {}, query.cursor)
    found, older = list_collections(uuid.UUID(position) if position else None, query.limit)
    next_cursor = encode_cursor("collections", {}, older) if older else None
    return Reply(CollectionList(items=_shown(found), next_cursor=next_cursor))


@operation("GET", "/collections/<code>", scope="products:read", tag=TAG, responses={200: CollectionOut})
def get_one_collection(code: str) -> Reply:
    """Retrieve a collection by its code."""
    shown = _shown([collection_of(code)])[0]
    return Reply(shown, version=shown.version)


@operation(
    "GET",
    "/collections/<code>/products",
    scope="products:read",
    tag=TAG,
    query=CollectedQuery,
    responses={200: ProductList},
)
def list_collected_products(code: str, query: CollectedQuery) -> Reply:
    """List the products that are in a collection now, newest first. Hidden products are left out.

    Products that come in or leave while you read pages do not shift the following pages.
    """
    collection = collection_of(code)
    filters = {"collection": str(collection.id)}
    position = decode_cursor("collected", filters, query.cursor)
    ids, older = ids_of_collected(
        collection.id,
        uuid.UUID(position) if position else None,
        query.limit,
        available=product_available,
        sold_out=product_sold_out,
    )
    return Reply(
        ProductList(
            items=[product_out(each, _shop_url()) for each in records_of(ids)],
            next_cursor=encode_cursor("collected", filters, older) if older else None,
            total=None,
        )
    )


def _shown(collections: Sequence[Collection]) -> list[CollectionOut]:
    slugs = slugs_of_categories(collections)
    return [collection_out(each, slugs, _shop_url()) for each in collections]


def _shop_url() -> str:
    return request.host_url.rstrip("/")
