"""Sign-in of operators, their second factor, their password; `shops.py` has the pages behind it."""

from __future__ import annotations

import segno
from flask import flash, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import second_factor
from commerce.accounts import sign_in as signing
from commerce.accounts.auth import client_address, current, forget_current, load_current, waiting_for_code
from commerce.accounts.cookies import (
    device,
    drop_token,
    exchange_token,
    keep_token,
    remember_browser,
    token_of,
)
from commerce.accounts.forms import CodeForm, EnrolForm, SignInForm, StaffChangePasswordForm
from commerce.accounts.passwords import MIN_OF_STAFF, judge_password
from commerce.accounts.sessions import OPERATOR
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.form_submissions import lands_on
from commerce.platform import shops
from commerce.platform.auth import (
    CODE,
    HOME,
    SIGN_IN,
    audit_operator,
    blueprint,
    current_operator,
)
from commerce.platform.operator_log import record_operator_entry, recorded
from commerce.web import see_other

__all__ = ["blueprint", "shops"]

ACCOUNT = "/platform/account"


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> BaseResponse:
    """Show the form, or sign in."""
    form = SignInForm()
    if form.validate_on_submit():
        try:
            opened = _open(str(form.email.data), str(form.password.data))
        except signing.SignInRefused as refusal:
            form.form_errors.append(describe(refusal))
        else:
            onward = see_other(CODE if opened.needs_code else HOME)
            if not opened.needs_code:
                remember_browser(onward, OPERATOR, opened.person_id)
            return keep_token(onward, OPERATOR, opened.token)
    return _page("platform/sign_in.html", form=form)


def _open(email: str, password: str) -> signing.OpenedSession:
    """Check the password and open the session, with an entry in the log either way. Raises SignInRefused."""
    where = client_address()
    try:
        attempt = signing.check_password(OPERATOR, email, password, device(OPERATOR))
    except signing.SignInRefused:
        # What was typed is not written down: it may have been a password.
        record_operator_entry("nobody", "sign_in_refused", where)
        raise
    with recorded(attempt.email, "password_given" if attempt.needs_code else "sign_in", address=where):
        return signing.open_session(
            OPERATOR, attempt, password, device(OPERATOR), replaces=token_of(OPERATOR)
        )


@blueprint.route("/sign-in/code", methods=["GET", "POST"])
def sign_in_code() -> BaseResponse:
    """Ask for the code of the second factor, after the password."""
    person = waiting_for_code(OPERATOR)
    if person is None:
        return see_other(HOME if current(OPERATOR) else SIGN_IN)
    form = CodeForm()
    if form.validate_on_submit():
        try:
            with recorded(person.email, "sign_in", address=client_address()):
                token = second_factor.complete_by_code(
                    OPERATOR, person.id, person.session_id, str(form.otp.data), device(OPERATOR)
                )
        except signing.SignInRefused as refusal:
            record_operator_entry(person.email, "code_refused", client_address())
            form.form_errors.append(describe(refusal))
        else:
            onward = remember_browser(see_other(HOME), OPERATOR, person.id, gave_code=True)
            return keep_token(onward, OPERATOR, token)
    return _page("platform/code.html", form=form, person=person)


@blueprint.post("/sign-out")
def sign_out() -> BaseResponse:
    """End the session on the server; the cookie goes with it."""
    person = load_current(OPERATOR)
    if person is not None:
        with recorded(person.email, "sign_out", address=client_address()):
            signing.sign_out(OPERATOR, token_of(OPERATOR))
    return drop_token(see_other(SIGN_IN), OPERATOR)


@blueprint.route("/account", methods=["GET", "POST"])
@lands_on(ACCOUNT)
def account() -> BaseResponse:
    """Change one's own password; every other browser is signed out."""
    form, me = StaffChangePasswordForm(), current_operator()
    if form.validate_on_submit():
        try:
            new = str(form.password.data)
            judge_password(new, minimum=MIN_OF_STAFF, about=(me.email, me.name))
            with audit_operator("password_changed"):
                signing.change_password(
                    OPERATOR, me.id, me.session_id, present=str(form.present_password.data), new=new
                )
        except InvalidValue as error:
            form.password.errors = [describe(error)]
        except signing.SignInRefused as refusal:
            form.present_password.errors = [describe(refusal)]
        else:
            flash(_("Password changed. You were signed out on all other devices."), "good")
            return see_other(ACCOUNT)
    return _page("platform/account.html", form=form)


@blueprint.route("/second-factor", methods=["GET", "POST"])
@lands_on(HOME)
def enrol() -> BaseResponse:
    """Show a secret for the app, and take its first code."""
    form, me = EnrolForm(), current_operator()
    if me.has_second_factor:
        return see_other(ACCOUNT)
    if form.validate_on_submit():
        try:
            with audit_operator("second_factor_added"):
                done = second_factor.enroll(
                    OPERATOR, me.id, me.session_id, carried=str(form.secret.data), code=str(form.otp.data)
                )
        except InvalidValue as error:
            form.otp.errors = [describe(error)]
        else:
            forget_current(OPERATOR)
            flash(_("Two-factor authentication is on."), "good")
            return exchange_token(see_other(HOME), OPERATOR, done.token)
    if request.method == "POST":
        carried = str(form.secret.data)
        secret = second_factor.secret_of(me.id, carried)
    else:
        secret, carried = second_factor.new_totp_secret(me.id)
    picture = segno.make(second_factor.address_for_app(secret, email=me.email, shop=request.host), error="m")
    return _page(
        "platform/enrol.html",
        form=form,
        carried=carried,
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        picture=picture.svg_data_uri(scale=5, border=4, light="#fff"),
    )


def _page(template: str, **facts: object) -> BaseResponse:
    """Answer a page, and 422 to a form that was not taken."""
    return make_response(render_template(template, **facts), 422 if request.method == "POST" else 200)
