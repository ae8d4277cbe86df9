"""Publish products at a time, and delete those that were never sold with their stock

The role of the application may take nothing out of the ledger of stock. What was counted of a variant that no order
has goes with the variant, by a function of the owner's that looks once more.

Revision ID: 0029
Revises: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# Row security holds for the owner of the tables, too: only rows of the shop that the caller has entered are seen.
REMOVE = """
CREATE FUNCTION delete_movements_of_unsold(wanted uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  IF EXISTS (SELECT FROM public.order_lines WHERE variant_id = ANY (wanted)) THEN
    RAISE EXCEPTION 'an order has one of these variants';
  END IF;
  DELETE FROM public.stock_movements WHERE stock_item_id IN (
    SELECT id FROM public.stock_items WHERE variant_id = ANY (wanted)
  );
END $$;
REVOKE EXECUTE ON FUNCTION delete_movements_of_unsold FROM PUBLIC
"""


def upgrade() -> None:
    op.add_column("products", sa.Column("publish_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_products_scheduled",
        "products",
        ["tenant_id", "publish_at"],
        postgresql_where=sa.text("publish_at IS NOT NULL"),
        sqlite_where=sa.text("publish_at IS NOT NULL"),
    )
    op.create_index("ix_order_lines_variant", "order_lines", ["tenant_id", "variant_id"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(REMOVE)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION delete_movements_of_unsold")
    op.drop_index("ix_order_lines_variant", "order_lines")
    op.drop_index("ix_products_scheduled", "products")
    op.drop_column("products", "publish_at")
