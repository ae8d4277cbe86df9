"""Sign-in and sign-out of staff, with the code of a second factor; every try is written into the log."""

from __future__ import annotations

from flask import g, make_response, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import audit, token_views
from commerce.accounts import sign_in as signing
from commerce.accounts.auth import (
    COOKIE,
    HOME,
    blueprint,
    client_address,
    load_current,
    signed_in_staff,
    waiting_for_code,
)
from commerce.accounts.cookies import device, drop_token, keep_token, remember_browser, token_of
from commerce.accounts.forms import CodeForm, SignInForm
from commerce.accounts.kept_form import kept_by_sign_in, offer_to_continue
from commerce.accounts.queries import known_staff_email
from commerce.accounts.second_factor import complete_by_code
from commerce.accounts.sessions import STAFF
from commerce.db import with_audit
from commerce.error_messages import describe
from commerce.events.outbox import Actor
from commerce.web import local_path, request_id, see_other

__all__ = ["COOKIE", "HOME", "blueprint", "signed_in_staff", "token_views"]

CODE_PAGE = "/admin/sign-in/code"


@blueprint.route("/admin/sign-in", methods=["GET", "POST"])
def sign_in() -> BaseResponse:
    """Show the form, or sign in and lead to where the person wanted to go."""
    target = local_path(request.values.get("next"), HOME)
    if request.method == "GET" and signed_in_staff() is not None:
        return see_other(target)
    if request.method == "GET" and waiting_for_code(STAFF) is not None:
        return see_other(token_views.path(CODE_PAGE, next=target))
    form = SignInForm(next=target)
    if form.validate_on_submit():
        try:
            opened = _open(str(form.email.data), str(form.password.data))
        except signing.SignInRefused as refusal:
            form.form_errors.append(describe(refusal))
        else:
            onward = see_other(token_views.path(CODE_PAGE, next=target) if opened.needs_code else target)
            keep_token(onward, STAFF, opened.token)
            if opened.needs_code:
                return _ask_for_code(onward, target, str(form.email.data))
            remember_browser(onward, STAFF, opened.person_id)
            return offer_to_continue(onward, opened.person_id, "accounts/continue.html")
    page = render_template("accounts/sign_in.html", form=form, kept=kept_by_sign_in())
    return make_response(page, 422 if request.method == "POST" else 200)


def _ask_for_code(onward: BaseResponse, target: str, email: str) -> BaseResponse:
    """Lead to the page of the code; a form that was typed before is carried on, and so it is shown at once."""
    if not kept_by_sign_in():
        return onward
    g.pop("csrf_token", None)
    form = CodeForm(formdata=None, next=target)
    page = make_response(
        render_template("accounts/code.html", form=form, email=email, kept=kept_by_sign_in())
    )
    for cookie in onward.headers.getlist("Set-Cookie"):
        page.headers.add("Set-Cookie", cookie)
    return page


def _open(email: str, password: str) -> signing.OpenedSession:
    """Check the password and open the session, with an entry in the log either way. Raises SignInRefused."""
    try:
        attempt = signing.check_password(STAFF, email, password, device(STAFF))
    except signing.SignInRefused:
        # Only an address of the staff is written down: anything may have been typed there, even a password.
        known = known_staff_email(email)
        actor = Actor("nobody", request_id=request_id())
        audit.record_alone(actor, "sign_in_refused", known, address=client_address())
        raise
    actor = Actor("staff", str(attempt.person_id), attempt.name, request_id())
    action = "password_given" if attempt.needs_code else "sign_in"
    where = client_address()
    with with_audit(lambda: audit.record(actor, action, attempt.email, address=where)):
        return signing.open_session(STAFF, attempt, password, device(STAFF), replaces=token_of(STAFF))


@blueprint.route(CODE_PAGE, methods=["GET", "POST"])
def sign_in_code() -> BaseResponse:
    """Ask for the code of the second factor, after the password."""
    target, person = local_path(request.values.get("next"), HOME), waiting_for_code(STAFF)
    if person is None:
        return see_other(target if signed_in_staff() else token_views.path("/admin/sign-in", next=target))
    form = CodeForm(next=target)
    if form.validate_on_submit():
        actor, where = person.actor(request_id()), client_address()
        try:
            with with_audit(lambda: audit.record(actor, "sign_in", person.email, address=where)):
                token = complete_by_code(
                    STAFF, person.id, person.session_id, str(form.otp.data), device(STAFF)
                )
        except signing.SignInRefused as refusal:
            audit.record_alone(actor, "code_refused", person.email, address=where)
            form.form_errors.append(describe(refusal))
        else:
            onward = remember_browser(see_other(target), STAFF, person.id, gave_code=True)
            return offer_to_continue(keep_token(onward, STAFF, token), person.id, "accounts/continue.html")
    page = render_template("accounts/code.html", form=form, email=person.email, kept=kept_by_sign_in())
    return make_response(page, 422 if request.method == "POST" else 200)


@blueprint.post("/admin/sign-out")
def sign_out() -> BaseResponse:
    """End the session on the server; the cookie goes with it."""
    token, person = token_of(STAFF), load_current(STAFF)
    if person is not None:
        actor, where = person.actor(request_id()), client_address()
        with with_audit(lambda: audit.record(actor, "sign_out", person.email, address=where)):
            signing.sign_out(STAFF, token)
    return drop_token(see_other("/admin/sign-in"), STAFF)
