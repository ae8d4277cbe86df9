"""A member's account: overview, profile, email address, password and signed-in devices."""

from __future__ import annotations

import uuid

from flask import flash, make_response, render_template
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import members, sign_in
from commerce.accounts.address_book import addresses_of
from commerce.accounts.sessions import MEMBER, open_sessions
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.members.auth import blueprint, member, members_only
from commerce.members.forms import ChangeEmailForm, MemberChangePasswordForm, MemberNameForm
from commerce.members.services import judge
from commerce.orders.customer_timeline import STATUS_WORDS
from commerce.orders.member_orders import orders_of_member
from commerce.web import see_other

SETTINGS = "/account/settings"
LATEST = 3


@blueprint.get("/account/", endpoint="overview")
@members_only
def overview() -> BaseResponse:
    """Show the last orders, the first address, and where everything else is."""
    page = render_template(
        "members/overview.html",
        member=member(),
        orders=orders_of_member(member().id, limit=LATEST).rows,
        address=next(iter(addresses_of(member().id)), None),
        status_words=STATUS_WORDS,
    )
    return make_response(page)


@blueprint.get("/account/settings", endpoint="settings")
@members_only
def settings() -> BaseResponse:
    """Show everything that can be changed, and where the member is signed in."""
    return _settings()


@blueprint.post("/account/name", endpoint="rename")
@members_only
def rename() -> BaseResponse:
    """Save name and telephone number."""
    form = MemberNameForm(prefix="who-")
    if not form.validate():
        return _settings(422, name=form)
    members.rename_member(member().id, str(form.name.data), form.phone.data or "")
    flash(_("Saved."), "good")
    return see_other(SETTINGS)


@blueprint.post("/account/email", endpoint="change_email")
@members_only
def change_email() -> BaseResponse:
    """Mail a link to another address; nothing changes before it was opened there."""
    form = ChangeEmailForm(prefix="email-")
    if not form.validate():
        return _settings(422, email=form)
    try:
        sign_in.prove_by_password(MEMBER, member().id, member().session_id, str(form.password.data))
    except sign_in.SignInRefused as refusal:
        form.password.errors = [describe(refusal)]
        return _settings(422, email=form)
    members.request_email_change(member(), form.address)
    flash(
        _("We’ve sent a link to %(email)s. Open it to confirm your new address.", email=form.address), "good"
    )
    return see_other(SETTINGS)


@blueprint.post("/account/password", endpoint="change_password")
@members_only
def change_password() -> BaseResponse:
    """Put another password in place of the present one; all other browsers are signed out."""
    form = MemberChangePasswordForm(prefix="password-")
    if not form.validate():
        return _settings(422, password=form)
    present, new = str(form.present.data), str(form.password.data)
    try:
        judge(new, member().name, member().email)
        sign_in.change_password(MEMBER, member().id, member().session_id, present=present, new=new)
    except InvalidValue as error:
        form.password.errors = [describe(error)]
    except sign_in.SignInRefused as refusal:
        form.present.errors = [describe(refusal)]
    else:
        flash(_("Password changed. You were signed out on all other devices."), "good")
        return see_other(SETTINGS)
    return _settings(422, password=form)


@blueprint.post("/account/sessions/<uuid:session_id>/removal", endpoint="end_session")
@members_only
def end_session(session_id: uuid.UUID) -> BaseResponse:
    """Sign out one browser."""
    sign_in.end_session(MEMBER, member().id, session_id)
    flash(_("Device signed out."), "good")
    return see_other(SETTINGS)


@blueprint.post("/account/sessions/removal", endpoint="end_other_sessions")
@members_only
def end_other_sessions() -> BaseResponse:
    """Sign out every browser but this one."""
    sign_in.end_other_sessions(MEMBER, member().id, member().session_id)
    flash(_("You were signed out on all other devices."), "good")
    return see_other(SETTINGS)


def _settings(
    status: int = 200,
    *,
    name: MemberNameForm | None = None,
    email: ChangeEmailForm | None = None,
    password: MemberChangePasswordForm | None = None,
) -> BaseResponse:
    forms = {
        "name": name
        or MemberNameForm(None, prefix="who-", data={"name": member().name, "phone": member().phone}),
        "email": email or ChangeEmailForm(None, prefix="email-"),
        "password": password or MemberChangePasswordForm(None, prefix="password-"),
    }
    page = render_template(
        "members/settings.html",
        member=member(),
        sessions=open_sessions(MEMBER, member().id),
        forms=forms,
        wrong=name or email or password,
    )
    return make_response(page, status)
