"""Staff: roles, deactivation and reactivation. An owner is always left, however many leave at once.

Whatever makes people more, fewer or others takes the shop's row first and then its owners, sorted by id.
"""

from __future__ import annotations

import uuid

from sqlalchemy import func, select

from commerce import clock
from commerce.accounts import sessions
from commerce.accounts.email_tokens import revoke_tokens
from commerce.accounts.models import StaffInvitation, StaffMember
from commerce.accounts.permissions import ROLES
from commerce.accounts.second_factor import reset_second_factor_of
from commerce.accounts.sessions import STAFF
from commerce.accounts.throttle import clear_throttle
from commerce.db import atomic, current_tenant_id, db
from commerce.errors import Conflict, InvalidValue, NotFound, Rejected
from commerce.tenants.models import Tenant

OWNER = "owner"


class LastOwner(Conflict):
    """Without an owner nobody could let anybody in again."""

    code = "last_owner"


class PlanFull(Rejected):
    """The shop's plan allows no more staff. `limit` is how many."""

    code = "plan_full"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__("staff_limit_reached", limit=limit)


def list_staff() -> list[StaffMember]:
    """Return everybody who works or worked for the shop, those who still do first, by name."""
    return list(
        db.session.scalars(
            select(StaffMember).order_by(
                StaffMember.active.desc(), func.lower(StaffMember.name), StaffMember.id
            )
        )
    )


def get_staff(staff_id: uuid.UUID) -> StaffMember:
    """Return one member of staff. Raises NotFound."""
    person = db.session.scalar(select(StaffMember).where(StaffMember.id == staff_id))
    if person is None:
        raise NotFound("staff_not_found")
    return person


@atomic
def change_role(staff_id: uuid.UUID, role: str, *, seen: str) -> None:
    """Change a role; `seen` is the one that the page showed.

    Raises InvalidValue, NotFound, Conflict when somebody else changed it meanwhile, LastOwner.
    """
    checked_role(role)
    lock_staff_places()
    person = _locked(staff_id)
    if person.role != seen:
        raise Conflict("staff_role_changed", name=person.name, role=person.role)
    if person.active and person.role == OWNER != role:
        _leave_an_owner(staff_id)
    person.role = role
    db.session.flush()


@atomic
def deactivate(staff_id: uuid.UUID) -> None:
    """Deactivate a staff member and end their sessions at once. Raises NotFound, LastOwner."""
    lock_staff_places()
    person = _locked(staff_id)
    if not person.active:
        return
    if person.role == OWNER:
        _leave_an_owner(staff_id)
    person.active = False
    db.session.flush()
    sessions.end_all(STAFF, staff_id)
    revoke_tokens(staff_id)


@atomic
def reactivate(staff_id: uuid.UUID) -> None:
    """Reactivate a staff member. Raises NotFound, PlanFull."""
    limit = lock_staff_places()
    person = _locked(staff_id)
    if person.active:
        return
    free_staff_place(limit)
    person.active = True
    db.session.flush()
    clear_throttle(STAFF, person.email)


@atomic
def reset_second_factor(staff_id: uuid.UUID) -> None:
    """Turn off two-factor authentication for a colleague and end their sessions and delays. Raises NotFound."""
    _locked(staff_id)
    reset_second_factor_of(STAFF, staff_id)
    sessions.end_all(STAFF, staff_id)


@atomic
def rename_staff(staff_id: uuid.UUID, name: str) -> None:
    """Change the name that the history of orders shows. Raises NotFound, InvalidValue."""
    if not name.strip() or not name.isprintable():
        raise InvalidValue("name", "name_required")
    _locked(staff_id).name = name.strip()[:255]
    db.session.flush()


def checked_role(role: str) -> str:
    """Return a role that exists. Raises InvalidValue."""
    if role not in ROLES:
        raise InvalidValue("role", "unknown_role", role=role[:40], roles=list(ROLES))
    return role


# --- steps -----------------------------------------------------------------------------------------


def lock_staff_places() -> int | None:
    """Let nobody else change who works here until the end; return the plan's limit (None: there is none). A step."""
    return db.session.scalars(
        select(Tenant.max_staff).where(Tenant.id == current_tenant_id()).with_for_update(key_share=True)
    ).one()


def free_staff_place(limit: int | None, *, invited: str = "", with_invitations: bool = True) -> None:
    """Go on if one more may come. A step, after `lock_staff_places`. Raises PlanFull.

    An open invitation keeps a place, unless it is that of the address `invited`.
    """
    if limit is None:
        return
    taken = db.session.scalar(select(func.count()).select_from(StaffMember).where(StaffMember.active)) or 0
    if with_invitations:
        others = (StaffInvitation.email != invited) & (StaffInvitation.expires_at > clock.now())
        taken += db.session.scalar(select(func.count()).select_from(StaffInvitation).where(others)) or 0
    if taken >= limit:
        raise PlanFull(limit)


def _leave_an_owner(staff_id: uuid.UUID) -> None:
    others = db.session.scalars(
        select(StaffMember.id)
        .where(StaffMember.role == OWNER, StaffMember.active, StaffMember.id != staff_id)
        .order_by(StaffMember.id)
        .with_for_update(key_share=True)
    ).all()
    if not others:
        raise LastOwner


def _locked(staff_id: uuid.UUID) -> StaffMember:
    person = db.session.scalar(
        select(StaffMember).where(StaffMember.id == staff_id).with_for_update(key_share=True)
    )
    if person is None:
        raise NotFound("staff_not_found")
    return person
