"""Tags, groups and notes of a customer. What is kept of a customer is made when there is something to keep."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from commerce import clock
from commerce.customers.models import (
    CustomerAddress,
    CustomerGroup,
    CustomerGroupMember,
    CustomerNote,
    CustomerProfile,
    CustomerTag,
    MergedEmail,
)
from commerce.db import atomic, check_version, current_tenant_id, db, dialect_name, insert_rows, new_id
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.typed_text import note_text, split_tags

MAX_TAGS = 50
MAX_NOTES = 500


@dataclass(frozen=True, slots=True)
class CustomerKey:
    """Who is meant: an email address in lower case, and the account, None for a customer without one."""

    email: str
    member_id: uuid.UUID | None = None

    @property
    def profile(self) -> ColumnElement[bool]:
        """The condition for their profile."""
        by_email = and_(CustomerProfile.email == self.email, CustomerProfile.member_id.is_(None))
        return (
            by_email if self.member_id is None else or_(CustomerProfile.member_id == self.member_id, by_email)
        )


class KeptAddress(NamedTuple):
    """An address of a customer without an account, with the fields of the checkout."""

    name: str
    phone: str
    address: dict[str, Any]


class KeptNote(NamedTuple):
    """A note of the staff about a customer."""

    id: uuid.UUID
    author: str
    text: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ProfileFacts:
    """What is kept of a customer. `version` 0 is that of a profile that nobody has made yet."""

    version: int = 0
    name: str = ""
    phone: str = ""
    locale: str = ""
    tags: Sequence[str] = ()
    groups: Sequence[tuple[uuid.UUID, str]] = ()
    notes: Sequence[KeptNote] = ()
    addresses: Sequence[KeptAddress] = ()
    merged: Sequence[str] = ()
    id: uuid.UUID | None = None

    @property
    def group_names(self) -> list[str]:
        """The names of the groups."""
        return [name for _id, name in self.groups]


# --- reading ----------------------------------------------------------------------------------------


def profile_facts(who: CustomerKey) -> ProfileFacts:
    """Return what is kept of a customer."""
    row = find_profile(who)
    if row is None:
        return ProfileFacts()
    groups = db.session.execute(
        select(CustomerGroup.id, CustomerGroup.name)
        .join(
            CustomerGroupMember,
            (CustomerGroupMember.tenant_id == CustomerGroup.tenant_id)
            & (CustomerGroupMember.group_id == CustomerGroup.id),
        )
        .where(CustomerGroupMember.profile_id == row.id)
        .order_by(CustomerGroup.name_key)
    )
    notes = db.session.scalars(
        select(CustomerNote).where(CustomerNote.profile_id == row.id).order_by(CustomerNote.id.desc())
    )
    addresses = db.session.scalars(
        select(CustomerAddress)
        .where(CustomerAddress.profile_id == row.id)
        .order_by(CustomerAddress.id.desc())
    )
    return ProfileFacts(
        row.version,
        row.name,
        row.phone,
        row.locale,
        tags_of_profiles([row.id]).get(row.id, []),
        [(group_id, name) for group_id, name in groups],
        [KeptNote(note.id, note.author, note.text, note.created_at) for note in notes],
        [KeptAddress(each.name, each.phone, dict(each.address)) for each in addresses],
        merged_emails(row.id),
        row.id,
    )


def find_profile(who: CustomerKey) -> CustomerProfile | None:
    """Return what is kept of a customer, None when there is nothing."""
    return db.session.scalar(select(CustomerProfile).where(who.profile).order_by(_of_member_first()).limit(1))


def get_profile(profile_id: uuid.UUID) -> CustomerProfile:
    """Return a profile. Raises NotFound."""
    row = db.session.scalar(select(CustomerProfile).where(CustomerProfile.id == profile_id))
    if row is None:
        raise NotFound("customer_not_found")
    return row


def merged_emails(profile_id: uuid.UUID) -> list[str]:
    """Return the addresses of the customers who were merged into one."""
    found = select(MergedEmail.email).where(MergedEmail.profile_id == profile_id).order_by(MergedEmail.email)
    return list(db.session.scalars(found))


def profile_of_merged(email: str) -> CustomerProfile | None:
    """Return whose an address is since a merge, None when it belongs to nobody else."""
    return db.session.scalar(
        select(CustomerProfile)
        .join(
            MergedEmail,
            (MergedEmail.tenant_id == CustomerProfile.tenant_id)
            & (MergedEmail.profile_id == CustomerProfile.id),
        )
        .where(MergedEmail.email == email)
    )


def tags_of_profiles(profile_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
    """Return the tags of customers, by their profile."""
    found: dict[uuid.UUID, list[str]] = {}
    if not profile_ids:
        return found
    rows = db.session.execute(
        select(CustomerTag.profile_id, CustomerTag.tag)
        .where(CustomerTag.profile_id.in_(profile_ids))
        .order_by(func.lower(CustomerTag.tag), CustomerTag.id)
    )
    for profile_id, tag in rows:
        found.setdefault(profile_id, []).append(tag)
    return found


# --- changing ---------------------------------------------------------------------------------------


def read_customer_tags(text: str) -> list[str]:
    """Return the tags of a line, separated by commas. Raises InvalidValue."""
    tags = split_tags(text)
    if len(tags) > MAX_TAGS:
        raise InvalidValue("tags", "too_many_customer_tags", limit=MAX_TAGS)
    return tags


@atomic
def change_profile(
    who: CustomerKey, *, tags: Iterable[str], group_ids: Collection[uuid.UUID], seen_version: int
) -> bool:
    """Give a customer these tags and groups and no others; tell whether anything was different.

    Raises StaleVersion, InvalidValue for a group that the shop does not have.
    """
    profile = ensure_profile(who, seen_version=seen_version)
    changed = write_tags(profile.id, tags) | write_groups(profile.id, group_ids)
    if changed:
        profile.version += 1
        db.session.flush()
    return changed


@atomic
def make_profiles(customers: Sequence[CustomerKey]) -> list[uuid.UUID]:
    """Make sure that there is a profile of each of these customers, and return their ids."""
    return [ensure_profile(who).id for who in sorted(set(customers), key=lambda who: who.email)]


@atomic
def add_customer_note(who: CustomerKey, *, author: str, text: str) -> None:
    """Keep a note about a customer. Raises InvalidValue when it is empty, too long or not plain text."""
    note = note_text(text)
    profile = ensure_profile(who)
    count = db.session.scalar(
        select(func.count()).select_from(CustomerNote).where(CustomerNote.profile_id == profile.id)
    )
    if (count or 0) >= MAX_NOTES:
        raise InvalidValue("text", "too_many_customer_notes", limit=MAX_NOTES)
    insert_rows(
        CustomerNote,
        [{"profile_id": profile.id, "author": author[:255], "text": note, "created_at": clock.now()}],
    )


@atomic
def delete_customer_note(who: CustomerKey, note_id: uuid.UUID) -> None:
    """Delete a note about a customer. Raises NotFound, also for one about somebody else."""
    profile = find_profile(who)
    note = db.session.scalar(
        select(CustomerNote).where(
            CustomerNote.id == note_id, CustomerNote.profile_id == (profile.id if profile else None)
        )
    )
    if note is None:
        raise NotFound("customer_note_not_found")
    db.session.delete(note)


# --- steps ------------------------------------------------------------------------------------------


def ensure_profile(who: CustomerKey, *, seen_version: int | None = None) -> CustomerProfile:
    """Return what is kept of a customer under its lock; made when there is nothing yet. A step. Raises StaleVersion.

    A page that was opened before there was one has seen version 0.
    """
    profile = _locked(who)
    if seen_version is not None:
        check_version("customer", seen_version, profile.version if profile else 0)
    if profile is None:
        insert: Any = postgresql.insert if dialect_name() == "postgresql" else sqlite.insert
        db.session.execute(
            insert(CustomerProfile)
            .values(
                tenant_id=current_tenant_id(),
                id=new_id(),
                email=who.email,
                member_id=who.member_id,
                name="",
                phone="",
                locale="",
                version=1,
                created_at=clock.now(),
            )
            .on_conflict_do_nothing()
        )
        profile = _locked(who)
        if profile is None:  # the address is that of another account's profile
            raise Conflict("customer_changed")
    if profile.member_id != who.member_id or profile.email != who.email:
        profile.member_id, profile.email = who.member_id, who.email
        db.session.flush()
    return profile


def _locked(who: CustomerKey) -> CustomerProfile | None:
    return db.session.scalar(
        select(CustomerProfile)
        .where(who.profile)
        .order_by(_of_member_first())
        .limit(1)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _of_member_first() -> ColumnElement[Any]:
    return CustomerProfile.member_id.is_(None)


def write_tags(profile_id: uuid.UUID, tags: Iterable[str]) -> bool:
    """Give a profile these tags and no others; tell whether it had others. A step."""
    wanted = set(tags)
    known = set(db.session.scalars(select(CustomerTag.tag).where(CustomerTag.profile_id == profile_id)))
    gone = (CustomerTag.profile_id == profile_id) & CustomerTag.tag.in_(known - wanted)
    db.session.execute(delete(CustomerTag).where(gone).execution_options(synchronize_session=False))
    insert_rows(CustomerTag, [{"profile_id": profile_id, "tag": tag} for tag in sorted(wanted - known)])
    return known != wanted


def write_groups(profile_id: uuid.UUID, group_ids: Collection[uuid.UUID]) -> bool:
    """Put a profile into these groups and no others; tell whether it was in others. A step. Raises InvalidValue."""
    wanted, mine = set(group_ids), CustomerGroupMember.profile_id == profile_id
    # Under a lock that a deletion of the group waits for.
    there = select(CustomerGroup.id).where(CustomerGroup.id.in_(wanted)).with_for_update(read=True)
    if set(db.session.scalars(there)) != wanted:
        raise InvalidValue("groups", "customer_group_not_found")
    known = set(db.session.scalars(select(CustomerGroupMember.group_id).where(mine)))
    gone = mine & CustomerGroupMember.group_id.in_(known - wanted)
    db.session.execute(delete(CustomerGroupMember).where(gone).execution_options(synchronize_session=False))
    rows = [{"group_id": group_id, "profile_id": profile_id} for group_id in sorted(wanted - known)]
    insert_rows(CustomerGroupMember, rows)
    return known != wanted


def adopt_profile(member_id: uuid.UUID, email: str) -> None:
    """Let a member have what is kept under an address that they have proven to read. A step.

    Their profile follows them to the address; what was kept of a customer without an account there becomes theirs. An
    address that was merged into another customer is its reader's own again.
    """
    mine = delete(MergedEmail).where(MergedEmail.email == email)
    db.session.execute(mine.execution_options(synchronize_session=False))
    own = db.session.scalar(
        select(CustomerProfile).where(CustomerProfile.member_id == member_id).with_for_update()
    )
    other = db.session.scalar(
        select(CustomerProfile)
        .where(CustomerProfile.email == email, CustomerProfile.member_id.is_(None))
        .with_for_update()
    )
    if own is not None and other is not None:
        merge_profiles(other, own)
    elif other is not None:
        other.member_id = member_id
        other.version += 1
    if own is not None:
        own.email = email
    db.session.flush()


def merge_profiles(lost: CustomerProfile, kept: CustomerProfile) -> None:
    """Move everything of one profile into another, and delete it. A step; both are locked."""
    tags = tags_of_profiles([lost.id, kept.id])
    known = {tag.casefold() for tag in tags.get(kept.id, [])}
    more = [tag for tag in tags.get(lost.id, []) if tag.casefold() not in known]
    write_tags(kept.id, [*tags.get(kept.id, []), *more])
    in_group = select(CustomerGroupMember.group_id)
    groups = db.session.scalars(
        in_group.where(CustomerGroupMember.profile_id.in_([lost.id, kept.id])).distinct()
    )
    write_groups(kept.id, set(groups))
    for model in (CustomerNote, CustomerAddress, MergedEmail):
        _move(model, lost.id, kept.id)
    for name in ("name", "phone", "locale"):
        if not getattr(kept, name):
            setattr(kept, name, getattr(lost, name))
    kept.version += 1
    db.session.delete(lost)
    db.session.flush()


def _move(model: Any, lost_id: uuid.UUID, kept_id: uuid.UUID) -> None:
    for row in db.session.scalars(select(model).where(model.profile_id == lost_id)):
        row.profile_id = kept_id
    db.session.flush()


def erase_profile(who: CustomerKey) -> None:
    """Delete everything that is kept of a customer. A step."""
    gone = delete(CustomerProfile).where(who.profile)
    db.session.execute(gone.execution_options(synchronize_session=False))
