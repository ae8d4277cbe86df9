"""Paper for the warehouse: what to pick for an order, and the slip that goes into a parcel. Neither names a price."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from flask import Response, make_response, render_template
from flask_babel import get_locale
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.errors import NotFound
from commerce.inventory.backorders import coverage_of
from commerce.orders.addresses import address_lines
from commerce.orders.models import Order
from commerce.orders.queries import get_order_by_code
from commerce.shipping.queries import shipped_parcels


@blueprint.get("/orders/<code>/picking-list")
@requires_permission("orders.view")
def picking_list(code: str) -> BaseResponse:
    """Show what has still to leave the house and is there: what is not can neither be picked nor sent."""
    order = get_order_by_code(code)
    cover = coverage_of(order.id)
    units = {
        line.id: line.to_ship - (cover[line.id].waiting if line.id in cover else 0) for line in order.lines
    }
    return _slip(order, units, parcel=None)


@blueprint.get("/orders/<code>/shipments/<int:number>/slip")
@requires_permission("orders.view")
def packing_slip(code: str, number: int) -> BaseResponse:
    """Show what is in a parcel."""
    order = get_order_by_code(code)
    parcel = next((each for each in shipped_parcels(order.id) if each.number == number), None)
    if parcel is None:
        raise NotFound("There is no such parcel.")
    return _slip(order, parcel.units, parcel=parcel)


def _slip(order: Order, units: Mapping[uuid.UUID, int], **context: Any) -> Response:
    html = render_template(
        "admin/orders/packing_slip.html",
        order=order,
        lines=[(line, units[line.id]) for line in order.lines if units.get(line.id)],
        address=address_lines(order.shipping_address, order.name, str(get_locale())),
        **context,
    )
    return make_response(html)
