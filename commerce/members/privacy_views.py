"""What we know of a member: to take away, or to be forgotten. Both ask for the password, whoever sits at the screen."""

from __future__ import annotations

from flask import Response, flash, make_response, render_template
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce import clock
from commerce.accounts import sign_in
from commerce.accounts.cookies import drop_token
from commerce.accounts.sessions import MEMBER
from commerce.error_messages import describe
from commerce.members.auth import blueprint, member, members_only
from commerce.members.customers import customer_of_member
from commerce.members.erasure import StillOpen, erase_customer
from commerce.members.export import as_json
from commerce.members.forms import ConfirmPasswordForm, ErasureForm
from commerce.tenants.scope import current_shop
from commerce.web import see_other


@blueprint.get("/account/data", endpoint="data")
@members_only
def page() -> BaseResponse:
    """Say what we keep and why, and offer to take it away or to have it forgotten."""
    return _page()


@blueprint.post("/account/data/copy", endpoint="copy_data")
@members_only
def copy() -> BaseResponse:
    """Answer with a file of everything that we have of the member."""
    form = ConfirmPasswordForm(prefix="copy-")
    if not (form.validate() and _proven(form)):
        return _page(422, copy=form)
    return json_file(as_json(customer_of_member(member().id)))


@blueprint.post("/account/data/erasure", endpoint="erase")
@members_only
def erase() -> BaseResponse:
    """Forget the member for good, unless something is still under way."""
    form = ErasureForm(prefix="erase-")
    if not (form.validate() and _proven(form)):
        return _page(422, erase=form)
    try:
        erase_customer(customer_of_member(member().id))
    except StillOpen as error:
        return _page(409, open_orders=error.orders)
    flash(
        _("Your account is deleted, and we have forgotten who you are. Thank you for having been here."),
        "good",
    )
    return drop_token(see_other("/"), MEMBER)


def _proven(form: ConfirmPasswordForm) -> bool:
    try:
        sign_in.prove_by_password(MEMBER, member().id, member().session_id, str(form.password.data))
    except sign_in.SignInRefused as refusal:
        form.password.errors = [describe(refusal)]
        return False
    return True


def json_file(text: str) -> Response:
    """Answer with a file of somebody's data, to be saved and kept by nobody in between."""
    response = make_response(text)
    response.mimetype = "application/json"
    name = f"{current_shop().code}-data-{clock.now():%Y-%m-%d}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _page(
    status: int = 200,
    *,
    copy: ConfirmPasswordForm | None = None,
    erase: ErasureForm | None = None,
    open_orders: tuple[str, ...] = (),
) -> BaseResponse:
    page = render_template(
        "members/privacy.html",
        member=member(),
        copy=copy or ConfirmPasswordForm(None, prefix="copy-"),
        erase=erase or ErasureForm(None, prefix="erase-"),
        wrong=copy or erase,
        open_orders=open_orders,
    )
    return make_response(page, status)
