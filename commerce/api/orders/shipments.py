"""API operations on the shipments of an order."""

from __future__ import annotations

from flask import Response
from pydantic import Field

from commerce.api.auth import current_api_actor
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation, seen_resource_version
from commerce.api.orders.schemas import (
    MAX_ITEMS,
    LineOut,
    LineUnits,
    OrderState,
    VersionedRequest,
    line_fields,
    order_state,
    units_by_line,
)
from commerce.api.schemas import Moment, ResponseModel, Text
from commerce.orders.models import Order
from commerce.orders.queries import get_order, get_order_by_code
from commerce.shipping.queries import ShippedParcel, shipped_parcels
from commerce.shipping.services import ship_order

TAG = "Shipments"


class ShipmentCreate(VersionedRequest):
    """A new shipment. An order can have several."""

    lines: list[LineUnits] | None = Field(
        None,
        min_length=1,
        max_length=MAX_ITEMS,
        description="Units in the parcel; everything unshipped if omitted.",
    )
    carrier: Text = Field("", max_length=255, examples=["DHL"])
    tracking_code: Text = Field("", max_length=255, examples=["00340434161094042557"])
    reason: Text = Field("", max_length=500, description="For the history, when this is the last shipment.")


class ShipmentOut(ResponseModel):
    """A shipment. `trackingUrl` is empty for an unknown carrier."""

    number: int
    carrier: str
    tracking_code: str
    tracking_url: str
    shipped_at: Moment
    lines: list[LineOut]


class ShipmentCreated(OrderState):
    """The new shipment, with the state of its order."""

    shipment: ShipmentOut


class ShipmentList(OrderState):
    """The shipments of an order, oldest first."""

    items: list[ShipmentOut]


@operation("GET", "/orders/<code>/shipments", scope="orders:read", tag=TAG, responses={200: ShipmentList})
def list_shipments(code: str) -> Reply:
    """List the shipments of an order, oldest first."""
    order = get_order_by_code(code)
    items = [_shipment_out(each, order) for each in shipped_parcels(order.id)]
    return Reply(ShipmentList(**order_state(order), items=items), version=order.version)


@operation(
    "POST",
    "/orders/<code>/shipments",
    scope="orders:write",
    tag=TAG,
    body=ShipmentCreate,
    responses={201: ShipmentCreated},
    idempotency="required",
)
def send_shipment(code: str, body: ShipmentCreate) -> Response:
    """Ship all or part of an order.

    The units leave the stock, and the customer is notified. The order stays `processing` until everything is shipped.
    Returns 409 if the order is not `processing`, and 422 for units that are not part of it or not in stock.
    """
    order = get_order_by_code(code)
    units = None if body.lines is None else units_by_line(order, body.lines)
    done = run_idempotent(
        lambda: ship_order(
            order.id,
            current_api_actor(),
            units=units,
            seen_version=seen_resource_version(body.version),
            reason=body.reason,
            carrier=body.carrier,
            tracking_code=body.tracking_code,
        ),
        lambda _: _sent(get_order(order.id)),
    )
    return done.response


def _sent(order: Order) -> Reply:
    parcel = shipped_parcels(order.id)[-1]
    body = ShipmentCreated(**order_state(order), shipment=_shipment_out(parcel, order))
    return Reply(body, 201, {"Location": f"/api/orders/{order.code}/shipments"}, order.version)


def _shipment_out(parcel: ShippedParcel, order: Order) -> ShipmentOut:
    facts = line_fields(order)
    return ShipmentOut(
        number=parcel.number,
        carrier=parcel.carrier,
        tracking_code=parcel.tracking_code,
        tracking_url=parcel.url,
        shipped_at=parcel.shipped_at,
        lines=[LineOut(**facts[key], quantity=count) for key, count in parcel.units.items()],
    )
