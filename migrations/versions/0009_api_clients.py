"""Let programs in: clients with their keys, what they were answered, the customer as they call him, the events' order

Revision ID: 0009
Revises: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
NEW = ("api_clients", "api_keys", "idempotency_keys", "event_feeds")


def upgrade() -> None:
    op.create_table(
        "api_clients",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("requests_per_minute", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("requests_per_minute > 0", name=op.f("ck_api_clients_requests_per_minute")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_api_clients_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_api_clients")),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_api_clients_tenant_id_name")),
    )
    op.create_table(
        "api_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("last_four", sa.String(length=4), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "client_id"],
            ["api_clients.tenant_id", "api_clients.id"],
            name=op.f("fk_api_keys_tenant_id_client_id_api_clients"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("tenant_id", "token_hash", name=op.f("uq_api_keys_tenant_id_token_hash")),
    )
    op.create_index("ix_api_keys_client", "api_keys", ["tenant_id", "client_id"])
    op.create_table(
        "idempotency_keys",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("client_id", sa.Uuid(), nullable=False),
        sa.Column("route", sa.String(length=120), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("sealed_outcome", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "client_id"],
            ["api_clients.tenant_id", "api_clients.id"],
            name=op.f("fk_idempotency_keys_tenant_id_client_id_api_clients"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_idempotency_keys")),
        sa.UniqueConstraint(
            "tenant_id",
            "client_id",
            "route",
            "key",
            name=op.f("uq_idempotency_keys_tenant_id_client_id_route_key"),
        ),
    )
    op.create_index("ix_idempotency_keys_age", "idempotency_keys", ["created_at"])
    op.create_table(
        "event_feeds",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_event_feeds_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_event_feeds")),
    )
    op.add_column(
        "orders", sa.Column("customer_reference", sa.String(length=120), nullable=False, server_default="")
    )
    op.add_column("events", sa.Column("position", sa.BigInteger(), nullable=True))
    op.create_index("uq_events_position", "events", ["tenant_id", "position"], unique=True)
    op.create_index(
        "ix_events_unnumbered",
        "events",
        ["tenant_id", "id"],
        postgresql_where=sa.text("position IS NULL"),
        sqlite_where=sa.text("position IS NULL"),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in NEW:
            op.execute(f"SELECT keep_rows_to_their_shop('{table}')")


def downgrade() -> None:
    op.drop_index("ix_events_unnumbered", "events")
    op.drop_index("uq_events_position", "events")
    with op.batch_alter_table("events") as batch:
        batch.drop_column("position")
    with op.batch_alter_table("orders") as batch:
        batch.drop_column("customer_reference")
    for table in reversed(NEW):
        op.drop_table(table)
