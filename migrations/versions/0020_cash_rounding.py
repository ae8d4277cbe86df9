"""Totals that are paid in cash are rounded to the smallest coin

Revision ID: 0020
Revises: 0019
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

SOURCES = "source_type IN ('promotion', 'tax', 'shipping', 'fee'%s)"


def upgrade() -> None:
    # Shops of before go on without rounding until the owner turns it on: their totals were promised to the cent.
    with op.batch_alter_table("payment_methods") as table:
        table.add_column(sa.Column("cash_rounding", sa.BigInteger(), nullable=False, server_default="0"))
        table.create_check_constraint("cash_rounding", "cash_rounding >= 0")
    with op.batch_alter_table("orders") as table:
        # The step by which the order was sold, so that edits round as the order did.
        table.add_column(sa.Column("cash_rounding", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("order_adjustments") as table:
        table.drop_constraint(op.f("ck_order_adjustments_source_type"), type_="check")
        table.create_check_constraint("source_type", SOURCES % ", 'rounding'")


def downgrade() -> None:
    with op.batch_alter_table("order_adjustments") as table:
        table.drop_constraint(op.f("ck_order_adjustments_source_type"), type_="check")
        table.create_check_constraint("source_type", SOURCES % "")
    with op.batch_alter_table("orders") as table:
        table.drop_column("cash_rounding")
    with op.batch_alter_table("payment_methods") as table:
        table.drop_constraint(op.f("ck_payment_methods_cash_rounding"), type_="check")
        table.drop_column("cash_rounding")
