"""Invitations to work for the shop: mailed, good once and for a week. Accepting one makes the member of staff.

The token is made when the mail is written; before that the row holds the hash of one that nobody knows.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update

from commerce import clock
from commerce.accounts import sessions
from commerce.accounts.email_tokens import TokenExpired
from commerce.accounts.events import StaffInvited
from commerce.accounts.models import StaffInvitation, StaffMember
from commerce.accounts.passwords import MIN_OF_STAFF, hash_password, judge_password
from commerce.accounts.services import checked_email
from commerce.accounts.sessions import STAFF, Device, new_token, token_hash
from commerce.accounts.staff import checked_role, free_staff_place, lock_staff_places
from commerce.db import atomic, db
from commerce.errors import InvalidValue, NotFound, Rejected
from commerce.events.outbox import Actor, publish
from commerce.tenants.scope import current_shop

LIFETIME = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation as a plain value."""

    email: str
    role: str
    invited_by: str


def open_invitations() -> list[StaffInvitation]:
    """Return the invitations that were not accepted yet, by address; also those that are too old by now."""
    return list(db.session.scalars(select(StaffInvitation).order_by(StaffInvitation.email)))


@atomic
def invite(email: str, role: str, actor: Actor) -> None:
    """Invite an address to work here; an invitation that it has already is replaced, and its link ends.

    Raises InvalidValue, Rejected when somebody with the address is or was on the staff, PlanFull.
    """
    address = checked_email(email)
    checked_role(role)
    limit = lock_staff_places()
    if db.session.scalar(select(StaffMember.id).where(StaffMember.email == address)):
        raise InvalidValue("email", "staff_email_taken", email=address)
    free_staff_place(limit, invited=address)
    _delete(StaffInvitation.email == address)
    row = StaffInvitation(
        email=address,
        role=role,
        token_hash=token_hash(new_token()),
        invited_by=actor.name,
        expires_at=clock.now() + LIFETIME,
    )
    db.session.add(row)
    db.session.flush()
    publish(actor, StaffInvited(subject_id=row.id, subject_version=1))


@atomic
def withdraw_invitation(invitation_id: uuid.UUID) -> None:
    """Take an invitation back; its link ends. Raises NotFound when it was accepted or withdrawn before."""
    if not _delete(StaffInvitation.id == invitation_id):
        raise NotFound("invitation_not_found")


def find_invitation(token: str) -> Invitation:
    """Return the invitation of a link without using it. Raises TokenExpired."""
    row = db.session.scalar(
        select(StaffInvitation).where(
            StaffInvitation.token_hash == token_hash(token), StaffInvitation.expires_at > clock.now()
        )
    )
    if row is None:
        raise TokenExpired
    return Invitation(row.email, row.role, row.invited_by)


def get_invitation(invitation_id: uuid.UUID) -> Invitation | None:
    """Return an open invitation for the handler that mails it; None when it is gone."""
    row = db.session.scalar(select(StaffInvitation).where(StaffInvitation.id == invitation_id))
    return Invitation(row.email, row.role, row.invited_by) if row else None


@atomic
def issue_invitation(invitation_id: uuid.UUID) -> str:
    """Give an invitation a new token, to be mailed now, and return it; a former one opens nothing any more."""
    token = new_token()
    db.session.execute(
        update(StaffInvitation)
        .where(StaffInvitation.id == invitation_id)
        .values(token_hash=token_hash(token))
        .execution_options(synchronize_session=False)
    )
    return token


def accept(token: str, *, name: str, password: str, device: Device) -> str:
    """Create the staff member whom a link invites and return the token of their first session.

    Of any number of tries at once one succeeds. Raises TokenExpired, InvalidValue, PlanFull.
    """
    invitation = find_invitation(token)
    if not name.strip() or not name.isprintable():
        raise InvalidValue("name", "name_required")
    judge_password(password, minimum=MIN_OF_STAFF, about=(invitation.email, name, current_shop().name))
    return _accept(token, name.strip()[:255], hash_password(password), device)


@atomic
def _accept(token: str, name: str, password_hash: str, device: Device) -> str:
    limit = lock_staff_places()
    row = db.session.execute(
        delete(StaffInvitation)
        .where(StaffInvitation.token_hash == token_hash(token), StaffInvitation.expires_at > clock.now())
        .returning(StaffInvitation.email, StaffInvitation.role)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if row is None:
        raise TokenExpired
    # The invitation itself kept this place; a plan that has become smaller since does not let its guest in.
    free_staff_place(limit, with_invitations=False)
    if db.session.scalar(select(StaffMember.id).where(StaffMember.email == row.email)):
        raise Rejected("invitation_email_taken")
    person = StaffMember(email=row.email, name=name, password_hash=password_hash, role=row.role)
    db.session.add(person)
    db.session.flush()
    return sessions.begin(STAFF, person.id, device)


def _delete(condition: object) -> int:
    return sessions.session_options(STAFF, delete(StaffInvitation).where(condition))  # type: ignore[arg-type]
