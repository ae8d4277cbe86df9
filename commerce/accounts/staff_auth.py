"""Who of the staff is behind a request, and the blueprint of the pages that open the back office."""

from __future__ import annotations

from flask import Blueprint, g, request

from commerce.accounts import sign_in as signing
from commerce.accounts.cookies import token_of
from commerce.accounts.queries import SignedInStaff, find_signed_in_staff
from commerce.accounts.sessions import STAFF
from commerce.events.outbox import Actor
from commerce.web import request_id

blueprint = Blueprint("accounts", __name__)

COOKIE = STAFF.name
HOME = "/admin/"


def signed_in_staff() -> SignedInStaff | None:
    """Return the member of this shop's staff behind the request, or None; one whose code is missing is nobody yet."""
    found = _load_current_staff()
    return found if found is not None and not found.waits_for_code else None


def waiting_for_code() -> SignedInStaff | None:
    """Return who has given his password and not yet his code, or None."""
    found = _load_current_staff()
    return found if found is not None and found.waits_for_code else None


def clear_current_staff() -> None:
    """Look again who is behind the request, now that his session has changed."""
    g.pop("staff", None)


def _load_current_staff() -> SignedInStaff | None:
    """Asked once per request."""
    if "staff" not in g:
        token = token_of(STAFF)
        g.staff = find_signed_in_staff(token) if token else None
        if g.staff is not None:
            signing.keep_alive(STAFF, g.staff.session_id, g.staff.seen_at)
    found: SignedInStaff | None = g.staff
    return found


def actor_of(staff: SignedInStaff) -> Actor:
    """Return a member of staff as histories name people."""
    return Actor("staff", id=str(staff.id), name=staff.name, request_id=request_id())


def client_address() -> str:
    """Return where the request comes from, for the log."""
    return request.remote_addr or ""
