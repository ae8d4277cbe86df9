"""Pages and policies in the back office: write, preview, publish."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from flask import render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.content.forms import POLICY_TITLES, PageForm
from commerce.admin.forms import Difference, seen_row_version
from commerce.admin.save import done, save, saved_text
from commerce.content.models import POLICIES, ContentPage
from commerce.content.queries import find_policy, get_content, get_revision, list_content
from commerce.content.services import change_page, create_page, delete_page, withdraw_page
from commerce.errors import CommerceError, NotFound
from commerce.web import render_region, see_other

PAGES = "/admin/pages"


@blueprint.get("/pages")
@requires_permission("content.view")
def content_list() -> BaseResponse:
    """Show the pages of the shop, and which policies are written."""
    rows = list_content()
    return render_region(
        "admin/content/pages.html",
        "admin/content/_pages.html",
        pages=[row for row in rows if row.kind == "page"],
        written={row.slug: row for row in rows if row.kind == "policy"},
        policies=POLICY_TITLES,
    )


@blueprint.get("/pages/new")
@requires_permission("content.manage")
def content_new() -> BaseResponse:
    """Show an empty form."""
    return _show(None, PageForm(None))


@blueprint.post("/pages")
@requires_permission("content.manage")
def content_create() -> BaseResponse:
    """Add a page, as a draft or published."""
    form = PageForm(None, request.form)
    return save(
        form,
        lambda: create_page(form.values(), publish=_publishes()),
        show=lambda status, **context: _show(None, form, status, **context),
        then=lambda page_id: done(_saved(), f"{PAGES}/{page_id}"),
    )


@blueprint.get("/policies/<policy>")
@requires_permission("content.view")
def policy_page(policy: str) -> BaseResponse:
    """Lead to a policy, or show an empty form for one that is not written yet."""
    known = find_policy(_known_policy(policy))
    if known is not None:
        return see_other(f"{PAGES}/{known.id}")
    return _show(None, PageForm(None, policy=policy), policy=policy)


@blueprint.post("/policies/<policy>")
@requires_permission("content.manage")
def policy_create(policy: str) -> BaseResponse:
    """Write a policy for the first time."""
    form = PageForm(None, request.form, policy=_known_policy(policy))
    return save(
        form,
        lambda: create_page(form.values(), policy=policy, publish=_publishes()),
        show=lambda status, **context: _show(None, form, status, policy=policy, **context),
        then=lambda page_id: done(_saved(), f"{PAGES}/{page_id}"),
    )


@blueprint.get("/pages/<uuid:page_id>", endpoint="content_page")
@requires_permission("content.view")
def content_form(page_id: uuid.UUID) -> BaseResponse:
    """Show one page or policy as a form."""
    known = get_content(page_id)
    return _show(known, PageForm(known))


@blueprint.post("/pages/<uuid:page_id>")
@requires_permission("content.manage")
def content_change(page_id: uuid.UUID) -> BaseResponse:
    """Save a page as a draft, or publish it, unless it was changed since the form was opened."""
    form = PageForm(get_content(page_id), request.form)
    publish = _publishes()

    def then(changed: bool) -> BaseResponse:
        return done(_saved() if publish else saved_text(changed), f"{PAGES}/{page_id}")

    return save(
        form,
        lambda: change_page(page_id, form.values(), seen_version=form.version.data, publish=publish),
        show=lambda status, **context: _show(get_content(page_id), form, status, **context),
        then=then,
        current=lambda: PageForm(get_content(page_id)),
    )


@blueprint.post("/pages/<uuid:page_id>/<any(withdrawal, deletion):change>")
@requires_permission("content.manage")
def content_take_back(page_id: uuid.UUID, change: str) -> BaseResponse:
    """Show a page to customers no longer, or delete it."""
    title = get_content(page_id).title

    def do() -> None:
        (withdraw_page if change == "withdrawal" else delete_page)(page_id, seen_version=seen_row_version())

    def show(status: int, problem: CommerceError) -> BaseResponse:
        known = get_content(page_id)
        return _show(known, PageForm(known), status, problem)

    def then(_result: None) -> BaseResponse:
        if change == "withdrawal":
            return done(_("“%(name)s” unpublished.", name=title), f"{PAGES}/{page_id}")
        return done(_("“%(name)s” deleted.", name=title), PAGES)

    return save(None, do, show=show, then=then)


@blueprint.get("/pages/<uuid:page_id>/preview")
@requires_permission("content.view")
def content_preview(page_id: uuid.UUID) -> str:
    """Show the draft of a page as the shop would."""
    page = get_content(page_id)
    return render_template(
        "storefront/page.html",
        title=page.title,
        body_html=page.body_html,
        summary="",
        path=page.path,
        updated_at=page.updated_at if page.kind == "policy" else None,
        preview=f"{PAGES}/{page_id}",
    )


@blueprint.get("/pages/versions/<uuid:revision_id>")
@requires_permission("content.view")
def content_revision(revision_id: uuid.UUID) -> str:
    """Show a page as it was published once, such as the terms that a customer accepted."""
    revision = get_revision(revision_id)
    return render_template(
        "storefront/page.html",
        title=revision.title,
        body_html=revision.body_html,
        summary="",
        path="",
        updated_at=revision.published_at,
        preview=f"{PAGES}/{revision.page_id}",
        version=revision.number,
    )


def _known_policy(policy: str) -> str:
    if policy not in POLICIES:
        raise NotFound("content_page_not_found")
    return policy


def _publishes() -> bool:
    return request.form.get("do") == "publish"


def _saved() -> str:
    return str(_("Published.") if _publishes() else _("Draft saved."))


def _show(
    known: ContentPage | None,
    form: PageForm,
    status: int = 200,
    problem: CommerceError | None = None,
    compared: Sequence[Difference] = (),
    *,
    policy: str = "",
) -> BaseResponse:
    """Answer with the form and what was typed into it."""
    return render_region(
        "admin/content/page.html",
        "admin/content/_page.html",
        status,
        form=form,
        known=known,
        policy=policy or (known.slug if known and known.kind == "policy" else ""),
        policies=POLICY_TITLES,
        problem=problem,
        compared=compared,
    )
