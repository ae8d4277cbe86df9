"""Staff: make them, sign them in and out.

A password is checked outside of any transaction, since it takes long on purpose. An attempt is counted before it is
checked and forgiven when it was right, so that many attempts at once are not cheaper than one after the other.
"""

from __future__ import annotations

import secrets
import uuid
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select, update

from commerce import clock
from commerce.accounts.models import StaffMember, StaffSession
from commerce.accounts.passwords import MAX_LENGTH, NOBODY, hash_password, is_outdated, verify_password
from commerce.accounts.permissions import ROLES
from commerce.accounts.queries import IDLE, LIFETIME, SignedIn, token_hash
from commerce.db import atomic, db
from commerce.errors import InvalidValue, Rejected

MIN_PASSWORD = 12
FREE_TRIES = 4
"""Wrong passwords in a row that cost nothing; everybody mistypes."""
FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(minutes=5)
"""Delays double up to here and no further: nobody can lock somebody else out for good."""
TOUCH_AFTER = timedelta(minutes=5)


class SignInRefused(Rejected):
    """E-mail and password do not belong together, or the account pauses. Says the same in all cases."""

    code = "sign_in_refused"
    title = "You are not signed in"

    def __init__(self) -> None:
        super().__init__(
            "The e-mail address or the password is not right. After several wrong tries in a row an account pauses, "
            "for five minutes at most."
        )


def create_staff(*, email: str, name: str, password: str, role: str = "owner") -> uuid.UUID:
    """Make a member of staff of the current shop and return the id.

    Raises InvalidValue for a bad e-mail, role or password (12 to 1024 characters), Rejected when the e-mail is taken.
    """
    address = _checked_email(email)
    if role not in ROLES:
        raise InvalidValue("role", f"{role!r} is no role; there are {', '.join(ROLES)}.")
    if not MIN_PASSWORD <= len(password) <= MAX_LENGTH:
        raise InvalidValue("password", f"A password has {MIN_PASSWORD} to {MAX_LENGTH} characters.")
    return _insert_staff(address, name.strip()[:255] or address, hash_password(password), role)


def _checked_email(email: str) -> str:
    """Return an address in lower case. Colleagues are typed in by hand, so one look at its shape is enough."""
    address = email.strip().lower()
    name, at, domain = address.rpartition("@")
    if not (name and at and domain) or len(address) > 254 or not address.isprintable() or " " in address:
        raise InvalidValue("email", f"{email!r} is not an e-mail address.")
    return address


@atomic
def _insert_staff(email: str, name: str, password_hash: str, role: str) -> uuid.UUID:
    if db.session.scalar(select(StaffMember.id).where(StaffMember.email == email)):
        raise Rejected(f"There is a member of staff with the address {email} already.")
    member = StaffMember(email=email, name=name, password_hash=password_hash, role=role)
    db.session.add(member)
    db.session.flush()
    return member.id


# --- sign-in and sign-out ---------------------------------------------------------------------------


def sign_in(email: str, password: str, *, replaces: str = "") -> str:
    """Check e-mail and password and return the token of a new session; the session of the token `replaces` ends.

    Raises SignInRefused, after the same work whether the address is known or not; Busy.
    """
    found = _begin_attempt(email.strip().lower()[:255])
    staff_id, stored = found or (None, NOBODY)
    if not verify_password(stored, password) or staff_id is None:
        raise SignInRefused
    renewed = hash_password(password) if is_outdated(stored) else ""
    return _open_session(staff_id, renewed, replaces)


@atomic
def _begin_attempt(email: str) -> tuple[uuid.UUID, str] | None:
    """Count an attempt as if it failed. None when the address is unknown or pauses: then nothing is worth a look."""
    member = db.session.scalar(
        select(StaffMember).where(StaffMember.email == email, StaffMember.active).with_for_update()
    )
    # Only now: it may have taken a while to get the row.
    now = clock.now()
    if member is None or (member.locked_until is not None and member.locked_until > now):
        return None
    member.failed_sign_ins += 1
    delay = delay_after(member.failed_sign_ins)
    member.locked_until = now + delay if delay else None
    db.session.flush()
    return member.id, member.password_hash


def delay_after(failures: int) -> timedelta:
    """Return how long an account pauses after so many wrong passwords in a row: 2 s after five, doubling to 5 min."""
    if failures <= FREE_TRIES:
        return timedelta(0)
    return min(LONGEST_DELAY, FIRST_DELAY * (1 << min(failures - FREE_TRIES - 1, 16)))


@atomic
def _open_session(staff_id: uuid.UUID, renewed_hash: str, replaces: str) -> str:
    now = clock.now()
    changes: dict[str, Any] = {"failed_sign_ins": 0, "locked_until": None}
    if renewed_hash:
        changes["password_hash"] = renewed_hash
    db.session.execute(
        update(StaffMember)
        .where(StaffMember.id == staff_id)
        .values(**changes)
        .execution_options(synchronize_session=False)
    )
    _delete_sessions(
        or_(
            StaffSession.token_hash == token_hash(replaces),
            (StaffSession.staff_id == staff_id)
            & or_(StaffSession.expires_at <= now, StaffSession.seen_at <= now - IDLE),
        )
    )
    token = secrets.token_urlsafe(32)
    db.session.add(StaffSession(staff_id=staff_id, token_hash=token_hash(token), expires_at=now + LIFETIME))
    db.session.flush()
    return token


@atomic
def sign_out(token: str) -> None:
    """End the session of a token; an unknown one changes nothing."""
    _delete_sessions(StaffSession.token_hash == token_hash(token))


def _delete_sessions(condition: ColumnElement[bool]) -> None:
    db.session.execute(delete(StaffSession).where(condition).execution_options(synchronize_session=False))


def keep_alive(staff: SignedIn) -> None:
    """Note that a session is in use, at most every five minutes: reading pages should hardly ever write."""
    if clock.now() - staff.seen_at > TOUCH_AFTER:
        _touch(staff.session_id)


@atomic
def _touch(session_id: uuid.UUID) -> None:
    db.session.execute(
        update(StaffSession)
        .where(StaffSession.id == session_id)
        .values(seen_at=clock.now())
        .execution_options(synchronize_session=False)
    )
