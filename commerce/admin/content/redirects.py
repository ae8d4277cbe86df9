"""Redirects in the back office: list, add, remove, a CSV file in and out."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from io import BytesIO

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import func, or_, select
from werkzeug.wrappers import Response as BaseResponse
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from commerce.admin.auth import blueprint, page_number, requires_permission, search_text
from commerce.admin.csv_download import csv_download
from commerce.admin.fields import no_control_characters, strip
from commerce.admin.forms import AdminForm, seen_row_version
from commerce.admin.queries import page_of
from commerce.admin.save import done, save
from commerce.db import db
from commerce.error_messages import describe
from commerce.errors import CommerceError, InvalidValue, Rejected
from commerce.paging import Page
from commerce.redirects.files import (
    MAX_ROWS,
    RedirectLine,
    RedirectRowRefused,
    add_redirect,
    add_redirects,
    read_redirects,
    remove_redirect,
)
from commerce.redirects.models import MAX_PATH, Redirect
from commerce.redirects.services import MAX_TARGET
from commerce.web import render_region

REDIRECTS = "/admin/redirects"


class RedirectForm(AdminForm):
    """A path and where it leads."""

    path = StringField(
        _l("Old path"),
        [InputRequired(_l("This field is required.")), Length(max=MAX_PATH), no_control_characters],
        filters=[strip],
    )
    target = StringField(
        _l("Leads to"),
        [InputRequired(_l("This field is required.")), Length(max=MAX_TARGET), no_control_characters],
        filters=[strip],
    )


@blueprint.get("/redirects")
@requires_permission("content.view")
def redirect_list() -> BaseResponse:
    """Show former addresses, the newest first, and where they lead."""
    return _show(RedirectForm())


@blueprint.post("/redirects")
@requires_permission("content.manage")
def redirect_create() -> BaseResponse:
    """Add a redirect, or change where a path leads."""
    form = RedirectForm(request.form)
    return save(
        form,
        lambda: add_redirect(form.path.data, form.target.data),
        show=lambda status, **context: _show(form, status, **context),
        then=lambda _result: done(_("Redirect added."), REDIRECTS),
    )


@blueprint.post("/redirects/<uuid:redirect_id>/removal")
@requires_permission("content.manage")
def redirect_remove(redirect_id: uuid.UUID) -> BaseResponse:
    """Remove a redirect."""
    return save(
        None,
        lambda: remove_redirect(redirect_id, seen_version=seen_row_version()),
        show=lambda status, problem: _show(RedirectForm(), status, problem),
        then=lambda path: done(_("%(path)s is no longer redirected.", path=path), REDIRECTS),
    )


@blueprint.get("/redirects.csv")
@requires_permission("content.view")
def redirect_file() -> BaseResponse:
    """Hand out all redirects as a file that the import reads back."""
    return csv_download("redirects.csv", ("path", "target"), _all())


@blueprint.post("/redirects/import")
@requires_permission("content.manage")
def redirect_import() -> BaseResponse:
    """Add the redirects of a file: all of them, or none and what is wrong with which row."""
    upload = request.files.get("file")
    if not upload or not upload.filename:
        return _show(RedirectForm(), 422, InvalidValue("file", "csv_required"))
    try:
        lines = read_redirects(BytesIO(upload.stream.read()))
        wrong = [line for line in lines if line.problem]
        if wrong:
            return _show(RedirectForm(), 422, wrong=wrong)
        add_redirects(lines)
    except RedirectRowRefused as error:
        return _show(RedirectForm(), 422, wrong=[error.line])
    except Rejected as error:
        return _show(RedirectForm(), 422, error)
    text = ngettext("%(num)d redirect imported.", "%(num)d redirects imported.", len(lines))
    return done(text, REDIRECTS)


def _all() -> Iterator[tuple[str, str]]:
    rows = db.session.execute(select(Redirect.path, Redirect.target).order_by(Redirect.path))
    return ((row.path, row.target) for row in rows)


def _page(search: str, number: int) -> Page[Redirect]:
    text = search.lower()
    found = or_(
        func.lower(Redirect.path).contains(text, autoescape=True),
        func.lower(Redirect.target).contains(text, autoescape=True),
    )
    conditions = [found] if search else []
    total = db.session.scalar(select(func.count(Redirect.id)).where(*conditions)) or 0
    statement = select(Redirect).where(*conditions).order_by(Redirect.id.desc())
    return page_of(statement, total, number, lambda row: row[0])


def _show(
    form: RedirectForm,
    status: int = 200,
    problem: CommerceError | None = None,
    wrong: Sequence[RedirectLine] = (),
) -> BaseResponse:
    search = search_text()
    return render_region(
        "admin/content/redirects.html",
        "admin/content/_redirects.html",
        status,
        form=form,
        problem=problem,
        wrong=[(line.row, line.path, describe(line.problem)) for line in wrong if line.problem],
        listing=_page(search, page_number()),
        search=search,
        most=MAX_ROWS,
    )
