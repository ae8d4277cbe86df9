"""What staff keep of customers: tags, groups, notes, addresses; whose address is whose after a merge

Revision ID: 0037
Revises: 0036
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
TABLES = (
    "customer_profiles",
    "customer_tags",
    "customer_groups",
    "customer_group_members",
    "customer_notes",
    "customer_addresses",
    "merged_emails",
)


def _own(name: str) -> list[sa.Column[object]]:
    return [sa.Column("tenant_id", sa.Uuid(), nullable=False), sa.Column(name, sa.Uuid(), nullable=False)]


def _of_profile(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "profile_id"],
        ["customer_profiles.tenant_id", "customer_profiles.id"],
        name=op.f(f"fk_{table}_tenant_id_profile_id_customer_profiles"),
        ondelete="CASCADE",
    )


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{table}_tenant_id_tenants"))


def _key(table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f(f"pk_{table}"))


def upgrade() -> None:
    text, moment = sa.String(length=255), sa.DateTime(timezone=True)
    op.create_table(
        "customer_profiles",
        *_own("id"),
        sa.Column("email", text, nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("name", text, nullable=False),
        sa.Column("phone", text, nullable=False),
        sa.Column("locale", sa.String(length=20), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        _of_tenant("customer_profiles"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["members.tenant_id", "members.id"],
            name=op.f("fk_customer_profiles_tenant_id_member_id_members"),
        ),
        _key("customer_profiles"),
        sa.UniqueConstraint("tenant_id", "email", name=op.f("uq_customer_profiles_tenant_id_email")),
        sa.UniqueConstraint("tenant_id", "member_id", name=op.f("uq_customer_profiles_tenant_id_member_id")),
    )
    op.create_table(
        "customer_tags",
        *_own("id"),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("tag", sa.String(length=40), nullable=False),
        _of_profile("customer_tags"),
        _key("customer_tags"),
        sa.UniqueConstraint(
            "tenant_id", "profile_id", "tag", name=op.f("uq_customer_tags_tenant_id_profile_id_tag")
        ),
    )
    op.create_index("ix_customer_tags_tag", "customer_tags", ["tenant_id", "tag"])
    op.create_table(
        "customer_groups",
        *_own("id"),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("name_key", sa.String(length=200), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        _of_tenant("customer_groups"),
        _key("customer_groups"),
        sa.UniqueConstraint("tenant_id", "name_key", name=op.f("uq_customer_groups_tenant_id_name_key")),
    )
    op.create_table(
        "customer_group_members",
        *_own("group_id"),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "group_id"],
            ["customer_groups.tenant_id", "customer_groups.id"],
            name=op.f("fk_customer_group_members_tenant_id_group_id_customer_groups"),
            ondelete="CASCADE",
        ),
        _of_profile("customer_group_members"),
        sa.PrimaryKeyConstraint(
            "tenant_id", "group_id", "profile_id", name=op.f("pk_customer_group_members")
        ),
    )
    op.create_index(
        "ix_customer_group_members_profile", "customer_group_members", ["tenant_id", "profile_id"]
    )
    op.create_table(
        "customer_notes",
        *_own("id"),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("author", text, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        _of_profile("customer_notes"),
        _key("customer_notes"),
    )
    op.create_index("ix_customer_notes_profile", "customer_notes", ["tenant_id", "profile_id"])
    op.create_table(
        "customer_addresses",
        *_own("id"),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("phone", text, nullable=False),
        sa.Column("address", JSON, nullable=False),
        sa.Column("created_at", moment, nullable=False),
        _of_profile("customer_addresses"),
        _key("customer_addresses"),
    )
    op.create_index("ix_customer_addresses_profile", "customer_addresses", ["tenant_id", "profile_id"])
    op.create_table(
        "merged_emails",
        *_own("id"),
        sa.Column("email", text, nullable=False),
        sa.Column("profile_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        _of_profile("merged_emails"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["members.tenant_id", "members.id"],
            name=op.f("fk_merged_emails_tenant_id_member_id_members"),
        ),
        _key("merged_emails"),
        sa.UniqueConstraint("tenant_id", "email", name=op.f("uq_merged_emails_tenant_id_email")),
    )
    op.create_index("ix_merged_emails_profile", "merged_emails", ["tenant_id", "profile_id"])
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            op.execute(f"SELECT keep_rows_to_their_shop('{table}')")


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
