"""Read what was asked back: the requests of an order or of the shop, and what can still be asked for."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Select, Table, Uuid, bindparam, func, literal_column, select, union_all
from sqlalchemy.orm import selectinload

from commerce.db import TENANT, db, fetch_all
from commerce.errors import NotFound
from commerce.list_queries import bounded_count, bounded_counts, keyset_page, newest_first
from commerce.orders.models import Credit, Order, ReturnLine, ReturnRequest
from commerce.orders.refund_amounts import shipped_not_returned, uncredited
from commerce.paging import CursorPage

KINDS = ("refund", "return")
STATES = ("requested", "approved", "received", "closed", "declined", "withdrawn")
OPEN = ("requested", "approved", "received")
"""States of a request that somebody has still to do something about."""
PAGE = 25


# --- what can be asked for -------------------------------------------------------------------------


def units_to_ask_for(order: Order) -> dict[uuid.UUID, int]:
    """Return the units by order line id that were neither given back nor asked for yet."""
    asked = _requested_units(order.id, KINDS)
    left = {key: count - asked.get(key, 0) for key, count in uncredited(order).items()}
    return {key: count for key, count in left.items() if count > 0}


def returnable_units(order: Order, free: Mapping[uuid.UUID, int], kind: str) -> dict[uuid.UUID, int]:
    """Return how many of the `free` units a request of a kind may be about: only what has left can be sent back."""
    if kind != "return":
        return dict(free)
    coming = _requested_units(order.id, ("return",))
    gone = {line.id: shipped_not_returned(line) - coming.get(line.id, 0) for line in order.lines}
    return {key: min(count, gone[key]) for key, count in free.items() if gone[key] > 0}


def _requested_units(order_id: uuid.UUID, kinds: tuple[str, ...]) -> dict[uuid.UUID, int]:
    rows = db.session.execute(
        select(ReturnLine.order_line_id, func.sum(ReturnLine.quantity))
        .join(
            ReturnRequest,
            (ReturnRequest.tenant_id == ReturnLine.tenant_id) & (ReturnRequest.id == ReturnLine.return_id),
        )
        .where(
            ReturnRequest.order_id == order_id, ReturnRequest.state.in_(OPEN), ReturnRequest.kind.in_(kinds)
        )
        .group_by(ReturnLine.order_line_id)
    )
    return {line_id: int(count) for line_id, count in rows}


_requests = cast("Table", ReturnRequest.__table__)
_ANY_REQUEST = (
    select(_requests.c.id)
    .where(_requests.c.tenant_id == TENANT, _requests.c.order_id == bindparam("order", type_=Uuid()))
    .limit(literal_column("1"))
)

# --- requests and credits of one order -------------------------------------------------------------


def requests_of(order_id: uuid.UUID) -> Sequence[ReturnRequest]:
    """Return the requests of an order with their lines, newest first."""
    if not fetch_all(_ANY_REQUEST, order=order_id):
        return []  # as of nearly every order: its page need not make objects to find that out
    return db.session.scalars(
        select(ReturnRequest)
        .where(ReturnRequest.order_id == order_id)
        .options(selectinload(ReturnRequest.lines))
        .order_by(ReturnRequest.number.desc())
        .execution_options(populate_existing=True)
    ).all()


def get_request(order_id: uuid.UUID, return_id: uuid.UUID) -> ReturnRequest:
    """Return one request of an order. Raises NotFound, also for one of another order."""
    found = next((each for each in requests_of(order_id) if each.id == return_id), None)
    if found is None:
        raise NotFound("return_not_found")
    return found


def units_to_answer(request: ReturnRequest) -> dict[uuid.UUID, int]:
    """Return the units by order line id that the next answer is about when nothing else is said.

    What came back, once something did; before that, what was asked for.
    """
    if request.state == "received":
        return {line.order_line_id: line.received for line in request.lines if line.received}
    return {line.order_line_id: line.quantity for line in request.lines}


def credits_of(order_id: uuid.UUID) -> Sequence[Credit]:
    """Return the decisions to give money back, with their lines, oldest first."""
    return db.session.scalars(
        select(Credit)
        .where(Credit.order_id == order_id)
        .options(selectinload(Credit.lines))
        .order_by(Credit.number)
    ).all()


# --- requests of the shop --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RequestRow:
    """A request in the list of all of them. `units` is how many it is about."""

    id: uuid.UUID
    number: int
    kind: str
    whole: bool
    state: str
    reason: str
    created_at: datetime
    code: str
    name: str
    email: str
    units: int


def list_requests(
    *, state: str = "", before: tuple[datetime, uuid.UUID] | None = None, limit: int = PAGE
) -> CursorPage[RequestRow]:
    """Return a page of requests, newest first, by keyset; `state` is one of STATES, or '' for all that are open."""
    units = (
        select(func.coalesce(func.sum(ReturnLine.quantity), 0))
        .where(ReturnLine.tenant_id == ReturnRequest.tenant_id, ReturnLine.return_id == ReturnRequest.id)
        .correlate(ReturnRequest)
        .scalar_subquery()
    )
    statement = select(
        ReturnRequest.id,
        ReturnRequest.number,
        ReturnRequest.kind,
        ReturnRequest.whole,
        ReturnRequest.state,
        ReturnRequest.reason,
        ReturnRequest.created_at,
        Order.code,
        Order.name,
        Order.email,
        units,
    ).join(Order, (Order.tenant_id == ReturnRequest.tenant_id) & (Order.id == ReturnRequest.order_id))
    if state:
        statement = statement.where(ReturnRequest.state == state)
    else:
        statement = statement.where(ReturnRequest.id.in_(_newest_open(before, limit)))
    found, older = newest_first(statement, ReturnRequest.created_at, ReturnRequest.id, before, limit)
    return CursorPage([RequestRow(*row) for row in found], older)


def _newest_open(before: tuple[datetime, uuid.UUID] | None, limit: int) -> Any:
    """Return the statement for the ids of the newest of each open state: each is a walk along the index of states."""
    keys = (ReturnRequest.created_at, ReturnRequest.id)
    walks = [keyset_page(_in_states(each), *keys, before, limit).subquery(f"newest_{each}") for each in OPEN]
    return union_all(*(select(each.c.id) for each in walks))


def count_requests() -> dict[str, int]:
    """Return how many requests there are in each state, all states named; each up to the bound of paging."""
    return bounded_counts({state: _in_states(state) for state in STATES})


def count_open_requests() -> int:
    """Return how many requests wait for somebody of the shop, up to the bound of paging."""
    return bounded_count(_in_states(*OPEN))


def _in_states(*states: str) -> Select[uuid.UUID]:
    return select(ReturnRequest.id).where(ReturnRequest.state.in_(states))
