"""The list of orders as staff work from it: filters that combine, three sortings, pages by keyset, bounded counts.

Filters are facts of an address, so what was typed there is read leniently: what makes no sense does not filter.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    ColumnElement,
    Select,
    Uuid,
    and_,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
)

from commerce.accounts.models import StaffMember
from commerce.db import UtcDateTime, db
from commerce.list_queries import bounded_counts
from commerce.orders.models import Order, OrderAssignment, OrderLine, OrderTag
from commerce.orders.search import EXACT, Wanted, exact, matches
from commerce.orders.transitions import PAYMENT_STATUSES, STATUSES
from commerce.paging import EPOCH, Cursor, CursorPage
from commerce.tenants.scope import current_shop

PAGE = 25
FULFILLMENTS = ("unshipped", "partly", "shipped")
SORTS = ("newest", "oldest", "highest", "lowest")
MAX_TEXT = 200
MAX_DIGITS = 15


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What a list of orders is narrowed to; '' and None narrow nothing. All of it must hold.

    `since` and `until` are days of the shop's calendar, both included; `least` and `most` totals in minor units.
    `assignee` is the id of one of the staff.
    """

    search: str = ""
    status: str = ""
    payment: str = ""
    fulfillment: str = ""
    method: str = ""
    country: str = ""
    tag: str = ""
    coupon: str = ""
    sku: str = ""
    since: date | None = None
    until: date | None = None
    least: int | None = None
    most: int | None = None
    assignee: uuid.UUID | None = None
    attention: bool = False

    @property
    def narrows(self) -> bool:
        """Tell whether any order may be left out."""
        return self != OrderFilter()

    def without(self, name: str) -> OrderFilter:
        """Return the same filter with one thing less."""
        empty: Any = next(each.default for each in fields(self) if each.name == name)
        return replace(self, **{name: empty})

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return what must hold of an order."""
        columns = (
            (Order.status, self.status),
            (Order.payment_status, self.payment),
            (Order.payment_method, self.method),
        )
        found: list[ColumnElement[bool]] = [column == value for column, value in columns if value]
        if self.fulfillment:
            found.append(_fulfillment(self.fulfillment))
        if self.assignee:
            mine = select(OrderAssignment.order_id).where(OrderAssignment.staff_id == self.assignee)
            found.append(Order.id.in_(mine))
        if self.attention:
            found.append(Order.attention != literal_column("''"))
        return [*found, *self._searched(), *self._within()]

    def _searched(self) -> list[ColumnElement[bool]]:
        exactly = [exact(kind, getattr(self, kind)) for kind in EXACT if getattr(self, kind)]
        if not self.search and not exactly:
            return []
        # A search of nothing but signs asks for something that no order has.
        in_vain = bool(self.search) and not Wanted(self.search)
        return [false() if in_vain else matches(Wanted(self.search, exactly))]

    def _within(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.since:
            found.append(Order.placed_at >= _midnight(self.since))
        if self.until:
            found.append(Order.placed_at < _midnight(self.until + timedelta(days=1)))
        if self.least is not None:
            found.append(Order.total >= self.least)
        if self.most is not None:
            found.append(Order.total <= self.most)
        return found


def parse_filter(asked: Mapping[str, str], *, search: str = "") -> OrderFilter:
    """Return the filter that an address asks for. A value that cannot be is not taken for another one: it is left out.

    `search` is the text that was searched for, already cleaned.
    """

    def one_of(name: str, known: Sequence[str]) -> str:
        return asked.get(name, "") if asked.get(name, "") in known else ""

    def word(name: str, longest: int) -> str:
        value = asked.get(name, "").strip()
        return value[:longest] if value.isprintable() else ""

    def day(name: str) -> date | None:
        try:
            found = date.fromisoformat(asked.get(name, ""))
        except ValueError:
            return None
        return found if 1970 < found.year < 2200 else None

    return OrderFilter(
        search=search[:MAX_TEXT],
        status=one_of("status", STATUSES),
        payment=one_of("payment", PAYMENT_STATUSES),
        fulfillment=one_of("fulfillment", FULFILLMENTS),
        method=word("method", 40),
        country=word("country", 2).upper(),
        tag=word("tag", 40),
        coupon=word("coupon", 60),
        sku=word("sku", 100),
        since=day("since"),
        until=day("until"),
        assignee=_id(asked.get("assignee", "")),
        attention=asked.get("attention") == "1",
    )


def _id(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(current_shop().timezone))


def _fulfillment(name: str) -> ColumnElement[bool]:
    if name == "shipped":
        return Order.shipped_at.is_not(None)
    # As a value: one look into the index for each order that is being processed. No other has a parcel and units left.
    sent = (
        select(OrderLine.id)
        .where(OrderLine.tenant_id == Order.tenant_id, OrderLine.order_id == Order.id, OrderLine.shipped > 0)
        .limit(literal_column("1"))
        .correlate(Order)
        .scalar_subquery()
    )
    if name == "partly":
        return and_(Order.status == "processing", sent.is_not(None))
    return and_(
        Order.status.in_(("confirmed", "processing")), or_(Order.status == "confirmed", sent.is_(None))
    )


def matching_orders(wanted: OrderFilter) -> Select[uuid.UUID, int]:
    """Return the statement for the id and version of every order that a filter finds. A step, as its search is."""
    return select(Order.id, Order.version).where(*wanted.conditions()).order_by(Order.id)


def chosen_orders(ids: Collection[uuid.UUID]) -> Select[uuid.UUID, int]:
    """Return the statement for the id and version of these orders."""
    return select(Order.id, Order.version).where(Order.id.in_(ids)).order_by(Order.id)


# --- the rows ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ListedOrder:
    """An order in the list. `total` is minor units, `items` units that were not cancelled."""

    id: uuid.UUID
    code: str
    status: str
    payment_status: str
    name: str
    email: str
    company: str
    city: str
    country: str
    total: int
    currency: str
    placed_at: datetime
    attention: str
    items: int
    assignee: str
    tags: tuple[str, ...] = ()


def list_filtered(
    wanted: OrderFilter, *, sort: str = "newest", before: Cursor | None = None, limit: int = PAGE
) -> CursorPage[ListedOrder]:
    """Return a page of the orders that a filter finds. Two statements, by keyset: no page costs more than the first."""
    statement = _rows().where(*wanted.conditions())
    found, position = _page(statement, sort if sort in SORTS else "newest", before, limit)
    tags = tags_of([row.id for row in found])
    names = [each.name for each in fields(ListedOrder)][6:9]
    rows = []
    for row in found:
        values = row._asdict()
        address = values.pop("shipping_address") or {}
        values |= {name: str(address.get(_FROM_ADDRESS[name], "") or "") for name in names}
        rows.append(ListedOrder(**values, tags=tuple(tags.get(row.id, ()))))
    return CursorPage(rows, position)


_FROM_ADDRESS = {"company": "company", "city": "city", "country": "country_code"}


def _rows() -> Any:
    units = (
        select(func.coalesce(func.sum(OrderLine.quantity - OrderLine.cancelled), 0))
        .where(OrderLine.tenant_id == Order.tenant_id, OrderLine.order_id == Order.id)
        .correlate(Order)
        .scalar_subquery()
    )
    who = (
        select(StaffMember.name)
        .join(
            OrderAssignment,
            (OrderAssignment.tenant_id == StaffMember.tenant_id)
            & (OrderAssignment.staff_id == StaffMember.id),
        )
        .where(OrderAssignment.tenant_id == Order.tenant_id, OrderAssignment.order_id == Order.id)
        .correlate(Order)
        .scalar_subquery()
    )
    names = (
        "id",
        "code",
        "status",
        "payment_status",
        "name",
        "email",
        "total",
        "currency",
        "placed_at",
        "attention",
    )
    return select(
        *(getattr(Order, name) for name in names),
        Order.shipping_address,
        units.label("items"),
        func.coalesce(who, "").label("assignee"),
    )


def _page(
    statement: Any, sort: str, before: Cursor | None, limit: int
) -> tuple[Sequence[Any], Cursor | None]:
    """Return a page in one of the sortings and the position to go on from.

    A position by total is written as the moment so many microseconds after the epoch: one kind of position for all.
    """
    by_total = sort in ("highest", "lowest")
    column: Any = Order.total if by_total else Order.placed_at
    falling = sort in ("newest", "highest")
    if before is not None:
        value = (
            literal((before.at - EPOCH) // timedelta(microseconds=1))
            if by_total
            else literal(before.at, UtcDateTime())
        )
        here, there = tuple_(column, Order.id), tuple_(value, literal(before.id, Uuid()))
        statement = statement.where(here < there if falling else here > there)
    order = (column.desc(), Order.id.desc()) if falling else (column, Order.id)
    found = db.session.execute(statement.order_by(*order).limit(limit + 1)).all()
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    at = EPOCH + timedelta(microseconds=last.total) if by_total else last.placed_at
    return found[:limit], Cursor(at, last.id)


def tags_of(order_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """Return the tags of orders, in the order of letters."""
    found: dict[uuid.UUID, list[str]] = {}
    if not order_ids:
        return found
    rows = db.session.execute(
        select(OrderTag.order_id, OrderTag.tag).where(OrderTag.order_id.in_(order_ids)).order_by(OrderTag.tag)
    )
    for order_id, tag in rows:
        found.setdefault(order_id, []).append(tag)
    return found


def count_filtered(search: str, filters: Mapping[str, OrderFilter]) -> dict[str, int]:
    """Return how many orders that a search finds each of several filters leaves, at most MOST_COUNTED + 1.

    One statement, and a step before it; the filters have no search of their own.
    """
    found = OrderFilter(search=search).conditions()
    return bounded_counts(
        {name: select(Order.id).where(*found, *each.conditions()) for name, each in filters.items()}
    )


def known_tags(limit: int = 100) -> list[str]:
    """Return the tags that orders have, in the order of letters."""
    return list(
        db.session.scalars(select(OrderTag.tag).group_by(OrderTag.tag).order_by(OrderTag.tag).limit(limit))
    )


def find_by_code(text: str) -> str | None:
    """Return the code of the order that is called by exactly this code, in any case, or number; None for none."""
    asked = text.strip().upper()
    if len(asked) > 40 or not asked.isprintable() or not any(sign.isdigit() for sign in asked):
        return None  # every code has the digits of its number
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= MAX_DIGITS else 0
    called = Order.number == number if number else Order.code == asked
    return db.session.scalar(select(Order.code).where(called))
