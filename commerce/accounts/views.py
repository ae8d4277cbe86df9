"""Sign-in and sign-out of staff, and who is behind a request."""

from __future__ import annotations

from flask import Blueprint, current_app, g, make_response, render_template, request, session
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import services
from commerce.accounts.forms import SignInForm
from commerce.accounts.queries import LIFETIME, SignedIn, find_signed_in
from commerce.web import local_path, private, see_other

blueprint = Blueprint("accounts", __name__)

COOKIE = "staff"
HOME = "/admin/"


def signed_in_staff() -> SignedIn | None:
    """Return the member of this shop's staff behind the request, or None. Asked once per request."""
    if "staff" not in g:
        token = request.cookies.get(COOKIE, "")
        g.staff = find_signed_in(token) if token else None
        if g.staff is not None:
            services.keep_alive(g.staff)
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
            token = services.sign_in(
                str(form.email.data), str(form.password.data), replaces=request.cookies.get(COOKIE, "")
            )
        except services.SignInRefused as refusal:
            form.form_errors.append(_(refusal.detail))
        else:
            return _signed_in(token, target)
    page = render_template("accounts/sign_in.html", form=form)
    return private(make_response(page, 422 if request.method == "POST" else 200))


def _signed_in(token: str, target: str) -> BaseResponse:
    # A form token that somebody may have planted before is worth nothing from here on.
    session.pop("csrf_token", None)
    response = see_other(target)
    response.set_cookie(
        COOKIE,
        token,
        max_age=int(LIFETIME.total_seconds()),
        path="/",
        httponly=True,
        samesite="Lax",
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
    )
    return response


@blueprint.post("/admin/sign-out")
def sign_out() -> BaseResponse:
    """End the session on the server; the cookie goes with it."""
    token = request.cookies.get(COOKIE, "")
    if token:
        services.sign_out(token)
    session.pop("csrf_token", None)
    response = see_other("/admin/sign-in")
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="Lax")
    return response
