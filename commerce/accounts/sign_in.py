"""Sign in, sign out and confirm one's identity again: the same for staff, members and operators (`sessions.Kind`).

A password is checked outside of any transaction, since it takes long on purpose. A try is counted before it is
checked and forgiven when it was right, so that many tries at once are not cheaper than one after the other. What a
try costs, and who waits for whom, is in `throttle.py`.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, null, select, update

from commerce import clock
from commerce.accounts import sessions, throttle
from commerce.accounts.email_tokens import revoke_tokens
from commerce.accounts.passwords import NOBODY, hash_password, is_outdated, verify_password
from commerce.accounts.sessions import Device, Kind, P, S
from commerce.accounts.throttle import PASSWORD, Source
from commerce.db import atomic, db, with_audit
from commerce.errors import NotFound, Rejected


class SignInRefused(Rejected):
    """Email and password do not belong together, or the account pauses. Says the same in all cases."""

    code = "sign_in_refused"


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """An attempt that is counted and not judged yet."""

    person_id: uuid.UUID
    email: str
    name: str
    password_hash: str
    needs_code: bool
    subject: str
    source: Source


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session that was just opened; with `needs_code` it opens nothing before a second factor was given."""

    token: str
    person_id: uuid.UUID
    needs_code: bool = False


def sign_in(
    kind: Kind[P, S], email: str, password: str, device: Device | None = None, *, replaces: str = ""
) -> OpenedSession:
    """Check email and password and open a session; the session of the token `replaces` ends.

    Raises SignInRefused, after the same work whether the address is known or not; Busy.
    """
    attempt = check_password(kind, email, password, device)
    return open_session(kind, attempt, password, device or Device(), replaces=replaces)


def open_session(
    kind: Kind[P, S], attempt: SignInAttempt, password: str, device: Device, *, replaces: str = ""
) -> OpenedSession:
    """Open a session for an attempt whose `password` was right; a hash with former settings is renewed with it."""
    renewed = hash_password(password) if is_outdated(attempt.password_hash) else ""
    token = _open(kind, attempt, renewed, device, replaces)
    return OpenedSession(token, attempt.person_id, attempt.needs_code)


def check_password(
    kind: Kind[P, S], email: str, password: str, device: Device | None = None
) -> SignInAttempt:
    """Return whose email and password these are, to be forgiven by the caller. Raises SignInRefused."""
    address = email.strip().lower()[:255]
    address = address if address.isprintable() else ""
    found = begin_try(kind, kind.person.email == address, PASSWORD, device or Device(), typed=address)
    if not verify_password(found.password_hash if found else NOBODY, password) or found is None:
        raise SignInRefused
    return found


def begin_try(
    kind: Kind[P, S],
    whose: ColumnElement[bool],
    factor: str,
    origin: Device | uuid.UUID,
    *,
    typed: str | None = None,
    never_wait: bool = False,
) -> SignInAttempt | None:
    """Count a try as if it failed. None when it belongs to nobody or has to wait.

    `origin` is the device of somebody who signs in, or the id of an open session. `typed` is the address that was
    typed: tries at it count whether or not it has an account.
    """
    with with_audit(None):
        return _count(kind, whose, factor, origin, typed, never_wait)


@atomic
def _count(
    kind: Kind[P, S],
    whose: ColumnElement[bool],
    factor: str,
    origin: Device | uuid.UUID,
    typed: str | None,
    never_wait: bool,
) -> SignInAttempt | None:
    table: Any = kind.person
    since = table.totp_since if kind.has_second_factor else null()
    # Columns, since making an object of the row would take longer for an address that has an account.
    person: Any = db.session.execute(
        select(table.id, table.email, table.name, table.password_hash, since.label("totp_since")).where(
            whose, table.active
        ),
        execution_options=kind.options,
    ).one_or_none()
    if person is None and typed is None:
        return None
    subject = throttle.subject_of(kind, factor, person.email if typed is None else typed)
    source = throttle.source_of(kind, factor, origin, person.id if person else None)
    checked = throttle.count_try(kind, subject, source, never_wait=never_wait)
    if person is None or not checked:
        return None
    needs_code = person.totp_since is not None
    return SignInAttempt(
        person.id, person.email, person.name, person.password_hash, needs_code, subject, source
    )


def forgive_try(kind: Kind[P, S], attempt: SignInAttempt, **values: Any) -> None:
    """Take back the counting of a try that was right, and set `values` of the person. A step."""
    throttle.forgive(kind, attempt.subject, attempt.source)
    if values:
        sessions.session_options(
            kind, update(kind.person).where(kind.person_id() == attempt.person_id).values(**values)
        )


@atomic
def _open(kind: Kind[P, S], attempt: SignInAttempt, renewed_hash: str, device: Device, replaces: str) -> str:
    values = {"password_hash": renewed_hash} if renewed_hash else {}
    forgive_try(kind, attempt, **values)
    return sessions.begin(kind, attempt.person_id, device, replaces=replaces)


@atomic
def sign_out(kind: Kind[P, S], token: str) -> None:
    """End the session of a token; an unknown one changes nothing."""
    sessions.end_by_token(kind, token)


def keep_alive(kind: Kind[P, S], session_id: uuid.UUID, seen_at: datetime) -> None:
    """Note that a session, which was last seen at `seen_at`, is in use; at most every five minutes."""
    if clock.now() - seen_at > sessions.TOUCH_AFTER:
        with with_audit(None):
            _touch(kind, session_id)


@atomic
def _touch(kind: Kind[P, S], session_id: uuid.UUID) -> None:
    sessions.touch(kind, session_id)


# --- somebody who is signed in ------------------------------------------------------------------------


def prove_by_password(kind: Kind[P, S], person_id: uuid.UUID, session_id: uuid.UUID, password: str) -> None:
    """Check the password of somebody who is signed in; what is dangerous is open to the session for half an hour.

    Raises SignInRefused.
    """
    attempt = check_again(kind, person_id, session_id, password)
    with with_audit(None):
        _note_proof(kind, attempt, session_id)


def check_again(
    kind: Kind[P, S], person_id: uuid.UUID, session_id: uuid.UUID, password: str
) -> SignInAttempt:
    """Check the password of somebody who is signed in, counted for this session. Raises SignInRefused."""
    found = begin_try(kind, kind.person_id() == person_id, PASSWORD, session_id)
    if not verify_password(found.password_hash if found else NOBODY, password) or found is None:
        raise SignInRefused("sign_in_password_wrong")
    return found


@atomic
def _note_proof(kind: Kind[P, S], attempt: SignInAttempt, session_id: uuid.UUID) -> None:
    forgive_try(kind, attempt)
    sessions.note_proof(kind, session_id)


def change_password(
    kind: Kind[P, S], person_id: uuid.UUID, session_id: uuid.UUID, *, present: str, new: str
) -> None:
    """Put a new password, which the caller has judged, in place of the present one. All other
    sessions end, and so does every mailed link.

    Raises SignInRefused when `present` is not right.
    """
    attempt = check_again(kind, person_id, session_id, present)
    _write_password(kind, attempt, session_id, hash_password(new))


@atomic
def _write_password(
    kind: Kind[P, S], attempt: SignInAttempt, session_id: uuid.UUID, password_hash: str
) -> None:
    forgive_try(kind, attempt, password_hash=password_hash)
    sessions.note_proof(kind, session_id)
    if kind is not sessions.OPERATOR:
        revoke_tokens(attempt.person_id)
    sessions.end_all(kind, attempt.person_id, but=session_id)


@atomic
def end_session(kind: Kind[P, S], person_id: uuid.UUID, session_id: uuid.UUID) -> None:
    """End one session of a person. Raises NotFound when it is not theirs or has ended."""
    if not sessions.end_one(kind, person_id, session_id):
        raise NotFound("session_not_found")


@atomic
def end_other_sessions(kind: Kind[P, S], person_id: uuid.UUID, session_id: uuid.UUID) -> int:
    """End every session of a person but this one, and return how many."""
    return sessions.end_all(kind, person_id, but=session_id)
