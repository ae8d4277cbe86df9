"""Changes of many rows as stored plans: what is to be done, to which rows, and what has been done."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantOwned, TenantRow


class BulkPlan(TenantRow, Base):
    """A change of many rows.

    draft (parameters and preview) -> running -> done -> undoing -> undone; running and undoing can be paused. `scope`
    says how the rows were chosen, `parameters` what becomes of them, `totals` are the figures and the sample of the
    preview. `version` counts previews: who starts a plan has seen the last one. `acting_id` and `acting_name` are who
    started it, resumed it or took it back, the latest: what it does is done in their name.
    """

    __tablename__ = "bulk_plans"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        CheckConstraint(
            "status IN ('done', 'draft', 'paused', 'running', 'undo_paused', 'undoing', 'undone')",
            name="status",
        ),
        Index("ix_bulk_plans_waiting", "status"),
    )

    kind: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(20), default="draft")
    scope: Mapped[dict[str, Any]] = mapped_column(default=dict)
    parameters: Mapped[dict[str, Any]] = mapped_column(default=dict)
    totals: Mapped[dict[str, Any]] = mapped_column(default=dict)
    total: Mapped[int] = mapped_column(default=0)
    created_by: Mapped[str]
    staff_id: Mapped[uuid.UUID | None]
    acting_id: Mapped[uuid.UUID | None]
    acting_name: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class BulkRow(TenantOwned, Base):
    """A row that a plan changes: its version at the preview, and what came of it.

    pending -> done | unchanged | conflict (changed by somebody else since the preview) | failed; done -> undone, or
    kept when somebody has changed it since. `details` is what was given for this row alone, `before` what an undo
    restores, `after_version` the version that the plan left behind, `reason` an error's reason and facts.
    """

    __tablename__ = "bulk_rows"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "plan_id"], ["bulk_plans.tenant_id", "bulk_plans.id"], ondelete="CASCADE"
        ),
        CheckConstraint(
            "status IN ('conflict', 'done', 'failed', 'kept', 'pending', 'unchanged', 'undone')",
            name="status",
        ),
        Index("ix_bulk_rows_status", "tenant_id", "plan_id", "status", "subject_id"),
    )

    plan_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subject_version: Mapped[int]
    status: Mapped[str] = mapped_column(String(20), default="pending")
    after_version: Mapped[int | None]
    details: Mapped[dict[str, Any] | None]
    before: Mapped[dict[str, Any] | None]
    reason: Mapped[dict[str, Any] | None]
