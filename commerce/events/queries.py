"""Look at the outbox."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Row, func, select

from commerce import clock
from commerce.db import db
from commerce.events.models import Delivery, Event


def outbox_lag_seconds() -> float:
    """Return the age of the oldest event that no worker has taken up, over all shops; 0 when there is none."""
    oldest: datetime | None = db.session.execute(
        select(func.min(Event.occurred_at)).where(~Event.fanned_out), execution_options={"all_tenants": True}
    ).scalar_one()
    return max(0.0, (clock.now() - oldest).total_seconds()) if oldest else 0.0


def troubled_deliveries(limit: int = 100) -> Sequence[Row[Delivery, Event]]:
    """Return (Delivery, Event) of what is parked or has failed at least once and still waits, newest first."""
    return db.session.execute(
        select(Delivery, Event)
        .join(Event, (Event.tenant_id == Delivery.tenant_id) & (Event.id == Delivery.event_id))
        .where((Delivery.state == "parked") | ((Delivery.state == "waiting") & (Delivery.error != "")))
        .order_by(Delivery.due_at.desc())
        .limit(limit)
    ).all()


def deliveries_of(subject_id: uuid.UUID) -> Sequence[Delivery]:
    """Return the deliveries of one order's events, oldest first."""
    return db.session.scalars(
        select(Delivery)
        .where(Delivery.subject_id == subject_id)
        .order_by(Delivery.subject_version, Delivery.id)
    ).all()
