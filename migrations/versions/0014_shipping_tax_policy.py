"""Tax of shipping and fees, who cancelled an order, what was credited of it, and the terms that it was sold on

Revision ID: 0014
Revises: 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
ROWS_OF_SHOPS = ("orders", "credits")


def upgrade() -> None:
    with op.batch_alter_table("tenants") as table:
        # By default the tax of shipping and fees follows the goods: an ancillary supply shares the treatment of the
        # principal one (CJEU C-349/96, Card Protection Plan).
        table.add_column(sa.Column("shipping_tax", sa.String(10), nullable=False, server_default="goods"))
        table.create_check_constraint("shipping_tax", "shipping_tax IN ('goods', 'main', 'own')")
    with op.batch_alter_table("orders") as table:
        # The sum of the order's credits, kept beside the total so that what is due needs no further statement.
        table.add_column(sa.Column("credited_amount", sa.BigInteger(), nullable=False, server_default="0"))
        # The kind of actor who cancelled: late money reopens only what the system had let expire. Unknown for orders
        # of before: their late money goes back, which is the careful answer.
        table.add_column(sa.Column("cancelled_by", sa.String(20), nullable=False, server_default=""))
        # What lines, discounts and shipping were sold for, kept from the first edit on, so that an edit and its
        # reverse cancel out.
        table.add_column(sa.Column("sold_terms", JSON, nullable=True))
        table.create_check_constraint("credited_amount", "credited_amount >= 0")
    with op.batch_alter_table("shipping_methods") as table:
        # Whether the least totals of the prices are met before discounts, as ever, or after them.
        table.add_column(
            sa.Column("after_discounts", sa.Boolean(), nullable=False, server_default=sa.false())
        )
    with op.batch_alter_table("promotions") as table:
        table.add_column(sa.Column("skip_reduced", sa.Boolean(), nullable=False, server_default=sa.false()))
    _as_owner(
        "UPDATE orders SET credited_amount = (SELECT coalesce(sum(credits.amount), 0) FROM credits"
        " WHERE credits.tenant_id = orders.tenant_id AND credits.order_id = orders.id)"
        " WHERE EXISTS (SELECT 1 FROM credits"
        " WHERE credits.tenant_id = orders.tenant_id AND credits.order_id = orders.id)"
    )


def downgrade() -> None:
    with op.batch_alter_table("promotions") as table:
        table.drop_column("skip_reduced")
    with op.batch_alter_table("shipping_methods") as table:
        table.drop_column("after_discounts")
    with op.batch_alter_table("orders") as table:
        table.drop_constraint(op.f("ck_orders_credited_amount"), type_="check")
        table.drop_column("sold_terms")
        table.drop_column("cancelled_by")
        table.drop_column("credited_amount")
    with op.batch_alter_table("tenants") as table:
        table.drop_constraint(op.f("ck_tenants_shipping_tax"), type_="check")
        table.drop_column("shipping_tax")


def _as_owner(statement: str) -> None:
    """Change rows of every shop: row security also binds the owner of the tables, so it is lifted for this statement.

    All of it is one transaction, and ALTER TABLE holds the table until its end, so nobody else sees it lifted.
    """
    forced = ROWS_OF_SHOPS if op.get_bind().dialect.name == "postgresql" else ()
    for table in forced:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(statement)
    for table in forced:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
