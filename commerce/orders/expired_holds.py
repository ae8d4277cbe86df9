"""Find unpaid orders whose hold on stock has run out, and cancel them; the worker sweeps by these."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import literal_column, select, tuple_

from commerce.db import atomic, database_now, db, every_shop
from commerce.events.outbox import SYSTEM
from commerce.orders.models import Order
from commerce.orders.services import UNDER_WAY, cancel_step
from commerce.payments.services import lock_payments


class Expired(NamedTuple):
    """An unpaid order whose hold has run out."""

    tenant_id: uuid.UUID
    order_id: uuid.UUID
    hold_expires_at: datetime


@every_shop()
def find_expired(limit: int, after: Expired | None = None) -> tuple[datetime, list[Expired]]:
    """Return the database's time and unpaid orders whose hold has run out, over all shops, those of longest ago first.

    `after` goes on behind one of them: what cannot be cancelled does not stand in the way of the rest.
    """
    moment = db.session.execute(select(database_now()), execution_options={"all_tenants": True}).scalar_one()
    statement = select(Order.tenant_id, Order.id, Order.hold_expires_at).where(
        Order.status == literal_column("'pending'"), Order.hold_expires_at <= moment
    )
    if after is not None:
        statement = statement.where(
            tuple_(Order.hold_expires_at, Order.id) > tuple_(after.hold_expires_at, after.order_id)
        )
    rows = db.session.execute(
        statement.order_by(Order.hold_expires_at, Order.id).limit(limit),
        execution_options={"all_tenants": True},
    )
    return moment, [Expired(row.tenant_id, row.id, row.hold_expires_at) for row in rows]


@atomic
def cancel_if_expired(order_id: uuid.UUID, moment: datetime) -> bool:
    """Cancel one unpaid order whose hold has run out at `moment` (the database's time), re-checked under the lock.

    Skips an order that somebody else is working on, and one whose payment is under way or authorized. Tells whether it
    was cancelled.
    """
    order = db.session.scalar(
        select(Order)
        .where(Order.id == order_id, Order.status == "pending", Order.hold_expires_at <= moment)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if order is None or any(payment.state in UNDER_WAY for payment in lock_payments(order.id)):
        return False
    cancel_step(order, SYSTEM, "Not paid in time", reservation_state="expired")
    return True
