"""Let products have a type, and find products by type, vendor or barcode without reading them all

Revision ID: 0033
Revises: 0032
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

TITLE = "lower(substr(title, 1, 80))"


def upgrade() -> None:
    op.add_column(
        "products", sa.Column("product_type", sa.String(length=255), nullable=False, server_default="")
    )
    for name in ("product_type", "vendor"):
        given = sa.text(f"{name} <> ''")
        op.create_index(
            f"ix_products_{name}",
            "products",
            ["tenant_id", name, sa.text(TITLE), "id"],
            postgresql_where=given,
            sqlite_where=given,
        )
    given = sa.text("barcode <> ''")
    op.create_index(
        "ix_variants_barcode",
        "variants",
        ["tenant_id", "barcode"],
        postgresql_where=given,
        sqlite_where=given,
    )


def downgrade() -> None:
    op.drop_index("ix_variants_barcode", "variants")
    for name in ("product_type", "vendor"):
        op.drop_index(f"ix_products_{name}", "products")
    op.drop_column("products", "product_type")
