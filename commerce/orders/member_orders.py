"""Whose orders these are: a member's own, and those that they placed as a guest and have proven to be theirs.

An order belongs to whoever is signed in when it is placed. One that a guest placed is given to a member only after they
have proven that they read the address on it: neither code nor address alone opens anything.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, func, select, update

from commerce import clock
from commerce.db import atomic, db, id_of_nobody
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.events.models import Event
from commerce.events.outbox import Actor, publish
from commerce.orders.events import OrderLinkWanted
from commerce.orders.models import Order, OrderLine
from commerce.orders.queries import Position, get_order, newest_first
from commerce.paging import CursorPage

PAGE = 20
MOST_LINKS_AN_HOUR = 3
"""Mails with the link of one order within an hour: nobody is flooded with mail by somebody else's clicks."""


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An order in its member's list. `total` is minor units, `units` are pieces; `token` is the secret of its link."""

    id: uuid.UUID
    code: str
    token: str
    status: str
    total: int
    currency: str
    placed_at: datetime
    units: int


def orders_of_member(
    member_id: uuid.UUID, *, before: Position | None = None, limit: int = PAGE
) -> CursorPage[OwnOrder]:
    """Return a page of a member's orders, newest first, by keyset: no page costs more than the first."""
    units = (
        select(func.sum(OrderLine.quantity))
        .where(OrderLine.tenant_id == Order.tenant_id, OrderLine.order_id == Order.id)
        .correlate(Order)
        .scalar_subquery()
    )
    statement = select(
        Order.id, Order.code, Order.token, Order.status, Order.total, Order.currency, Order.placed_at, units
    ).where(Order.member_id == member_id)
    found, older = newest_first(statement, before, limit)
    return CursorPage([OwnOrder(*row) for row in found], older)


def get_own_order(member_id: uuid.UUID, code: str) -> Order:
    """Return an order of this member with its lines. Raises NotFound, also for somebody else's."""
    order = db.session.scalar(select(Order).where(Order.code == code, Order.member_id == member_id))
    if order is None:
        raise NotFound("order_not_found")
    return order


def attach_orders(member_id: uuid.UUID, email: str) -> int:
    """Give a member the guest orders with an address that they have proven to read, and return how many. A step."""
    result = db.session.execute(
        update(Order)
        .where(Order.guest_email == email.lower())
        .values(member_id=member_id)
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", result).rowcount


@atomic
def want_order_link(code: str, email: str, request_id: str) -> None:
    """Have the link of an order mailed to its own address, if code and address belong together.

    If they do not, an event of nothing is written: who asks cannot tell the one from the other.
    """
    order = db.session.execute(
        select(Order.id, Order.version, Order.code).where(
            Order.code == code, func.lower(Order.email) == email.lower()
        )
    ).one_or_none()
    key, version, known = order or (id_of_nobody(f"{code} {email}"), 1, "")
    if _links_of_this_hour(key) < MOST_LINKS_AN_HOUR:
        wanted = OrderLinkWanted(subject_id=key, subject_version=version, code=known)
        publish(Actor("guest", request_id=request_id), wanted)


@atomic
def send_order_link(order_id: uuid.UUID, actor: Actor) -> None:
    """Have the link of an order mailed to its customer. Raises InvalidValue without an address, Conflict too often."""
    order = get_order(order_id)
    if not order.email or order.email.endswith(".invalid"):
        raise InvalidValue("email", "order_without_email")
    if _links_of_this_hour(order_id) >= MOST_LINKS_AN_HOUR:
        raise Conflict("order_link_sent_often", limit=MOST_LINKS_AN_HOUR)
    publish(actor, OrderLinkWanted(subject_id=order.id, subject_version=order.version, code=order.code))


def _links_of_this_hour(order_id: uuid.UUID) -> int:
    asked = db.session.scalar(
        select(func.count())
        .select_from(Event)
        .where(
            Event.subject_id == order_id,
            Event.type == OrderLinkWanted.type(),
            Event.occurred_at > clock.now() - timedelta(hours=1),
        )
    )
    return asked or 0
