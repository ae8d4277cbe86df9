"""Changes of many rows as stored plans, with the outcome of each row

Revision ID: 0027
Revises: 0026
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "bulk_plans",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("scope", JSON, nullable=False),
        sa.Column("parameters", JSON, nullable=False),
        sa.Column("totals", JSON, nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("started_at", moment, nullable=True),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('done', 'draft', 'paused', 'running', 'undo_paused', 'undoing', 'undone')",
            name=op.f("ck_bulk_plans_status"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_bulk_plans_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_bulk_plans")),
    )
    op.create_index("ix_bulk_plans_waiting", "bulk_plans", ["status"])
    op.create_table(
        "bulk_rows",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("plan_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("subject_version", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("after_version", sa.BigInteger(), nullable=True),
        sa.Column("before", JSON, nullable=True),
        sa.Column("reason", JSON, nullable=True),
        sa.CheckConstraint(
            "status IN ('conflict', 'done', 'failed', 'kept', 'pending', 'unchanged', 'undone')",
            name=op.f("ck_bulk_rows_status"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "plan_id"],
            ["bulk_plans.tenant_id", "bulk_plans.id"],
            name=op.f("fk_bulk_rows_tenant_id_bulk_plans"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "plan_id", "subject_id", name=op.f("pk_bulk_rows")),
    )
    op.create_index("ix_bulk_rows_status", "bulk_rows", ["tenant_id", "plan_id", "status", "subject_id"])
    if op.get_bind().dialect.name == "postgresql":
        for table in ("bulk_plans", "bulk_rows"):
            op.execute(f"SELECT keep_rows_to_their_shop('{table}')")
        # The worker finds what is at work in all shops; it carries out each plan in its own.
        op.execute(
            "CREATE POLICY every_shop_select ON bulk_plans FOR SELECT"
            " USING (current_setting('lockstep.every_shop', true) = 'on')"
        )


def downgrade() -> None:
    op.drop_table("bulk_rows")
    op.drop_table("bulk_plans")
