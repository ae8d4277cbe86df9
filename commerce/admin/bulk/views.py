"""Bulk changes: chosen in a list, previewed, carried out by the worker, paused, resumed and undone."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Any
from uuid import UUID

from flask import Response, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_staff, ensure_permission, requires_permission
from commerce.admin.bulk.forms import (
    FIELD_WORDS,
    OFFERED,
    ROW_WORDS,
    STATE_WORDS,
    WORDS,
    BulkForm,
    CategoriesForm,
    scope_text,
)
from commerce.admin.csv_download import csv_stream
from commerce.admin.forms import seen_row_version
from commerce.admin.products.filters import sent_filter
from commerce.admin.products.queries import category_ids, chosen_products, matching_products
from commerce.admin.save import done, save
from commerce.bulk import queries, services
from commerce.bulk.kinds import kind_of
from commerce.bulk.models import BulkPlan
from commerce.bulk.outcomes import KeptReason
from commerce.error_messages import describe
from commerce.errors import CommerceError, Refusal, Rejected
from commerce.tenants.scope import current_shop
from commerce.web import render_region, see_other

ROOT = "/admin/bulk-changes"
SHOWN = 100
MOST_TICKED = 500
"""Rows that can be ticked one by one; a page has far fewer."""
LEFT_OUT = ("conflict", "failed", "kept")


@blueprint.context_processor
def _offers() -> dict[str, Any]:
    return {"bulk_kinds": lambda subject: OFFERED[subject]}


@blueprint.post("/products/bulk-changes")
@requires_permission("products.change")
def bulk_products() -> BaseResponse:
    """Keep a change of the ticked products, or of all that match the list's filter; nothing is changed yet."""
    if request.form.get("everything") == "1":
        wanted = sent_filter(request.form)
        chosen, scope = matching_products(wanted), {"everything": True, **asdict(wanted)}
    else:
        chosen, scope = chosen_products(_ticked()), {"everything": False}
    return _create(request.form.get("kind", ""), chosen, scope, "/admin/products")


def _create(kind: str, chosen: Any, scope: dict[str, Any], back: str) -> BaseResponse:
    staff = current_staff()
    ensure_permission(kind_of(kind).permission)
    try:
        plan_id = services.create_plan(kind, chosen, scope=scope, by=staff.name, staff_id=staff.id)
    except Rejected as error:
        return done(describe(error), back, "warn")
    return see_other(f"{ROOT}/{plan_id}")


def _ticked() -> list[UUID]:
    found = []
    for text in request.form.getlist("id")[:MOST_TICKED]:
        try:
            found.append(uuid.UUID(text))
        except ValueError:
            continue
    return found


@blueprint.get("/bulk-changes")
@requires_permission("products.view")
def bulk_changes() -> BaseResponse:
    """List the latest bulk changes."""
    return render_region(
        "admin/bulk/plans.html",
        "admin/bulk/_plans.html",
        plans=queries.list_plans(),
        words=WORDS,
        states=STATE_WORDS,
        scope_text=scope_text,
    )


@blueprint.get("/bulk-changes/<uuid:plan_id>")
@requires_permission("products.view")
def bulk_change(plan_id: UUID) -> BaseResponse:
    """Show what a change would do, how far it is, or what it has done."""
    return _show(queries.get_plan(plan_id))


@blueprint.post("/bulk-changes/<uuid:plan_id>")
@requires_permission("products.view")
def bulk_preview(plan_id: UUID) -> BaseResponse:
    """Preview the change with these parameters."""
    plan = _for_change(plan_id)
    form = _form(plan, request.form)
    return save(
        form,
        lambda: services.preview_plan(plan_id, form.given(), seen_version=form.version.data),
        show=lambda status, problem=None, **_rest: _show(queries.get_plan(plan_id), form, status, problem),
        then=lambda _result: see_other(f"{ROOT}/{plan_id}"),
    )


@blueprint.post("/bulk-changes/<uuid:plan_id>/start")
@requires_permission("products.view")
def bulk_start(plan_id: UUID) -> BaseResponse:
    """Let the worker do what the preview showed."""
    _for_change(plan_id)
    return _move(plan_id, lambda: services.start_plan(plan_id, seen_version=seen_row_version()))


@blueprint.post("/bulk-changes/<uuid:plan_id>/<any(pause,resume,undo):step>")
@requires_permission("products.view")
def bulk_move(plan_id: UUID, step: str) -> BaseResponse:
    """Pause, resume or undo a change."""
    _for_change(plan_id)
    return _move(plan_id, lambda: services.move_plan(plan_id, step))


@blueprint.post("/bulk-changes/<uuid:plan_id>/removal")
@requires_permission("products.view")
def bulk_discard(plan_id: UUID) -> BaseResponse:
    """Delete a change that was not started."""
    plan = _for_change(plan_id)
    return save(
        None,
        lambda: services.discard_plan(plan_id),
        show=lambda status, problem: _show(queries.get_plan(plan_id), None, status, problem),
        then=lambda _result: done(
            _("The bulk change was discarded."), f"/admin/{plan.kind.partition('.')[0]}"
        ),
    )


@blueprint.get("/bulk-changes/<uuid:plan_id>/rows.csv")
@requires_permission("products.view")
def bulk_file(plan_id: UUID) -> Response:
    """Download what came of each row."""
    queries.get_plan(plan_id)
    rows = ((row.title, row.slug, row.status, _reason(row.reason)) for row in queries.all_rows(plan_id))
    return csv_stream("bulk-change.csv", ("Name", "Code", "Result", "Reason"), rows)


def _for_change(plan_id: UUID) -> BulkPlan:
    """Return a plan that the signed-in staff may carry out. Raises NotFound, NotAllowed."""
    plan = queries.get_plan(plan_id)
    ensure_permission(kind_of(plan.kind).permission)
    return plan


def _move(plan_id: UUID, do: Any) -> BaseResponse:
    return save(
        None,
        do,
        show=lambda status, problem: _show(queries.get_plan(plan_id), None, status, problem),
        then=lambda _result: see_other(f"{ROOT}/{plan_id}"),
    )


def _form(plan: BulkPlan, formdata: Any = None) -> BulkForm:
    data = {name: value for name, value in plan.parameters.items() if name != "names"}
    if plan.kind == "products.tags":
        data = {name: ", ".join(tags) for name, tags in data.items()}
    form = WORDS[plan.kind].form(formdata, data=data | {"version": plan.version})
    if isinstance(form, CategoriesForm):
        form.offer(category_ids())
    return form


def _reason(reason: dict[str, Any] | None) -> str:
    if not reason:
        return ""
    kept = KeptReason(**reason)
    return describe(Refusal(kept.reason, kept.facts))


def _show(
    plan: BulkPlan,
    form: BulkForm | None = None,
    status: int = 200,
    problem: CommerceError | None = None,
) -> BaseResponse:
    known = plan.kind in WORDS
    counts = queries.row_counts(plan.id) if plan.status != "draft" else {}
    waiting = "done" if plan.status in ("undoing", "undo_paused") else "pending"
    return render_region(
        "admin/bulk/plan.html",
        "admin/bulk/_plan.html",
        status,
        plan=plan,
        form=form or (_form(plan) if known and plan.status == "draft" else None),
        kind=plan.kind.partition(".")[2],
        label=WORDS[plan.kind].label if known else plan.kind,
        permission=kind_of(plan.kind).permission if known else "products.change",
        scope=scope_text(plan.scope),
        counts=counts,
        finished=plan.total - counts.get(waiting, 0),
        left_out=queries.rows_with(plan.id, LEFT_OUT, SHOWN) if counts else [],
        shown=SHOWN,
        reason=_reason,
        problem=describe(problem) if problem else "",
        currency=current_shop().currency,
        states=STATE_WORDS,
        row_words=ROW_WORDS,
        field_words=FIELD_WORDS,
    )
