"""Sign-in and sign-out of staff, and who is behind a request."""

from __future__ import annotations

from flask import Blueprint, g, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import sign_in as signing
from commerce.accounts.cookies import device, drop_token, keep_token, token_of
from commerce.accounts.forms import SignInForm
from commerce.accounts.queries import SignedIn, find_signed_in
from commerce.accounts.sessions import STAFF
from commerce.web import local_path, private, see_other

blueprint = Blueprint("accounts", __name__)

COOKIE = STAFF.name
HOME = "/admin/"


def signed_in_staff() -> SignedIn | None:
    """Return the member of this shop's staff behind the request, or None. Asked once per request."""
    if "staff" not in g:
        token = token_of(STAFF)
        g.staff = find_signed_in(token) if token else None
        if g.staff is not None:
            signing.keep_alive(STAFF, g.staff.session_id, g.staff.seen_at)
    found: SignedIn | None = g.staff
    return found


@blueprint.route("/admin/sign-in", methods=["GET", "POST"])
def sign_in() -> BaseResponse:
    """Show the form, or sign in and lead to where the person wanted to go."""
    target = local_path(request.values.get("next"), HOME)
    if request.method == "GET" and signed_in_staff() is not None:
        return see_other(target)
    form = SignInForm(next=target)
    if form.validate_on_submit():
        try:
            opened = signing.sign_in(
                STAFF,
                str(form.email.data),
                str(form.password.data),
                device(),
                replaces=token_of(STAFF),
            )
        except signing.SignInRefused as refusal:
            form.form_errors.append(_(refusal.detail))
        else:
            return keep_token(see_other(target), STAFF, opened.token)
    page = render_template("accounts/sign_in.html", form=form)
    return private(make_response(page, 422 if request.method == "POST" else 200))


@blueprint.post("/admin/sign-out")
def sign_out() -> BaseResponse:
    """End the session on the server; the cookie goes with it."""
    token = token_of(STAFF)
    if token:
        signing.sign_out(STAFF, token)
    return drop_token(see_other("/admin/sign-in"), STAFF)
