"""The person behind a request, the same for staff, members and operators (`sessions.Kind`).

Each request asks the database at most once per kind, and never without a cookie.
"""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, g, request

from commerce.accounts import sign_in
from commerce.accounts.cookies import token_of
from commerce.accounts.sessions import MEMBER, STAFF, Kind, P, S, SignedIn, find_signed_in
from commerce.web import never_store

blueprint = never_store(Blueprint("accounts", __name__))
"""The sign-in pages of staff (`accounts/views.py`)."""

COOKIE = STAFF.name
HOME = "/admin/"


def load_current(kind: Kind[P, S]) -> SignedIn | None:
    """Return whose session the request has, or None; the second factor may still be missing (`waits_for_code`)."""
    if kind.belongs_to_shop and "shop" not in g:
        return None  # an error page may come before the shop is known
    key = f"signed_in_{kind.name}"
    if key not in g:
        person = find_signed_in(kind, token_of(kind))
        setattr(g, key, person)
        if person is not None:
            sign_in.keep_alive(kind, person.session_id, person.seen_at)
    found: SignedIn | None = g.get(key)
    return found


def current(kind: Kind[P, S]) -> SignedIn | None:
    """Return the person who is signed in, or None; without the second factor that they have, nobody is."""
    found = load_current(kind)
    return found if found is not None and not found.waits_for_code else None


def require_current(kind: Kind[P, S]) -> SignedIn:
    """Return the person who is signed in. To be called behind the guard of a blueprint."""
    found = current(kind)
    if found is None:
        raise AssertionError(f"a view for {kind.name} was reached without signing in")
    return found


def waiting_for_code(kind: Kind[P, S]) -> SignedIn | None:
    """Return the person who has given the password and not yet the code, or None."""
    found = load_current(kind)
    return found if found is not None and found.waits_for_code else None


def forget_current(kind: Kind[P, S]) -> None:
    """Read the session again when it is next asked for: it has changed during this request."""
    g.pop(f"signed_in_{kind.name}", None)


def template_person(kind: Kind[P, S], name: str) -> Callable[[], dict[str, SignedIn | None]]:
    """Return a context processor that gives templates the person who is signed in as `name`."""
    return lambda: {name: current(kind)}


def current_member() -> SignedIn | None:
    """Return the signed-in member of this shop, or None: used by the cart, the checkout and the head of every page."""
    return current(MEMBER)


def signed_in_staff() -> SignedIn | None:
    """Return the signed-in member of this shop's staff, or None."""
    return current(STAFF)


def client_address() -> str:
    """Return the address that the request comes from, for the activity log."""
    return request.remote_addr or ""
