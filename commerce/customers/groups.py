"""Groups of customers: named by the staff of a shop."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, null, select

from commerce.customers.models import CustomerGroup, CustomerGroupMember, CustomerTag
from commerce.db import atomic, db, lock
from commerce.errors import AlreadyExists, InvalidValue, NotFound

MAX_NAME = 60
MAX_GROUPS = 200


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group with the number of its customers."""

    id: uuid.UUID
    name: str
    version: int
    customers: int


def list_groups() -> Sequence[GroupRow]:
    """Return the groups of the shop by name."""
    counted = (
        select(CustomerGroupMember.group_id, func.count().label("customers"))
        .group_by(CustomerGroupMember.group_id)
        .subquery()
    )
    rows = db.session.execute(
        select(
            CustomerGroup.id, CustomerGroup.name, CustomerGroup.version, func.coalesce(counted.c.customers, 0)
        )
        .outerjoin(counted, counted.c.group_id == CustomerGroup.id)
        .order_by(CustomerGroup.name_key)
    )
    return [GroupRow(*row) for row in rows]


def group_choices() -> list[tuple[str, str]]:
    """Return id and name of every group by name."""
    rows = db.session.execute(select(CustomerGroup.id, CustomerGroup.name).order_by(CustomerGroup.name_key))
    return [(str(group_id), name) for group_id, name in rows]


def filter_choices(limit: int = 100) -> tuple[list[tuple[str, str]], list[str]]:
    """Return what customers can be narrowed to: groups by name, and the most frequent tags. One statement."""
    tags = select(CustomerTag.tag).group_by(CustomerTag.tag).order_by(func.count().desc(), CustomerTag.tag)
    tag = tags.limit(limit).subquery().c.tag
    groups = select(CustomerGroup.name, CustomerGroup.id, CustomerGroup.name_key.label("sort"))
    rows: Sequence[Any] = db.session.execute(
        groups.union_all(select(tag, null(), func.lower(tag))).order_by("sort")
    ).all()
    return (
        [(str(group_id), name) for name, group_id, _sort in rows if group_id is not None],
        [name for name, group_id, _sort in rows if group_id is None],
    )


def get_group(group_id: uuid.UUID) -> GroupRow:
    """Return a group. Raises NotFound."""
    found = next((row for row in list_groups() if row.id == group_id), None)
    if found is None:
        raise NotFound("customer_group_not_found")
    return found


@atomic
def add_group(name: str) -> uuid.UUID:
    """Add a group and return its id. Raises InvalidValue, AlreadyExists."""
    return create_group(name)


def create_group(name: str) -> uuid.UUID:
    """Add a group and return its id. A step. Raises InvalidValue, AlreadyExists."""
    name = checked_name(name)
    if (db.session.scalar(select(func.count()).select_from(CustomerGroup)) or 0) >= MAX_GROUPS:
        raise InvalidValue("name", "too_many_customer_groups", limit=MAX_GROUPS)
    _refuse_taken(name)
    group = CustomerGroup(name=name, name_key=name.casefold())
    db.session.add(group)
    db.session.flush()
    return group.id


@atomic
def rename_group(group_id: uuid.UUID, name: str, *, seen_version: int) -> None:
    """Rename a group. Raises NotFound, StaleVersion, InvalidValue, AlreadyExists."""
    group = lock(CustomerGroup, group_id, missing=NotFound("customer_group_not_found"), version=seen_version)
    name = checked_name(name)
    _refuse_taken(name, besides=group_id)
    group.name, group.name_key = name, name.casefold()
    db.session.flush()


@atomic
def delete_group(group_id: uuid.UUID, *, seen_version: int) -> None:
    """Delete a group; its customers stay. Raises NotFound, StaleVersion."""
    group = lock(CustomerGroup, group_id, missing=NotFound("customer_group_not_found"), version=seen_version)
    db.session.delete(group)
    db.session.flush()


def checked_name(name: str) -> str:
    """Return a group's name with single spaces. Raises InvalidValue."""
    name = re.sub(r"\s+", " ", name).strip()
    # Files separate the groups of a customer by commas.
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable() or "," in name:
        raise InvalidValue("name", "customer_group_name_invalid", maximum=MAX_NAME)
    return name


def _refuse_taken(name: str, *, besides: uuid.UUID | None = None) -> None:
    taken = select(CustomerGroup.id).where(CustomerGroup.name_key == name.casefold())
    if (found := db.session.scalar(taken)) is not None and found != besides:
        raise AlreadyExists("name", "customer_group_name_taken")


def groups_by_name() -> Mapping[str, uuid.UUID]:
    """Return every group by its name as it is compared."""
    rows = db.session.execute(select(CustomerGroup.name_key, CustomerGroup.id))
    return {row.name_key: row.id for row in rows}
