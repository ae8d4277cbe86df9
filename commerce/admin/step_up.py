"""Step-up authentication: sensitive actions need a confirmation of identity that is at most half an hour old.

The form that was sent travels through the page that asks, sealed, so that no secret in it can be read there; with the
proof it comes back to the same address and goes on as if it had just been sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from flask import request
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import audit
from commerce.accounts.auth import HOME, client_address, forget_current
from commerce.accounts.forms import ConfirmIdentityForm
from commerce.accounts.kept_form import PROOF_FIELD, is_for_here, open_form, resume, seal_form
from commerce.accounts.second_factor import prove_by_code
from commerce.accounts.sessions import RECENT, STAFF, SignedIn
from commerce.accounts.sign_in import SignInRefused, prove_by_password
from commerce.error_messages import describe
from commerce.errors import Rejected
from commerce.web import local_path, private, render_region, request_id, wants_region

View = TypeVar("View", bound=Callable[..., Any])

PAGE = "/admin/proof"


def requires_recent_auth(view: View) -> View:
    """Require recent authentication for a view: money, access, secrets, exports."""
    return requires_recent_auth_when(lambda: True)(view)


def requires_recent_auth_when(dangerous: Callable[[], bool]) -> Callable[[View], View]:
    """Require recent authentication for those requests to a view for which `dangerous()` holds."""

    def mark(view: View) -> View:
        view.dangerous = dangerous  # type: ignore[attr-defined]
        return view

    return mark


def is_dangerous(view: Callable[..., Any]) -> bool:
    """Tell whether the present request to `view` needs recent authentication."""
    dangerous = getattr(view, "dangerous", None)
    return dangerous is not None and bool(dangerous())


def challenge(staff: SignedIn) -> BaseResponse | None:
    """Return the page that asks for a proof, or None to go on, with the form that was sent before it was asked."""
    if request.method == "POST" and request.form.get(PROOF_FIELD):
        kept = _open(staff)
        refused = None if staff.recently_proven else _check(staff)
        if refused is not None:
            return refused
        _resume(kept)
        return None
    return (
        None
        if staff.recently_proven
        else _ask(staff, ConfirmIdentityForm(formdata=None, kept=seal_form(str(staff.session_id))))
    )


def has_recent_auth_for_page(staff: SignedIn) -> BaseResponse | str:
    """Take the proof for a page that was only to be looked at, and return its address, or the page that asks again."""
    kept = _open(staff)
    refused = _check(staff)
    return refused if refused is not None else local_path(kept["path"], HOME)


def _check(staff: SignedIn) -> BaseResponse | None:
    """Check what was typed; None when it is right."""
    form = ConfirmIdentityForm()
    try:
        if staff.has_second_factor:
            prove_by_code(STAFF, staff.id, staff.session_id, str(form.otp.data or ""))
        else:
            prove_by_password(STAFF, staff.id, staff.session_id, str(form.password.data or ""))
    except SignInRefused as refusal:
        audit.record_alone(staff.actor(request_id()), "proof_refused", request.path, address=client_address())
        form.form_errors = [describe(refusal)]
        return _ask(staff, form, 422)
    return None


def _ask(staff: SignedIn, form: ConfirmIdentityForm, status: int = 403) -> BaseResponse:
    action = request.full_path.rstrip("?") if request.method == "POST" else PAGE
    page = render_region(
        "accounts/confirm_identity.html",
        "accounts/_confirm_identity.html",
        status,
        form=form,
        person=staff,
        action=action,
    )
    if wants_region():
        page.headers["HX-Retarget"] = "#main"
        page.headers["HX-Reswap"] = "innerHTML"
    return private(page)


def _open(staff: SignedIn) -> dict[str, Any]:
    """Return what the page carried. Raises Rejected when it is of another session or address, or too old."""
    kept = open_form(request.form.get(PROOF_FIELD, ""), str(staff.session_id), RECENT)
    if request.path != PAGE and not is_for_here(kept):
        raise Rejected("sign_in_page_expired")
    return kept


def _resume(kept: dict[str, Any]) -> None:
    resume(kept)
    forget_current(STAFF)
