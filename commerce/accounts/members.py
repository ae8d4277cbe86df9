"""Members: customers with an account in one shop.

An account begins as a claim: an address, and a link to it. Only behind that link a password is chosen, so an address
can be taken by nobody who does not read it, and an account that waits for its owner cannot be entered at all.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from commerce import clock
from commerce.accounts import sessions
from commerce.accounts.email_tokens import EmailToken, request_token, revoke_tokens, use_token
from commerce.accounts.events import MemberEmailChanged
from commerce.accounts.models import EmailProof, Member, MemberSession
from commerce.accounts.sessions import MEMBER, Device, SignedIn
from commerce.accounts.throttle import clear_throttle
from commerce.db import atomic, current_tenant_id, db, id_of_nobody, new_id
from commerce.encryption import seal
from commerce.errors import Conflict, NotFound
from commerce.events.outbox import Actor, publish

NO_PASSWORD = "!"  # noqa: S105 - no password has this hash
GUEST = Actor("guest")


def get_member(member_id: uuid.UUID) -> Member:
    """Return a member, also one who is unconfirmed or erased. Raises NotFound."""
    found = db.session.scalar(select(Member).where(Member.id == member_id))
    if found is None:
        raise NotFound("member_not_found")
    return found


# --- asking for links: the same answer and the same work, whether an address is known or not ---------------


@atomic
def register_member(email: str, name: str) -> None:
    """Have a link mailed to an address by which its reader gets an account.

    An address with an account gets a mail that says so. `email` is in lower case.
    """
    insert: Any = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    db.session.execute(
        insert(Member)
        .values(
            tenant_id=current_tenant_id(),
            id=new_id(),
            email=email,
            name=name,
            password_hash=NO_PASSWORD,
            active=False,
            phone="",
            created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["tenant_id", "email"])
    )
    _request_password_reset(email)


@atomic
def forgot_password(email: str) -> None:
    """Have a link mailed by which a member chooses another password; an address without an account gets no mail."""
    _request_password_reset(email)


def _request_password_reset(email: str) -> None:
    """Request a link: to confirm the address for an account without a password, else to reset the password."""
    known = db.session.execute(
        select(Member.id, Member.confirmed_at).where(Member.email == email)
    ).one_or_none()
    purpose = "confirm_member" if known and known.confirmed_at is None else "reset_member"
    request_token(GUEST, purpose, email, known.id if known else id_of_nobody(email))


@atomic
def request_email_change(member: SignedIn, email: str) -> None:
    """Mail a link that proves that a member reads `email`; for their own address it adds their guest orders."""
    request_token(member.actor(), "change_member", email, member.id)


# --- what is behind the links ----------------------------------------------------------------------------


def choose_password(purpose: str, token: str, password_hash: str, device: Device) -> tuple[EmailToken, str]:
    """Set a member's password after a mailed link, end their sessions and open one. A step. Raises TokenExpired.

    Returns the token's facts and the session's token. The address counts as confirmed from now on.
    """
    proof = use_token(purpose, token)
    now = clock.now()
    member = db.session.scalars(select(Member).where(Member.id == proof.subject_id).with_for_update()).one()
    member.password_hash, member.active = password_hash, True
    member.confirmed_at = member.confirmed_at or now
    db.session.flush()
    clear_throttle(MEMBER, member.email)
    sessions.end_all(MEMBER, member.id)
    return proof, sessions.begin(MEMBER, member.id, device)


def change_member_email(token: str) -> EmailToken:
    """Make the address that a link was mailed to the member's own, and tell the former one. A step.

    Raises TokenExpired, Conflict when the address has an account of its own by now.
    """
    proof = use_token("change_member", token)
    member = db.session.scalars(select(Member).where(Member.id == proof.subject_id).with_for_update()).one()
    if member.email == proof.email:
        return proof
    taken = db.session.scalar(select(Member).where(Member.email == proof.email).with_for_update())
    if taken is not None and taken.confirmed_at is not None:
        raise Conflict("member_email_taken")
    if taken is not None:
        # Somebody asked for an account there and never chose a password; its reader has just decided otherwise.
        revoke_tokens(taken.id)
        db.session.delete(taken)
        db.session.flush()
    former, member.email = member.email, proof.email
    db.session.flush()
    publish(
        Actor("member", id=str(member.id)),
        MemberEmailChanged(subject_id=member.id, subject_version=1, sealed_former=seal().close(former)),
    )
    return proof


# --- the account itself -----------------------------------------------------------------------------------


@atomic
def rename_member(member_id: uuid.UUID, name: str, phone: str) -> None:
    """Save a member's name and phone number."""
    db.session.execute(
        update(Member)
        .where(Member.id == member_id)
        .values(name=name, phone=phone)
        .execution_options(synchronize_session=False)
    )


@atomic
def sweep_members(before: datetime) -> int:
    """Forget claims that nobody followed up since a moment, and sessions that are over; return how many claims."""
    now = clock.now()
    db.session.execute(
        delete(MemberSession)
        .where((MemberSession.expires_at < now) | (MemberSession.seen_at < now - MEMBER.idle))
        .execution_options(synchronize_session=False)
    )
    waiting = exists().where(EmailProof.tenant_id == Member.tenant_id, EmailProof.subject_id == Member.id)
    result = db.session.execute(
        delete(Member)
        .where(
            Member.confirmed_at.is_(None), Member.erased_at.is_(None), Member.created_at < before, ~waiting
        )
        .execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", result).rowcount
