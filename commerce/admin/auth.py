"""The blueprint of the back office: sign-in and permissions are required, and what is done is logged."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from babel.lists import format_list
from flask import Blueprint, Response, current_app, g, make_response, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts import audit
from commerce.accounts.auth import HOME, client_address, require_current, signed_in_staff, template_person
from commerce.accounts.forms import SignInForm
from commerce.accounts.kept_form import resume_after_sign_in, seal_form
from commerce.accounts.permissions import allows, roles_with
from commerce.accounts.sessions import STAFF, SignedIn
from commerce.admin.navigation import STOCK_TABS, Here, place_at, visible_groups, visible_places
from commerce.admin.step_up import challenge, is_dangerous
from commerce.db import with_audit
from commerce.errors import NotAllowed
from commerce.events.outbox import Actor
from commerce.paging import AskedPage, parse_page_number
from commerce.web import local_path, never_store, private, request_id, see_other, wants_region

View = TypeVar("View", bound=Callable[..., Any])

blueprint = never_store(Blueprint("admin", __name__, url_prefix="/admin"))
blueprint.context_processor(template_person(STAFF, "staff"))
MAX_SEARCH = 200
MAX_PAGE = 99_999
ENROLMENT = "/admin/account/second-factor"
ABOUT_CUSTOMERS = ("orders", "returns", "customers")
"""First part of the permissions whose forms may hold names of customers."""


def requires_permission(permission: str) -> Callable[[View], View]:
    """Require a permission for a view; a view without this mark is closed to everyone."""

    def mark(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]
        return view

    return mark


def logged(view: View) -> View:
    """Log requests to a view that only reads, such as an export."""
    view.logged = True  # type: ignore[attr-defined]
    return view


def may(permission: str) -> bool:
    """Tell whether the person behind the request may do `permission`."""
    staff = signed_in_staff()
    return staff is not None and allows(staff.role, permission)


def ensure_permission(permission: str) -> None:
    """Require `permission`. Raises NotAllowed."""
    if not may(permission):
        raise NotAllowed("role_not_allowed", roles=list(roles_with(permission)))


def roles_text(permission: str) -> str:
    """Return in words which roles have `permission`."""
    roles = format_list(roles_with(permission), locale=str(get_locale() or "en"))
    return str(_("Only %(roles)s can do this.", roles=roles))


def current_staff() -> SignedIn:
    """Return the signed-in staff of a request that the guard has let through."""
    return require_current(STAFF)


def current_actor() -> Actor:
    """Return the signed-in staff as an actor of events."""
    return current_staff().actor(request_id())


@blueprint.before_request
def _guard() -> BaseResponse | None:
    staff = signed_in_staff()
    if staff is None:
        return _sign_in_and_continue() if request.method == "POST" else _to_sign_in()
    resume_after_sign_in(staff.id)
    view = current_app.view_functions[request.endpoint or ""]
    if _must_enrol(staff) and not request.path.startswith(ENROLMENT):
        return _go(ENROLMENT)
    ensure_permission(getattr(view, "permission", ""))
    if is_dangerous(view):
        stopped = challenge(staff)
        if stopped is not None:
            return stopped
    _audit_request(view)
    return None


def _must_enrol(staff: SignedIn) -> bool:
    """Owners need two-factor authentication in production; until it is set up, nothing else is open to them."""
    return staff.role == "owner" and not staff.has_second_factor and current_app.config["LOCKSTEP"].production


# --- the log -----------------------------------------------------------------------------------------


def _audit_request(view: Callable[..., Any]) -> None:
    """Log each use case of a request that changes something, in its transaction."""
    actor, action = current_actor(), (request.endpoint or "").removeprefix("admin.")
    permission, where = str(getattr(view, "permission", "")), client_address()
    about_customers = permission.partition(".")[0] in ABOUT_CUSTOMERS
    subject = " ".join(
        str(value)
        for value in (request.view_args or {}).values()
        if not (about_customers and "@" in str(value))
    )
    if request.method == "POST":
        changes = audit.audited_changes(request.form.items(multi=True), about_customers=about_customers)
        g.watched = ExitStack()
        g.watched.enter_context(
            with_audit(lambda: audit.record(actor, action, subject, changes, address=where))
        )
    elif getattr(view, "logged", False):
        audit.record_alone(actor, action, subject, address=where)


@blueprint.teardown_request
def _stop_auditing(_error: BaseException | None) -> None:
    stack = g.pop("watched", None)
    if stack is not None:
        stack.close()


# --- to sign-in and back ----------------------------------------------------------------------------


def _to_sign_in() -> BaseResponse:
    return _go(f"/admin/sign-in?next={quote(_way_back(), safe='/')}")


def _sign_in_and_continue() -> BaseResponse:
    """Ask who it is, with the form that was sent: it goes on once that is known."""
    form = SignInForm(formdata=None, next=_way_back())
    page = make_response(render_template("accounts/sign_in.html", form=form, kept=seal_form()), 401)
    if wants_region():
        page.headers["HX-Retarget"] = "#main"
        page.headers["HX-Reswap"] = "innerHTML"
        page.headers["HX-Reselect"] = "#main > *"
    return private(page)


def _go(target: str) -> BaseResponse:
    if not wants_region():
        return see_other(target)
    response = Response(status=401)
    response.headers["HX-Redirect"] = target
    return response


def _way_back() -> str:
    """Return the page to show after sign-in: this one, or for a form the page that it stood on."""
    if request.method == "GET" and not wants_region():
        return local_path(request.full_path.rstrip("?"), HOME)
    page = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    if page.netloc != request.host:
        return HOME
    return local_path(f"{page.path}?{page.query}" if page.query else page.path, HOME)


@blueprint.app_context_processor
def _template_globals() -> dict[str, Any]:
    """Give every template what the frame of the back office needs: its error pages belong to no blueprint."""
    return {
        "may": may,
        "signed_in_staff": signed_in_staff,
        "navigation": lambda: visible_groups(may),
        "place_here": _place_here,
        "stands_at": _stands_at,
        "stock_tabs": lambda: visible_places(STOCK_TABS, may),
    }


def stand_at(path: str) -> None:
    """Mark another place of the sidebar than that of the address: the page belongs to the list at `path`."""
    g.stands_at = path


def _stands_at() -> str:
    return str(g.get("stands_at", request.path))


def _place_here() -> Here | None:
    return place_at(_stands_at(), visible_groups(may))


# --- query strings ------------------------------------------------------------------------


def search_text() -> str:
    """Return what was searched for."""
    return one_line(request.args.get("q", ""))


def one_line(typed: str, longest: int = MAX_SEARCH) -> str:
    """Return what was typed as one line without control characters, which PostgreSQL does not store."""
    text = typed[:longest]
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs")).strip()


def asked_page() -> AskedPage:
    """Return the page that the address asks for, of a list that may be long."""
    return AskedPage(page_number(), request.args.get("after", ""), request.args.get("before", ""))


def page_number() -> int:
    """Return `?page=`, 1 when it is missing or no sensible number."""
    number = parse_page_number(request.args.get("page", "1")) or 1
    return number if number <= MAX_PAGE else 1
