"""Proven host names, wrong sign-ins counted by source, and refused sign-ins that leave the logs after 90 days

Revision ID: 0015
Revises: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
PEOPLE = ("staff_members", "members", "operators")
NO_SHOP = "nullif(current_setting('lockstep.shop', true), '') IS NULL"
LOGS = ("audit_entries", "operator_entries")

PURGE = """
CREATE OR REPLACE FUNCTION refuse_to_change_a_log() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.action IN ('sign_in_refused', 'code_refused', 'proof_refused')
    AND OLD.occurred_at < now() - interval '90 days'
  THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% is only added to', TG_TABLE_NAME;
END $$;
CREATE FUNCTION purge_refused_sign_ins(log text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE deleted bigint;
BEGIN
  IF log NOT IN ('audit_entries', 'operator_entries') THEN
    RAISE EXCEPTION 'no log: %', log;
  END IF;
  EXECUTE format('DELETE FROM public.%I WHERE action = ANY ($1) AND occurred_at < now() - $2', log)
    USING ARRAY['sign_in_refused', 'code_refused', 'proof_refused'], interval '90 days';
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END $$;
REVOKE EXECUTE ON FUNCTION purge_refused_sign_ins FROM PUBLIC
"""
"""Row security holds for the owner of the tables, too: the function deletes in the shop that its caller has entered."""
ERASE = """
CREATE FUNCTION erase_stock_movement_actors(orders text[], names text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
  UPDATE public.stock_movements SET actor = 'guest' WHERE reference = ANY (orders) AND lower(actor) = ANY (names)
$$;
REVOKE EXECUTE ON FUNCTION erase_stock_movement_actors FROM PUBLIC
"""
"""The ledger of stock is only added to, but a customer's name in it must go when they ask for it."""
KEEP_ALL = """
DROP FUNCTION erase_stock_movement_actors;
DROP FUNCTION purge_refused_sign_ins;
CREATE OR REPLACE FUNCTION refuse_to_change_a_log() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is only added to', TG_TABLE_NAME; END $$
"""


def upgrade() -> None:
    # What leads to a shop today was there before anything asked for a proof. By a default and not by an UPDATE, which
    # row security would keep from the rows.
    with op.batch_alter_table("tenant_hosts", recreate="always" if _on_sqlite() else "auto") as table:
        table.add_column(
            sa.Column("proven_at", sa.DateTime(timezone=True), nullable=True, server_default=sa.func.now())
        )
    with op.batch_alter_table("tenant_hosts") as table:
        table.alter_column("proven_at", server_default=None)
        table.create_check_constraint(op.f("ck_tenant_hosts_primary_proven"), _PRIMARY)
    op.create_table(
        "sign_in_throttles",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        *_throttle(),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_sign_in_throttles_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_sign_in_throttles")),
        sa.UniqueConstraint("tenant_id", "subject", name=op.f("uq_sign_in_throttles_tenant_id_subject")),
    )
    op.create_table(
        "operator_sign_in_throttles",
        sa.Column("id", sa.Uuid(), nullable=False),
        *_throttle(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operator_sign_in_throttles")),
        sa.UniqueConstraint("subject", name=op.f("uq_operator_sign_in_throttles_subject")),
    )
    for people in PEOPLE:
        # Not in a batch, which would make the table anew and with it everything that refers to it.
        op.drop_column(people, "failed_sign_ins")
        op.drop_column(people, "locked_until")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SELECT keep_rows_to_their_shop('sign_in_throttles')")
        op.execute("ALTER TABLE operator_sign_in_throttles ENABLE ROW LEVEL SECURITY")
        op.execute("ALTER TABLE operator_sign_in_throttles FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY installation ON operator_sign_in_throttles USING ({NO_SHOP})")
        op.execute(PURGE)
        op.execute(ERASE)
        op.execute(f"CREATE POLICY purge ON operator_entries FOR DELETE USING ({NO_SHOP})")
        return
    for log in LOGS:
        op.execute(f"DROP TRIGGER {log}_refuse_delete")
        op.execute(
            f"CREATE TRIGGER {log}_refuse_delete BEFORE DELETE ON {log}"
            " WHEN NOT (OLD.action IN ('sign_in_refused', 'code_refused', 'proof_refused')"
            " AND OLD.occurred_at < datetime('now', '-90 days'))"
            f" BEGIN SELECT RAISE(ABORT, '{log} is only added to'); END"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP POLICY purge ON operator_entries")
        op.execute(KEEP_ALL)
    else:
        for log in LOGS:
            op.execute(f"DROP TRIGGER {log}_refuse_delete")
            op.execute(
                f"CREATE TRIGGER {log}_refuse_delete BEFORE DELETE ON {log}"
                f" BEGIN SELECT RAISE(ABORT, '{log} is only added to'); END"
            )
    for people in PEOPLE:
        op.add_column(
            people, sa.Column("failed_sign_ins", sa.BigInteger(), nullable=False, server_default="0")
        )
        op.add_column(people, sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True))
    op.drop_table("operator_sign_in_throttles")
    op.drop_table("sign_in_throttles")
    with op.batch_alter_table("tenant_hosts") as table:
        table.drop_constraint(op.f("ck_tenant_hosts_primary_proven"), type_="check")
        table.drop_column("proven_at")


_PRIMARY = "NOT is_primary OR proven_at IS NOT NULL"


def _on_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _throttle() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("sources", JSON, nullable=False),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
