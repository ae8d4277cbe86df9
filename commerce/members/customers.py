"""A customer: a member with an account, or a guest, who is nothing but the address on their orders.

Whatever concerns all data of a person (export, erasure) asks here which rows are theirs.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from commerce.accounts.members import get_member
from commerce.accounts.models import Member
from commerce.cart.models import Cart
from commerce.cart.services import member_shopper
from commerce.db import db
from commerce.errors import NotFound
from commerce.orders.models import Order

MOST = 50
"""Customers in a list: who looks for one more searches."""


ERASED_EMAIL = "erased@erased.invalid"
"""Stands on the orders of whoever was erased. RFC 2606: nobody ever reads there, and no mail is sent to it."""
NOBODY = (ERASED_EMAIL, "")
"""Addresses under which all orders of people whom the shop does not know stand together: they are nobody's."""


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
        as_guest = and_(func.lower(Order.email) == self.email, Order.member_id.is_(None))
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


def _figures() -> tuple[ColumnElement[Any], ...]:
    """Return what is summed up over orders: how many, what was spent, and when the last one was placed."""
    kept = case((Order.payment_status.in_(PAID), Order.total - Order.credited_amount), else_=0)
    return func.count(), func.coalesce(func.sum(kept), 0), func.max(Order.placed_at)


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
    """Return guests whose address begins with `search` or whose name has it, the newest order first."""
    statement = select(
        func.lower(Order.email), func.max(Order.name), func.max(Order.code), *_figures()
    ).where(Order.member_id.is_(None), Order.email.not_in(NOBODY))
    if search:
        statement = statement.where(_matches(Order.email, Order.name, search))
    rows = db.session.execute(
        statement.group_by(func.lower(Order.email)).order_by(func.max(Order.placed_at).desc()).limit(MOST)
    )
    return [
        CustomerRow(email, name, None, code, int(orders), int(spent), last)
        for email, name, code, orders, spent, last in rows
    ]


def figures_of(customer: Customer) -> tuple[int, int, datetime | None]:
    """Return how many orders a customer placed, what they spent (minor units) and when the last one was."""
    orders, spent, last = db.session.execute(select(*_figures()).where(customer.orders)).one()
    return int(orders), int(spent), last


def _matches(email: Any, name: Any, search: str) -> ColumnElement[bool]:
    words = search.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return or_(
        func.lower(email).like(f"{words}%", escape="\\"), func.lower(name).like(f"%{words}%", escape="\\")
    )
