"""Keep for a day which forms of operators have acted, so that a double click acts once

Revision ID: 0022
Revises: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

NO_SHOP = "nullif(current_setting('lockstep.shop', true), '') IS NULL"


def upgrade() -> None:
    op.create_table(
        "operator_form_submissions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_form_submissions")),
        sa.UniqueConstraint("key", name=op.f("uq_operator_form_submissions_key")),
    )
    op.create_index("ix_operator_form_submissions_age", "operator_form_submissions", ["created_at"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE operator_form_submissions ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE operator_form_submissions FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY installation ON operator_form_submissions USING ({NO_SHOP})")
        # What an operator does to a shop is done inside it, and the form is written down in the same transaction.
        op.execute("CREATE POLICY append ON operator_form_submissions FOR INSERT WITH CHECK (true)")


def downgrade() -> None:
    op.drop_table("operator_form_submissions")
