"""Find staff."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from commerce.accounts import sessions
from commerce.accounts.models import StaffMember, StaffSession
from commerce.accounts.sessions import STAFF
from commerce.db import db


@dataclass(frozen=True, slots=True)
class SignedInStaff:
    """A member of staff behind a request, as a plain value.

    `waits_for_code` says that the password was given and the second factor is still missing: then nothing is open.
    """

    id: uuid.UUID
    name: str
    email: str
    role: str
    session_id: uuid.UUID
    seen_at: datetime
    proven_at: datetime
    has_second_factor: bool
    waits_for_code: bool

    @property
    def recently_proven(self) -> bool:
        """Tell whether password or code were given lately enough for what is dangerous."""
        return sessions.is_recent(self.proven_at)


def find_signed_in_staff(token: str) -> SignedInStaff | None:
    """Return who the session of `token` belongs to in this shop; None when it is unknown or over or the person left."""
    found = sessions.find(STAFF, token)
    return _signed_in(*found) if found else None


def _signed_in(person: StaffMember, session: StaffSession) -> SignedInStaff:
    has_second_factor = person.totp_since is not None
    return SignedInStaff(
        id=person.id,
        name=person.name,
        email=person.email,
        role=person.role,
        session_id=session.id,
        seen_at=session.seen_at,
        proven_at=session.proven_at,
        has_second_factor=has_second_factor,
        waits_for_code=has_second_factor and not session.second_factor,
    )


def staff_with_email(email: str) -> StaffMember | None:
    """Return the member of staff with an address, active or not."""
    address = email.strip().lower()[:255]
    if not address.isprintable():
        return None
    return db.session.scalar(select(StaffMember).where(StaffMember.email == address))
