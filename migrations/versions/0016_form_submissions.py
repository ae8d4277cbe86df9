"""Keep for a day which forms have acted, so that a double click acts once

Revision ID: 0016
Revises: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "form_submissions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("landing", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_form_submissions_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_form_submissions")),
        sa.UniqueConstraint("tenant_id", "key", name=op.f("uq_form_submissions_tenant_id_key")),
    )
    op.create_index("ix_form_submissions_age", "form_submissions", ["created_at"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SELECT keep_rows_to_their_shop('form_submissions')")


def downgrade() -> None:
    op.drop_table("form_submissions")
