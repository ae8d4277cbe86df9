"""A customer: a member with an account, or a guest, who is nothing but the address on their orders.

Whatever concerns all data of a person (export, erasure) asks here which rows are theirs.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, or_, select
from sqlalchemy.orm import aliased

from commerce.accounts.members import get_member
from commerce.accounts.models import Member
from commerce.cart.models import Cart
from commerce.cart.services import member_shopper
from commerce.customers.models import CustomerGroupMember, CustomerProfile, CustomerTag, MergedEmail
from commerce.customers.profiles import CustomerKey, find_profile, get_profile, profile_of_merged
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
    """A person as the shop knows them. `member_id` is None for a guest; `email` is in lower case.

    `merged` are the addresses of customers who were merged into this one: what was ordered with them as a guest is
    theirs, too. `closed` are accounts that were closed by that.
    """

    email: str
    name: str
    member_id: uuid.UUID | None = None
    confirmed: bool = False
    merged: tuple[str, ...] = ()
    closed: tuple[uuid.UUID, ...] = ()

    @property
    def key(self) -> CustomerKey:
        """How their profile is found."""
        return CustomerKey(self.email, self.member_id)

    @property
    def emails(self) -> tuple[str, ...]:
        """All addresses that are theirs."""
        return (self.email, *self.merged)

    @property
    def accounts(self) -> tuple[uuid.UUID, ...]:
        """Their account, if they have one, and those that were closed."""
        return (self.member_id, *self.closed) if self.member_id else self.closed

    @property
    def orders(self) -> ColumnElement[bool]:
        """The condition for their orders: those of the account, and those placed as a guest with the address."""
        as_guest = and_(func.lower(Order.email).in_(self.emails), Order.member_id.is_(None))
        return or_(Order.member_id.in_(self.accounts), as_guest) if self.accounts else as_guest

    @property
    def carts(self) -> ColumnElement[bool]:
        """The condition for their carts, ordered or not: their own, and those with the address in the details."""
        typed = func.lower(Cart.details["email"].as_string()).in_(self.emails)
        if not self.accounts:
            return typed
        shoppers = [member_shopper(member_id) for member_id in self.accounts]
        return or_(typed, Cart.member_id.in_(self.accounts), Cart.shopper_hash.in_(shoppers))


def customer_of_member(member_id: uuid.UUID) -> Customer:
    """Return a member as a customer. Raises NotFound, also for one who was erased or merged into another."""
    member = get_member(member_id)
    if member.erased_at is not None:
        raise NotFound("customer_not_found")
    return _with_merged(Customer(member.email, member.name, member.id, member.confirmed_at is not None))


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
    email = order.email.lower()
    kept = profile_of_merged(email)
    if kept is not None:
        return customer_of_profile(kept.id)
    own = find_profile(CustomerKey(email))
    return _with_merged(Customer(email, (own.name if own else "") or order.name))


def customer_of_profile(profile_id: uuid.UUID) -> Customer:
    """Return whose profile it is, with an account, orders, or neither. Raises NotFound."""
    profile = get_profile(profile_id)
    if profile.member_id is not None:
        return customer_of_member(profile.member_id)
    name = profile.name or db.session.scalar(
        select(Order.name)
        .where(func.lower(Order.email) == profile.email, Order.member_id.is_(None))
        .order_by(Order.placed_at.desc())
        .limit(1)
    )
    return _with_merged(Customer(profile.email, name or ""))


def _with_merged(customer: Customer) -> Customer:
    """Return a customer with the addresses and accounts of those who were merged into them."""
    profile = (MergedEmail.tenant_id == CustomerProfile.tenant_id) & (
        MergedEmail.profile_id == CustomerProfile.id
    )
    rows = db.session.execute(
        select(MergedEmail.email, MergedEmail.member_id)
        .join(CustomerProfile, profile)
        .where(customer.key.profile)
        .order_by(MergedEmail.email)
    ).all()
    return replace(
        customer,
        merged=tuple(row.email for row in rows),
        closed=tuple(row.member_id for row in rows if row.member_id is not None),
    )


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """A customer in a list. `key` is what the address of their page ends in.

    `spent` is what they paid and did not get back, in minor units of the shop's currency.
    """

    email: str
    name: str
    key: str
    orders: int = 0
    spent: int = 0
    last_order: datetime | None = None
    member_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class CustomerFilter:
    """What a list of customers is narrowed to; '' and None are everybody.

    `search` is the beginning of an address or a part of a name.
    """

    search: str = ""
    tag: str = ""
    group_id: uuid.UUID | None = None

    @property
    def profiles(self) -> list[ColumnElement[bool]]:
        """The conditions for profiles, none when it does not ask for any."""
        found: list[ColumnElement[bool]] = []
        if self.tag:
            tagged = select(CustomerTag.profile_id).where(func.lower(CustomerTag.tag) == self.tag.lower())
            found.append(CustomerProfile.id.in_(tagged))
        if self.group_id is not None:
            grouped = select(CustomerGroupMember.profile_id)
            found.append(CustomerProfile.id.in_(grouped.where(CustomerGroupMember.group_id == self.group_id)))
        return found


EVERYBODY = CustomerFilter()
_ALL: ColumnElement[Any] = func.count()
PAID = ("paid", "partially_refunded", "refunded")
"""Payment statuses of an order whose money came."""


def _figures(count: ColumnElement[Any] = _ALL) -> tuple[ColumnElement[Any], ...]:
    """Return what is summed up over orders: how many, what was spent, and when the last one was placed."""
    kept = case((Order.payment_status.in_(PAID), Order.total - Order.credited_amount), else_=0)
    return count, func.coalesce(func.sum(kept), 0), func.max(Order.placed_at)


def find_members(asked: CustomerFilter = EVERYBODY) -> Sequence[CustomerRow]:
    """Return members, the newest first. One statement."""
    found = (
        select(Member.tenant_id, Member.email, Member.name, Member.id)
        .where(*member_conditions(asked))
        .order_by(Member.id.desc())
        .limit(MOST)
        .subquery()
    )
    count, spent, last = _figures(func.count(Order.id))
    rows = db.session.execute(
        select(found.c.email, found.c.name, found.c.id, count, spent, last)
        .outerjoin(Order, and_(Order.tenant_id == found.c.tenant_id, Order.member_id == found.c.id))
        .group_by(found.c.email, found.c.name, found.c.id)
        .order_by(found.c.id.desc())
    )
    return [
        CustomerRow(email, name, str(key), int(orders), int(amount), moment, key)
        for email, name, key, orders, amount, moment in rows
    ]


def member_conditions(asked: CustomerFilter) -> list[ColumnElement[bool]]:
    """Return the conditions for the members that a filter asks for."""
    found: list[ColumnElement[bool]] = [Member.confirmed_at.is_not(None), Member.erased_at.is_(None)]
    if asked.search:
        found.append(_matches(Member.email, Member.name, asked.search))
    if asked.profiles:
        found.append(Member.id.in_(select(CustomerProfile.member_id).where(*asked.profiles)))
    return found


def find_guests(asked: CustomerFilter = EVERYBODY) -> Sequence[CustomerRow]:
    """Return guests, the newest order first."""
    rows = db.session.execute(guests(asked).order_by(func.max(Order.placed_at).desc()).limit(MOST))
    return [
        CustomerRow(email, kept_name or name, code, int(orders), int(spent), last)
        for email, kept_name, name, code, orders, spent, last in rows
    ]


def guests(asked: CustomerFilter) -> Select[Any]:
    """Return the statement that finds guests: address, kept name, name and code of an order, figures."""
    kept, own = aliased(CustomerProfile), aliased(CustomerProfile)
    address = func.lower(Order.email)
    email = func.coalesce(kept.email, address)
    statement = (
        select(email, func.max(own.name), func.max(Order.name), func.max(Order.code), *_figures())
        .outerjoin(MergedEmail, and_(MergedEmail.tenant_id == Order.tenant_id, MergedEmail.email == address))
        .outerjoin(kept, and_(kept.tenant_id == MergedEmail.tenant_id, kept.id == MergedEmail.profile_id))
        .outerjoin(own, and_(own.tenant_id == Order.tenant_id, own.email == email))
        .where(Order.member_id.is_(None), Order.email.not_in(NOBODY), kept.member_id.is_(None))
    )
    if asked.search:
        statement = statement.where(
            or_(_matches(Order.email, Order.name, asked.search), _matches(own.email, own.name, asked.search))
        )
    if asked.profiles:
        statement = statement.where(email.in_(select(CustomerProfile.email).where(*asked.profiles)))
    return statement.group_by(email)


def find_contacts(asked: CustomerFilter = EVERYBODY) -> Sequence[CustomerRow]:
    """Return customers who have neither an account nor an order yet, the newest first."""
    rows = db.session.execute(
        select(CustomerProfile.email, CustomerProfile.name, CustomerProfile.id)
        .where(*contact_conditions(asked))
        .order_by(CustomerProfile.id.desc())
        .limit(MOST)
    )
    return [CustomerRow(email, name, str(key)) for email, name, key in rows]


def contact_conditions(asked: CustomerFilter) -> list[ColumnElement[bool]]:
    """Return the conditions for the profiles of customers without account and order that a filter asks for."""
    ordered = exists().where(
        Order.tenant_id == CustomerProfile.tenant_id,
        Order.member_id.is_(None),
        func.lower(Order.email) == CustomerProfile.email,
    )
    found = [CustomerProfile.member_id.is_(None), ~ordered, *asked.profiles]
    if asked.search:
        found.append(_matches(CustomerProfile.email, CustomerProfile.name, asked.search))
    return found


def tags_of_rows(rows: Sequence[CustomerRow]) -> dict[str, list[str]]:
    """Return the tags of listed customers, by address. One statement."""
    found: dict[str, list[str]] = {}
    by_member: dict[uuid.UUID | None, str] = {
        row.member_id: row.email for row in rows if row.member_id is not None
    }
    emails = [row.email for row in rows if row.member_id is None]
    if not rows:
        return found
    tagged = db.session.execute(
        select(CustomerProfile.email, CustomerProfile.member_id, CustomerTag.tag)
        .join(
            CustomerTag,
            (CustomerTag.tenant_id == CustomerProfile.tenant_id)
            & (CustomerTag.profile_id == CustomerProfile.id),
        )
        .where(or_(CustomerProfile.member_id.in_(by_member), CustomerProfile.email.in_(emails)))
        .order_by(func.lower(CustomerTag.tag))
    )
    for email, member_id, tag in tagged:
        found.setdefault(by_member.get(member_id, email), []).append(tag)
    return found


def figures_of(customer: Customer) -> tuple[int, int, datetime | None]:
    """Return how many orders a customer placed, what they spent (minor units) and when the last one was."""
    orders, spent, last = db.session.execute(select(*_figures()).where(customer.orders)).one()
    return int(orders), int(spent), last


def _matches(email: Any, name: Any, search: str) -> ColumnElement[bool]:
    words = search.lower().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return or_(
        func.lower(email).like(f"{words}%", escape="\\"), func.lower(name).like(f"%{words}%", escape="\\")
    )
