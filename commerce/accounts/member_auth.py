"""The member behind a request: asked for by every page's head, by the cart and by the checkout."""

from __future__ import annotations

from flask import g

from commerce.accounts import sign_in
from commerce.accounts.cookies import token_of
from commerce.accounts.members import SignedInMember, find_signed_in_member
from commerce.accounts.sessions import MEMBER


def current_member() -> SignedInMember | None:
    """Return the member of this shop behind the request, or None. Without a cookie nobody is asked."""
    if "member" not in g:
        token = token_of(MEMBER)
        g.member = find_signed_in_member(token) if token else None
        if g.member is not None:
            sign_in.keep_alive(MEMBER, g.member.session_id, g.member.seen_at)
    found: SignedInMember | None = g.member
    return found
