"""What the pages about people read that joins several features."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from commerce.db import db
from commerce.members.customers import Customer
from commerce.orders.models import Order

MOST_ORDERS = 200


def orders_of(customer: Customer) -> Sequence[Order]:
    """Return the newest orders of a customer, at most MOST_ORDERS."""
    return db.session.scalars(
        select(Order)
        .where(customer.orders)
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(MOST_ORDERS)
    ).all()
