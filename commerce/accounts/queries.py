"""Find staff."""

from __future__ import annotations

from sqlalchemy import select

from commerce.accounts.models import StaffMember
from commerce.db import db


def known_staff_email(email: str) -> str:
    """Return the address that was typed as that of a member of staff, active or not; '' when it is none of theirs."""
    address = email.strip().lower()[:255]
    if not address.isprintable():
        return ""
    return db.session.scalar(select(StaffMember.email).where(StaffMember.email == address)) or ""
