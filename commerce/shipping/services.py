"""What leaves the house."""

from __future__ import annotations

import uuid

from sqlalchemy import func, select

from commerce.db import atomic, db, insert_rows, new_id
from commerce.events.outbox import Actor
from commerce.inventory.services import deduct
from commerce.orders.models import OrderLine
from commerce.orders.services import lock_order, move
from commerce.shipping.models import Shipment, ShipmentLine


@atomic
def ship_order(
    order_id: uuid.UUID,
    actor: Actor,
    *,
    seen_version: int | None = None,
    reason: str = "",
    carrier: str = "",
    tracking_code: str = "",
) -> None:
    """Ship everything that has not left yet: a shipment with its lines, stock deducted, status shipped.

    If the shop deducts at confirmation there is nothing left to deduct here.
    Raises NotFound, StaleVersion, IllegalTransition, NotAllowed.
    """
    order = lock_order(order_id, seen_version)
    move(order, "ship", actor, reason)
    lines = db.session.scalars(
        select(OrderLine).where(OrderLine.order_id == order.id).order_by(OrderLine.position)
    ).all()
    number = db.session.scalar(
        select(func.count()).select_from(Shipment).where(Shipment.order_id == order.id)
    )
    shipment_id = new_id()
    insert_rows(
        Shipment,
        [
            {
                "id": shipment_id,
                "order_id": order.id,
                "number": (number or 0) + 1,
                "carrier": carrier.strip()[:255],
                "tracking_code": tracking_code.strip()[:255],
            }
        ],
    )
    insert_rows(
        ShipmentLine,
        [
            {"shipment_id": shipment_id, "order_line_id": line.id, "quantity": line.quantity - line.shipped}
            for line in lines
            if line.quantity > line.shipped
        ],
    )
    for line in lines:
        line.shipped = line.quantity
    db.session.flush()
    deduct(order.id, cause="shipped", actor=actor.name or actor.kind, reference=order.code)
