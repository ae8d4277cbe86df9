"""Ask once for each statement which shop it is for, not once for each row

Revision ID: 0028
Revises: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

TABLES = ("orders", "payments", "products", "refunds", "stock_alerts", "stock_items", "variants")
"""Large ones with two policies: of one alone PostgreSQL sees by itself that its answer is the same for all rows."""
SHOP = "nullif(current_setting('lockstep.shop', true), '')::uuid"
EVERY = "current_setting('lockstep.every_shop', true)"
TITLE = sa.text("lower(substr(title, 1, 80))")


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in TABLES:
        op.execute(f"ALTER POLICY own_shop ON {table} USING (tenant_id = (SELECT {SHOP}))")
        op.execute(f"ALTER POLICY every_shop_select ON {table} USING ((SELECT {EVERY}) = 'on')")
    # With the title itself a deep page of the list is found without reading the products before it.
    _index_titles(postgresql_include=["title"])


def downgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in TABLES:
        op.execute(f"ALTER POLICY own_shop ON {table} USING (tenant_id = {SHOP})")
        op.execute(f"ALTER POLICY every_shop_select ON {table} USING ({EVERY} = 'on')")
    _index_titles()


def _index_titles(**options: list[str]) -> None:
    for name, first in (("ix_products_title", []), ("ix_products_title_of_status", ["status"])):
        op.drop_index(name, table_name="products")
        op.create_index(name, "products", ["tenant_id", *first, TITLE, "id"], **options)
