"""Bulk changes: chosen in a list, previewed, carried out by the worker, paused, resumed and undone."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Response, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import (
    blueprint,
    current_actor,
    current_staff,
    ensure_permission,
    may,
    requires_permission,
    stand_at,
)
from commerce.admin.bulk.forms import BulkForm
from commerce.admin.bulk.words import (
    FIELD_WORDS,
    ROW_WORDS,
    STATE_WORDS,
    SUBJECTS,
    offered,
    scope_text,
    subject_of,
    words_of,
)
from commerce.admin.csv_download import csv_stream
from commerce.admin.forms import seen_row_version, ticked_ids
from commerce.admin.products.filters import sent_filter
from commerce.admin.products.queries import chosen_products, matching_products
from commerce.admin.save import done, save
from commerce.bulk import queries, services
from commerce.bulk.kinds import kind_of
from commerce.bulk.models import BulkPlan
from commerce.bulk.outcomes import KeptReason
from commerce.error_messages import describe
from commerce.errors import CommerceError, NotFound, Refusal, Rejected
from commerce.tenants.scope import current_shop
from commerce.web import render_region, see_other

ROOT = "/admin/bulk-changes"
SHOWN = 100
MOST_TICKED = 500
"""Rows that can be ticked one by one; a page has far fewer."""
LEFT_OUT = ("conflict", "failed", "kept")


@blueprint.context_processor
def _offers() -> dict[str, Any]:
    return {"bulk_kinds": offered}


@blueprint.post("/products/bulk-changes")
@requires_permission("products.change")
def bulk_products() -> BaseResponse:
    """Keep a change of the ticked products, or of all that match the list's filter; nothing is changed yet."""
    if request.form.get("everything") == "1":
        wanted = sent_filter(request.form)
        chosen, scope = matching_products(wanted), {"everything": True, **asdict(wanted)}
    else:
        chosen, scope = chosen_products(ticked()), {"everything": False}
    return create("products", chosen, scope)


def create(subject: str, chosen: Any, scope: dict[str, Any], back: str = "") -> BaseResponse:
    """Keep a change of the kind that the form names, and lead to its page; back to the list when nothing is chosen."""
    kind, staff = request.form.get("kind", ""), current_staff()
    if kind not in SUBJECTS[subject].kinds or not words_of(kind).ticked:
        raise NotFound("bulk_kind_not_found")
    ensure_permission(kind_of(kind).permission)
    given: dict[str, Any] | None = (
        None if words_of(kind).form else {}
    )  # what asks for nothing is previewed at once
    try:
        plan_id = services.create_plan(
            kind, chosen, scope=scope, by=staff.name, staff_id=staff.id, given=given
        )
    except Rejected as error:
        return done(describe(error), back or subject_of(kind).list_address, "warn")
    return see_other(f"{ROOT}/{plan_id}")


def ticked(sent: Any = None) -> list[UUID]:
    """Return the ids of the boxes that were ticked; `sent` is where they are, the form without it."""
    return ticked_ids((request.form if sent is None else sent).getlist("id")[:MOST_TICKED])


@blueprint.get("/bulk-changes")
@requires_permission("account.own")
def bulk_changes() -> BaseResponse:
    """List the latest bulk changes."""
    return render_region(
        "admin/bulk/plans.html",
        "admin/bulk/_plans.html",
        plans=queries.list_plans(may),
        words_of=words_of,
        states=STATE_WORDS,
        scope_text=scope_text,
    )


@blueprint.get("/bulk-changes/<uuid:plan_id>")
@requires_permission("account.own")
def bulk_change(plan_id: UUID) -> BaseResponse:
    """Show what a change would do, how far it is, or what it has done."""
    return _show(_to_look_at(plan_id))


@blueprint.post("/bulk-changes/<uuid:plan_id>")
@requires_permission("account.own")
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
@requires_permission("account.own")
def bulk_start(plan_id: UUID) -> BaseResponse:
    """Let the worker do what the preview showed."""
    _for_change(plan_id)
    actor = current_actor()
    return _move(plan_id, lambda: services.start_plan(plan_id, seen_version=seen_row_version(), actor=actor))


@blueprint.post("/bulk-changes/<uuid:plan_id>/<any(pause,resume,undo):step>")
@requires_permission("account.own")
def bulk_move(plan_id: UUID, step: str) -> BaseResponse:
    """Pause, resume or undo a change."""
    _for_change(plan_id)
    actor = current_actor()
    return _move(plan_id, lambda: services.move_plan(plan_id, step, actor))


@blueprint.post("/bulk-changes/<uuid:plan_id>/removal")
@requires_permission("account.own")
def bulk_discard(plan_id: UUID) -> BaseResponse:
    """Delete a change that was not started."""
    plan = _for_change(plan_id)
    return save(
        None,
        lambda: services.discard_plan(plan_id),
        show=lambda status, problem: _show(queries.get_plan(plan_id), None, status, problem),
        then=lambda _result: done(_("The bulk change was discarded."), subject_of(plan.kind).list_address),
    )


@blueprint.get("/bulk-changes/<uuid:plan_id>/rows.csv")
@requires_permission("account.own")
def bulk_file(plan_id: UUID) -> Response:
    """Download what came of each row."""
    _to_look_at(plan_id)
    rows = ((row.title, row.code, row.status, _reason(row.reason)) for row in queries.all_rows(plan_id))
    return csv_stream("bulk-change.csv", ("Name", "Code", "Result", "Reason"), rows)


def _to_look_at(plan_id: UUID) -> BulkPlan:
    """Return a plan that the signed-in staff may see. Raises NotFound, NotAllowed."""
    plan = queries.get_plan(plan_id)
    ensure_permission(kind_of(plan.kind).view)
    return plan


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
    form = words_of(plan.kind).form or BulkForm
    return form(formdata, data=form.shown(plan.parameters) | {"version": plan.version})


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
    words, subject, kind = words_of(plan.kind), subject_of(plan.kind), kind_of(plan.kind)
    stand_at(subject.list_address)
    counts = queries.row_counts(plan.id) if plan.status != "draft" else {}
    waiting = "done" if plan.status in ("undoing", "undo_paused") else "pending"
    return render_region(
        "admin/bulk/plan.html",
        "admin/bulk/_plan.html",
        status,
        plan=plan,
        form=form or (_form(plan) if plan.status == "draft" else None),
        kind=plan.kind,
        words=words,
        subject=subject,
        permission=kind.permission,
        undoable=kind.undoable,
        scope=scope_text(plan),
        counts=counts,
        finished=plan.total - counts.get(waiting, 0),
        left_out=queries.rows_with(plan, LEFT_OUT, SHOWN) if counts else [],
        shown=SHOWN,
        reason=_reason,
        problem=describe(problem) if problem else "",
        currency=current_shop().currency,
        states=STATE_WORDS,
        row_words=ROW_WORDS,
        moment=datetime.fromisoformat,
        field_words={**FIELD_WORDS, **subject.fields},
    )
