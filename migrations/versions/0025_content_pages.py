"""Pages and policies of the shop, and each version of them that was ever published

Revision ID: 0025
Revises: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

NEW = ("content_pages", "content_revisions")


def upgrade() -> None:
    op.create_table(
        "content_pages",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("slug", sa.String(length=255), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("in_footer", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('page', 'policy')", name=op.f("ck_content_pages_kind")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_content_pages_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_content_pages")),
        sa.UniqueConstraint("tenant_id", "kind", "slug", name=op.f("uq_content_pages_tenant_id_kind_slug")),
    )
    op.create_table(
        "content_revisions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("page_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("body_html", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "page_id"],
            ["content_pages.tenant_id", "content_pages.id"],
            name=op.f("fk_content_revisions_tenant_id_page_id_content_pages"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_content_revisions")),
        sa.UniqueConstraint(
            "tenant_id", "page_id", "number", name=op.f("uq_content_revisions_tenant_id_page_id_number")
        ),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in NEW:
            op.execute(f"SELECT keep_rows_to_their_shop('{table}')")


def downgrade() -> None:
    for table in reversed(NEW):
        op.drop_table(table)
