"""A member's address book. Addresses were checked by the rules of their country before they come here."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from commerce.accounts.models import Member, MemberAddress
from commerce.db import atomic, db
from commerce.errors import Conflict, NotFound

MOST = 50
"""Addresses of one member: a bound, more than anybody sends to."""


@dataclass(frozen=True, slots=True)
class SavedAddress:
    """An entry as a plain value. `address` has the fields of the checkout."""

    id: uuid.UUID
    name: str
    phone: str
    address: dict[str, Any]
    preferred: bool


def addresses_of(member_id: uuid.UUID) -> list[SavedAddress]:
    """Return a member's addresses, the preferred one first, then the newest."""
    rows = db.session.scalars(
        select(MemberAddress)
        .where(MemberAddress.member_id == member_id)
        .order_by(MemberAddress.preferred.desc(), MemberAddress.id.desc())
    )
    return [SavedAddress(row.id, row.name, row.phone, dict(row.address), row.preferred) for row in rows]


def get_address(member_id: uuid.UUID, address_id: uuid.UUID) -> SavedAddress:
    """Return an address of this member. Raises NotFound, also for somebody else's."""
    row = _row(member_id, address_id)
    return SavedAddress(row.id, row.name, row.phone, dict(row.address), row.preferred)


@atomic
def add_address(
    member_id: uuid.UUID, *, name: str, phone: str, address: dict[str, Any], preferred: bool = False
) -> None:
    """Put an address into the book, unless it is in there already. The first one is the preferred one.

    Raises Conflict when the book is full.
    """
    _lock_book(member_id)
    known = addresses_of(member_id)
    if any((each.name, each.address) == (name, address) for each in known):
        return
    if len(known) >= MOST:
        raise Conflict("address_book_full", limit=MOST)
    if preferred:
        _prefer_none(member_id)
    db.session.add(
        MemberAddress(
            member_id=member_id, name=name, phone=phone, address=address, preferred=preferred or not known
        )
    )
    db.session.flush()


@atomic
def change_address(
    member_id: uuid.UUID,
    address_id: uuid.UUID,
    *,
    name: str,
    phone: str,
    address: dict[str, Any],
    preferred: bool,
) -> None:
    """Save an address; a preferred one takes that place from the other. Raises NotFound."""
    _lock_book(member_id)
    row = _row(member_id, address_id)
    if preferred and not row.preferred:
        _prefer_none(member_id)
        row.preferred = True
    row.name, row.phone, row.address = name, phone, address
    db.session.flush()


@atomic
def prefer_address(member_id: uuid.UUID, address_id: uuid.UUID) -> None:
    """Make an address the one that the checkout begins with. Raises NotFound."""
    _lock_book(member_id)
    row = _row(member_id, address_id)
    _prefer_none(member_id)
    row.preferred = True
    db.session.flush()


@atomic
def delete_address(member_id: uuid.UUID, address_id: uuid.UUID) -> None:
    """Take an address out of the book; if it was preferred, the newest of the others is now. Raises NotFound."""
    _lock_book(member_id)
    row = _row(member_id, address_id)
    db.session.delete(row)
    db.session.flush()
    newest = db.session.scalar(
        select(MemberAddress)
        .where(MemberAddress.member_id == member_id)
        .order_by(MemberAddress.id.desc())
        .limit(1)
    )
    if row.preferred and newest is not None:
        newest.preferred = True
        db.session.flush()


def _lock_book(member_id: uuid.UUID) -> None:
    """Let one change of a book wait for another: two preferred ones would be one too many. A step."""
    db.session.scalars(select(Member.id).where(Member.id == member_id).with_for_update()).one()


def _prefer_none(member_id: uuid.UUID) -> None:
    db.session.execute(
        update(MemberAddress)
        .where(MemberAddress.member_id == member_id, MemberAddress.preferred)
        .values(preferred=False)
        .execution_options(synchronize_session="fetch")
    )


def _row(member_id: uuid.UUID, address_id: uuid.UUID) -> MemberAddress:
    row = db.session.scalar(
        select(MemberAddress).where(MemberAddress.member_id == member_id, MemberAddress.id == address_id)
    )
    if row is None:
        raise NotFound("address_not_found")
    return row
