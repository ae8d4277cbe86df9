"""Keep what a bulk change was given for single rows, and in whose name it is carried out

Revision ID: 0034
Revises: 0033
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")


def upgrade() -> None:
    op.add_column("bulk_rows", sa.Column("details", JSON, nullable=True))
    op.add_column("bulk_plans", sa.Column("acting_id", sa.Uuid(), nullable=True))
    op.add_column(
        "bulk_plans", sa.Column("acting_name", sa.String(length=255), nullable=False, server_default="")
    )


def downgrade() -> None:
    for name in ("acting_name", "acting_id"):
        op.drop_column("bulk_plans", name)
    op.drop_column("bulk_rows", "details")
