"""Mailed links that prove that somebody reads an address.

A request for one is a row with a token that nobody knows, and an event. The handler that writes the mail gives the row
a new token and mails that, so no token is ever stored but as its SHA-256. An address that belongs to nobody gets a row
and an event too, and no mail: who asks cannot tell the one from the other.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, update

from commerce import clock
from commerce.accounts.events import EmailTokenRequested
from commerce.accounts.models import EmailProof
from commerce.accounts.sessions import new_token, token_hash
from commerce.db import atomic, db
from commerce.errors import NotFound
from commerce.events.outbox import Actor, publish

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LIFETIMES = {"confirm_member": DAY, "change_member": DAY, "reset_member": HOUR, "reset_staff": HOUR}
"""Purpose -> for how long its link is good. One that opens an account that is in use is good for an hour."""
MOST_AN_HOUR = 5
"""Links that one account is mailed within an hour: nobody can be flooded with mails by somebody else's clicks."""


class TokenExpired(NotFound):
    """The link is unknown, was used, or is too old; the answer does not say which."""

    code = "link_over"


@dataclass(frozen=True, slots=True)
class EmailToken:
    """A proof as a plain value: who (`subject_id`) reads `email`, and what for."""

    id: uuid.UUID
    purpose: str
    email: str
    subject_id: uuid.UUID


def find_token(purpose: str, token: str, *, of: uuid.UUID | None = None) -> EmailToken:
    """Return the proof of a link without using it. Raises TokenExpired, also when it is not that of `of`."""
    row = db.session.scalar(select(EmailProof).where(*_good(purpose, token)))
    if row is None or (of is not None and row.subject_id != of):
        raise TokenExpired
    return _plain(row)


def get_token(proof_id: uuid.UUID) -> EmailToken | None:
    """Return a proof that was not used yet, for the handler that mails it."""
    row = db.session.scalar(select(EmailProof).where(EmailProof.id == proof_id, EmailProof.used_at.is_(None)))
    return _plain(row) if row else None


@atomic
def issue_token(proof_id: uuid.UUID) -> str:
    """Give a proof a new token, to be mailed now, and return it; a former one opens nothing any more."""
    token = new_token()
    lifetime = LIFETIMES[
        db.session.scalars(select(EmailProof.purpose).where(EmailProof.id == proof_id)).one()
    ]
    db.session.execute(
        update(EmailProof)
        .where(EmailProof.id == proof_id)
        .values(token_hash=token_hash(token), expires_at=clock.now() + lifetime)
        .execution_options(synchronize_session=False)
    )
    return token


# --- steps -----------------------------------------------------------------------------------------


def request_token(actor: Actor, purpose: str, email: str, subject_id: uuid.UUID) -> None:
    """Ask for a link to be mailed to `email`, unless the subject was mailed often enough just now. A step.

    `subject_id` may be an id that nobody has (`db.id_of_nobody`).
    """
    now = clock.now()
    lately = db.session.scalar(
        select(func.count())
        .select_from(EmailProof)
        .where(EmailProof.subject_id == subject_id, EmailProof.created_at > now - HOUR)
    )
    if (lately or 0) >= MOST_AN_HOUR:
        return
    row = EmailProof(
        purpose=purpose,
        email=email,
        subject_id=subject_id,
        token_hash=token_hash(new_token()),
        expires_at=now + LIFETIMES[purpose],
    )
    db.session.add(row)
    db.session.flush()
    publish(actor, EmailTokenRequested(subject_id=row.id, subject_version=1))


def use_token(purpose: str, token: str) -> EmailToken:
    """Use up a link: of any number of tries at once, one succeeds. A step. Raises TokenExpired.

    Every other link of its subject ends, too: it may have been mailed to an address that is no longer theirs.
    """
    row = db.session.scalar(
        update(EmailProof)
        .where(*_good(purpose, token))
        .values(used_at=clock.now())
        .returning(EmailProof)
        .execution_options(synchronize_session=False)
    )
    if row is None:
        raise TokenExpired
    proof = _plain(row)
    revoke_tokens(proof.subject_id)
    return proof


def revoke_tokens(subject_id: uuid.UUID) -> None:
    """End every link of a person that was not used yet. A step."""
    db.session.execute(
        delete(EmailProof)
        .where(EmailProof.subject_id == subject_id, EmailProof.used_at.is_(None))
        .execution_options(synchronize_session=False)
    )


@atomic
def purge_expired_tokens(before: datetime) -> None:
    """Delete the links of a shop that were over at a moment."""
    db.session.execute(
        delete(EmailProof).where(EmailProof.expires_at < before).execution_options(synchronize_session=False)
    )


def _good(purpose: str, token: str) -> tuple[ColumnElement[bool], ...]:
    return (
        EmailProof.token_hash == token_hash(token),
        EmailProof.purpose == purpose,
        EmailProof.used_at.is_(None),
        EmailProof.expires_at > clock.now(),
    )


def _plain(row: EmailProof) -> EmailToken:
    return EmailToken(row.id, row.purpose, row.email, row.subject_id)
