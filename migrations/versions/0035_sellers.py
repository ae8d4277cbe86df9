"""Who runs a shop, and when its invoices are made: off in the shops that there are

Revision ID: 0035
Revises: 0034
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
COLUMNS = ("seller", "invoice_when", "invoices_since", "invoice_series", "credit_series", "invoice_note")


def upgrade() -> None:
    with op.batch_alter_table("tenants") as table:
        table.add_column(sa.Column("seller", JSON, nullable=False, server_default="{}"))
        table.add_column(sa.Column("invoice_when", sa.String(10), nullable=False, server_default="off"))
        table.add_column(sa.Column("invoices_since", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("invoice_series", sa.String(20), nullable=False, server_default="INV-"))
        table.add_column(sa.Column("credit_series", sa.String(20), nullable=False, server_default="CN-"))
        table.add_column(sa.Column("invoice_note", sa.String(500), nullable=False, server_default=""))
        table.create_check_constraint("invoice_when", "invoice_when IN ('off', 'payment', 'shipment')")


def downgrade() -> None:
    with op.batch_alter_table("tenants") as table:
        table.drop_constraint(op.f("ck_tenants_invoice_when"), type_="check")
        for name in reversed(COLUMNS):
            table.drop_column(name)
