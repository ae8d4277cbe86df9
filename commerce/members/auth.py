"""Access to a member's own pages: one blueprint, which sends visitors to the sign-in page and back."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec
from urllib.parse import quote

from flask import Blueprint, flash, make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.auth import current_member, require_current
from commerce.accounts.cookies import keep_token, remember_browser
from commerce.accounts.forms import SignInForm
from commerce.accounts.kept_form import resume_after_sign_in, seal_form
from commerce.accounts.sessions import MEMBER, SignedIn
from commerce.cart.merging import merge_cart
from commerce.cart.services import MAX_LINES
from commerce.cart.views import COOKIE as CART_COOKIE
from commerce.cart.views import guest_shopper
from commerce.web import cookie_name, cookie_rules, local_path, never_store, see_other

P = ParamSpec("P")
HOME = "/account/"
SIGN_IN = "/account/sign-in"

blueprint = never_store(Blueprint("members", __name__))


def members_only(view: Callable[P, BaseResponse]) -> Callable[P, BaseResponse]:
    """Require a signed-in member; others sign in first and then see the page that they asked for."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> BaseResponse:
        if current_member() is None:
            if request.method == "POST":
                form = SignInForm(formdata=None, next=HOME)
                page = render_template("members/sign_in.html", form=form, kept=seal_form())
                return make_response(page, 401)
            wanted = request.full_path.rstrip("?")
            return see_other(f"{SIGN_IN}?next={quote(local_path(wanted, HOME), safe='/')}")
        resume_after_sign_in(member().id)
        return view(*args, **kwargs)

    return guarded


def member() -> SignedIn:
    """Return the member behind the request of a view that is `members_only`."""
    return require_current(MEMBER)


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
    """Merge the browser's cart into the member's, then give the browser its session."""
    merged = merge_cart(guest_shopper(), member_id)
    for title in merged.capped if merged else ():
        flash(_("%(title)s was in both carts. We added as many as are available.", title=title), "warn")
    if merged and merged.left_out:
        flash(no_room_text(merged.left_out), "warn")
    response = remember_browser(keep_token(response, MEMBER, token), MEMBER, member_id)
    response.delete_cookie(cookie_name(CART_COOKIE), **cookie_rules())
    return response
