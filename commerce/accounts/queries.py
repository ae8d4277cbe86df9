"""Find staff."""

from __future__ import annotations

from sqlalchemy import select

from commerce.accounts.models import StaffMember
from commerce.db import db


def staff_with_email(email: str) -> StaffMember | None:
    """Return the member of staff with an address, active or not."""
    address = email.strip().lower()[:255]
    if not address.isprintable():
        return None
    return db.session.scalar(select(StaffMember).where(StaffMember.email == address))
