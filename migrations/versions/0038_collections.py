"""Collections: products shown together at one address, chosen by hand or by rules

Revision ID: 0038
Revises: 0037
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

NEW = ("collections", "collection_products")


def upgrade() -> None:
    op.create_table(
        "collections",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(length=255), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("description_html", sa.Text(), nullable=False),
        sa.Column("picture", sa.String(length=255), nullable=False),
        sa.Column("published", sa.Boolean(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("matches", sa.String(length=20), nullable=False),
        sa.Column("conditions", sa.JSON().with_variant(JSONB(), "postgresql"), nullable=False),
        sa.Column("product_order", sa.String(length=20), nullable=False),
        sa.Column("seo_title", sa.String(length=500), nullable=False),
        sa.Column("seo_description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('chosen', 'rules')", name=op.f("ck_collections_kind")),
        sa.CheckConstraint("matches IN ('all', 'any')", name=op.f("ck_collections_matches")),
        sa.CheckConstraint(
            "product_order IN ('newest', 'price', '-price', 'title', 'manual')",
            name=op.f("ck_collections_product_order"),
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_collections_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_collections")),
        sa.UniqueConstraint("tenant_id", "slug", name=op.f("uq_collections_tenant_id_slug")),
    )
    op.create_table(
        "collection_products",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(length=80), nullable=False),
        sa.Column("stock", sa.String(length=3), nullable=False),
        sa.CheckConstraint("stock IN ('any', 'in', 'out')", name=op.f("ck_collection_products_stock")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "collection_id"],
            ["collections.tenant_id", "collections.id"],
            name=op.f("fk_collection_products_tenant_id_collection_id_collections"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "product_id"],
            ["products.tenant_id", "products.id"],
            name=op.f("fk_collection_products_tenant_id_product_id_products"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "collection_id", "product_id", name=op.f("pk_collection_products")
        ),
    )
    op.create_index("ix_collection_products_product", "collection_products", ["tenant_id", "product_id"])
    for name, key in (("age", "published_at"), ("price", "price"), ("title", "title")):
        op.create_index(
            f"ix_collection_products_{name}",
            "collection_products",
            ["tenant_id", "collection_id", key, "product_id"],
        )
    if op.get_bind().dialect.name == "postgresql":
        for table in NEW:
            op.execute(f"SELECT keep_rows_to_their_shop('{table}')")


def downgrade() -> None:
    for table in reversed(NEW):
        op.drop_table(table)
