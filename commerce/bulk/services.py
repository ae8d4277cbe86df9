"""Plan a change of many rows, preview it, start, pause and undo it; and the step that does the next rows.

A row's outcome is written in the transaction that changes it, under the lock of its plan: whatever kills a worker, each
row is changed once, and the next worker goes on behind it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Select, delete, insert, select

from commerce import clock
from commerce.bulk.changes import Chosen
from commerce.bulk.kinds import kind_of
from commerce.bulk.models import BulkPlan, BulkRow
from commerce.bulk.outcomes import Outcome, note
from commerce.bulk.queries import AT_WORK
from commerce.db import atomic, check_version, current_tenant_id, db, execute_many, lock
from commerce.errors import CommerceError, Conflict, NotFound, Rejected
from commerce.events.outbox import Actor

SAMPLE = 12
PREVIEWED = 1000
NEXT = {
    "pause": {"running": "paused", "undoing": "undo_paused"},
    "resume": {"paused": "running", "undo_paused": "undoing"},
    "undo": {"done": "undoing", "paused": "undoing"},
}
"""What a person can do to a plan that was started: status after each action, by the status before."""


class NothingChosen(Rejected):
    """A plan needs rows."""

    code = "nothing_chosen"


class PlanMoved(Conflict):
    """The plan is not in a state in which this can be done."""

    code = "plan_moved"


@atomic
def create_plan(
    kind: str,
    chosen: Select[uuid.UUID, int] | Callable[[], Select[uuid.UUID, int]],
    *,
    scope: Mapping[str, Any],
    by: str,
    staff_id: uuid.UUID | None,
    details: Mapping[uuid.UUID, Mapping[str, Any]] | None = None,
    given: Mapping[str, Any] | None = None,
) -> uuid.UUID:
    """Keep a change of the rows that `chosen` finds (columns id and version); nothing is changed yet.

    A search that holds for one transaction only is given as a function that makes the statement.
    `details` is what was given for single rows, by id. With `given` it is previewed at once.
    Raises NotFound for an unknown kind, NothingChosen when there are none or too many, InvalidValue.
    """
    most = kind_of(kind).most
    statement = chosen() if callable(chosen) else chosen
    found = db.session.execute(statement.limit(most + 1)).all()
    if not found:
        raise NothingChosen("nothing_chosen")
    if len(found) > most:
        raise NothingChosen("too_many_chosen", limit=most)
    plan = BulkPlan(kind=kind, scope=dict(scope), total=len(found), created_by=by[:255], staff_id=staff_id)
    db.session.add(plan)
    db.session.flush()
    table: Any = BulkRow.__table__
    own = {"tenant_id": current_tenant_id(), "plan_id": plan.id, "status": "pending"}
    for start in range(0, len(found), PREVIEWED):
        rows = found[start : start + PREVIEWED]
        execute_many(
            insert(table),
            [
                {
                    **own,
                    "subject_id": row.id,
                    "subject_version": row.version,
                    "details": dict(details[row.id]) if details and row.id in details else None,
                }
                for row in rows
            ],
        )
    if given is not None:
        _preview(plan, given)
    return plan.id


@atomic
def preview_plan(plan_id: uuid.UUID, given: Mapping[str, Any], *, seen_version: int) -> None:
    """Say what becomes of the rows, note the version of each, and add up what would happen.

    Raises NotFound, StaleVersion, PlanMoved, InvalidValue.
    """
    plan = _lock(plan_id, seen_version)
    if plan.status != "draft":
        raise PlanMoved("plan_already_started")
    _preview(plan, given)


def _preview(plan: BulkPlan, given: Mapping[str, Any]) -> None:
    kind = kind_of(plan.kind)
    parameters = kind.checked(given)
    kind.note_versions(plan.id)
    plan.parameters, plan.totals = parameters, _totals(plan, parameters)
    plan.version += 1


def _totals(plan: BulkPlan, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Add up what would become of all rows, with a sample."""
    kind = kind_of(plan.kind)
    figures: dict[str, int] = {"changed": 0, "same": 0, "refused": 0}
    sample: list[dict[str, Any]] = []
    rows = db.session.execute(
        select(BulkRow.subject_id, BulkRow.details)
        .where(BulkRow.plan_id == plan.id)
        .order_by(BulkRow.subject_id)
    ).all()
    for start in range(0, len(rows), PREVIEWED):
        chosen = [Chosen(row.subject_id, row.details or {}) for row in rows[start : start + PREVIEWED]]
        for outcome in kind.outcomes(chosen, parameters):
            figures[_class_of(outcome)] += 1
            for name, number in outcome.figures.items():
                figures[name] = figures.get(name, 0) + number
            if len(sample) < SAMPLE and (outcome.lines or outcome.error):
                sample.append(_sampled(outcome))
    return {"figures": figures, "sample": sample}


def _class_of(outcome: Outcome) -> str:
    return "refused" if outcome.error else "changed" if outcome.lines else "same"


def _sampled(outcome: Outcome) -> dict[str, Any]:
    error = outcome.error
    return {
        "name": outcome.name,
        "lines": [
            {"what": line.what, "before": line.before, "after": line.after, "is_money": line.is_money}
            for line in outcome.lines[:3]
        ],
        "more": max(0, len(outcome.lines) - 3),
        "error": {"reason": error.reason, "facts": dict(error.facts)} if error else None,
    }


@atomic
def start_plan(plan_id: uuid.UUID, *, seen_version: int, actor: Actor | None = None) -> None:
    """Let the worker do what the preview showed, in the name of `actor` or of who planned it.

    Whether they may is for the caller to ask. Raises NotFound, StaleVersion, PlanMoved.
    """
    plan = _lock(plan_id, seen_version)
    if plan.status != "draft" or not plan.totals:
        raise PlanMoved("plan_already_started" if plan.status != "draft" else "plan_not_previewed")
    plan.status, plan.started_at = "running", clock.now()
    _act_as(plan, actor)


@atomic
def move_plan(plan_id: uuid.UUID, action: str, actor: Actor | None = None) -> None:
    """Pause, resume or undo a plan: `action` is a key of NEXT. What follows is done in the name of `actor`.

    Raises NotFound, PlanMoved, also for the undo of what cannot be undone.
    """
    plan = _lock(plan_id)
    target = NEXT[action].get(plan.status)
    if target is None:
        raise PlanMoved("plan_in_other_state")
    if action == "undo" and not kind_of(plan.kind).undoable:
        raise PlanMoved("plan_not_undoable")
    plan.status, plan.finished_at = target, None
    _act_as(plan, actor)


def _act_as(plan: BulkPlan, actor: Actor | None) -> None:
    plan.acting_id, plan.acting_name = plan.acting_id or plan.staff_id, plan.acting_name or plan.created_by
    if actor is not None:
        plan.acting_id, plan.acting_name = uuid.UUID(actor.id), actor.name[:255]


@atomic
def discard_plan(plan_id: uuid.UUID) -> None:
    """Delete a plan that was not started. Raises NotFound, PlanMoved."""
    plan = _lock(plan_id)
    if plan.status != "draft":
        raise PlanMoved("plan_already_started")
    db.session.execute(
        delete(BulkPlan).where(BulkPlan.id == plan.id).execution_options(synchronize_session=False)
    )


def _lock(plan_id: uuid.UUID, seen_version: int | None = None) -> BulkPlan:
    plan = lock(BulkPlan, plan_id, missing=NotFound("bulk_plan_not_found"))
    if seen_version is not None:
        check_version("plan", seen_version, plan.version)
    return plan


# --- the worker's steps ------------------------------------------------------------------------------


@atomic
def do_next_rows(plan_id: uuid.UUID, limit: int | None = None) -> int:
    """Do or undo the next rows of a plan that is at work; return how many. 0: nothing left, paused, or somebody else
    is at it. Without `limit` as many as the kind changes in one transaction."""
    plan = _lock_at_work(plan_id)
    if plan is None:
        return 0
    kind = kind_of(plan.kind)
    rows = _next_rows(plan, limit or kind.chunk)
    if not rows:
        plan.status = "done" if plan.status == "running" else "undone"
        plan.finished_at = clock.now()
        return 0
    actor = Actor("staff", str(plan.acting_id or ""), plan.acting_name)
    if plan.status == "running":
        kind.apply(rows, plan.parameters, actor)
    else:
        kind.undo(rows, actor)
    return len(rows)


@atomic
def give_up_row(plan_id: uuid.UUID, error: CommerceError) -> None:
    """Mark the next row as one that cannot be changed, so that the others get their turn."""
    plan = _lock_at_work(plan_id)
    for row in _next_rows(plan, 1) if plan is not None else ():
        note(row, "failed" if plan is not None and plan.status == "running" else "kept", error)


def _lock_at_work(plan_id: uuid.UUID) -> BulkPlan | None:
    return db.session.scalar(
        select(BulkPlan)
        .where(BulkPlan.id == plan_id, BulkPlan.status.in_(AT_WORK))
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )


def _next_rows(plan: BulkPlan, limit: int) -> list[BulkRow]:
    waiting = "pending" if plan.status == "running" else "done"
    return list(
        db.session.scalars(
            select(BulkRow)
            .where(BulkRow.plan_id == plan.id, BulkRow.status == waiting)
            .order_by(BulkRow.subject_id)
            .limit(limit)
        )
    )
