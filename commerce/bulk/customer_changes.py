"""What can be done to many customers at once: tags added and removed, groups joined and left."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import select

from commerce.bulk.changes import ChangeOneByOne, Named, Parameters
from commerce.bulk.models import BulkRow
from commerce.bulk.outcomes import Line
from commerce.customers.models import CustomerGroup, CustomerGroupMember, CustomerProfile
from commerce.customers.profiles import (
    MAX_TAGS,
    read_customer_tags,
    tags_of_profiles,
    write_groups,
    write_tags,
)
from commerce.db import db
from commerce.errors import InvalidValue, NotFound
from commerce.events.outbox import Actor


@dataclass(frozen=True, slots=True)
class CustomerState:
    """What staff keep of a customer. `name` says who it is without an address: a plan outlives an erasure."""

    profile: CustomerProfile
    tags: tuple[str, ...]
    groups: frozenset[uuid.UUID]

    @property
    def name(self) -> str:
        """The first signs of the address."""
        name, _at, host = self.profile.email.partition("@")
        return f"{name[:2]}…@{host[:2]}…"

    @property
    def version(self) -> int:
        """What counts up whenever somebody changes it."""
        return self.profile.version


class _CustomerChange(ChangeOneByOne[CustomerState, Any]):
    permission: ClassVar[str] = "customers.change"
    view: ClassVar[str] = "customers.view"
    model: ClassVar[Any] = CustomerProfile
    entity: ClassVar[str] = "customer"

    def load(self, ids: Collection[uuid.UUID], *, lock: bool) -> Mapping[uuid.UUID, CustomerState]:
        """Return those of the customers who exist, by id."""
        wanted = select(CustomerProfile).where(CustomerProfile.id.in_(ids)).order_by(CustomerProfile.id)
        if lock:
            wanted = wanted.with_for_update().execution_options(populate_existing=True)
        profiles = db.session.scalars(wanted).all()
        tags = tags_of_profiles([row.id for row in profiles])
        groups: dict[uuid.UUID, set[uuid.UUID]] = {}
        for profile_id, group_id in db.session.execute(
            select(CustomerGroupMember.profile_id, CustomerGroupMember.group_id).where(
                CustomerGroupMember.profile_id.in_([row.id for row in profiles])
            )
        ):
            groups.setdefault(profile_id, set()).add(group_id)
        return {
            row.id: CustomerState(row, tuple(tags.get(row.id, ())), frozenset(groups.get(row.id, ())))
            for row in profiles
        }

    def named(self, ids: Collection[uuid.UUID]) -> Mapping[uuid.UUID, Named]:
        """Return the address of each customer who is still there, and the id that their page has."""
        rows = db.session.execute(
            select(CustomerProfile.id, CustomerProfile.email).where(CustomerProfile.id.in_(ids))
        )
        return {profile_id: Named(email, str(profile_id)) for profile_id, email in rows}

    def gone(self) -> NotFound:
        """Return the error of a customer who is not there any more."""
        return NotFound("customer_not_found")

    def _changed(self, row: BulkRow, state: CustomerState, before: dict[str, Any]) -> None:
        state.profile.version += 1
        db.session.flush()
        row.before, row.after_version = before, state.profile.version


class ChangeCustomerTags(_CustomerChange):
    """Add tags to customers and take others away. Tags are compared without regard to case."""

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the parameters as they are stored. Raises InvalidValue."""
        parameters = {}
        for name in ("add", "remove"):
            try:
                parameters[name] = read_customer_tags(",".join(given[name]))
            except InvalidValue as error:
                raise error.at(name) from error
        if not parameters["add"] and not parameters["remove"]:
            raise InvalidValue("add", "tags_required")
        return parameters

    def target(
        self, state: CustomerState, parameters: Parameters, details: Parameters
    ) -> Sequence[str] | None:
        """Return the new tags. Raises InvalidValue when there are too many."""
        del details
        gone = {tag.casefold() for tag in parameters["remove"]}
        tags = [tag for tag in state.tags if tag.casefold() not in gone]
        present = {tag.casefold() for tag in tags}
        tags += [tag for tag in parameters["add"] if tag.casefold() not in present]
        if len(tags) > max(MAX_TAGS, len(state.tags)):
            raise InvalidValue("add", "too_many_customer_tags", limit=MAX_TAGS)
        return tags if set(tags) != set(state.tags) else None

    def lines(self, state: CustomerState, target: Sequence[str]) -> list[Line]:
        """Return the old and the new tags."""
        return [Line("tags", ", ".join(state.tags), ", ".join(target))]

    def write(self, row: BulkRow, state: CustomerState, target: Sequence[str], actor: Actor) -> None:
        """Give the customer the new tags."""
        del actor
        write_tags(state.profile.id, target)
        self._changed(row, state, {"tags": list(state.tags)})

    def restore(self, row: BulkRow, state: CustomerState, actor: Actor) -> None:
        """Give the customer the old tags."""
        del actor
        write_tags(state.profile.id, (row.before or {})["tags"])
        state.profile.version += 1
        db.session.flush()


class ChangeCustomerGroups(_CustomerChange):
    """Put customers into groups and take them out of others; ids as texts."""

    def checked(self, given: Parameters) -> dict[str, Any]:
        """Return the parameters as they are stored. Raises InvalidValue."""
        wanted = {name: sorted(set(map(str, given[name]))) for name in ("add", "remove")}
        if not wanted["add"] and not wanted["remove"]:
            raise InvalidValue("add", "group_required")
        if set(wanted["add"]) & set(wanted["remove"]):
            raise InvalidValue("remove", "group_in_and_out")
        ids = {uuid.UUID(each) for each in (*wanted["add"], *wanted["remove"])}
        if self._existing(ids) != ids:
            raise InvalidValue("add", "customer_group_not_found")
        return wanted

    @staticmethod
    def _existing(ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
        return set(db.session.scalars(select(CustomerGroup.id).where(CustomerGroup.id.in_(ids))))

    def target(
        self, state: CustomerState, parameters: Parameters, details: Parameters
    ) -> frozenset[uuid.UUID] | None:
        """Return the groups that the customer is in afterwards. Raises InvalidValue for a group that was deleted."""
        del details
        into, out_of = ({uuid.UUID(each) for each in parameters[name]} for name in ("add", "remove"))
        groups = (state.groups | into) - out_of
        return groups if groups != state.groups else None

    def lines(self, state: CustomerState, target: frozenset[uuid.UUID]) -> list[Line]:
        """Return how many groups the customer is in."""
        return [Line("groups", str(len(state.groups)), str(len(target)))]

    def write(self, row: BulkRow, state: CustomerState, target: frozenset[uuid.UUID], actor: Actor) -> None:
        """Change the groups of the customer. Raises InvalidValue for a group that was deleted."""
        del actor
        write_groups(state.profile.id, target)
        self._changed(row, state, {"groups": sorted(map(str, state.groups))})

    def restore(self, row: BulkRow, state: CustomerState, actor: Actor) -> None:
        """Put the customer back into the groups that are still there."""
        del actor
        before = {uuid.UUID(each) for each in (row.before or {})["groups"]}
        write_groups(state.profile.id, self._existing(before))
        state.profile.version += 1
        db.session.flush()
