"""Arrange categories as a tree, with a picture and texts for search engines, and the products in them by hand

Revision ID: 0021
Revises: 0020
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

ORDERS = "product_order IN ('newest', 'price', '-price', 'manual')"


def upgrade() -> None:
    with op.batch_alter_table("categories") as batch:
        batch.add_column(sa.Column("parent_id", sa.Uuid(), nullable=True))
        batch.add_column(sa.Column("picture", sa.String(length=255), nullable=False, server_default=""))
        batch.add_column(
            sa.Column("product_order", sa.String(length=20), nullable=False, server_default="newest")
        )
        batch.add_column(sa.Column("seo_title", sa.String(length=500), nullable=False, server_default=""))
        batch.add_column(sa.Column("seo_description", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("version", sa.BigInteger(), nullable=False, server_default="1"))
        batch.create_check_constraint(op.f("ck_categories_product_order"), ORDERS)
    op.create_index("ix_categories_parent", "categories", ["tenant_id", "parent_id"])
    op.add_column(
        "product_categories", sa.Column("position", sa.BigInteger(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    op.drop_column("product_categories", "position")
    op.drop_index("ix_categories_parent", "categories")
    with op.batch_alter_table("categories") as batch:
        batch.drop_constraint(op.f("ck_categories_product_order"), type_="check")
        for name in ("version", "seo_description", "seo_title", "product_order", "picture", "parent_id"):
            batch.drop_column(name)
