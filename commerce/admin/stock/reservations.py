"""Units that are held for orders nobody has paid yet: for whom, until when; and letting go of them."""

from __future__ import annotations

from sqlalchemy import func, select
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, page_number, requires_permission, search_text
from commerce.admin.queries import ListPage, paged
from commerce.db import db
from commerce.inventory.backorders import backorder_queues
from commerce.inventory.models import Reservation
from commerce.orders.models import Order, OrderLine
from commerce.web import render_region


@blueprint.get("/holds")
@requires_permission("stock.view")
def hold_list() -> BaseResponse:
    """Show what is held, the soonest to expire first."""
    search = search_text()
    listing = list_holds(search, page_number())
    shelves = {row.stock_item_id for row in listing.rows}
    return render_region(
        "admin/stock/reservations.html",
        "admin/stock/_reservations.html",
        listing=listing,
        waiting={each.reservation_id: each.units - each.covered for each in backorder_queues(shelves)},
        search=search,
    )


def list_holds(search: str = "", page: int = 1) -> ListPage:
    """Return a page of holds: order, SKU, units and until when; `search` is a SKU or an order code."""
    columns = (
        Order.code,
        Order.version,
        Order.name,
        Order.hold_expires_at,
        Order.payment_label,
        OrderLine.sku,
        OrderLine.title,
        OrderLine.options,
        Reservation.quantity,
        Reservation.id,
        Reservation.stock_item_id,
    )
    held = (Reservation.state == "held") & (Order.status == "pending")
    joined = (
        select(*columns)
        .join(Order, (Order.tenant_id == Reservation.tenant_id) & (Order.id == Reservation.order_id))
        .join(
            OrderLine,
            (OrderLine.tenant_id == Reservation.tenant_id) & (OrderLine.id == Reservation.order_line_id),
        )
        .where(held)
    )
    if search:
        words = search.lower()
        joined = joined.where((func.lower(OrderLine.sku) == words) | (func.lower(Order.code) == words))
    total = db.session.execute(select(func.count()).select_from(joined.subquery())).scalar_one()
    return paged(joined.order_by(Order.hold_expires_at, Order.id, OrderLine.position), total, page)
