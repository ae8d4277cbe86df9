"""A customer: a member with an account, or a guest, who is nothing but the address on their orders.

Whatever concerns all data of a person (export, erasure) asks here which rows are theirs.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal_column, or_, select, tuple_
from sqlalchemy.orm import aliased

from commerce.accounts.members import get_member
from commerce.accounts.models import Member
from commerce.cart.models import Cart
from commerce.cart.services import member_shopper
from commerce.db import db
from commerce.errors import NotFound
from commerce.orders.models import NOBODY, Order
from commerce.orders.search import Wanted, matches

MOST = 50
"""Customers in a list: who looks for one more searches."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A person as the shop knows them. `member_id` is None for a guest; `email` is in lower case."""

    email: str
    name: str
    member_id: uuid.UUID | None = None
    confirmed: bool = False

    @property
    def orders(self) -> ColumnElement[bool]:
        """The condition for their orders: those of the account, and those placed as a guest with the address."""
        as_guest = Order.guest_email == self.email
        return as_guest if self.member_id is None else or_(Order.member_id == self.member_id, as_guest)

    @property
    def carts(self) -> ColumnElement[bool]:
        """The condition for their carts, ordered or not: their own, and those with the address in the details."""
        typed = func.lower(Cart.details["email"].as_string()) == self.email
        if self.member_id is None:
            return typed
        return or_(
            typed, Cart.member_id == self.member_id, Cart.shopper_hash == member_shopper(self.member_id)
        )


def customer_of_member(member_id: uuid.UUID) -> Customer:
    """Return a member as a customer. Raises NotFound, also for one who was erased."""
    member = get_member(member_id)
    if member.erased_at is not None:
        raise NotFound("customer_not_found")
    return Customer(member.email, member.name, member.id, member.confirmed_at is not None)


def customer_of_order(code: str) -> Customer:
    """Return whose order it is: a member, or a guest.

    Raises NotFound, also for an erased customer, and for an order without an address made by an API client.
    """
    order = db.session.execute(
        select(Order.email, Order.name, Order.member_id).where(Order.code == code)
    ).one_or_none()
    if order is None or order.email in NOBODY:
        raise NotFound("customer_not_found")
    if order.member_id is not None:
        return customer_of_member(order.member_id)
    return Customer(order.email.lower(), order.name)


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer in a list. `code` is that of the newest order, '' for a member without one.

    `spent` is what they paid and did not get back, in minor units of the shop's currency.
    """

    email: str
    name: str
    member_id: uuid.UUID | None
    code: str
    orders: int
    spent: int = 0
    last_order: datetime | None = None


PAID = ("paid", "partially_refunded", "refunded")
"""Payment statuses of an order whose money came."""


def _figures(order: Any = Order) -> tuple[ColumnElement[Any], ...]:
    """Return what is summed up over orders: how many, what was spent, and when the last one was placed."""
    kept = case((order.payment_status.in_(PAID), order.total - order.credited_amount), else_=0)
    return func.count(order.id), func.coalesce(func.sum(kept), 0), func.max(order.placed_at)


def find_members(search: str = "") -> Sequence[CustomerRow]:
    """Return members whose address begins with `search` or whose name has it, the newest first."""
    statement = select(Member.email, Member.name, Member.id).where(Member.confirmed_at.is_not(None))
    if search:
        statement = statement.where(_matches(Member.email, Member.name, search))
    rows = db.session.execute(
        statement.where(Member.erased_at.is_(None)).order_by(Member.id.desc()).limit(MOST)
    ).all()
    ids = [row.id for row in rows]
    sums = {
        key: (int(orders), int(spent), last)
        for key, orders, spent, last in db.session.execute(
            select(Order.member_id, *_figures()).where(Order.member_id.in_(ids)).group_by(Order.member_id)
        )
    }
    return [CustomerRow(email, name, key, "", *sums.get(key, (0, 0, None))) for email, name, key in rows]


def find_guests(search: str = "") -> Sequence[CustomerRow]:
    """Return guests whose address begins with `search` or whose name has it, the newest order first.

    No statement reads all orders: the newest of each guest are walked, or those looked at that the search of orders
    finds.
    """
    conditions: list[ColumnElement[bool]] = [Order.guest_email.is_not(None)]
    if search:
        emails = _emails_of_guests(search)
        if not emails:
            return []
        conditions = [Order.guest_email.in_(emails)]
    rows = db.session.execute(
        select(
            Order.guest_email,
            Order.name,
            Order.code,
            *(
                select(sum_).where(*_OF_SAME_GUEST).correlate(Order).scalar_subquery()
                for sum_ in _figures(_Same)[:2]
            ),
            Order.placed_at,
        )
        .where(*conditions, _NO_NEWER_ORDER)
        .order_by(Order.placed_at.desc(), Order.id.desc())
        .limit(MOST)
    ).all()
    return [
        CustomerRow(email, name, None, code, int(orders), int(spent), last)
        for email, name, code, orders, spent, last in rows
    ]


def _emails_of_guests(search: str) -> Sequence[str | None]:
    """Return the addresses of guests that a search finds, at most MOST, the newest order first.

    Words find the orders, by their index; what else those words may be of, a street or a product, is left out then.
    """
    wanted = Wanted(search)
    if not wanted:
        return []
    return db.session.scalars(
        select(Order.guest_email)
        .where(Order.guest_email.is_not(None), matches(wanted), _matches(Order.email, Order.name, search))
        .group_by(Order.guest_email)
        .order_by(func.max(Order.placed_at).desc())
        .limit(MOST)
    ).all()


_Same, _Newer = aliased(Order), aliased(Order)
_OF_SAME_GUEST = (_Same.tenant_id == Order.tenant_id, _Same.guest_email == Order.guest_email)
# As a value and not as a condition of a join: for each order that is walked one look into the index, until a page is
# full.
_NO_NEWER_ORDER = (
    select(_Newer.id)
    .where(
        _Newer.tenant_id == Order.tenant_id,
        _Newer.guest_email == Order.guest_email,
        tuple_(_Newer.placed_at, _Newer.id) > tuple_(Order.placed_at, Order.id),
    )
    .limit(literal_column("1"))
    .correlate(Order)
    .scalar_subquery()
    .is_(None)
)


def figures_of(customer: Customer) -> tuple[int, int, datetime | None]:
    """Return how many orders a customer placed, what they spent (minor units) and when the last one was."""
    orders, spent, last = db.session.execute(select(*_figures()).where(customer.orders)).one()
    return int(orders), int(spent), last


def _matches(email: Any, name: Any, search: str) -> ColumnElement[bool]:
    words = search.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return or_(
        func.lower(email).like(f"{words}%", escape="\\"), func.lower(name).like(f"%{words}%", escape="\\")
    )
