"""People in the back office: staff, one's own account, and the activity log."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import segno
from flask import make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as BaseResponse

from commerce import clock
from commerce.accounts import invitations, second_factor, sessions
from commerce.accounts import sign_in as signing
from commerce.accounts import staff as people
from commerce.accounts.cookies import exchange_token
from commerce.accounts.forms import EnrolForm, StaffChangePasswordForm, StaffNameForm
from commerce.accounts.passwords import MIN_OF_STAFF, judge_password
from commerce.accounts.sessions import STAFF
from commerce.admin.auth import (
    ENROLMENT,
    blueprint,
    current_actor,
    current_staff,
    requires_permission,
)
from commerce.admin.confirmation import confirm_first
from commerce.admin.people.forms import InviteForm
from commerce.admin.save import done, save
from commerce.admin.step_up import PAGE as PROOF
from commerce.admin.step_up import has_recent_auth_for_page, requires_recent_auth
from commerce.errors import CommerceError, Conflict
from commerce.tenants.scope import current_shop
from commerce.web import TextForm, see_other

ACCOUNT = "/admin/account"
STAFF_LIST = "/admin/staff"
MEANINGS = {
    "owner": _l("full access, including staff, API clients and data export"),
    "manager": _l("everything except staff, API clients and data export"),
    "fulfilment": _l("ships orders, manages stock"),
    "support": _l("helps customers: creates, edits and cancels orders"),
    "readonly": _l("views everything, changes nothing"),
}


# --- staff ------------------------------------------------------------------------------------------


@blueprint.get("/staff")
@requires_permission("staff.manage")
def staff_list() -> BaseResponse:
    """Show staff and open invitations."""
    return _show_staff()


@blueprint.post("/staff/invitations")
@requires_permission("staff.manage")
@requires_recent_auth
def staff_invite() -> BaseResponse:
    """Invite staff by email."""
    form = InviteForm()
    return save(
        form,
        lambda: invitations.invite(str(form.email.data), str(form.role.data), current_actor()),
        show=lambda status: _show_staff(form, status),
        then=lambda _invitation: done(_("Invitation sent to %(email)s.", email=form.email.data), STAFF_LIST),
        shown_at={people.PlanFull: "", Conflict: ""},
    )


@blueprint.post("/staff/invitations/<uuid:invitation_id>/withdrawal")
@requires_permission("staff.manage")
@requires_recent_auth
def staff_withdraw(invitation_id: uuid.UUID) -> BaseResponse:
    """Withdraw an invitation."""
    invitations.withdraw_invitation(invitation_id)
    return done(_("Invitation withdrawn. Its link no longer works."), STAFF_LIST)


@blueprint.post("/staff/<uuid:staff_id>/role")
@requires_permission("staff.manage")
@requires_recent_auth
def staff_role(staff_id: uuid.UUID) -> BaseResponse:
    """Change the role of an account."""
    role, seen = request.form.get("role", ""), request.form.get("seen", "")
    return _change(lambda: people.change_role(staff_id, role, seen=seen), _("Role changed."))


@blueprint.post("/staff/<uuid:staff_id>/deactivation")
@requires_permission("staff.manage")
@requires_recent_auth
def staff_deactivate(staff_id: uuid.UUID) -> BaseResponse:
    """Deactivate an account and sign it out everywhere."""
    return _change(lambda: people.deactivate(staff_id), _("Account deactivated and signed out everywhere."))


@blueprint.post("/staff/<uuid:staff_id>/activation")
@requires_permission("staff.manage")
@requires_recent_auth
def staff_reactivate(staff_id: uuid.UUID) -> BaseResponse:
    """Reactivate an account."""
    return _change(lambda: people.reactivate(staff_id), _("Account reactivated. Its password is unchanged."))


@blueprint.post("/staff/<uuid:staff_id>/second-factor-reset")
@requires_permission("staff.manage")
@requires_recent_auth
def staff_reset_factor(staff_id: uuid.UUID) -> BaseResponse:
    """Show what resetting means for staff who lost their phone; then turn off their two-factor authentication."""
    person = next((each for each in people.list_staff() if each.id == staff_id), None)
    if person is not None:
        asks = confirm_first(
            _("Turn off two-factor authentication for %(name)s", name=person.name or person.email),
            _("Turn off two-factor authentication"),
            STAFF_LIST,
            [
                (_("Account"), person.email),
                (_("Sign-in"), _("With the password alone, until they set it up again.")),
                (_("Recovery codes"), _("None of them works any more.")),
                (_("Browsers"), _("They are signed out everywhere.")),
            ],
            words=_("Make sure that it is really them who ask for it."),
        )
        if asks is not None:
            return asks
    text = _("Two-factor authentication reset. All browsers are signed out.")
    return _change(lambda: people.reset_second_factor(staff_id), text)


def _change(do: Callable[[], None], text: str) -> BaseResponse:
    return save(
        None,
        do,
        show=lambda status, problem: _show_staff(status=status, problem=problem),
        then=lambda _result: done(text, STAFF_LIST),
    )


def _show_staff(
    form: InviteForm | None = None, status: int = 200, problem: CommerceError | None = None
) -> BaseResponse:
    staff = people.list_staff()
    invited = invitations.open_invitations()
    page = render_template(
        "admin/people/staff.html",
        people=staff,
        invitations=invited,
        now=clock.now(),
        taken=sum(person.active for person in staff) + len(invited),
        limit=current_shop().max_staff,
        form=form or InviteForm(formdata=None),
        roles=MEANINGS,
        problem=problem,
    )
    return make_response(page, status)


# --- one's own account ------------------------------------------------------------------------------


@blueprint.get("/account")
@requires_permission("account.own")
def account() -> BaseResponse:
    """Show one's own account."""
    return _show_account()


@blueprint.post("/account/name")
@requires_permission("account.own")
def account_name() -> BaseResponse:
    """Change one's name in timelines and the activity log."""
    form = StaffNameForm()
    return save(
        form,
        lambda: people.rename_staff(current_staff().id, str(form.name.data)),
        show=lambda _status: _show_account(name=form),
        then=lambda _result: done(_("Saved."), ACCOUNT),
    )


@blueprint.post("/account/password")
@requires_permission("account.own")
def account_password() -> BaseResponse:
    """Set a new password, with the present one; every other browser is signed out."""
    form, me = StaffChangePasswordForm(), current_staff()

    def do() -> None:
        present, new = str(form.present_password.data), str(form.password.data)
        judge_password(new, minimum=MIN_OF_STAFF, about=(me.email, me.name, current_shop().name))
        signing.change_password(STAFF, me.id, me.session_id, present=present, new=new)

    return save(
        form,
        do,
        show=lambda _status: _show_account(password=form),
        then=lambda _result: done(_("Password changed. All other browsers are signed out."), ACCOUNT),
        shown_at={signing.SignInRefused: "present_password"},
    )


@blueprint.post("/account/sessions/<uuid:session_id>/end")
@requires_permission("account.own")
def account_session_end(session_id: uuid.UUID) -> BaseResponse:
    """Sign another browser out."""
    signing.end_session(STAFF, current_staff().id, session_id)
    return done(_("Browser signed out."), ACCOUNT)


@blueprint.post("/account/sessions/end-others")
@requires_permission("account.own")
def account_sessions_end() -> BaseResponse:
    """Sign every other browser out."""
    me = current_staff()
    count = signing.end_other_sessions(STAFF, me.id, me.session_id)
    return done(_("Browsers signed out: %(count)s.", count=count), ACCOUNT)


def _show_account(name: TextForm | None = None, password: TextForm | None = None) -> BaseResponse:
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
    """Show the two-factor authentication, or how to set it up."""
    return _show_factor()


@blueprint.post("/account/second-factor")
@requires_permission("account.own")
@requires_recent_auth
def second_factor_enrol() -> BaseResponse:
    """Check the first code, and show the recovery codes, this once."""
    form, me = EnrolForm(), current_staff()
    return save(
        form,
        lambda: second_factor.enroll(
            STAFF, me.id, me.session_id, carried=str(form.secret.data), code=str(form.otp.data)
        ),
        show=lambda _status: _show_factor(form),
        then=lambda enrolled: exchange_token(_show_codes(enrolled.recovery_codes), STAFF, enrolled.token),
    )


@blueprint.post("/account/second-factor/recovery-codes")
@requires_permission("account.own")
@requires_recent_auth
def second_factor_codes() -> BaseResponse:
    """Create new recovery codes and show them, this once."""
    return _show_codes(second_factor.renew_recovery_codes(current_staff().id))


@blueprint.post("/account/second-factor/removal")
@requires_permission("account.own")
@requires_recent_auth
def second_factor_remove() -> BaseResponse:
    """Turn off one's own two-factor authentication."""
    second_factor.remove_second_factor(STAFF, current_staff().id)
    return done(_("Two-factor authentication is off."), ENROLMENT, "warn")


@blueprint.post(PROOF.removeprefix("/admin"))
@requires_permission("account.own")
def proof() -> BaseResponse:
    """Check the identity for a page that was only to be looked at, and lead there."""
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
