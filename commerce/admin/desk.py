"""The back office's front door: one blueprint, and nobody passes it without the permission that a view asks for."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from flask import Blueprint, Response, current_app, g, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.permissions import allows
from commerce.accounts.queries import SignedIn
from commerce.accounts.views import HOME, signed_in_staff
from commerce.errors import NotAllowed
from commerce.events.outbox import Actor
from commerce.web import local_path, private, request_id, see_other, wants_region

View = TypeVar("View", bound=Callable[..., Any])

blueprint = Blueprint("admin", __name__, url_prefix="/admin")
MAX_SEARCH = 200


def permit(permission: str) -> Callable[[View], View]:
    """Mark a view with the permission it takes; a view without the mark is closed to everybody."""

    def mark(view: View) -> View:
        view.permission = permission  # type: ignore[attr-defined]
        return view

    return mark


def may(permission: str) -> bool:
    """Tell whether the person behind the request may do `permission`."""
    staff = signed_in_staff()
    return staff is not None and allows(staff.role, permission)


def require(permission: str) -> None:
    """Go on only with `permission`. Raises NotAllowed."""
    if not may(permission):
        raise NotAllowed(_("Your role does not allow this. Please ask somebody who runs the shop."))


def colleague() -> SignedIn:
    """Return the person behind a request that has passed the door."""
    staff = signed_in_staff()
    if staff is None:
        raise AssertionError("the door lets nobody in who is not signed in")
    return staff


def acting() -> Actor:
    """Return the person behind the request as the history of orders names people."""
    staff = colleague()
    return Actor("staff", id=str(staff.id), name=staff.name, request_id=request_id())


@blueprint.before_request
def _guard() -> BaseResponse | None:
    if signed_in_staff() is None:
        return _to_sign_in()
    view = current_app.view_functions[request.endpoint or ""]
    require(getattr(view, "permission", ""))
    return None


def _to_sign_in() -> BaseResponse:
    address = f"/admin/sign-in?next={quote(_way_back(), safe='/')}"
    if not wants_region():
        return see_other(address)
    response = Response(status=401)
    response.headers["HX-Redirect"] = address
    return response


def _way_back() -> str:
    """Return the page to show after sign-in: this one, or for a form the page that it stood on."""
    if request.method == "GET" and not wants_region():
        return local_path(request.full_path.rstrip("?"), HOME)
    page = urlsplit(request.headers.get("HX-Current-URL") or request.referrer or "")
    if page.netloc != request.host:
        return HOME
    return local_path(f"{page.path}?{page.query}" if page.query else page.path, HOME)


@blueprint.after_request
def _keep_to_ourselves(response: Response) -> Response:
    return private(response)


@blueprint.context_processor
def _names() -> dict[str, Any]:
    # An error page may come before the shop is known; then there is nobody to name either.
    return {"staff": signed_in_staff() if "shop" in g else None, "may": may}


# --- what a query string says ------------------------------------------------------------------------


def search_text() -> str:
    """Return what was searched for: one line without control characters, which PostgreSQL does not store."""
    text = request.args.get("q", "")[:MAX_SEARCH]
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs")).strip()


def page_number() -> int:
    """Return `?page=`, 1 when it is missing or no sensible number."""
    text = request.args.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 and int(text) else 1
