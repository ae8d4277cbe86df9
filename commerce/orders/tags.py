"""Tags of orders, and who of the staff takes care of one: what helps people work and changes nothing of the order."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import delete, exists, func, select

from commerce import typed_text
from commerce.accounts.models import StaffMember
from commerce.db import atomic, db, insert_rows
from commerce.errors import InvalidValue, NotFound
from commerce.orders.models import Order, OrderAssignment, OrderTag
from commerce.orders.search import index_orders
from commerce.orders.services import lock_order

MAX_TAGS = 20


def read_tags(text: str) -> list[str]:
    """Return the tags of a line, separated by commas. Raises InvalidValue."""
    tags = typed_text.split_tags(text)
    if len(tags) > MAX_TAGS:
        raise InvalidValue("tags", "too_many_order_tags", limit=MAX_TAGS)
    return tags


@atomic
def set_tags(order_id: uuid.UUID, tags: Iterable[str]) -> None:
    """Give an order these tags and no others. Its version stays: a page that shows it is not stale. Raises NotFound."""
    replace_tags(lock_order(order_id), set(tags))


def replace_tags(order: Order, wanted: set[str]) -> None:
    """Give a locked order these tags and no others. A step."""
    known = set(db.session.scalars(select(OrderTag.tag).where(OrderTag.order_id == order.id)))
    gone = (OrderTag.order_id == order.id) & OrderTag.tag.in_(known - wanted)
    db.session.execute(delete(OrderTag).where(gone).execution_options(synchronize_session=False))
    insert_rows(OrderTag, [{"order_id": order.id, "tag": tag} for tag in sorted(wanted - known)])
    if known != wanted:
        index_orders([order.id])


@atomic
def assign_order(order_id: uuid.UUID, staff_id: uuid.UUID | None) -> None:
    """Let one of the staff take care of an order, None for nobody. Raises NotFound, also for who works here no more."""
    assign_locked(lock_order(order_id), staff_id)


def assign_locked(order: Order, staff_id: uuid.UUID | None) -> None:
    """Let one of the staff take care of a locked order. A step. Raises NotFound as `assign_order`."""
    if staff_id is not None:
        works_here = select(StaffMember.id).where(StaffMember.id == staff_id, StaffMember.active)
        if db.session.scalar(works_here) is None:
            raise NotFound("staff_not_found")
    mine = OrderAssignment.order_id == order.id
    db.session.execute(delete(OrderAssignment).where(mine).execution_options(synchronize_session=False))
    if staff_id is not None:
        insert_rows(OrderAssignment, [{"order_id": order.id, "staff_id": staff_id}])


class Colleague(NamedTuple):
    """One of the staff who could take care of an order; `assigned` tells whether they do."""

    id: uuid.UUID
    name: str
    assigned: bool


def assigned_to(order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """Return who takes care of orders: order id -> staff id."""
    rows = db.session.execute(
        select(OrderAssignment.order_id, OrderAssignment.staff_id).where(
            OrderAssignment.order_id.in_(order_ids)
        )
    )
    return {row.order_id: row.staff_id for row in rows}


def staff_names(staff_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the names of people who work here or did, by id."""
    name = func.coalesce(func.nullif(StaffMember.name, ""), StaffMember.email)
    rows = db.session.execute(select(StaffMember.id, name).where(StaffMember.id.in_(staff_ids)))
    return {row[0]: row[1] for row in rows}


def colleagues_for(order_id: uuid.UUID | None) -> list[Colleague]:
    """Return who works here, by name, and who of them takes care of an order, if one is given. One statement."""
    mine = exists().where(
        OrderAssignment.tenant_id == StaffMember.tenant_id,
        OrderAssignment.staff_id == StaffMember.id,
        OrderAssignment.order_id == order_id,
    )
    name = func.coalesce(func.nullif(StaffMember.name, ""), StaffMember.email)
    rows = db.session.execute(
        select(StaffMember.id, name, mine)
        .where(StaffMember.active)
        .order_by(func.lower(name), StaffMember.id)
    )
    return [Colleague(*row) for row in rows]
