"""Pages of mailed links: an invitation, a forgotten password. Opening one does nothing yet, since programs that check
mails open links too; the button does."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import flash, make_response, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import audit, invitations, password_reset
from commerce.accounts.auth import HOME, blueprint, client_address
from commerce.accounts.cookies import device, keep_token, remember_browser
from commerce.accounts.email_tokens import find_token
from commerce.accounts.forms import ForgottenForm, InvitationForm, StaffNewPasswordForm
from commerce.accounts.sessions import STAFF
from commerce.db import with_audit
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.events.outbox import Actor
from commerce.form_submissions import counts_always
from commerce.web import TextForm, request_id, see_other


def path(page: str, **arguments: str) -> str:
    """Return the address of a page with its query string; the slashes of a path in it stay legible."""
    return f"{page}?{urlencode(arguments, safe='/')}"


@blueprint.route("/admin/invitations/<token>", methods=["GET", "POST"])
def invitation(token: str) -> BaseResponse:
    """Ask the invited person for name and password, or make the member of staff and sign in."""
    invited, form = invitations.find_invitation(token), InvitationForm()
    if form.validate_on_submit():
        name, where = str(form.name.data), client_address()
        actor = Actor("staff", name=name.strip(), request_id=request_id())
        try:
            with with_audit(
                lambda: audit.record(
                    actor, "invitation_accepted", invited.email, {"role": invited.role}, address=where
                )
            ):
                opened = invitations.accept(
                    token, name=name, password=str(form.password.data), device=device(STAFF)
                )
        except InvalidValue as error:
            form[error.field].errors = [describe(error)]
        else:
            return keep_token(see_other(HOME), STAFF, opened)
    return _answer("accounts/invitation.html", form, invited=invited)


@blueprint.route("/admin/password-reset", methods=["GET", "POST"])
@counts_always
def forgotten_password() -> BaseResponse:
    """Ask whose password was forgotten, and say the same whoever it is."""
    form = ForgottenForm()
    if form.validate_on_submit():
        password_reset.ask_for_reset(str(form.email.data), request_id())
        flash(_("If a staff member has this address, we’ve sent an email with a link."), "good")
        return see_other("/admin/password-reset")
    return _answer("accounts/password_reset.html", form)


@blueprint.route("/admin/password-reset/<token>", methods=["GET", "POST"])
def reset_password(token: str) -> BaseResponse:
    """Ask for a new password, or set it and lead to the sign-in."""
    proof, form = find_token(password_reset.PURPOSE, token), StaffNewPasswordForm()
    if form.validate_on_submit():
        actor, where = Actor("staff", request_id=request_id()), client_address()
        try:
            with with_audit(lambda: audit.record(actor, "password_reset", proof.email, address=where)):
                staff_id = password_reset.reset_password(token, str(form.password.data))
        except InvalidValue as error:
            form[error.field].errors = [describe(error)]
        else:
            flash(_("Password changed. Sign in with your new password."), "good")
            return remember_browser(see_other("/admin/sign-in"), STAFF, staff_id)
    return _answer("accounts/new_password.html", form)


def _answer(template: str, form: TextForm, **context: object) -> BaseResponse:
    page = render_template(template, form=form, **context)
    return make_response(page, 422 if request.method == "POST" else 200)
