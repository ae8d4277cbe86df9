"""Row security also for the tables of the installation, and a ledger of stock that is only added to

Revision ID: 0012
Revises: 0011
"""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SHOP = "nullif(current_setting('lockstep.shop', true), '')::uuid"
NO_SHOP = "nullif(current_setting('lockstep.shop', true), '') IS NULL"
POLICIES = {
    # Which shop a request is for is read from these two before there is one; they are written for the one entered.
    "tenants": (
        f"CREATE POLICY own_shop ON tenants USING (id = {SHOP})",
        f"CREATE POLICY lookup ON tenants FOR SELECT USING ({NO_SHOP})",
    ),
    "tenant_hosts": (
        f"CREATE POLICY own_shop ON tenant_hosts USING (tenant_id = {SHOP})",
        f"CREATE POLICY lookup ON tenant_hosts FOR SELECT USING ({NO_SHOP})",
    ),
    # No page of a shop knows anything of those who run the installation.
    "operators": (f"CREATE POLICY installation ON operators USING ({NO_SHOP})",),
    "operator_sessions": (f"CREATE POLICY installation ON operator_sessions USING ({NO_SHOP})",),
    # What an operator does to a shop is written down in the transaction that does it, and so for that shop.
    "operator_entries": (
        f"CREATE POLICY installation ON operator_entries FOR SELECT USING ({NO_SHOP})",
        "CREATE POLICY append ON operator_entries FOR INSERT WITH CHECK (true)",
    ),
}
# The role of the application may add to the ledger and nothing else. Only the scratch shop of `flask selftest` is
# removed with all that it had, and its ledger by this function of the owner's.
REMOVE = """
CREATE FUNCTION delete_selftest_stock_movements(shop uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM public.tenants WHERE id = shop AND code ~ '^selftest-[0-9a-f]{8}$') THEN
    RAISE EXCEPTION 'only the scratch shop of a self-test can be removed with its stock movements';
  END IF;
  DELETE FROM public.stock_movements WHERE tenant_id = shop;
END $$;
REVOKE EXECUTE ON FUNCTION delete_selftest_stock_movements FROM PUBLIC
"""


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, policies in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        for policy in policies:
            op.execute(policy)
    op.execute(REMOVE)


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("DROP FUNCTION delete_selftest_stock_movements")
    for table, policies in POLICIES.items():
        for policy in policies:
            op.execute(f"DROP POLICY {policy.split()[2]} ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
