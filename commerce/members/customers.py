"""A customer: a member with an account, or a guest, who is nothing but the address on their orders.

Whatever concerns all data of a person (export, erasure) asks here which rows are theirs.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    exists,
    func,
    literal_column,
    or_,
    select,
    tuple_,
    union,
)
from sqlalchemy.orm import aliased

from commerce.accounts.members import get_member
from commerce.accounts.models import Member
from commerce.cart.models import Cart
from commerce.cart.services import member_shopper
from commerce.customers.models import CustomerGroupMember, CustomerProfile, CustomerTag, MergedEmail
from commerce.customers.profiles import CustomerKey, find_profile, get_profile, profile_of_merged
from commerce.db import db
from commerce.errors import NotFound
from commerce.orders.models import NOBODY, Order
from commerce.orders.search import Wanted, matches

MOST = 50
"""Customers in a list: who looks for one more searches."""


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
        as_guest = Order.guest_email.in_(self.emails)
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
        select(Order.name).where(Order.guest_email == profile.email).order_by(Order.placed_at.desc()).limit(1)
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


def count_profiles(asked: CustomerFilter) -> int:
    """Return how many customers have the tag and are in the group that a filter asks for."""
    found = select(func.count()).select_from(CustomerProfile).where(*asked.profiles)
    return db.session.scalar(found) or 0


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
    """Return guests, the newest order first. Three statements, of which none reads all orders of the shop.

    The newest orders of each address are walked, or those looked at that the search of orders finds. Addresses that
    were merged into a guest's are theirs.
    """
    found: dict[str, Any] = {}
    for row in db.session.execute(_newest_of_guests(asked)):
        found.setdefault(row.email, row)
    emails = list(found)[:MOST]
    kept = aliased(CustomerProfile)
    merged = db.session.execute(
        select(MergedEmail.email, kept.email).join(kept, _kept_of(kept)).where(kept.email.in_(emails))
    )
    owner = {email: email for email in emails}
    owner.update((email, key) for email, key in merged)
    sums = dict.fromkeys(emails, (0, 0))
    for address, orders, spent, _last in db.session.execute(
        select(Order.guest_email, *_figures())
        .where(Order.guest_email.in_(list(owner)))
        .group_by(Order.guest_email)
    ):
        before = sums[owner[address]]
        sums[owner[address]] = (before[0] + int(orders), before[1] + int(spent))
    return [
        CustomerRow(email, row.kept_name or row.name, row.code, *sums[email], row.placed_at)
        for email, row in found.items()
        if email in sums
    ]


def _newest_of_guests(asked: CustomerFilter) -> Select[Any]:
    """Return the statement for the newest order of each address of guests, with whose it is. Walks twice MOST."""
    kept, own = aliased(CustomerProfile), aliased(CustomerProfile)
    statement = select(
        Order.tenant_id, Order.guest_email, Order.name, Order.code, Order.placed_at, Order.id
    ).where(Order.guest_email.is_not(None), _NO_NEWER_ORDER, _OF_NO_ACCOUNT)
    if asked.search:
        statement = statement.where(Order.guest_email.in_(_addresses_found(asked.search)))
    if asked.profiles:
        statement = statement.where(Order.guest_email.in_(_addresses_of(*asked.profiles)))
    newest = statement.order_by(Order.placed_at.desc(), Order.id.desc()).limit(2 * MOST).subquery()
    email = func.coalesce(kept.email, newest.c.guest_email)
    at_merged = (MergedEmail.tenant_id == newest.c.tenant_id) & (MergedEmail.email == newest.c.guest_email)
    return (
        select(
            email.label("email"),
            own.name.label("kept_name"),
            newest.c.name,
            newest.c.code,
            newest.c.placed_at,
        )
        .select_from(newest)
        .outerjoin(MergedEmail, at_merged)
        .outerjoin(kept, _kept_of(kept))
        .outerjoin(own, (own.tenant_id == newest.c.tenant_id) & (own.email == email))
        .order_by(newest.c.placed_at.desc(), newest.c.id.desc())
    )


def _addresses_found(search: str) -> Select[Any]:
    """Return the statement for addresses whose orders or kept names a search finds. A step.

    Words find the orders, by their index; what else those words may be of, a street or a product, is left out then.
    """
    of_profiles = _addresses_of(_matches(CustomerProfile.email, CustomerProfile.name, search)).subquery()
    wanted = Wanted(search)
    if not wanted:
        return select(of_profiles.c[0])
    of_orders = (
        select(Order.guest_email)
        .where(Order.guest_email.is_not(None), matches(wanted), _matches(Order.email, Order.name, search))
        .subquery()
    )
    both = union(select(of_orders.c[0]), select(of_profiles.c[0])).subquery()
    return select(both.c[0])


def _addresses_of(*profiles: ColumnElement[bool]) -> Select[Any]:
    """Return the statement for the addresses of guests whose profiles meet conditions, merged ones too."""
    mine = (MergedEmail.tenant_id == CustomerProfile.tenant_id) & (
        MergedEmail.profile_id == CustomerProfile.id
    )
    both = union(
        select(CustomerProfile.email).where(CustomerProfile.member_id.is_(None), *profiles),
        select(MergedEmail.email)
        .join(CustomerProfile, mine)
        .where(CustomerProfile.member_id.is_(None), *profiles),
    ).subquery()
    return select(both.c[0])


def _kept_of(profile: Any) -> ColumnElement[bool]:
    return and_(profile.tenant_id == MergedEmail.tenant_id, profile.id == MergedEmail.profile_id)


# As values and not as conditions of a join: for each order that is walked one look into an index, until a page is full.
_Newer, _Account = aliased(Order), aliased(CustomerProfile)
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
_OF_NO_ACCOUNT = (
    select(MergedEmail.id)
    .join(_Account, _kept_of(_Account))
    .where(
        MergedEmail.tenant_id == Order.tenant_id,
        MergedEmail.email == Order.guest_email,
        _Account.member_id.is_not(None),
    )
    .limit(literal_column("1"))
    .correlate(Order)
    .scalar_subquery()
    .is_(None)
)


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
        Order.guest_email == CustomerProfile.email,
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
