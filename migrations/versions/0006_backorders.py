"""Promise beyond the stock: a limit of units per shelf, the day they are expected, and what an order was promised

Revision ID: 0006
Revises: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The database itself holds the bound, so no race and no slip of the code can promise more than the shop allowed.
    # With the default of 0 it is the bound of before: nothing is reserved that is not there.
    with op.batch_alter_table("stock_items") as table:
        table.add_column(sa.Column("backorder_limit", sa.BigInteger(), nullable=False, server_default="0"))
        table.drop_constraint(op.f("ck_stock_items_reserved_within_on_hand"), type_="check")
        table.create_check_constraint(
            "within_bounds",
            "reserved >= 0 AND on_hand >= 0 AND backorder_limit >= 0 AND reserved <= on_hand + backorder_limit",
        )
    with op.batch_alter_table("variants") as table:
        table.add_column(sa.Column("ships_from", sa.Date(), nullable=True))
    # Frozen when the order is placed: what the shopper was told, whatever the shop expects later.
    with op.batch_alter_table("order_lines") as table:
        table.add_column(sa.Column("ships_from", sa.Date(), nullable=True))
        table.add_column(sa.Column("backordered", sa.BigInteger(), nullable=False, server_default="0"))
        table.create_check_constraint("backordered", "backordered >= 0")


def downgrade() -> None:
    # Fails while units are promised that are not there: the schema of before has no place for them.
    with op.batch_alter_table("order_lines") as table:
        table.drop_constraint(op.f("ck_order_lines_backordered"), type_="check")
        table.drop_column("backordered")
        table.drop_column("ships_from")
    with op.batch_alter_table("variants") as table:
        table.drop_column("ships_from")
    with op.batch_alter_table("stock_items") as table:
        table.drop_constraint(op.f("ck_stock_items_within_bounds"), type_="check")
        table.create_check_constraint("reserved_within_on_hand", "reserved >= 0 AND reserved <= on_hand")
        table.drop_column("backorder_limit")
