"""Staff of a shop: make them."""

from __future__ import annotations

import uuid

from sqlalchemy import select

from commerce.accounts.models import StaffMember
from commerce.accounts.passwords import MIN_OF_STAFF, hash_password, judge_password
from commerce.accounts.staff import checked_role, free_staff_place, lock_staff_places
from commerce.db import atomic, db
from commerce.errors import InvalidValue, Rejected
from commerce.tenants.scope import current_shop


def create_staff(*, email: str, name: str, password: str, role: str = "owner") -> uuid.UUID:
    """Make a member of staff of the current shop and return the id.

    Raises InvalidValue for a bad email, role or password (12 to 1024 characters), Rejected when the email is taken,
    PlanFull.
    """
    address = checked_email(email)
    checked_role(role)
    judge_password(password, minimum=MIN_OF_STAFF, about=(address, name, current_shop().name))
    return _insert_staff(address, name.strip()[:255] or address, hash_password(password), role)


def checked_email(email: str) -> str:
    """Return an address in lower case. Colleagues are typed in by hand, so one look at its shape is enough."""
    address = email.strip().lower()
    name, at, domain = address.rpartition("@")
    if not (name and at and domain) or len(address) > 254 or not address.isprintable() or " " in address:
        raise InvalidValue("email", "not_an_email", value=email[:80])
    return address


@atomic
def _insert_staff(email: str, name: str, password_hash: str, role: str) -> uuid.UUID:
    limit = lock_staff_places()
    if db.session.scalar(select(StaffMember.id).where(StaffMember.email == email)):
        raise Rejected("staff_email_exists", email=email)
    free_staff_place(limit, invited=email)
    member = StaffMember(email=email, name=name, password_hash=password_hash, role=role)
    db.session.add(member)
    db.session.flush()
    return member.id
