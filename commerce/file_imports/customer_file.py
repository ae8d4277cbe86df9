"""Customers from a CSV file: our own export, Shopify's and WooCommerce's.

A customer is known by their address. What the file says nothing of stays; no password is set and nobody is written to.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, ClassVar

from babel import Locale, UnknownLocaleError
from sqlalchemy import func, select

from commerce.accounts.models import Member, MemberAddress
from commerce.accounts.services import checked_email
from commerce.catalog_import.report import FieldChange, Outcome
from commerce.customers.columns import ADDRESS_HEADINGS
from commerce.customers.groups import checked_name, create_group, groups_by_name
from commerce.customers.models import CustomerAddress, CustomerProfile
from commerce.customers.profiles import (
    CustomerKey,
    ProfileFacts,
    ensure_profile,
    profile_facts,
    profile_of_merged,
    read_customer_tags,
    write_groups,
    write_tags,
)
from commerce.db import db
from commerce.errors import InvalidValue, Rejected
from commerce.file_imports.row_files import FileRow, RowFile, RowResult, words_in
from commerce.orders.models import Order
from commerce.tenants.scope import current_shop
from commerce.tenants.settings import countries

MAX_TEXT = 255
MAX_ADDRESSES = 50
_OF_SHOPIFY = "default address"
_ADDRESS = tuple(ADDRESS_HEADINGS.values())


class CustomerFile(RowFile):
    """A file with a customer in each row."""

    key = "email"
    is_personal = True
    headings: ClassVar = {
        "email": ("email", "e-mail", "email address", "billing email"),
        "name": ("name", "full name"),
        "first_name": ("first name", "billing first name"),
        "last_name": ("last name", "billing last name"),
        "phone": ("phone", "billing phone", f"{_OF_SHOPIFY} phone"),
        "locale": ("language", "locale"),
        "tags": ("tags",),
        "groups": ("groups",),
        "company_name": ("company", f"{_OF_SHOPIFY} company", "billing company"),
        "street_address": (
            "street",
            f"{_OF_SHOPIFY} address1",
            "address1",
            "billing address 1",
        ),
        "street_more": (f"{_OF_SHOPIFY} address2", "address2", "billing address 2"),
        "city_area": ("district",),
        "city": ("city", f"{_OF_SHOPIFY} city", "billing city"),
        "country_area": ("state", f"{_OF_SHOPIFY} province code", "province code", "region", "billing state"),
        "postal_code": ("postal code", "postcode", f"{_OF_SHOPIFY} zip", "zip", "billing postcode"),
        "sorting_code": ("sorting code",),
        "country_code": (
            "country",
            f"{_OF_SHOPIFY} country code",
            "country code",
            "country / region",
            "billing country",
        ),
    }

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._profiles: dict[str, CustomerKey] = {}
        self._with_orders: set[str] = set()

    def missing(self) -> Rejected:
        """Return the error of a file without addresses."""
        return Rejected("customer_headings_missing")

    def key_of(self, row: FileRow) -> str:
        """Return the email address in lower case."""
        return row.get("email").strip().lower()

    def load(self, rows: Sequence[FileRow], *, lock: bool) -> None:
        """Find who of these the shop knows: by account, by profile, and by orders. A step."""
        emails = {self.key_of(row) for row in rows}
        members = select(Member).where(Member.email.in_(emails), Member.confirmed_at.is_not(None))
        if lock:
            members = members.order_by(Member.id).with_for_update()
        self._members = {row.email: row for row in db.session.scalars(members)}
        profiles = db.session.scalars(select(CustomerProfile).where(CustomerProfile.email.in_(emails)))
        self._profiles = {row.email: CustomerKey(row.email, row.member_id) for row in profiles}
        ordered = select(func.lower(Order.email)).where(func.lower(Order.email).in_(emails)).distinct()
        self._with_orders = set(db.session.scalars(ordered))

    def take(self, row: FileRow, *, dry_run: bool) -> RowResult:
        """Compare a customer with what there is and, unless it is a dry run, write them. A step."""
        email = checked_email(row.get("email"))
        wanted = _Wanted(row)
        merged = profile_of_merged(email) if email not in self._members else None
        if merged is not None:
            who, member = CustomerKey(merged.email, merged.member_id), _member(merged.member_id)
        else:
            member = self._members.get(email)
            who = CustomerKey(email, member.id if member else None)
        facts = profile_facts(who)
        known = member is not None or facts.id is not None or email in self._with_orders
        changes = wanted.changes(email, member, facts, _addresses(member, facts))
        new_groups = wanted.new_groups()
        if not dry_run and (changes or not known):
            wanted.write(who, member, {change.field for change in changes})
        outcome: Outcome = "imported" if not known else "updated" if changes else "unchanged"
        return RowResult(outcome, changes if known else (), new_groups if changes else ())


def _member(member_id: uuid.UUID | None) -> Member | None:
    return db.session.get(Member, (current_shop().id, member_id)) if member_id else None


def _addresses(member: Member | None, facts: ProfileFacts) -> list[tuple[str, dict[str, Any]]]:
    found = [(each.name, dict(each.address)) for each in facts.addresses]
    if member is not None:
        rows = db.session.scalars(select(MemberAddress).where(MemberAddress.member_id == member.id))
        found += [(row.name, dict(row.address)) for row in rows]
    return found


class _Wanted:
    """What a row says of a customer; '' and None where it says nothing. Raises InvalidValue."""

    def __init__(self, row: FileRow) -> None:
        for name in ("name", "first_name", "last_name", "phone"):
            _checked(name, row.get(name))
        self.name = row.get("name") or words_in([row.get("first_name"), row.get("last_name")])
        _checked("name", self.name)
        self.phone = row.get("phone")
        self.locale = _locale(row.get("locale"))
        self.tags = read_customer_tags(row.get("tags")) if row.get("tags") else None
        self.groups = [_group(each) for each in row.get("groups").split(",") if each.strip()]
        self.address = _address(row)

    def changes(
        self,
        email: str,
        member: Member | None,
        facts: ProfileFacts,
        addresses: Sequence[tuple[str, dict[str, Any]]],
    ) -> list[FieldChange]:
        """Return what the row says otherwise than what there is."""
        held: Any = member if member is not None else facts
        pairs: list[tuple[str, Any, Any]] = [
            ("name", held.name, self.name),
            ("phone", held.phone, self.phone),
            ("language", facts.locale, self.locale),
        ]
        if self.tags is not None and set(self.tags) != set(facts.tags):
            pairs.append(("tags", list(facts.tags), self.tags))
        before = {name.casefold() for name in facts.group_names}
        if self.groups and {name.casefold() for name in self.groups} != before:
            pairs.append(("groups", facts.group_names, self.groups))
        if self.address and not any(address == self.address for _name, address in addresses):
            if len(addresses) >= MAX_ADDRESSES:
                raise InvalidValue("street_address", "customer_addresses_full", limit=MAX_ADDRESSES)
            pairs.append(("address", "", ", ".join(filter(None, self.address.values()))))
        return [
            FieldChange.of(email, "", name, old, new, current_shop().currency)
            for name, old, new in pairs
            if new and old != new
        ]

    def new_groups(self) -> list[str]:
        """Return the groups that the shop does not have yet."""
        if not self.groups:
            return []
        known = groups_by_name()
        return [name for name in self.groups if name.casefold() not in known]

    def write(self, who: CustomerKey, member: Member | None, fields: set[str]) -> None:
        """Write what changes. A step."""
        profile = ensure_profile(who)
        held: Any = member if member is not None else profile
        if "name" in fields:
            held.name = self.name
        if "phone" in fields:
            held.phone = self.phone
        if "language" in fields:
            profile.locale = self.locale
        if "tags" in fields:
            write_tags(profile.id, self.tags or ())
        if "groups" in fields:
            for name in self.new_groups():
                create_group(name)
            known = groups_by_name()
            write_groups(profile.id, [known[name.casefold()] for name in self.groups])
        if "address" in fields and self.address:
            self._write_address(profile, member)
        profile.version += 1
        db.session.flush()

    def _write_address(self, profile: CustomerProfile, member: Member | None) -> None:
        values = {"name": self.name or (member.name if member else profile.name), "phone": self.phone}
        if member is None:
            db.session.add(CustomerAddress(profile_id=profile.id, address=self.address, **values))
            return
        first = db.session.scalar(
            select(MemberAddress.id).where(MemberAddress.member_id == member.id).limit(1)
        )
        db.session.add(
            MemberAddress(member_id=member.id, address=self.address, preferred=first is None, **values)
        )


def _checked(name: str, text: str) -> str:
    if len(text) > MAX_TEXT:
        raise InvalidValue(name, "text_too_long", maximum=MAX_TEXT)
    if not text.isprintable():
        raise InvalidValue(name, "text_not_printable")
    return text


def _locale(text: str) -> str:
    if not text:
        return ""
    try:
        return str(Locale.parse(text.replace("-", "_")))
    except (ValueError, UnknownLocaleError) as error:
        raise InvalidValue("locale", "language_unknown", value=text[:40]) from error


def _group(text: str) -> str:
    try:
        return checked_name(text)
    except InvalidValue as error:
        raise error.at("groups") from error


def _address(row: FileRow) -> dict[str, Any] | None:
    """Return the address of a row, None when it has no street and no city. The country is the shop's unless it says."""
    cells = {name: row.get(name) for name in _ADDRESS}
    lines = [
        " ".join(line.split()) for line in (*cells["street_address"].splitlines(), row.get("street_more"))
    ]
    cells["street_address"] = "\n".join(filter(None, lines))
    if not cells["street_address"] and not cells["city"]:
        return None
    for name in _ADDRESS:
        _checked(name, cells[name].replace("\n", " "))
    country = cells["country_code"].upper() or current_shop().country
    if country not in countries():
        raise InvalidValue("country_code", "customer_country_unknown", value=country[:40])
    return {name: cell for name, cell in cells.items() if cell} | {"country_code": country}
