"""Which orders hold units of a variant: as programs read it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Uuid, literal, select

from commerce.db import db
from commerce.inventory.backorders import OPEN_UNITS
from commerce.inventory.models import OPEN, Location, Reservation, StockItem
from commerce.orders.models import Order


@dataclass(frozen=True, slots=True)
class OpenReservation:
    """Units that are reserved for an order: `units` of them still, and until when if it is not paid."""

    id: uuid.UUID
    order_code: str
    warehouse: str
    units: int
    state: str
    created_at: datetime
    expires_at: datetime | None


def open_reservations(
    variant_id: uuid.UUID, warehouse: str, after: uuid.UUID | None, limit: int
) -> tuple[list[OpenReservation], uuid.UUID | None]:
    """Return a page of a variant's open reservations, as they stand in the queue, and the id to go on from."""
    statement = (
        select(
            Reservation.id,
            Order.code,
            Location.code,
            OPEN_UNITS,
            Reservation.state,
            Reservation.created_at,
            Order.hold_expires_at,
        )
        .join(
            StockItem,
            (StockItem.tenant_id == Reservation.tenant_id) & (StockItem.id == Reservation.stock_item_id),
        )
        .join(Location, (Location.tenant_id == StockItem.tenant_id) & (Location.id == StockItem.location_id))
        .join(Order, (Order.tenant_id == Reservation.tenant_id) & (Order.id == Reservation.order_id))
        .where(StockItem.variant_id == variant_id, Reservation.state.in_(OPEN))
        .order_by(Reservation.id)
        .limit(limit + 1)
    )
    if warehouse:
        statement = statement.where(Location.code == warehouse)
    if after is not None:
        statement = statement.where(Reservation.id > literal(after, Uuid()))
    found = [OpenReservation(*row) for row in db.session.execute(statement)]
    return found[:limit], found[limit - 1].id if len(found) > limit else None
