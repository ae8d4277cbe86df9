"""Read orders: one by its link or code, lists for staff, the timeline."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, Table, Uuid, bindparam, func, literal, or_, select, tuple_
from sqlalchemy.orm import selectinload

from commerce import list_queries
from commerce.cart.models import Cart
from commerce.catalog.models import Variant
from commerce.db import TENANT, db, fetch_objects, with_related
from commerce.errors import NotFound
from commerce.events.models import Event
from commerce.inventory.backorders import BackorderQueueEntry, backorder_queues
from commerce.inventory.models import OPEN, Reservation, StockItem, StockMovement
from commerce.orders.models import Order, OrderAdjustment, OrderLine
from commerce.orders.transitions import STATUSES
from commerce.paging import Cursor, CursorPage

PAGE = 25


def _whole(condition: Any) -> Order:
    order = db.session.scalar(
        select(Order)
        .where(condition)
        .options(selectinload(Order.lines), selectinload(Order.adjustments))
        .execution_options(populate_existing=True)
    )
    if order is None:
        raise NotFound("order_not_found")
    return order


_orders, _order_lines = cast("Table", Order.__table__), cast("Table", OrderLine.__table__)
_order_adjustments, _events = cast("Table", OrderAdjustment.__table__), cast("Table", Event.__table__)
_subject = bindparam("order", type_=Uuid())
# Kept statements, the shop named by TENANT: see db.py.
_BY_TOKEN = select(_orders).where(_orders.c.tenant_id == TENANT, _orders.c.token == bindparam("token"))
_LINES_OF, _ADJUSTMENTS_OF = (
    select(table).where(table.c.tenant_id == TENANT, table.c.order_id == _subject).order_by(table.c.position)
    for table in (_order_lines, _order_adjustments)
)
_TIMELINE = (
    select(_events)
    .where(_events.c.tenant_id == TENANT, _events.c.subject_id == _subject)
    .order_by(_events.c.subject_version, _events.c.id)
)


def get_order_by_token(token: str) -> Order:
    """Return an order by the secret of its link, to be read: it belongs to no session. Raises NotFound."""
    found = fetch_objects(Order, _BY_TOKEN, token=token)
    if not found:
        raise NotFound("order_not_found")
    (order,) = found
    return with_related(
        order,
        lines=fetch_objects(OrderLine, _LINES_OF, order=order.id),
        adjustments=fetch_objects(OrderAdjustment, _ADJUSTMENTS_OF, order=order.id),
    )


def get_order_by_code(code: str) -> Order:
    """Return an order by the code that people use. Raises NotFound."""
    return _whole(Order.code == code)


def get_order(order_id: uuid.UUID) -> Order:
    """Return an order with lines and adjustments. Raises NotFound."""
    return _whole(Order.id == order_id)


def get_orders(ids: Collection[uuid.UUID]) -> Sequence[Order]:
    """Return those of some orders that exist, with lines and adjustments. Three statements."""
    return db.session.scalars(
        select(Order)
        .where(Order.id.in_(ids))
        .options(selectinload(Order.lines), selectinload(Order.adjustments))
        .execution_options(populate_existing=True)
    ).all()


def find_by_cart(checkout_token: str, shopper: str) -> Order | None:
    """Return the order that a cart became, or None. The cart must be this browser's."""
    return db.session.scalar(
        select(Order)
        .join(Cart, (Cart.tenant_id == Order.tenant_id) & (Cart.id == Order.cart_id))
        .where(Cart.checkout_token == checkout_token, Cart.shopper_hash == shopper)
    )


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order in a list. `total` is minor units."""

    id: uuid.UUID
    code: str
    status: str
    payment_status: str
    name: str
    email: str
    total: int
    currency: str
    placed_at: datetime
    attention: str
    version: int
    customer_reference: str
    member_id: uuid.UUID | None


Position = tuple[datetime, uuid.UUID]
"""Where a page of orders ends: when its last order was placed, and its id."""


def list_orders(
    *, status: str = "", search: str = "", before: Position | None = None, limit: int = PAGE
) -> CursorPage[OrderRow]:
    """Return a page of orders, newest first, by keyset: no page costs more than the first.

    `search` matches the start of a code or email, or any part of a name.
    """
    statement = select(*(getattr(Order, name) for name in OrderRow.__dataclass_fields__))
    if status:
        statement = statement.where(Order.status == status)
    if search:
        statement = statement.where(_matches(search))
    found, older = newest_first(statement, before, limit)
    return CursorPage([OrderRow(*row) for row in found], older)


def _matches(search: str) -> ColumnElement[bool]:
    words = search.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return or_(
        func.lower(Order.code).like(f"{words}%", escape="\\"),
        func.lower(Order.email).like(f"{words}%", escape="\\"),
        func.lower(Order.name).like(f"%{words}%", escape="\\"),
    )


def newest_first(
    statement: Select[Any], before: Position | None, limit: int
) -> tuple[Sequence[Any], Cursor | None]:
    """Return a page of the orders that a statement finds, and the position to go on from, None at the end.

    Its rows have `placed_at` and `id`. By keyset, so no page costs more than the first and none shifts.
    """
    return list_queries.newest_first(statement, Order.placed_at, Order.id, before, limit)


def count_orders(status: str = "") -> int:
    """Return how many orders there are, all or those in a status."""
    condition = [Order.status == status] if status else []
    return int(db.session.scalar(select(func.count()).select_from(Order).where(*condition)) or 0)


def count_by_status(search: str = "") -> dict[str, int]:
    """Return how many orders a search finds in each status (without one: all orders), all statuses named."""
    statement = select(Order.status, func.count()).group_by(Order.status)
    rows = db.session.execute(statement.where(_matches(search)) if search else statement)
    found = {status: int(count) for status, count in rows}
    return {status: found.get(status, 0) for status in STATUSES}


def timeline(
    order_id: uuid.UUID, *, after: tuple[int, uuid.UUID] | None = None, limit: int | None = None
) -> Sequence[Event]:
    """Return what happened to an order, oldest first: all of it, or so much `after` an event's (version, id)."""
    if after is None and limit is None:
        return fetch_objects(Event, _TIMELINE, order=order_id)
    statement = select(Event).where(Event.subject_id == order_id)
    if after is not None:
        statement = statement.where(
            tuple_(Event.subject_version, Event.id) > tuple_(literal(after[0]), literal(after[1], Uuid()))
        )
    return db.session.scalars(statement.order_by(Event.subject_version, Event.id).limit(limit)).all()


@dataclass(frozen=True, slots=True)
class StockEffect:
    """What an order did to stock: one reservation with the state it is in.

    Of its units, `waiting` are not there yet; the orders of the codes `before` come first.
    """

    order_line_id: uuid.UUID
    sku: str
    title: str
    quantity: int
    state: str
    on_hand: int
    reserved: int
    waiting: int = 0
    before: tuple[str, ...] = ()


def stock_effects(order_id: uuid.UUID) -> list[StockEffect]:
    """Return the reservations of an order with the present counters of their stock items."""
    rows = db.session.execute(
        select(
            Reservation.id,
            Reservation.stock_item_id,
            Reservation.order_line_id,
            OrderLine.sku,
            OrderLine.title,
            Reservation.quantity,
            Reservation.state,
            StockItem.on_hand,
            StockItem.reserved,
        )
        .join(
            OrderLine,
            (OrderLine.tenant_id == Reservation.tenant_id) & (OrderLine.id == Reservation.order_line_id),
        )
        .join(
            StockItem,
            (StockItem.tenant_id == Reservation.tenant_id) & (StockItem.id == Reservation.stock_item_id),
        )
        .where(Reservation.order_id == order_id)
        .order_by(OrderLine.position)
    ).all()
    short = {row.stock_item_id for row in rows if row.state in OPEN and row.reserved > row.on_hand}
    places = backorder_queues(short) if short else []
    waiting = {each.reservation_id: each.units - each.covered for each in places}
    return [
        StockEffect(
            *row[2:],
            waiting=waiting.get(row.id, 0),
            before=_codes_before(places, row.stock_item_id, order_id) if waiting.get(row.id) else (),
        )
        for row in rows
    ]


def _codes_before(
    places: Sequence[BackorderQueueEntry], stock_item_id: uuid.UUID, order_id: uuid.UUID
) -> tuple[str, ...]:
    first = {each.order_id for each in places if each.stock_item_id == stock_item_id and each.covered}
    return codes_of(first - {order_id})


def codes_of(order_ids: Collection[uuid.UUID]) -> tuple[str, ...]:
    """Return the codes of orders, the oldest first. One statement."""
    return tuple(db.session.scalars(select(Order.code).where(Order.id.in_(order_ids)).order_by(Order.number)))


@dataclass(frozen=True, slots=True)
class OrderMovement:
    """A row of the stock ledger that an order caused: `delta` units of a SKU came or went."""

    sku: str
    delta: int
    cause: str
    actor: str
    occurred_at: datetime


def movements_of(code: str) -> list[OrderMovement]:
    """Return the ledger rows that an order caused, oldest first."""
    rows = db.session.execute(
        select(
            Variant.sku,
            StockMovement.delta,
            StockMovement.cause,
            StockMovement.actor,
            StockMovement.occurred_at,
        )
        .join(
            StockItem,
            (StockItem.tenant_id == StockMovement.tenant_id) & (StockItem.id == StockMovement.stock_item_id),
        )
        .join(Variant, (Variant.tenant_id == StockItem.tenant_id) & (Variant.id == StockItem.variant_id))
        .where(StockMovement.reference == code)
        .order_by(StockMovement.id)
    )
    return [OrderMovement(*row) for row in rows]
