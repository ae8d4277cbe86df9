"""One-time codes of an app on the telephone (TOTP, RFC 6238), and codes on paper for the day it is lost.

A code is good once: the time step of the last one is remembered by a conditional UPDATE, so of many tries with the
same code at once one succeeds. Wrong codes count like wrong passwords. Operators have no codes on paper: whoever runs
the installation can take an operator's second factor away at the terminal.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import pyotp
from sqlalchemy import delete, func, select, update

from commerce import clock
from commerce.accounts import sessions
from commerce.accounts.models import RecoveryCode, SecondFactor
from commerce.accounts.sessions import STAFF, Device, Kind, P, S, token_hash
from commerce.accounts.sign_in import SignInAttempt, SignInRefused, begin_try, forgive_try
from commerce.accounts.throttle import CODE, clear_throttle
from commerce.db import atomic, db, insert_rows, with_audit
from commerce.encryption import DecryptionError, seal
from commerce.errors import Conflict, InvalidValue, Rejected

T = TypeVar("T")

STEP = 30
"""Seconds that a code is shown."""
WINDOW = 1
"""Steps before and after now whose codes are taken: telephones go wrong, and people type slowly."""
RECOVERY_CODES = 10


@dataclass(frozen=True, slots=True)
class Enrollment:
    """The result of turning on two-factor authentication: the session's new token and the recovery codes."""

    token: str
    recovery_codes: list[str]


def new_totp_secret(person_id: uuid.UUID) -> tuple[str, str]:
    """Return a secret for the app, in base32, and the same sealed for this person, to be carried by the form.

    Nothing is stored before a first code has proven that the app has it.
    """
    secret = pyotp.random_base32()
    return secret, seal().close(f"{person_id}:{secret}")


def secret_of(person_id: uuid.UUID, carried: str) -> str:
    """Return the secret that a form carried. Raises Rejected when it is not one that was made for this person."""
    try:
        whose, _, secret = seal().open(carried).partition(":")
    except DecryptionError:
        whose = secret = ""
    if whose != str(person_id):
        raise Rejected("sign_in_page_expired")
    return secret


def address_for_app(secret: str, *, email: str, shop: str) -> str:
    """Return the otpauth address that the app reads from the picture."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=shop)


@atomic
def enroll(
    kind: Kind[P, S], person_id: uuid.UUID, session_id: uuid.UUID, *, carried: str, code: str
) -> Enrollment:
    """Take the first code as proof that the app has the secret; from now on sign-in asks for codes.

    `carried` is the sealed secret. Raises InvalidValue for a wrong code, Conflict when there is a second factor
    already, Rejected for a secret that was not made for this person.
    """
    secret = secret_of(person_id, carried)
    step = totp_step(secret, code, after=0)
    if step is None:
        raise InvalidValue("otp", "otp_wrong")
    person = _locked(kind, person_id)
    if person.totp_since is not None:
        raise Conflict("second_factor_exists")
    person.totp_secret, person.totp_since, person.totp_step = seal().close(secret), clock.now(), step
    db.session.flush()
    token = sessions.rotate(kind, session_id, second_factor=True)
    return Enrollment(token, _write_codes(person_id) if kind is STAFF else [])


def complete_by_code(
    kind: Kind[P, S], person_id: uuid.UUID, session_id: uuid.UUID, code: str, device: Device | None = None
) -> str:
    """Check a code of the app or from paper after the password; return the new token of the session, whole from now on.

    Raises SignInRefused.
    """
    # Whoever knows the password can open any number of such sessions, so the device counts and not the session.
    attempt = _begin(kind, person_id, device or Device(), code)
    return use_code(kind, attempt, code, lambda: sessions.rotate(kind, session_id, second_factor=True))


def prove_by_code(kind: Kind[P, S], person_id: uuid.UUID, session_id: uuid.UUID, code: str) -> None:
    """Check a code of somebody who is signed in: what is dangerous is open to the session for half an hour.

    Raises SignInRefused.
    """
    attempt = _begin(kind, person_id, session_id, code)
    with with_audit(None):
        use_code(kind, attempt, code, lambda: sessions.note_proof(kind, session_id))


def _begin(kind: Kind[P, S], person_id: uuid.UUID, origin: Device | uuid.UUID, code: str) -> SignInAttempt:
    # A recovery code has 80 bits: nobody guesses it, so it never waits for other people's tries.
    attempt = begin_try(
        kind, kind.person_id() == person_id, CODE, origin, never_wait=not _plain(code).isdigit()
    )
    if attempt is None:
        raise SignInRefused("sign_in_code_wrong")
    return attempt


@atomic
def use_code(kind: Kind[P, S], attempt: SignInAttempt, code: str, then: Callable[[], T]) -> T:
    """Use a code up for an attempt that was counted, and do the step `then`.

    Raises SignInRefused for a code that is wrong or was used.
    """
    plain = _plain(code)
    good = (
        _use_app_code(kind, attempt.person_id, plain)
        if plain.isdigit()
        else _use_recovery_code(kind, attempt.person_id, plain)
    )
    if not good:
        raise SignInRefused("sign_in_code_wrong")
    forgive_try(kind, attempt)
    return then()


def _plain(code: str) -> str:
    return "".join(c for c in code if c.isalnum()).lower()


def totp_step(secret: str, code: str, *, after: int) -> int | None:
    """Return the time step that a code belongs to; None when it is not a current one or not later than `after`."""
    plain = _plain(code)
    now = int(clock.now().timestamp()) // STEP
    made = pyotp.TOTP(secret)
    fitting = [
        step
        for step in range(now - WINDOW, now + WINDOW + 1)
        if hmac.compare_digest(made.generate_otp(step).encode(), plain.encode()) and step > after
    ]
    return fitting[0] if fitting else None


def recovery_codes_left(person_id: uuid.UUID) -> int:
    """Return how many codes on paper a member of staff has not used yet."""
    mine = (RecoveryCode.staff_id == person_id) & RecoveryCode.used_at.is_(None)
    return db.session.scalar(select(func.count()).select_from(RecoveryCode).where(mine)) or 0


@atomic
def renew_recovery_codes(person_id: uuid.UUID) -> list[str]:
    """Make new codes on paper; the former ones are worth nothing. Raises Conflict without a second factor."""
    if _locked(STAFF, person_id).totp_since is None:
        raise Conflict("second_factor_missing")
    return _write_codes(person_id)


@atomic
def remove_second_factor(kind: Kind[P, S], person_id: uuid.UUID) -> None:
    """Take the second factor away; sign-in asks for the password alone."""
    reset_second_factor_of(kind, person_id)


# --- steps -----------------------------------------------------------------------------------------


def reset_second_factor_of(kind: Kind[P, S], person_id: uuid.UUID) -> None:
    """Forget the app's secret and the recovery codes, and every wrong password and code. A step."""
    email = db.session.scalars(
        select(kind.person.email).where(kind.person_id() == person_id), execution_options=kind.options
    ).one()
    clear_throttle(kind, email)
    sessions.session_options(
        kind,
        update(kind.person)
        .where(kind.person_id() == person_id)
        .values(totp_secret=None, totp_since=None, totp_step=0),
    )
    if kind is STAFF:
        _delete_codes(person_id)


def _locked(kind: Kind[P, S], person_id: uuid.UUID) -> SecondFactor:
    person = db.session.scalars(
        select(kind.person).where(kind.person_id() == person_id).with_for_update(key_share=True),
        execution_options=kind.options,
    ).one()
    return cast("SecondFactor", person)


def _open(sealed: str) -> str:
    try:
        return seal().open(sealed)
    except DecryptionError as error:
        raise Rejected("second_factor_unreadable") from error


def _use_app_code(kind: Kind[P, S], person_id: uuid.UUID, code: str) -> bool:
    person = cast("Any", kind.person)
    row = db.session.execute(
        select(person.totp_secret, person.totp_step).where(
            kind.person_id() == person_id, person.totp_since.is_not(None)
        ),
        execution_options=kind.options,
    ).one_or_none()
    step = totp_step(_open(row.totp_secret), code, after=row.totp_step) if row else None
    if step is None:
        return False
    used = update(kind.person).where(kind.person_id() == person_id, person.totp_step < step)
    return sessions.session_options(kind, used.values(totp_step=step)) == 1


def _use_recovery_code(kind: Kind[P, S], person_id: uuid.UUID, code: str) -> bool:
    if kind is not STAFF:
        return False
    used = update(RecoveryCode).where(
        RecoveryCode.staff_id == person_id,
        RecoveryCode.code_hash == token_hash(code),
        RecoveryCode.used_at.is_(None),
    )
    return sessions.session_options(kind, used.values(used_at=clock.now())) == 1


def _write_codes(person_id: uuid.UUID) -> list[str]:
    """Put ten new codes of 80 bits in place of the former ones and return them as people write them down."""
    _delete_codes(person_id)
    plain = [base64.b32encode(secrets.token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
    insert_rows(
        RecoveryCode,
        [{"staff_id": person_id, "code_hash": token_hash(code), "used_at": None} for code in plain],
    )
    return ["-".join(code[i : i + 4] for i in range(0, len(code), 4)) for code in plain]


def _delete_codes(person_id: uuid.UUID) -> None:
    db.session.execute(
        delete(RecoveryCode)
        .where(RecoveryCode.staff_id == person_id)
        .execution_options(synchronize_session=False)
    )
