"""One search field for everything, on every page of the back office."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import make_response, render_template
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, may, requires_permission, search_text
from commerce.admin.navigation import visible_groups
from commerce.admin.search.queries import FEW, match_customers, match_places, match_products
from commerce.orders.listing import OrderFilter, find_by_code, list_filtered
from commerce.web import see_other


@blueprint.get("/search")
@requires_permission("orders.view")
def search_everything() -> BaseResponse:
    """Show the orders, products, customers and pages that are found. The code of an order leads straight to it."""
    search = search_text()
    exact = find_by_code(search) if search else None
    if exact is not None and exact == search.upper():
        return see_other(f"/admin/orders/{exact}")
    return make_response(render_template("admin/search/search.html", search=search, **_found(search, exact)))


def _found(search: str, exact: str | None) -> dict[str, Any]:
    if not search:
        return {"orders": [], "products": [], "customers": [], "places": [], "more": False}
    page = list_filtered(OrderFilter(search=search), limit=FEW)
    orders = sorted(page.rows, key=lambda order: order.code != exact)
    if exact is not None and not any(order.code == exact for order in orders):
        orders = [*list_filtered(replace(OrderFilter(), search=exact), limit=1).rows, *orders[: FEW - 1]]
    return {
        "orders": orders,
        "more": page.older is not None,
        "products": match_products(search) if may("products.view") else [],
        "customers": match_customers(search, orders) if may("customers.view") else [],
        "places": match_places(search, visible_groups(may)),
    }
