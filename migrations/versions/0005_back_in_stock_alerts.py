"""Write when it is back: shoppers who wait for a variant that is sold out

Revision ID: 0005
Revises: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A row lives until its mail is sent, so an address is kept no longer than it is needed. The unique place is the
    # limit of wishes per address: it holds whatever is asked for at once.
    op.create_table(
        "stock_alerts",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("variant_id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("place BETWEEN 1 AND 20", name=op.f("ck_stock_alerts_place")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "variant_id"],
            ["variants.tenant_id", "variants.id"],
            name=op.f("fk_stock_alerts_tenant_id_variant_id_variants"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_stock_alerts")),
        sa.UniqueConstraint(
            "tenant_id", "variant_id", "email", name=op.f("uq_stock_alerts_tenant_id_variant_id_email")
        ),
        sa.UniqueConstraint(
            "tenant_id", "email", "place", name=op.f("uq_stock_alerts_tenant_id_email_place")
        ),
    )


def downgrade() -> None:
    op.drop_table("stock_alerts")
