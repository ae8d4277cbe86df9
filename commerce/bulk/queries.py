"""Read plans: the list, one of them, its figures, and the rows that came out in a certain way."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, select

from commerce.bulk.changes import Named
from commerce.bulk.kinds import KINDS, kind_of
from commerce.bulk.models import BulkPlan, BulkRow
from commerce.db import db, every_shop
from commerce.errors import NotFound

AT_WORK = ("running", "undoing")
LISTED = 50
BATCH = 1000


class WaitingPlan(NamedTuple):
    """A plan that the worker has something to do for."""

    tenant_id: uuid.UUID
    id: uuid.UUID


class RowShown(NamedTuple):
    """A row of a plan with what it is about; code and title are empty when that is gone."""

    subject_id: uuid.UUID
    status: str
    reason: dict[str, Any] | None
    code: str
    title: str


@every_shop()
def find_running(limit: int = 50) -> list[WaitingPlan]:
    """Return plans of all shops that are at work, the oldest first."""
    rows = db.session.execute(
        select(BulkPlan.tenant_id, BulkPlan.id)
        .where(BulkPlan.status.in_(AT_WORK))
        .order_by(BulkPlan.id)
        .limit(limit),
        execution_options={"all_tenants": True},
    ).all()
    return [WaitingPlan(row.tenant_id, row.id) for row in rows]


def list_plans(may: Callable[[str], bool]) -> Sequence[BulkPlan]:
    """Return the latest plans of the kinds whose permission to look `may` grants."""
    kinds = [name for name, kind in KINDS.items() if may(kind.view)]
    found = select(BulkPlan).where(BulkPlan.kind.in_(kinds)).order_by(BulkPlan.id.desc())
    return db.session.scalars(found.limit(LISTED)).all()


def get_plan(plan_id: uuid.UUID) -> BulkPlan:
    """Return a plan. Raises NotFound."""
    found = db.session.scalar(
        select(BulkPlan).where(BulkPlan.id == plan_id).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("bulk_plan_not_found")
    return found


def row_counts(plan_id: uuid.UUID) -> dict[str, int]:
    """Return how many rows of a plan have each status."""
    rows = db.session.execute(
        select(BulkRow.status, func.count().label("rows"))
        .where(BulkRow.plan_id == plan_id)
        .group_by(BulkRow.status)
    )
    return {row.status: row.rows for row in rows}


def rows_with(plan: BulkPlan, statuses: Sequence[str], limit: int) -> list[RowShown]:
    """Return rows of a plan that came out in one of these ways."""
    return _rows(plan.id, plan.kind, statuses, None, limit)


def all_rows(plan_id: uuid.UUID) -> Iterator[RowShown]:
    """Yield every row of a plan, a batch at a time."""
    after, kind = None, get_plan(plan_id).kind
    while True:
        rows = _rows(plan_id, kind, (), after, BATCH)
        db.session.rollback()
        yield from rows
        if len(rows) < BATCH:
            return
        after = rows[-1].subject_id


def _rows(
    plan_id: uuid.UUID, kind: str, statuses: Sequence[str], after: uuid.UUID | None, limit: int
) -> list[RowShown]:
    statement = (
        select(BulkRow.subject_id, BulkRow.status, BulkRow.reason)
        .where(BulkRow.plan_id == plan_id)
        .order_by(BulkRow.subject_id)
        .limit(limit)
    )
    if statuses:
        statement = statement.where(BulkRow.status.in_(statuses))
    if after is not None:
        statement = statement.where(BulkRow.subject_id > after)
    rows = db.session.execute(statement).all()
    names = kind_of(kind).named([row.subject_id for row in rows])
    shown = []
    for row in rows:
        named = names.get(row.subject_id, Named())
        shown.append(RowShown(row.subject_id, row.status, row.reason, named.code, named.title))
    return shown
