"""Export and deletion of a member's data. Both ask for the password, whoever sits at the screen."""

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
from commerce.members.export import export_as_json
from commerce.members.forms import ConfirmPasswordForm, ErasureForm
from commerce.tenants.scope import current_shop
from commerce.web import see_other


@blueprint.get("/account/data", endpoint="data")
@members_only
def page() -> BaseResponse:
    """Show what is kept and why, with the forms to export it or to delete the account."""
    return _page()


@blueprint.post("/account/data/copy", endpoint="copy_data")
@members_only
def copy() -> BaseResponse:
    """Download everything that is stored about the member."""
    form = ConfirmPasswordForm(prefix="copy-")
    if not (form.validate() and _proven(form)):
        return _page(422, copy=form)
    return json_file(export_as_json(customer_of_member(member().id)))


@blueprint.post("/account/data/erasure", endpoint="erase")
@members_only
def erase() -> BaseResponse:
    """Delete the account and its personal data, unless an order is unfinished."""
    form = ErasureForm(prefix="erase-")
    if not (form.validate() and _proven(form)):
        return _page(422, erase=form)
    try:
        erase_customer(customer_of_member(member().id))
    except StillOpen as error:
        return _page(409, open_orders=error.orders)
    flash(
        _("Your account and your personal data were deleted."),
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
    """Return a file of personal data as a download."""
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
