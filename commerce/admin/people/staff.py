"""Who works for the shop: invite, change roles, let somebody go or come back. For owners."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from flask import flash, make_response, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as BaseResponse
from wtforms import EmailField, SelectChoice, SelectField
from wtforms.validators import InputRequired, Length

from commerce import clock
from commerce.accounts import invitations
from commerce.accounts import staff as people
from commerce.accounts.permissions import ROLES
from commerce.admin.auth import blueprint, current_actor, requires_permission
from commerce.admin.step_up import requires_recent_auth
from commerce.errors import CommerceError, Conflict, InvalidValue
from commerce.tenants.scope import current_shop
from commerce.web import TextForm, see_other, status_of

HERE = "/admin/staff"
MEANINGS = {
    "owner": _l("everything, also who works here, which programs come in and the whole data"),
    "manager": _l("everything but that"),
    "fulfilment": _l("packs and sends orders, counts stock"),
    "support": _l("speaks with customers: changes, cancels and takes orders"),
    "readonly": _l("looks, and changes nothing"),
}


class InviteForm(TextForm):
    """Who is to come, and as what."""

    email = EmailField(_l("E-mail"), [InputRequired(_l("Please enter an e-mail address.")), Length(max=255)])
    role = SelectField(_l("Role"), choices=[SelectChoice(role, role) for role in ROLES], default="support")


@blueprint.get("/staff")
@requires_permission("staff.manage")
def staff_list() -> BaseResponse:
    """Show who works here, and who is invited."""
    return _show()


@blueprint.post("/staff/invitations")
@requires_permission("staff.manage")
@requires_recent_auth
def staff_invite() -> BaseResponse:
    """Invite somebody by mail."""
    form = InviteForm()
    if not form.validate():
        return _show(form, 422)
    try:
        invitations.invite(str(form.email.data), str(form.role.data), current_actor())
    except InvalidValue as error:
        form[error.field].errors = [_(error.reason)]
        return _show(form, 422)
    except people.PlanFull as error:
        form.form_errors.append(_(error.detail))
        return _show(form, 422)
    flash(_("The invitation is on its way to %(email)s.", email=form.email.data), "good")
    return see_other(HERE)


@blueprint.post("/staff/invitations/<uuid:invitation_id>/withdrawal")
@requires_permission("staff.manage")
@requires_recent_auth
def staff_withdraw(invitation_id: uuid.UUID) -> BaseResponse:
    """Take an invitation back."""
    invitations.withdraw_invitation(invitation_id)
    flash(_("The invitation is withdrawn; its link works no more."), "good")
    return see_other(HERE)


@blueprint.post("/staff/<uuid:staff_id>/role")
@requires_permission("staff.manage")
@requires_recent_auth
def staff_role(staff_id: uuid.UUID) -> BaseResponse:
    """Give somebody another role."""
    role, seen = request.form.get("role", ""), request.form.get("seen", "")
    return _do(lambda: people.change_role(staff_id, role, seen=seen), _("The role is changed."))


@blueprint.post("/staff/<uuid:staff_id>/deactivation")
@requires_permission("staff.manage")
@requires_recent_auth
def staff_deactivate(staff_id: uuid.UUID) -> BaseResponse:
    """Let somebody in no more, and sign him out everywhere."""
    return _do(lambda: people.deactivate(staff_id), _("The account is closed and signed out everywhere."))


@blueprint.post("/staff/<uuid:staff_id>/activation")
@requires_permission("staff.manage")
@requires_recent_auth
def staff_reactivate(staff_id: uuid.UUID) -> BaseResponse:
    """Let somebody in again."""
    return _do(lambda: people.reactivate(staff_id), _("The account is open again, with its former password."))


@blueprint.post("/staff/<uuid:staff_id>/second-factor-reset")
@requires_permission("staff.manage")
@requires_recent_auth
def staff_reset_factor(staff_id: uuid.UUID) -> BaseResponse:
    """Take away the second factor of somebody who has lost it."""
    done = _("The second factor is taken away, and every browser signed out.")
    return _do(lambda: people.reset_second_factor(staff_id), done)


def _do(deed: Callable[[], None], done: str) -> BaseResponse:
    try:
        deed()
    except (Conflict, InvalidValue, people.PlanFull) as error:
        return _show(status=status_of(error), problem=error)
    flash(done, "good")
    return see_other(HERE)


def _show(
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
