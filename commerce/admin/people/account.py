"""Everybody's own page in the back office: name, password, second factor, and where one is signed in."""

from __future__ import annotations

import uuid

import segno
from flask import flash, make_response, render_template
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import second_factor, sessions
from commerce.accounts import sign_in as signing
from commerce.accounts import staff as people
from commerce.accounts.cookies import exchange_token
from commerce.accounts.forms import EnrolForm, StaffChangePasswordForm, StaffNameForm
from commerce.accounts.passwords import MIN_OF_STAFF, judge_password
from commerce.accounts.sessions import STAFF
from commerce.admin.auth import ENROLMENT, blueprint, current_staff, requires_permission
from commerce.admin.step_up import PAGE as PROOF
from commerce.admin.step_up import has_recent_auth_for_page, requires_recent_auth
from commerce.errors import InvalidValue
from commerce.tenants.scope import current_shop
from commerce.web import TextForm, see_other

HERE = "/admin/account"


@blueprint.get("/account")
@requires_permission("account.own")
def account() -> BaseResponse:
    """Show what can be changed about oneself."""
    return _show()


@blueprint.post("/account/name")
@requires_permission("account.own")
def account_name() -> BaseResponse:
    """Change how one is called in the history of orders."""
    form = StaffNameForm()
    if not form.validate():
        return _show(name=form)
    try:
        people.rename_staff(current_staff().id, str(form.name.data))
    except InvalidValue as error:
        form.name.errors = [_(error.reason)]
        return _show(name=form)
    flash(_("Saved."), "good")
    return see_other(HERE)


@blueprint.post("/account/password")
@requires_permission("account.own")
def account_password() -> BaseResponse:
    """Set a new password, with the present one; every other browser is signed out."""
    form, me = StaffChangePasswordForm(), current_staff()
    if not form.validate():
        return _show(password=form)
    try:
        new = str(form.password.data)
        judge_password(new, minimum=MIN_OF_STAFF, about=(me.email, me.name, current_shop().name))
        signing.change_password(STAFF, me.id, me.session_id, present=str(form.present_password.data), new=new)
    except InvalidValue as error:
        form.password.errors = [_(error.reason)]
    except signing.SignInRefused as refusal:
        form.present_password.errors = [_(refusal.detail)]
    else:
        flash(_("Your new password is set. Every other browser is signed out."), "good")
        return see_other(HERE)
    return _show(password=form)


@blueprint.post("/account/sessions/<uuid:session_id>/end")
@requires_permission("account.own")
def account_session_end(session_id: uuid.UUID) -> BaseResponse:
    """Sign another browser out."""
    signing.end_session(STAFF, current_staff().id, session_id)
    flash(_("That browser is signed out."), "good")
    return see_other(HERE)


@blueprint.post("/account/sessions/end-others")
@requires_permission("account.own")
def account_sessions_end() -> BaseResponse:
    """Sign every other browser out."""
    me = current_staff()
    count = signing.end_other_sessions(STAFF, me.id, me.session_id)
    flash(_("Browsers signed out: %(count)s.", count=count), "good")
    return see_other(HERE)


def _show(name: TextForm | None = None, password: TextForm | None = None) -> BaseResponse:
    me = current_staff()
    page = render_template(
        "admin/people/account.html",
        me=me,
        name_form=name or StaffNameForm(formdata=None, name=me.name),
        password_form=password or StaffChangePasswordForm(formdata=None),
        form=name or password,
        sessions=sessions.open_sessions(STAFF, me.id),
    )
    return make_response(page, 422 if name or password else 200)


# --- the second factor ------------------------------------------------------------------------------


@blueprint.get("/account/second-factor")
@requires_permission("account.own")
def second_factor_page() -> BaseResponse:
    """Show how to add a second factor, or the one that there is."""
    return _show_factor()


@blueprint.post("/account/second-factor")
@requires_permission("account.own")
@requires_recent_auth
def second_factor_enrol() -> BaseResponse:
    """Take the first code, and show the recovery codes, this once."""
    form, me = EnrolForm(), current_staff()
    if not form.validate():
        return _show_factor(form)
    try:
        enrolled = second_factor.enroll(
            STAFF, me.id, me.session_id, carried=str(form.secret.data), code=str(form.otp.data)
        )
    except InvalidValue as error:
        form.otp.errors = [_(error.reason)]
        return _show_factor(form)
    return exchange_token(_show_codes(enrolled.recovery_codes), STAFF, enrolled.token)


@blueprint.post("/account/second-factor/recovery-codes")
@requires_permission("account.own")
@requires_recent_auth
def second_factor_codes() -> BaseResponse:
    """Make new recovery codes and show them, this once."""
    return _show_codes(second_factor.renew_recovery_codes(current_staff().id))


@blueprint.post("/account/second-factor/removal")
@requires_permission("account.own")
@requires_recent_auth
def second_factor_remove() -> BaseResponse:
    """Take one's own second factor away."""
    second_factor.remove_second_factor(STAFF, current_staff().id)
    flash(_("Your password alone opens the back office now."), "warn")
    return see_other(ENROLMENT)


@blueprint.post(PROOF.removeprefix("/admin"))
@requires_permission("account.own")
def proof() -> BaseResponse:
    """Take a proof for a page that was only to be looked at, and lead there."""
    done = has_recent_auth_for_page(current_staff())
    return see_other(done) if isinstance(done, str) else done


def _show_factor(form: EnrolForm | None = None) -> BaseResponse:
    me = current_staff()
    if me.has_second_factor:
        left = second_factor.recovery_codes_left(me.id)
        return make_response(render_template("admin/people/two_factor.html", me=me, left=left))
    if form is None:
        secret, carried = second_factor.new_totp_secret(me.id)
    else:
        carried = str(form.secret.data)
        secret = second_factor.secret_of(me.id, carried)
    picture = segno.make(
        second_factor.address_for_app(secret, email=me.email, shop=current_shop().name), error="m"
    )
    page = render_template(
        "admin/people/two_factor_setup.html",
        form=form or EnrolForm(formdata=None),
        carried=carried,
        secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
        picture=picture.svg_data_uri(scale=5, border=4, light="#fff"),
    )
    return make_response(page, 422 if form else 200)


def _show_codes(codes: list[str]) -> BaseResponse:
    """Answer the form itself, not a redirect: the codes must not be kept anywhere until the next request."""
    return make_response(render_template("admin/people/recovery_codes.html", codes=codes))
