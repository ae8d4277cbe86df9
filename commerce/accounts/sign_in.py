"""Sign in and out, and prove again who one is: the same for staff, members and operators (`sessions.Kind`).

A password is checked outside of any transaction, since it takes long on purpose. An attempt is counted before it is
checked and forgiven when it was right, so that many attempts at once are not cheaper than one after the other.
Passwords and codes share one count: who has the one may not guess the other for free.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, select, update

from commerce import clock
from commerce.accounts import sessions
from commerce.accounts.email_tokens import revoke_tokens
from commerce.accounts.passwords import NOBODY, hash_password, is_outdated, verify_password
from commerce.accounts.sessions import Device, Kind, P, S
from commerce.db import atomic, db, with_audit
from commerce.errors import NotFound, Rejected

FREE_TRIES = 4
"""Wrong tries in a row that cost nothing; everybody mistypes."""
FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(minutes=5)
"""Delays double up to here and no further: nobody can lock somebody else out for good."""


class SignInRefused(Rejected):
    """E-mail and password do not belong together, or the account pauses. Says the same in all cases."""

    code = "sign_in_refused"


@dataclass(frozen=True, slots=True)
class SignInAttempt:
    """An attempt that is counted and not judged yet."""

    person_id: uuid.UUID
    email: str
    name: str
    password_hash: str
    needs_code: bool


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A session that was just opened; with `needs_code` it opens nothing before a second factor was given."""

    token: str
    person_id: uuid.UUID
    needs_code: bool = False


def sign_in(
    kind: Kind[P, S], email: str, password: str, device: Device | None = None, *, replaces: str = ""
) -> OpenedSession:
    """Check e-mail and password and open a session; the session of the token `replaces` ends.

    Raises SignInRefused, after the same work whether the address is known or not; Busy.
    """
    attempt = check_password(kind, email, password)
    return open_session(kind, attempt, password, device or Device(), replaces=replaces)


def open_session(
    kind: Kind[P, S], attempt: SignInAttempt, password: str, device: Device, *, replaces: str = ""
) -> OpenedSession:
    """Open a session for an attempt whose `password` was right; a hash with former settings is renewed with it."""
    renewed = hash_password(password) if is_outdated(attempt.password_hash) else ""
    token = _open(kind, attempt, renewed, device, replaces)
    return OpenedSession(token, attempt.person_id, attempt.needs_code)


def check_password(kind: Kind[P, S], email: str, password: str) -> SignInAttempt:
    """Return whose e-mail and password these are, to be forgiven by the caller. Raises SignInRefused."""
    address = email.strip().lower()[:255]
    found = begin_sign_in(kind, kind.person.email == (address if address.isprintable() else ""))
    if not verify_password(found.password_hash if found else NOBODY, password) or found is None:
        raise SignInRefused
    return found


def begin_sign_in(kind: Kind[P, S], whose: ColumnElement[bool]) -> SignInAttempt | None:
    """Count an attempt as if it failed. None when nobody is meant or the account pauses."""
    with with_audit(None):
        return _count(kind, whose)


@atomic
def _count(kind: Kind[P, S], whose: ColumnElement[bool]) -> SignInAttempt | None:
    person = db.session.scalar(
        select(kind.person).where(whose, kind.person.active).with_for_update(key_share=True),
        execution_options=kind.options,
    )
    # Only now: it may have taken a while to get the row.
    now = clock.now()
    if person is None or (person.locked_until is not None and person.locked_until > now):
        return None
    person.failed_sign_ins += 1
    delay = delay_after(person.failed_sign_ins)
    person.locked_until = now + delay if delay else None
    db.session.flush()
    row = cast("Any", person)
    needs_code = kind.has_second_factor and row.totp_since is not None
    return SignInAttempt(row.id, row.email, row.name, row.password_hash, needs_code)


def delay_after(failures: int) -> timedelta:
    """Return how long an account pauses after so many wrong tries in a row: 2 s after five, doubling to 5 min."""
    if failures <= FREE_TRIES:
        return timedelta(0)
    return min(LONGEST_DELAY, FIRST_DELAY * (1 << min(failures - FREE_TRIES - 1, 16)))


def clear_failed_sign_ins(
    kind: Kind[P, S], attempt: SignInAttempt, *, all_of_them: bool, **values: Any
) -> None:
    """Take back the counting of an attempt that was right. A step.

    Wrong codes stay counted until a right one comes (`all_of_them`): else whoever knows the password could sign in
    again after every few codes and guess without end.
    """
    failures: Any = 0 if all_of_them else kind.person.failed_sign_ins - 1
    sessions.session_options(
        kind,
        update(kind.person)
        .where(kind.person_id() == attempt.person_id)
        .values(failed_sign_ins=failures, locked_until=None, **values),
    )


@atomic
def _open(kind: Kind[P, S], attempt: SignInAttempt, renewed_hash: str, device: Device, replaces: str) -> str:
    values = {"password_hash": renewed_hash} if renewed_hash else {}
    clear_failed_sign_ins(kind, attempt, all_of_them=not attempt.needs_code, **values)
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
    attempt = check_again(kind, person_id, password)
    with with_audit(None):
        _note_proof(kind, attempt, session_id)


def check_again(kind: Kind[P, S], person_id: uuid.UUID, password: str) -> SignInAttempt:
    """Check the password of somebody who is signed in, counted like any other attempt. Raises SignInRefused."""
    found = begin_sign_in(kind, kind.person_id() == person_id)
    if not verify_password(found.password_hash if found else NOBODY, password) or found is None:
        raise SignInRefused("sign_in_password_wrong")
    return found


@atomic
def _note_proof(kind: Kind[P, S], attempt: SignInAttempt, session_id: uuid.UUID) -> None:
    clear_failed_sign_ins(kind, attempt, all_of_them=not attempt.needs_code)
    sessions.note_proof(kind, session_id)


def change_password(
    kind: Kind[P, S], person_id: uuid.UUID, session_id: uuid.UUID, *, present: str, new: str
) -> None:
    """Put a new password, which the caller has judged, in place of the present one. All other
    sessions end, and so does every mailed link.

    Raises SignInRefused when `present` is not right.
    """
    attempt = check_again(kind, person_id, present)
    _write_password(kind, attempt, session_id, hash_password(new))


@atomic
def _write_password(
    kind: Kind[P, S], attempt: SignInAttempt, session_id: uuid.UUID, password_hash: str
) -> None:
    clear_failed_sign_ins(kind, attempt, all_of_them=not attempt.needs_code, password_hash=password_hash)
    sessions.note_proof(kind, session_id)
    if kind is not sessions.OPERATOR:
        revoke_tokens(attempt.person_id)
    sessions.end_all(kind, attempt.person_id, but=session_id)


@atomic
def end_session(kind: Kind[P, S], person_id: uuid.UUID, session_id: uuid.UUID) -> None:
    """End one session of a person. Raises NotFound when it is not his or has ended."""
    if not sessions.end_one(kind, person_id, session_id):
        raise NotFound("session_not_found")


@atomic
def end_other_sessions(kind: Kind[P, S], person_id: uuid.UUID, session_id: uuid.UUID) -> int:
    """End every session of a person but this one, and return how many."""
    return sessions.end_all(kind, person_id, but=session_id)
