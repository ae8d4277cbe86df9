"""Sum up sales by day, so that a dashboard never counts all orders

Revision ID: 0023
Revises: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

DIMENSIONS = "'product', 'variant', 'category', 'country', 'payment_method', 'coupon', 'tax_rate'"


def _table(name: str, keys: list[sa.Column[object]], rest: list[sa.Column[object]], *checks: object) -> None:
    op.create_table(
        name,
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        *keys,
        *rest,
        *checks,
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f(f"fk_{name}_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", *(key.name for key in keys), name=op.f(f"pk_{name}")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"SELECT keep_rows_to_their_shop('{name}')")


def _numbers(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def upgrade() -> None:
    _table(
        "sales_days",
        [sa.Column("day", sa.Date(), nullable=False), sa.Column("currency", sa.String(3), nullable=False)],
        _numbers(
            *("orders", "units", "gross", "tax", "shipping", "discounts", "units_returned", "credited"),
            *("credited_tax", "refunded", "carts", "carts_ordered"),
        ),
    )
    _table(
        "sales_by",
        [
            sa.Column("dimension", sa.String(20), nullable=False),
            sa.Column("day", sa.Date(), nullable=False),
            sa.Column("currency", sa.String(3), nullable=False),
            sa.Column("key", sa.String(255), nullable=False),
        ],
        [
            sa.Column("label", sa.String(800), nullable=False),
            *_numbers("orders", "units", "gross", "tax", "units_returned", "credited", "credited_tax"),
        ],
        sa.CheckConstraint(f"dimension IN ({DIMENSIONS})", name=op.f("ck_sales_by_dimension")),
    )
    _table(
        "sales_progress",
        [],
        [
            sa.Column("timezone", sa.String(60), nullable=False),
            sa.Column("seen_until", sa.DateTime(timezone=True), nullable=False),
            sa.Column("built_from", sa.Date(), nullable=False),
            sa.Column("first_day", sa.Date(), nullable=False),
        ],
    )
    op.create_index("ix_credits_age", "credits", ["tenant_id", "created_at"])
    op.create_index("ix_refunds_age", "refunds", ["tenant_id", "created_at"])


def downgrade() -> None:
    op.drop_index("ix_refunds_age", "refunds")
    op.drop_index("ix_credits_age", "credits")
    for name in ("sales_progress", "sales_by", "sales_days"):
        op.drop_table(name)
