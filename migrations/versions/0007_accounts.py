"""Let people in: members and their sessions, second factors, invitations, operators, and a log that nobody edits

Revision ID: 0007
Revises: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
LOGS = ("audit_entries", "operator_entries")


def upgrade() -> None:
    op.create_table(
        "operator_entries",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("operator", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("changes", JSON, nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_entries")),
    )
    op.create_table(
        "operators",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("failed_sign_ins", sa.BigInteger(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("totp_secret", sa.Text(), nullable=True),
        sa.Column("totp_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operators")),
        sa.UniqueConstraint("email", name=op.f("uq_operators_email")),
    )
    op.create_table(
        "audit_entries",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=64), nullable=False),
        sa.Column("actor_name", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("changes", JSON, nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_audit_entries_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_audit_entries")),
    )
    op.create_index("ix_audit_entries_actor", "audit_entries", ["tenant_id", "actor_id", "occurred_at"])
    op.create_index("ix_audit_entries_newest", "audit_entries", ["tenant_id", "occurred_at", "id"])

    op.create_table(
        "email_proofs",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "purpose IN ('confirm_member', 'reset_member', 'change_member', 'reset_staff')",
            name=op.f("ck_email_proofs_purpose"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_email_proofs_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_email_proofs")),
        sa.UniqueConstraint("tenant_id", "token_hash", name=op.f("uq_email_proofs_tenant_id_token_hash")),
    )
    op.create_index("ix_email_proofs_subject", "email_proofs", ["tenant_id", "subject_id"])

    op.create_table(
        "members",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phone", sa.String(length=255), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("failed_sign_ins", sa.BigInteger(), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_members_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_members")),
        sa.UniqueConstraint("tenant_id", "email", name=op.f("uq_members_tenant_id_email")),
    )
    op.create_table(
        "operator_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("operator_id", sa.Uuid(), nullable=False),
        sa.Column("second_factor", sa.Boolean(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["operator_id"],
            ["operators.id"],
            name=op.f("fk_operator_sessions_operator_id_operators"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_operator_sessions_token_hash")),
    )
    op.create_table(
        "staff_invitations",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("invited_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "role IN ('owner', 'manager', 'fulfilment', 'support', 'readonly')",
            name=op.f("ck_staff_invitations_role"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_staff_invitations_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_staff_invitations")),
        sa.UniqueConstraint("tenant_id", "email", name=op.f("uq_staff_invitations_tenant_id_email")),
        sa.UniqueConstraint(
            "tenant_id", "token_hash", name=op.f("uq_staff_invitations_tenant_id_token_hash")
        ),
    )
    op.create_table(
        "member_addresses",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("phone", sa.String(length=255), nullable=False),
        sa.Column("address", JSON, nullable=False),
        sa.Column("preferred", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["members.tenant_id", "members.id"],
            name=op.f("fk_member_addresses_tenant_id_member_id_members"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_member_addresses")),
    )
    op.create_index("ix_member_addresses_member", "member_addresses", ["tenant_id", "member_id"])

    op.create_table(
        "member_sessions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("user_agent", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("proven_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["members.tenant_id", "members.id"],
            name=op.f("fk_member_sessions_tenant_id_member_id_members"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_member_sessions")),
        sa.UniqueConstraint("tenant_id", "token_hash", name=op.f("uq_member_sessions_tenant_id_token_hash")),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "staff_id"],
            ["staff_members.tenant_id", "staff_members.id"],
            name=op.f("fk_recovery_codes_tenant_id_staff_id_staff_members"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_recovery_codes")),
        sa.UniqueConstraint(
            "tenant_id", "staff_id", "code_hash", name=op.f("uq_recovery_codes_tenant_id_staff_id_code_hash")
        ),
    )
    with op.batch_alter_table("carts") as table:
        table.add_column(sa.Column("member_id", sa.Uuid(), nullable=True))
        table.create_index(
            "uq_carts_open_member",
            ["tenant_id", "member_id"],
            unique=True,
            postgresql_where=sa.text("status = 'open' AND member_id IS NOT NULL"),
            sqlite_where=sa.text("status = 'open' AND member_id IS NOT NULL"),
        )
        table.create_foreign_key(
            op.f("fk_carts_tenant_id_member_id_members"),
            "members",
            ["tenant_id", "member_id"],
            ["tenant_id", "id"],
        )

    with op.batch_alter_table("orders") as table:
        table.add_column(sa.Column("member_id", sa.Uuid(), nullable=True))
        table.create_index(
            "ix_orders_member",
            ["tenant_id", "member_id", "placed_at", "id"],
            postgresql_where=sa.text("member_id IS NOT NULL"),
            sqlite_where=sa.text("member_id IS NOT NULL"),
        )
        table.create_foreign_key(
            op.f("fk_orders_tenant_id_member_id_members"),
            "members",
            ["tenant_id", "member_id"],
            ["tenant_id", "id"],
        )

    with op.batch_alter_table("staff_members") as table:
        table.add_column(sa.Column("totp_secret", sa.Text(), nullable=True))
        table.add_column(sa.Column("totp_since", sa.DateTime(timezone=True), nullable=True))
        table.add_column(sa.Column("totp_step", sa.BigInteger(), nullable=False, server_default="0"))

    with op.batch_alter_table("staff_sessions") as table:
        table.add_column(sa.Column("second_factor", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("address", sa.String(length=45), nullable=False, server_default=""))
        table.add_column(sa.Column("user_agent", sa.String(length=255), nullable=False, server_default=""))
        table.add_column(
            sa.Column(
                "proven_at",
                sa.DateTime(timezone=True),
                nullable=False,
                server_default="1970-01-01 00:00:00.000000",
            )
        )

    with op.batch_alter_table("tenants") as table:
        table.add_column(sa.Column("countries", JSON, nullable=False, server_default="[]"))
        table.add_column(sa.Column("languages", JSON, nullable=False, server_default="[]"))
        table.add_column(
            sa.Column("order_code_format", sa.String(length=40), nullable=False, server_default="ORD-######")
        )
        table.add_column(
            sa.Column("suspended_because", sa.String(length=500), nullable=False, server_default="")
        )
        table.add_column(sa.Column("max_products", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("max_staff", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("version", sa.BigInteger(), nullable=False, server_default="1"))
    _close_the_logs()


def _close_the_logs() -> None:
    """Rows of a log are added and read. The database refuses the rest, whoever asks and with whatever rights."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_to_change_a_log() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION '% is only added to', TG_TABLE_NAME; END $$"
        )
        for log in LOGS:
            op.execute(
                f"CREATE TRIGGER {log}_only_grow BEFORE UPDATE OR DELETE ON {log}"
                " FOR EACH ROW EXECUTE FUNCTION refuse_to_change_a_log()"
            )
        return
    for log in LOGS:
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {log}_refuse_{verb.lower()} BEFORE {verb} ON {log}"
                f" BEGIN SELECT RAISE(ABORT, '{log} is only added to'); END"
            )


def downgrade() -> None:
    with op.batch_alter_table("tenants") as table:
        table.drop_column("version")
        table.drop_column("max_staff")
        table.drop_column("max_products")
        table.drop_column("suspended_because")
        table.drop_column("order_code_format")
        table.drop_column("languages")
        table.drop_column("countries")

    with op.batch_alter_table("staff_sessions") as table:
        table.drop_column("proven_at")
        table.drop_column("user_agent")
        table.drop_column("address")
        table.drop_column("second_factor")

    with op.batch_alter_table("staff_members") as table:
        table.drop_column("totp_step")
        table.drop_column("totp_since")
        table.drop_column("totp_secret")

    with op.batch_alter_table("orders") as table:
        table.drop_constraint(op.f("fk_orders_tenant_id_member_id_members"), type_="foreignkey")
        table.drop_index("ix_orders_member")
        table.drop_column("member_id")

    with op.batch_alter_table("carts") as table:
        table.drop_constraint(op.f("fk_carts_tenant_id_member_id_members"), type_="foreignkey")
        table.drop_index("uq_carts_open_member")
        table.drop_column("member_id")

    op.drop_table("recovery_codes")
    op.drop_table("member_sessions")
    op.drop_table("member_addresses")
    op.drop_table("staff_invitations")
    op.drop_table("operator_sessions")
    op.drop_table("members")
    op.drop_table("email_proofs")
    op.drop_table("audit_entries")
    op.drop_table("operators")
    op.drop_table("operator_entries")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_to_change_a_log()")
