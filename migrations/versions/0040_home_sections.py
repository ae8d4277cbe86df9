"""The home page in sections, once staff have edited it: a draft, and what was published of it

Revision ID: 0040
Revises: 0039
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

NEW = ("home_pages", "home_sections")


def upgrade() -> None:
    op.create_table(
        "home_pages",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_home_pages_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_home_pages")),
        sa.UniqueConstraint("tenant_id", name=op.f("uq_home_pages_tenant_id")),
    )
    op.create_table(
        "home_sections",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("home_page_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("button_label", sa.String(length=255), nullable=False),
        sa.Column("button_address", sa.String(length=2000), nullable=False),
        sa.Column("picture", sa.String(length=255), nullable=False),
        sa.Column("picture_alt", sa.String(length=1000), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("stage IN ('draft', 'published')", name=op.f("ck_home_sections_stage")),
        sa.CheckConstraint(
            "kind IN ('hero', 'products', 'categories', 'text', 'picture')",
            name=op.f("ck_home_sections_kind"),
        ),
        sa.CheckConstraint(
            "source IN ('newest', 'category', 'collection')", name=op.f("ck_home_sections_source")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "home_page_id"],
            ["home_pages.tenant_id", "home_pages.id"],
            name=op.f("fk_home_sections_tenant_id_home_page_id_home_pages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_home_sections")),
    )
    op.create_index("ix_home_sections_home_page", "home_sections", ["tenant_id", "home_page_id"])
    if op.get_bind().dialect.name == "postgresql":
        for table in NEW:
            op.execute(f"SELECT keep_rows_to_their_shop('{table}')")


def downgrade() -> None:
    for table in reversed(NEW):
        op.drop_table(table)
