"""The menu and the footer of the shop, once staff have edited them

Revision ID: 0036
Revises: 0035
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

NEW = ("menus", "menu_entries")


def upgrade() -> None:
    op.create_table(
        "menus",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("name IN ('main', 'footer')", name=op.f("ck_menus_name")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_menus_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_menus")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_menus_tenant_id_name")),
    )
    op.create_table(
        "menu_entries",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("menu_id", sa.Uuid(), nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("target_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(length=2000), nullable=False),
        sa.CheckConstraint(
            "kind IN ('category', 'collection', 'page', 'products', 'categories', 'address', 'heading')",
            name=op.f("ck_menu_entries_kind"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "menu_id"],
            ["menus.tenant_id", "menus.id"],
            name=op.f("fk_menu_entries_tenant_id_menu_id_menus"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_menu_entries")),
    )
    op.create_index("ix_menu_entries_menu", "menu_entries", ["tenant_id", "menu_id"])
    if op.get_bind().dialect.name == "postgresql":
        for table in NEW:
            op.execute(f"SELECT keep_rows_to_their_shop('{table}')")


def downgrade() -> None:
    for table in reversed(NEW):
        op.drop_table(table)
