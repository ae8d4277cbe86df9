"""Lock rows to their shop: PostgreSQL itself shows and takes only rows of the shop that a transaction is for

Revision ID: 0008
Revises: 0007
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import inspect

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

LOOKED_OVER = {
    "events": "ALL",
    "deliveries": "ALL",
    "orders": "SELECT",
    "payments": "SELECT",
    "products": "SELECT",
    "refunds": "SELECT",
    "stock_alerts": "SELECT",
    "stock_items": "SELECT",
    "variants": "SELECT",
    "webhook_attempts": "SELECT, DELETE",
    "webhook_endpoints": "SELECT",
}
"""Where the worker looks for work over all shops, and what it may do there before it enters one."""

# FORCE: the owner of the tables is held to it, too. Nothing set, or a setting that an earlier transaction has left
# empty, is no shop, so it fails closed. Later migrations call the function for each table that they make.
KEEP = """
CREATE FUNCTION keep_rows_to_their_shop(place regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', place);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', place);
  EXECUTE format(
    'CREATE POLICY own_shop ON %s'
    ' USING (tenant_id = nullif(current_setting(''lockstep.shop'', true), '''')::uuid)', place
  );
END $$
"""
# The role of the application owns nothing and may make nothing; these two functions of the owner's are all it needs.
# The names are made of a UUID and nothing else.
SEQUENCES = """
CREATE FUNCTION create_order_code_sequence(shop uuid, first bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE name text := 'order_code_' || replace(shop::text, '-', '');
BEGIN
  EXECUTE format('CREATE SEQUENCE public.%I START %s', name, first);
  EXECUTE format('GRANT SELECT, USAGE, UPDATE ON SEQUENCE public.%I TO %I', name, session_user);
END $$;
CREATE FUNCTION drop_order_code_sequence(shop uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  IF EXISTS (SELECT FROM public.tenants WHERE id = shop) THEN
    RAISE EXCEPTION 'the shop is still there';
  END IF;
  EXECUTE format('DROP SEQUENCE IF EXISTS public.%I', 'order_code_' || replace(shop::text, '-', ''));
END $$;
REVOKE EXECUTE ON FUNCTION create_order_code_sequence, drop_order_code_sequence FROM PUBLIC
"""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute(KEEP)
    for table in _tables_of_shops():
        op.execute(f"SELECT keep_rows_to_their_shop('{table}')")
    for table, verbs in LOOKED_OVER.items():
        for verb in verbs.split(", "):
            op.execute(
                f"CREATE POLICY every_shop_{verb.lower()} ON {table} FOR {verb}"
                " USING (current_setting('lockstep.every_shop', true) = 'on')"
            )
    op.execute(SEQUENCES)


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP FUNCTION create_order_code_sequence, drop_order_code_sequence")
    for table, verbs in LOOKED_OVER.items():
        for verb in verbs.split(", "):
            op.execute(f"DROP POLICY every_shop_{verb.lower()} ON {table}")
    for table in _tables_of_shops():
        op.execute(f"DROP POLICY own_shop ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
    op.execute("DROP FUNCTION keep_rows_to_their_shop")


def _tables_of_shops() -> list[str]:
    """Return the tables that have a tenant; the host names are asked for before it is known which shop it is."""
    found = inspect(op.get_bind())
    return [
        name
        for name in sorted(found.get_table_names())
        if name != "tenant_hosts" and any(column["name"] == "tenant_id" for column in found.get_columns(name))
    ]
