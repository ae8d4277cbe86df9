"""API operations that place, list and retrieve orders."""

from __future__ import annotations

from flask import Response

from commerce.api.auth import current_api_actor
from commerce.api.cursors import decode_position, encode_cursor
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation
from commerce.api.orders.placement import created_order, respond
from commerce.api.orders.schemas import (
    OrderCreate,
    OrderList,
    OrderOut,
    OrderQuery,
    OrderRowOut,
    OrderSummary,
    customer_of,
    order_out,
)
from commerce.api.schemas import amount
from commerce.checkout.direct_orders import PlacedDirectOrder, place_direct_order
from commerce.orders.queries import OrderRow, count_orders, get_order_by_code, list_orders

TAG = "Orders"


@operation(
    "POST",
    "/orders",
    scope="orders:write",
    tag=TAG,
    body=OrderCreate,
    responses={201: OrderOut},
    idempotency="required",
    audited=False,
)
def create_order(body: OrderCreate) -> Response:
    """Place an order and reserve its stock.

    Prices are always those of the shop. If you send a `price` or a `total` and it differs, nothing is ordered. Returns
    422 with every item that does not have enough stock. The customer gets a link to the order by email, where they can
    pay it.
    """

    def reply(placed: PlacedDirectOrder) -> Reply:
        order = created_order(placed.order)
        return Reply(order_out(order), 201, {"Location": f"/api/orders/{order.code}"}, order.version)

    done = run_idempotent(lambda: place_direct_order(body.order(), current_api_actor()), reply)
    return respond(done)


@operation("GET", "/orders", scope="orders:read", tag=TAG, query=OrderQuery, responses={200: OrderList})
def list_all_orders(query: OrderQuery) -> Reply:
    """List orders, newest first.

    Orders placed while you read pages do not shift the following pages.
    """
    filters = {"status": query.status or ""}
    page = list_orders(
        status=query.status or "",
        before=decode_position("orders", filters, query.cursor),
        limit=query.limit,
    )
    return Reply(
        OrderList(
            items=[_row_out(row) for row in page.rows],
            next_cursor=encode_cursor("orders", filters, page.older) if page.older else None,
            total=count_orders(query.status or "") if query.total else None,
        )
    )


@operation("GET", "/orders/<code>", scope="orders:read", tag=TAG, responses={200: OrderOut})
def get_one_order(code: str) -> Reply:
    """Retrieve an order."""
    order = get_order_by_code(code)
    return Reply(order_out(order), version=order.version)


def _row_out(row: OrderRow) -> OrderRowOut:
    return OrderRowOut(
        code=row.code,
        name=f"Order {row.code}",
        version=row.version,
        attributes=OrderSummary(
            customer_id=customer_of(row),
            email=row.email,
            name=row.name,
            payment_status=row.payment_status,
            currency=row.currency,
            total=amount(row.total, row.currency),
            status=row.status,
            attention=row.attention,
            placed_at=row.placed_at,
        ),
    )
