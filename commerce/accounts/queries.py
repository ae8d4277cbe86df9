"""Find staff and their sessions."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from commerce import clock
from commerce.accounts.models import StaffMember, StaffSession
from commerce.db import db

IDLE = timedelta(hours=12)
"""A session that was not used for this long is over."""
LIFETIME = timedelta(days=7)
"""A session is over after this time, used or not."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A member of staff behind a request, as a plain value."""

    id: uuid.UUID
    name: str
    email: str
    role: str
    session_id: uuid.UUID
    seen_at: datetime


def token_hash(token: str) -> str:
    """Return what is stored of a session's token: who reads the database cannot sign in with it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def find_signed_in(token: str) -> SignedIn | None:
    """Return who the session of `token` belongs to in this shop; None when it is unknown or over or the person left."""
    now = clock.now()
    row = db.session.execute(
        select(
            StaffMember.id,
            StaffMember.name,
            StaffMember.email,
            StaffMember.role,
            StaffSession.id,
            StaffSession.seen_at,
        )
        .join(
            StaffSession,
            (StaffSession.tenant_id == StaffMember.tenant_id) & (StaffSession.staff_id == StaffMember.id),
        )
        .where(
            StaffSession.token_hash == token_hash(token),
            StaffSession.expires_at > now,
            StaffSession.seen_at > now - IDLE,
            StaffMember.active,
        )
    ).one_or_none()
    return SignedIn(*row) if row else None
