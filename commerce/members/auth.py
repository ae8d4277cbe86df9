"""The door of a member's own pages: one blueprint, and who is not signed in is led to the sign-in and back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec
from urllib.parse import quote

from flask import Blueprint, Response, flash, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.cookies import keep_token
from commerce.accounts.member_auth import current_member
from commerce.accounts.members import SignedInMember
from commerce.accounts.sessions import MEMBER
from commerce.cart.merging import merge_cart
from commerce.cart.services import MAX_LINES
from commerce.cart.views import COOKIE as CART_COOKIE
from commerce.cart.views import guest_shopper
from commerce.web import cookie_name, cookie_rules, local_path, private, see_other

P = ParamSpec("P")
HOME = "/account/"
SIGN_IN = "/account/sign-in"

blueprint = Blueprint("members", __name__)


def members_only(view: Callable[P, BaseResponse]) -> Callable[P, BaseResponse]:
    """Make a view one for members: others sign in first, and then see the page that they wanted."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> BaseResponse:
        if current_member() is None:
            wanted = request.full_path.rstrip("?") if request.method == "GET" else HOME
            return see_other(f"{SIGN_IN}?next={quote(local_path(wanted, HOME), safe='/')}")
        return view(*args, **kwargs)

    return guarded


def member() -> SignedInMember:
    """Return the member behind a request that has passed the door."""
    found = current_member()
    if found is None:
        raise AssertionError("the door lets nobody in who is not signed in")
    return found


def no_room_text(lines: int) -> str:
    """Return in words that the cart had no room for some more lines."""
    return str(
        ngettext(
            "%(num)d item was not added because a cart can hold up to %(limit)s different items.",
            "%(num)d items were not added because a cart can hold up to %(limit)s different items.",
            lines,
            limit=MAX_LINES,
        )
    )


def start_session(response: BaseResponse, token: str, member_id: uuid.UUID) -> BaseResponse:
    """Give a browser its session, after what it has in its cart is in the member's."""
    merged = merge_cart(guest_shopper(), member_id)
    for title in merged.capped if merged else ():
        flash(_("You had %(title)s in both carts; we put in as many as there are.", title=title), "warn")
    if merged and merged.left_out:
        flash(no_room_text(merged.left_out), "warn")
    response = keep_token(response, MEMBER, token)
    response.delete_cookie(cookie_name(CART_COOKIE), **cookie_rules())
    return response


@blueprint.after_request
def _set_no_store(response: Response) -> Response:
    return private(response)
