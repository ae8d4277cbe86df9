"""Claim deliveries at the same cost whatever waits, in lanes and turns, and wake workers that sleep

A claim had to compare every waiting delivery with every other one, so it took seconds once 100,000 waited. Now each
delivery says in which lane and whose queue it waits, and partial indexes hold the order of each queue, the order of
each chain (same handler, same subject) and what is due; SQLite's words differ, or it would not use the indexes. The
index by state goes: a table without statistics was read by it, whole.
On PostgreSQL a trigger wakes workers that listen. A transaction that notifies holds a lock of the whole server while it
commits, so of those under way at once only one does: the worker looks a second time shortly after.

An owner sets for how long the open carts of guests are kept, with the addresses typed into them; an index finds them.

Revision ID: 0011
Revises: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# As event_handlers.py named them when this was written.
ORDER_HANDLERS = (
    "confirm_order_paid_later",
    "send_queued_refund",
    "end_payments_of_cancelled",
    "finish_edited_order",
    "watch_stock",
)
# Rows come and go by the thousand: statistics and dead rows of a tenth of a large table are too old by far.
KEEP_FRESH = """
ALTER TABLE {table} SET (
  autovacuum_analyze_threshold = 500, autovacuum_analyze_scale_factor = 0.01,
  autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.01
)
"""
FRESH = (
    "autovacuum_analyze_threshold, autovacuum_analyze_scale_factor,"
    " autovacuum_vacuum_threshold, autovacuum_vacuum_scale_factor"
)
NOTIFY = """
CREATE FUNCTION notify_of_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF pg_try_advisory_xact_lock(7021954331) THEN
    PERFORM pg_notify('lockstep_events', '');
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER notify_of_events AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION notify_of_events()
"""


def upgrade() -> None:
    with op.batch_alter_table("deliveries") as batch:
        batch.add_column(sa.Column("lane", sa.String(length=20), nullable=True))
        batch.add_column(sa.Column("queue_id", sa.Uuid(), nullable=True))
    _sort_into_lanes()
    with op.batch_alter_table("deliveries") as batch:
        batch.alter_column("lane", existing_type=sa.String(length=20), nullable=False)
        batch.alter_column("queue_id", existing_type=sa.Uuid(), nullable=False)
    op.drop_index("ix_deliveries_due", "deliveries")
    op.drop_index("ix_deliveries_order", "deliveries")
    _index_waiting("ix_deliveries_due", "lane", "due_at", "id")
    _index_waiting("ix_deliveries_queue", "lane", "queue_id", "due_at", "id")
    _index_waiting("ix_deliveries_chain", "tenant_id", "handler", "subject_id", "subject_version", "event_id")
    op.drop_index("ix_deliveries_state", "deliveries")
    parked = sa.text("state = 'parked'")
    op.create_index(
        "ix_deliveries_parked",
        "deliveries",
        ["tenant_id", "handler"],
        postgresql_where=parked,
        sqlite_where=parked,
    )
    op.drop_index("ix_events_waiting", "events")
    _index_unheard("ix_events_waiting", "occurred_at", "id", sqlite="fanned_out = 0")
    _index_unheard(
        "ix_events_waiting_subject",
        "tenant_id",
        "subject_id",
        "subject_version",
        "id",
        sqlite="fanned_out = 0",
    )
    op.add_column("tenants", sa.Column("cart_days", sa.BigInteger(), nullable=False, server_default="30"))
    if op.get_bind().dialect.name == "postgresql":
        # Only rows of before need the default; a new shop is given its number.
        op.alter_column("tenants", "cart_days", server_default=None)
    still_open = sa.text("status = 'open'")
    op.create_index(
        "ix_carts_abandoned",
        "carts",
        ["tenant_id", "updated_at"],
        postgresql_where=still_open,
        sqlite_where=still_open,
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(NOTIFY)
        for table in ("events", "deliveries"):
            op.execute(KEEP_FRESH.format(table=table))


def _sort_into_lanes() -> None:
    """Name the lane and the queue of what is there, in all shops: row security binds the owner of the table, too."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    if on_postgresql:
        op.execute("SET LOCAL lockstep.every_shop = 'on'")
    names = ", ".join(f"'{name}'" for name in ORDER_HANDLERS)
    op.execute(
        "UPDATE deliveries SET queue_id = tenant_id,"  # noqa: S608 - the names are those above
        f" lane = CASE WHEN handler IN ({names}) THEN 'orders' ELSE 'mails' END"
    )
    # SQLite keeps an id as 32 digits.
    endpoint = (
        "CAST(substr(handler, 9) AS uuid)" if on_postgresql else "lower(replace(substr(handler, 9), '-', ''))"
    )
    op.execute(
        f"UPDATE deliveries SET lane = 'webhooks', queue_id = {endpoint} WHERE handler LIKE 'webhook:%'"  # noqa: S608
    )
    if on_postgresql:
        op.execute("SET LOCAL lockstep.every_shop = ''")


def _index_waiting(name: str, *columns: str) -> None:
    waits = sa.text("state = 'waiting'")
    op.create_index(name, "deliveries", list(columns), postgresql_where=waits, sqlite_where=waits)


def _index_unheard(name: str, *columns: str, sqlite: str) -> None:
    op.create_index(
        name,
        "events",
        list(columns),
        postgresql_where=sa.text("NOT fanned_out"),
        sqlite_where=sa.text(sqlite),
    )


def downgrade() -> None:
    op.drop_index("ix_carts_abandoned", "carts")
    with op.batch_alter_table("tenants") as batch:
        batch.drop_column("cart_days")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER notify_of_events ON events; DROP FUNCTION notify_of_events")
        for table in ("events", "deliveries"):
            op.execute(f"ALTER TABLE {table} RESET ({FRESH})")
    op.drop_index("ix_events_waiting_subject", "events")
    op.drop_index("ix_events_waiting", "events")
    _index_unheard("ix_events_waiting", "occurred_at", sqlite="NOT fanned_out")
    for name in ("ix_deliveries_parked", "ix_deliveries_chain", "ix_deliveries_queue", "ix_deliveries_due"):
        op.drop_index(name, "deliveries")
    op.create_index("ix_deliveries_state", "deliveries", ["tenant_id", "state", "handler"])
    _index_waiting("ix_deliveries_due", "due_at")
    op.create_index(
        "ix_deliveries_order",
        "deliveries",
        ["tenant_id", "handler", "subject_id", "subject_version", "event_id"],
    )
    with op.batch_alter_table("deliveries") as batch:
        batch.drop_column("queue_id")
        batch.drop_column("lane")
