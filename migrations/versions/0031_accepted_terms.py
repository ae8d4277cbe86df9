"""Keep with an order which terms its customer accepted; a shop may have a box ticked for them

Revision ID: 0031
Revises: 0030
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tenants", sa.Column("terms_tick", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("orders", sa.Column("accepted_terms_id", sa.Uuid(), nullable=True))
    op.add_column(
        "orders", sa.Column("accepted_terms_version", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column(
        "orders", sa.Column("accepted_terms_ticked", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    for name in ("accepted_terms_ticked", "accepted_terms_version", "accepted_terms_id"):
        op.drop_column("orders", name)
    op.drop_column("tenants", "terms_tick")
