"""Who holds the last units of a variant: what a shopper reads instead of a bare "sold out"."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, case, select

from commerce import clock
from commerce.cart.models import Cart
from commerce.db import db
from commerce.inventory.models import Reservation, StockItem
from commerce.orders.models import Order

MOST = 10
"""Orders that are looked at: all that a page can use are the shopper's own and the next that may give back."""


@dataclass(frozen=True, slots=True)
class OwnHold:
    """An unpaid order of this browser, its secret link, and until when its units are held."""

    code: str
    token: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class ActiveHolds:
    """Unpaid orders that hold a variant. `next_at` is when the first hold of others ends, None when that is due."""

    own: tuple[OwnHold, ...] = ()
    others: bool = False
    next_at: datetime | None = None


def active_holds(variant_id: uuid.UUID, shopper: str) -> ActiveHolds:
    """Return which unpaid orders hold units of a variant, those of this browser by name. One statement.

    `shopper` is the stored form of the browser's name, '' for one without. Moments are rounded up to minutes.
    """
    # An order that staff placed has no cart, and a visitor without a cookie has no name: both are nobody's own.
    other_customer = case((and_(Cart.shopper_hash == shopper, Cart.shopper_hash != ""), 0), else_=1)
    rows = db.session.execute(
        select(Order.code, Order.token, Order.hold_expires_at, other_customer.label("other_customer"))
        .select_from(Reservation)
        .join(
            StockItem,
            (StockItem.tenant_id == Reservation.tenant_id) & (StockItem.id == Reservation.stock_item_id),
        )
        .join(Order, (Order.tenant_id == Reservation.tenant_id) & (Order.id == Reservation.order_id))
        .outerjoin(Cart, (Cart.tenant_id == Order.tenant_id) & (Cart.id == Order.cart_id))
        .where(
            StockItem.variant_id == variant_id,
            Reservation.state == "held",
            Order.status == "pending",
        )
        .order_by("other_customer", Order.hold_expires_at, Order.id)
        .limit(MOST)
    ).all()
    mine = {
        row.code: OwnHold(row.code, row.token, _minute(row.hold_expires_at))
        for row in rows
        if not row.other_customer
    }
    others = [_minute(row.hold_expires_at) for row in rows if row.other_customer]
    return ActiveHolds(tuple(mine.values()), bool(others), min(filter(None, others), default=None))


def _minute(moment: datetime | None) -> datetime | None:
    """Return a moment to come rounded up to the minute, None for one that is over."""
    if moment is None or moment <= clock.now():
        return None
    rest = timedelta(seconds=moment.second, microseconds=moment.microsecond)
    return moment + timedelta(minutes=1) - rest if rest else moment
