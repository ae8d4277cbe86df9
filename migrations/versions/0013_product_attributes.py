"""Keep what other shops know of a product: its attributes and unit cost, its former addresses, what headings mean

Revision ID: 0013
Revises: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
NEW = ("product_attributes", "product_redirects", "import_mappings")


def upgrade() -> None:
    for table in ("products", "variants"):
        op.add_column(table, sa.Column("attributes", JSON, nullable=False, server_default="{}"))
    with op.batch_alter_table("variants") as batch:
        batch.add_column(sa.Column("unit_cost", sa.BigInteger(), nullable=True))
        batch.create_check_constraint(op.f("ck_variants_unit_cost"), "unit_cost IS NULL OR unit_cost >= 0")
    op.create_index("ix_products_age", "products", ["tenant_id", "published_at", "id"])
    op.create_table(
        "product_attributes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_product_attributes_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_product_attributes")),
        sa.UniqueConstraint("tenant_id", "key", name=op.f("uq_product_attributes_tenant_id_key")),
    )
    op.create_table(
        "product_redirects",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=255), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "product_id"],
            ["products.tenant_id", "products.id"],
            name=op.f("fk_product_redirects_tenant_id_product_id_products"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "slug", name=op.f("pk_product_redirects")),
    )
    op.create_index("ix_product_redirects_product", "product_redirects", ["tenant_id", "product_id"])
    op.create_table(
        "import_mappings",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("heading", sa.String(length=255), nullable=False),
        sa.Column("meaning", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_import_mappings_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "heading", name=op.f("pk_import_mappings")),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in NEW:
            op.execute(f"SELECT keep_rows_to_their_shop('{table}')")


def downgrade() -> None:
    for table in reversed(NEW):
        op.drop_table(table)
    op.drop_index("ix_products_age", "products")
    with op.batch_alter_table("variants") as batch:
        batch.drop_constraint(op.f("ck_variants_unit_cost"), type_="check")
        batch.drop_column("unit_cost")
        batch.drop_column("attributes")
    with op.batch_alter_table("products") as batch:
        batch.drop_column("attributes")
