"""Forgotten passwords of staff: a mailed link, good once, for an hour. It never takes a second factor away."""

from __future__ import annotations

import uuid

from sqlalchemy import select, update

from commerce.accounts import sessions
from commerce.accounts.email_tokens import TokenExpired, find_token, request_token, use_token
from commerce.accounts.models import StaffMember
from commerce.accounts.passwords import MIN_OF_STAFF, hash_password, judge_password
from commerce.accounts.sessions import STAFF
from commerce.accounts.throttle import PASSWORD, clear_throttle
from commerce.db import atomic, db, id_of_nobody
from commerce.events.outbox import Actor
from commerce.tenants.scope import current_shop

PURPOSE = "reset_staff"


@atomic
def ask_for_reset(email: str, request_id: str = "") -> None:
    """Ask for a link to be mailed. An unknown address leads to the same work and to no mail."""
    address = email.strip().lower()[:255]
    address = address if address.isprintable() else ""
    staff_id = db.session.scalar(
        select(StaffMember.id).where(StaffMember.email == address, StaffMember.active)
    )
    request_token(Actor("guest", request_id=request_id), PURPOSE, address, staff_id or id_of_nobody(address))


def reset_password(token: str, password: str) -> uuid.UUID:
    """Replace a forgotten password, end every session and every delay, and return the id of the member of staff.

    Raises TokenExpired, InvalidValue.
    """
    proof = find_token(PURPOSE, token)
    judge_password(password, minimum=MIN_OF_STAFF, about=(proof.email, current_shop().name))
    return _reset(token, hash_password(password))


@atomic
def _reset(token: str, password_hash: str) -> uuid.UUID:
    proof = use_token(PURPOSE, token)
    found = db.session.scalar(
        update(StaffMember)
        .where(StaffMember.id == proof.subject_id, StaffMember.email == proof.email, StaffMember.active)
        .values(password_hash=password_hash)
        .returning(StaffMember.id)
        .execution_options(synchronize_session=False)
    )
    if found is None:
        raise TokenExpired
    sessions.end_all(STAFF, proof.subject_id)
    clear_throttle(STAFF, proof.email, PASSWORD)
    return proof.subject_id
