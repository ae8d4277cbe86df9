"""Draft orders in the back office: prepared on the telephone, placed when the customer has agreed."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_actor, requires_permission, search_text
from commerce.admin.drafts.forms import DraftPage, as_uuid, found_variants
from commerce.admin.save import done, save
from commerce.error_messages import describe
from commerce.errors import CommerceError, Conflict
from commerce.order_management.drafts import (
    Draft,
    create_draft,
    delete_draft,
    get_draft,
    list_drafts,
    place_draft,
    save_draft,
)
from commerce.payments.queries import payment_methods
from commerce.tenants.scope import current_shop
from commerce.web import render_region, see_other, wants_region

LIST = "/admin/drafts"


@blueprint.get("/drafts")
@requires_permission("orders.create")
def draft_list() -> BaseResponse:
    """Show the drafts that are open, and begin a new one."""
    return render_region("admin/drafts/drafts.html", "admin/drafts/_drafts.html", rows=list_drafts())


@blueprint.post("/drafts")
@requires_permission("orders.create")
def draft_create() -> BaseResponse:
    """Begin a draft."""
    return see_other(f"{LIST}/{create_draft(current_actor())}")


@blueprint.get("/drafts/<uuid:draft_id>")
@requires_permission("orders.create")
def draft_page(draft_id: uuid.UUID) -> BaseResponse:
    """Show a draft with current totals and stock; a placed one redirects to its order."""
    draft = get_draft(draft_id)
    if draft.cart is None:
        return see_other(f"/admin/orders/{draft.order_code}")
    page = DraftPage(draft.cart)
    page.extras.q.data = search_text()
    return _show(draft, page)


@blueprint.post("/drafts/<uuid:draft_id>")
@requires_permission("orders.create")
def draft_save(draft_id: uuid.UUID) -> BaseResponse:
    """Keep everything that is on the page; then add, take out, search or place, by the button that was pressed."""
    draft = get_draft(draft_id)
    if draft.cart is None:
        return _placed(draft_id)
    page = DraftPage(draft.cart, request.form)
    if request.form.get("do") == "look":
        return _look(draft, page)

    def then(version: int) -> BaseResponse:
        if request.form.get("do") == "place":
            return _place(draft_id, version)
        return _saved(draft_id, page.extras.q.data or "")

    return save(page, lambda: _save(draft_id, page), show=_shown(draft_id, page), then=then)


def _shown(draft_id: uuid.UUID, page: DraftPage) -> Callable[..., BaseResponse]:
    """Return how a refused form is shown again: with the draft as it is now."""
    return lambda status, problem=None: _show(get_draft(draft_id), page, status, problem=problem)


def _save(draft_id: uuid.UUID, page: DraftPage) -> int:
    wanted = page.wanted
    removed = as_uuid(request.form.get("remove", ""))
    if removed in wanted:
        wanted[removed] = 0
    return save_draft(
        draft_id,
        seen_version=int(page.extras.version.data),
        details=page.details,
        units=wanted,
        discount=page.extras.discount,
        add=as_uuid(request.form.get("add", "")),
    )


def _saved(draft_id: uuid.UUID, search: str) -> BaseResponse:
    if wants_region():
        draft = get_draft(draft_id)
        if draft.cart is not None:
            page = DraftPage(draft.cart)
            page.extras.q.data = search
            return _show(draft, page)
    if request.form.get("do") == "save":
        flash(_("Draft saved."), "good")
    query = f"?{urlencode({'q': search})}" if search and request.form.get("do") == "search" else ""
    return see_other(f"{LIST}/{draft_id}{query}")


def _place(draft_id: uuid.UUID, version: int) -> BaseResponse:
    """Place what was saved, if nothing is missing, and total and units on backorder are those that were shown."""
    draft = get_draft(draft_id)
    if draft.cart is None:
        return _placed(draft_id)
    page = DraftPage(draft.cart, request.form)
    if not page.complete():
        return _show(draft, page, 422)
    return save(
        page,
        lambda: place_draft(
            draft_id,
            current_actor(),
            seen_version=version,
            shown_total=int(page.extras.shown_total.data),
            shown_backordered=int(page.extras.shown_backordered.data),
        ),
        show=_shown(draft_id, page),
        then=lambda placed: _to_order(placed.code),
    )


def _to_order(code: str) -> BaseResponse:
    flash(_("Order %(code)s placed. The customer gets an email with a link to it.", code=code), "good")
    return _go(f"/admin/orders/{code}")


def _placed(draft_id: uuid.UUID) -> BaseResponse:
    return _go(f"/admin/orders/{get_draft(draft_id).order_code}")


def _go(address: str) -> BaseResponse:
    """Lead to another page, also when htmx asked."""
    answer = see_other(address)
    if wants_region():
        answer.status_code = 200
        answer.headers["HX-Redirect"] = address
        del answer.headers["Location"]
    return answer


def _show(
    draft: Draft, page: DraftPage, status: int = 200, *, problem: CommerceError | None = None
) -> BaseResponse:
    """Answer with the draft as it is now; what was typed stays in its fields."""
    if draft.cart is None:
        return _placed(draft.id)
    page.follow(draft.cart)
    found = found_variants(page.extras.q.data or "")
    context = {**_context(draft, page), "problems": page.problems, "problem": problem, "found": found}
    return render_region("admin/drafts/draft.html", "admin/drafts/_draft.html", status, **context)


def _look(draft: Draft, page: DraftPage) -> BaseResponse:
    """Answer a field that was changed with what depends on it: nothing is kept, and nothing else is touched."""
    return render_region(
        "admin/drafts/_recalculated.html", "admin/drafts/_recalculated.html", **_context(draft, page)
    )


def _context(draft: Draft, page: DraftPage) -> dict[str, Any]:
    return {
        "draft": draft,
        "sheet": page,
        "form": page.form,
        "extras": page.extras,
        "quote": page.quote,
        "currency": current_shop().currency,
        "notes": {method.code: method.instructions for method in payment_methods()},
    }


@blueprint.post("/drafts/<uuid:draft_id>/deletion")
@requires_permission("orders.create")
def draft_delete(draft_id: uuid.UUID) -> BaseResponse:
    """Throw a draft away."""
    try:
        delete_draft(draft_id)
    except Conflict as error:
        flash(describe(error), "warn")
        return _placed(draft_id)
    return done(_("Draft deleted."), LIST)
