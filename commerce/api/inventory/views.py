"""API operations on stock, its movements and reservations."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from urllib.parse import quote

from flask import Response

from commerce.api.auth import current_api_actor
from commerce.api.cursors import decode_cursor, encode_cursor
from commerce.api.idempotency import run_idempotent
from commerce.api.inventory.schemas import (
    InventoryList,
    InventoryOut,
    InventoryPatch,
    InventoryQuery,
    MovementCreate,
    MovementList,
    MovementOut,
    ReservationList,
    WarehousePageQuery,
    WarehouseQuery,
    inventory_out,
    movement_out,
    reservation_out,
)
from commerce.api.operation import Reply, operation, required_version
from commerce.catalog.product_records import variant_of
from commerce.inventory.stock_by_location import book_movement_at, count_stock_at, set_backorder_limit_at
from commerce.inventory.stock_by_variant import (
    count_stocked_variants,
    fresh_movement,
    list_stock_by_variant,
    movement_ledger,
    stock_of_variant,
)
from commerce.orders.reservations import open_reservations

TAG = "Inventory"
READ, WRITE = "inventory:read", "inventory:write"


@operation("GET", "/inventory", scope=READ, tag=TAG, query=InventoryQuery, responses={200: InventoryList})
def list_inventory(query: InventoryQuery) -> Reply:
    """List the stock of all variants, oldest variant first, including hidden ones."""
    warehouse = query.warehouse_code or ""
    filters = {"warehouse": warehouse, "low": query.low}
    after = _position("inventory", filters, query.cursor)
    found, more = list_stock_by_variant(warehouse, after, query.limit, low=query.low)
    return Reply(
        InventoryList(
            items=[inventory_out(each) for each in found],
            next_cursor=encode_cursor("inventory", filters, more) if more else None,
            total=count_stocked_variants(warehouse, low=query.low) if query.total else None,
        )
    )


@operation(
    "GET",
    "/inventory/<sku:product_code>",
    scope=READ,
    tag=TAG,
    query=WarehouseQuery,
    responses={200: InventoryOut},
)
def get_inventory(product_code: str, query: WarehouseQuery) -> Reply:
    """Retrieve the stock of a variant, by SKU or by the code of a product with one variant."""
    return _shown(variant_of(product_code).id, query.warehouse_code or "")


@operation(
    "PATCH",
    "/inventory/<sku:product_code>",
    scope=WRITE,
    tag=TAG,
    body=InventoryPatch,
    responses={200: InventoryOut},
    idempotency="optional",
)
def change_inventory(product_code: str, body: InventoryPatch) -> Response:
    """Set or adjust the stock of a variant.

    A `quantity` or `backorderLimit` requires the version you have seen (0 if there was no stock) and returns 409 if it
    has changed. An `adjustment` is relative and requires an `Idempotency-Key`. Returns 409 if reserved units would not
    be covered any more.
    """
    variant_id, warehouse, actor = (
        variant_of(product_code).id,
        body.warehouse_code or "",
        current_api_actor().name,
    )

    def adjust() -> uuid.UUID:
        return book_movement_at(
            variant_id,
            warehouse,
            body.adjustment,
            cause=body.cause,
            actor=actor,
            reference=body.reference,
        )

    relative = "adjustment" in body.model_fields_set
    change = adjust if relative else _absolute(variant_id, warehouse, actor, body)
    return run_idempotent(change, lambda _id: _shown(variant_id, warehouse), required=relative).response


@operation(
    "POST",
    "/inventory/<sku:product_code>/movements",
    scope=WRITE,
    tag=TAG,
    body=MovementCreate,
    responses={201: MovementOut},
    idempotency="required",
)
def book_movement(product_code: str, body: MovementCreate) -> Response:
    """Add a stock movement to a variant.

    Movements are relative and need no version. Returns 409 if reserved units would not be covered any more.
    """
    variant_id, actor = variant_of(product_code).id, current_api_actor().name

    def move() -> uuid.UUID:
        return book_movement_at(
            variant_id,
            body.warehouse_code or "",
            body.adjustment,
            cause=body.cause,
            actor=actor,
            reference=body.reference,
        )

    def reply(movement_id: uuid.UUID) -> Reply:
        address = f"/api/inventory/{quote(product_code)}/movements"
        return Reply(movement_out(fresh_movement(movement_id)), 201, {"Location": address})

    return run_idempotent(move, reply).response


@operation(
    "GET",
    "/inventory/<sku:product_code>/movements",
    scope=READ,
    tag=TAG,
    query=WarehousePageQuery,
    responses={200: MovementList},
)
def list_movements(product_code: str, query: WarehousePageQuery) -> Reply:
    """List the stock movements of a variant, newest first, with the quantity on hand after each."""
    variant_id, warehouse = variant_of(product_code).id, query.warehouse_code or ""
    listing, filters = f"movements {variant_id}", {"warehouse": warehouse}
    lines, older = movement_ledger(
        variant_id, warehouse, _position(listing, filters, query.cursor), query.limit
    )
    return Reply(
        MovementList(
            items=[movement_out(line) for line in lines],
            next_cursor=encode_cursor(listing, filters, older) if older else None,
        )
    )


@operation(
    "GET",
    "/inventory/<sku:product_code>/reservations",
    scope=READ,
    tag=TAG,
    query=WarehousePageQuery,
    responses={200: ReservationList},
)
def list_reservations(product_code: str, query: WarehousePageQuery) -> Reply:
    """List the reservations of a variant in the order in which they are served."""
    variant_id, warehouse = variant_of(product_code).id, query.warehouse_code or ""
    listing, filters = f"reservations {variant_id}", {"warehouse": warehouse}
    after = _position(listing, filters, query.cursor)
    found, more = open_reservations(variant_id, warehouse, after, query.limit)
    return Reply(
        ReservationList(
            items=[reservation_out(each) for each in found],
            next_cursor=encode_cursor(listing, filters, more) if more else None,
        )
    )


def _absolute(
    variant_id: uuid.UUID, warehouse: str, actor: str, body: InventoryPatch
) -> Callable[[], uuid.UUID]:
    seen = required_version(body.version)
    if "backorder_limit" in body.model_fields_set:
        return lambda: set_backorder_limit_at(variant_id, warehouse, body.backorder_limit, seen_version=seen)
    return lambda: count_stock_at(
        variant_id, warehouse, body.quantity, seen_version=seen, actor=actor, reference=body.reference
    )


def _shown(variant_id: uuid.UUID, warehouse: str) -> Reply:
    shown = inventory_out(stock_of_variant(variant_id, warehouse), warehouse)
    return Reply(shown, version=shown.version)


def _position(listing: str, filters: Mapping[str, object], cursor: str | None) -> uuid.UUID | None:
    found = decode_cursor(listing, filters, cursor)
    return uuid.UUID(found) if found is not None else None
