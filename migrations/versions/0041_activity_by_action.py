"""Let the activity log be narrowed by what entries are about without reading all of it

Revision ID: 0041
Revises: 0040
"""

from __future__ import annotations

from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_audit_entries_action", "audit_entries", ["tenant_id", "action", "occurred_at"])


def downgrade() -> None:
    op.drop_index("ix_audit_entries_action", "audit_entries")
