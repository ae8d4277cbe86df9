"""Live the whole life of an order: promotions and coupons, fees, a gateway's inbox, returns, credits, partial parcels

Columns that existing rows need get a value from the database; what older orders did to stock is counted anew.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(JSONB(), "postgresql")
PAYMENT_STATES = "state IN ('started', 'unknown', 'authorized', 'captured', 'failed')"
PAYMENT_STATES_NOW = "state IN ('started', 'unknown', 'failed', 'authorized', 'voided', 'captured')"


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")


def _words(name: str, length: int | None = None) -> sa.Column[str]:
    kind = sa.String(length) if length else sa.Text()
    return sa.Column(name, kind, nullable=False, server_default="")


def _json(name: str, empty: str) -> sa.Column[object]:
    return sa.Column(name, JSON, nullable=False, server_default=empty)


def upgrade() -> None:
    _make_tables()
    _widen_tables()
    _count_old_reservations()


def _make_tables() -> None:
    op.create_table(
        "gateway_events",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=255), nullable=False),
        sa.Column("event_key", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.Column("payment_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('received', 'processed', 'ignored')", name=op.f("ck_gateway_events_state")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_gateway_events_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_gateway_events")),
        sa.UniqueConstraint(
            "tenant_id",
            "provider",
            "account",
            "event_key",
            name=op.f("uq_gateway_events_tenant_id_provider_account_event_key"),
        ),
    )
    op.create_table(
        "promotions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("percent_ppm", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("buy_quantity", sa.BigInteger(), nullable=False),
        sa.Column("get_quantity", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("targets", JSON, nullable=False),
        sa.Column("min_subtotal", sa.BigInteger(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("needs_code", sa.Boolean(), nullable=False),
        sa.Column("combines", sa.Boolean(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('percentage', 'fixed', 'free_shipping', 'buy_x_get_y')", name=op.f("ck_promotions_kind")
        ),
        sa.CheckConstraint("scope IN ('all', 'products', 'categories')", name=op.f("ck_promotions_scope")),
        sa.CheckConstraint("amount >= 0 AND min_subtotal >= 0", name=op.f("ck_promotions_amounts")),
        sa.CheckConstraint("buy_quantity >= 0 AND get_quantity >= 0", name=op.f("ck_promotions_quantities")),
        sa.CheckConstraint("percent_ppm BETWEEN 0 AND 1000000", name=op.f("ck_promotions_percent_ppm")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_promotions_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_promotions")),
    )
    op.create_table(
        "coupons",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("promotion_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("usage_limit", sa.BigInteger(), nullable=True),
        sa.Column("per_customer_limit", sa.BigInteger(), nullable=True),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "per_customer_limit IS NULL OR per_customer_limit > 0", name=op.f("ck_coupons_per_customer_limit")
        ),
        sa.CheckConstraint("usage_limit IS NULL OR usage_limit > 0", name=op.f("ck_coupons_usage_limit")),
        sa.CheckConstraint("used >= 0", name=op.f("ck_coupons_used")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "promotion_id"],
            ["promotions.tenant_id", "promotions.id"],
            name=op.f("fk_coupons_tenant_id_promotion_id_promotions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_coupons")),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("uq_coupons_tenant_id_code")),
    )
    op.create_index("ix_coupons_promotion_id", "coupons", ["promotion_id"])

    op.create_table(
        "coupon_customers",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("coupon_id", sa.Uuid(), nullable=False),
        sa.Column("customer", sa.String(length=255), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("used >= 0", name=op.f("ck_coupon_customers_used")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "coupon_id"],
            ["coupons.tenant_id", "coupons.id"],
            name=op.f("fk_coupon_customers_tenant_id_coupon_id_coupons"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "coupon_id", "customer", name=op.f("pk_coupon_customers")),
    )
    op.create_table(
        "coupon_uses",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("coupon_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("customer", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_back_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "coupon_id"],
            ["coupons.tenant_id", "coupons.id"],
            name=op.f("fk_coupon_uses_tenant_id_coupon_id_coupons"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "order_id"],
            ["orders.tenant_id", "orders.id"],
            name=op.f("fk_coupon_uses_tenant_id_order_id_orders"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_coupon_uses")),
        sa.UniqueConstraint(
            "tenant_id", "order_id", "coupon_id", name=op.f("uq_coupon_uses_tenant_id_order_id_coupon_id")
        ),
    )
    op.create_index("ix_coupon_uses_coupon", "coupon_uses", ["tenant_id", "coupon_id"])

    op.create_table(
        "credits",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("return_id", sa.Uuid(), nullable=True),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("shipping_amount", sa.BigInteger(), nullable=False),
        sa.Column("tax_amount", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "amount >= 0 AND shipping_amount >= 0 AND tax_amount >= 0", name=op.f("ck_credits_amounts")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "order_id"],
            ["orders.tenant_id", "orders.id"],
            name=op.f("fk_credits_tenant_id_order_id_orders"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_credits")),
        sa.UniqueConstraint(
            "tenant_id", "order_id", "number", name=op.f("uq_credits_tenant_id_order_id_number")
        ),
    )
    op.create_table(
        "return_requests",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("answer", sa.String(length=500), nullable=False),
        sa.Column("asked_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('refund', 'return')", name=op.f("ck_return_requests_kind")),
        sa.CheckConstraint(
            "state IN ('requested', 'approved', 'received', 'closed', 'declined', 'withdrawn')",
            name=op.f("ck_return_requests_state"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "order_id"],
            ["orders.tenant_id", "orders.id"],
            name=op.f("fk_return_requests_tenant_id_order_id_orders"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_return_requests")),
        sa.UniqueConstraint(
            "tenant_id", "order_id", "number", name=op.f("uq_return_requests_tenant_id_order_id_number")
        ),
    )
    op.create_index("ix_return_requests_state", "return_requests", ["tenant_id", "state", "created_at"])

    op.create_table(
        "credit_lines",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("credit_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("restocked", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("tax_amount", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount >= 0 AND tax_amount >= 0", name=op.f("ck_credit_lines_amounts")),
        sa.CheckConstraint(
            "quantity > 0 AND restocked BETWEEN 0 AND quantity", name=op.f("ck_credit_lines_quantity")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "credit_id"],
            ["credits.tenant_id", "credits.id"],
            name=op.f("fk_credit_lines_tenant_id_credit_id_credits"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "order_line_id"],
            ["order_lines.tenant_id", "order_lines.id"],
            name=op.f("fk_credit_lines_tenant_id_order_line_id_order_lines"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_credit_lines")),
        sa.UniqueConstraint(
            "tenant_id",
            "credit_id",
            "order_line_id",
            name=op.f("uq_credit_lines_tenant_id_credit_id_order_line_id"),
        ),
    )
    op.create_table(
        "return_lines",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("return_id", sa.Uuid(), nullable=False),
        sa.Column("order_line_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "quantity > 0 AND received BETWEEN 0 AND quantity", name=op.f("ck_return_lines_quantity")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "order_line_id"],
            ["order_lines.tenant_id", "order_lines.id"],
            name=op.f("fk_return_lines_tenant_id_order_line_id_order_lines"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "return_id"],
            ["return_requests.tenant_id", "return_requests.id"],
            name=op.f("fk_return_lines_tenant_id_return_id_return_requests"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_return_lines")),
        sa.UniqueConstraint(
            "tenant_id",
            "return_id",
            "order_line_id",
            name=op.f("uq_return_lines_tenant_id_return_id_order_line_id"),
        ),
    )


def _widen_tables() -> None:
    with op.batch_alter_table("carts") as table:
        table.add_column(_json("coupon_codes", "[]"))
        table.add_column(_words("draft_by", 255))

    with op.batch_alter_table("order_adjustments") as table:
        table.add_column(_json("shares", "[]"))

    with op.batch_alter_table("order_lines") as table:
        for name in ("cancelled", "credited", "credited_amount", "credited_tax"):
            table.add_column(_number(name))
        table.create_check_constraint("cancelled", "cancelled >= 0 AND shipped + cancelled <= quantity")
        table.create_check_constraint("credited", "credited BETWEEN 0 AND quantity")
        table.create_check_constraint("credited_amounts", "credited_amount >= 0 AND credited_tax >= 0")

    with op.batch_alter_table("orders") as table:
        for name in ("discount_amount", "fee_amount", "credited_shipping"):
            table.add_column(_number(name))
        table.add_column(sa.Column("updated_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE orders SET updated_at = placed_at")
    with op.batch_alter_table("orders") as table:
        table.alter_column("updated_at", existing_type=sa.DateTime(timezone=True), nullable=False)

    with op.batch_alter_table("payment_methods") as table:
        table.add_column(_number("fee_amount"))
        table.add_column(_number("fee_ppm"))
        table.add_column(sa.Column("fee_tax_class", sa.String(20), nullable=False, server_default="standard"))
        table.add_column(_json("settings", "{}"))
        table.add_column(_words("sealed_secrets"))
        table.create_check_constraint("fee", "fee_amount >= 0 AND fee_ppm BETWEEN 0 AND 1000000")

    with op.batch_alter_table("payments") as table:
        table.add_column(_words("pay_url"))
        table.drop_constraint(op.f("ck_payments_state"), type_="check")
        table.create_check_constraint("state", PAYMENT_STATES_NOW)
        table.create_index("ix_payments_reference", ["tenant_id", "reference"])

    with op.batch_alter_table("refunds") as table:
        table.add_column(sa.Column("credit_id", sa.Uuid()))

    with op.batch_alter_table("reservations") as table:
        table.add_column(_number("released"))
        table.add_column(_number("restocked"))


def _count_old_reservations() -> None:
    op.execute(
        "UPDATE reservations SET released = quantity - deducted WHERE state IN ('released', 'expired')"
    )
    op.execute("UPDATE reservations SET restocked = deducted WHERE state = 'restocked'")
    with op.batch_alter_table("reservations") as table:
        table.drop_constraint(op.f("ck_reservations_quantity"), type_="check")
        table.create_check_constraint("quantity", "quantity > 0 AND deducted >= 0 AND released >= 0")
        table.create_check_constraint("within_quantity", "deducted + released <= quantity")
        table.create_check_constraint("restocked", "restocked BETWEEN 0 AND deducted")


def downgrade() -> None:
    with op.batch_alter_table("reservations") as table:
        for name in ("restocked", "within_quantity", "quantity"):
            table.drop_constraint(op.f(f"ck_reservations_{name}"), type_="check")
        table.create_check_constraint("quantity", "quantity > 0 AND deducted BETWEEN 0 AND quantity")
        table.drop_column("restocked")
        table.drop_column("released")

    with op.batch_alter_table("refunds") as table:
        table.drop_column("credit_id")

    op.execute("UPDATE payments SET state = 'failed' WHERE state = 'voided'")
    with op.batch_alter_table("payments") as table:
        table.drop_index("ix_payments_reference")
        table.drop_constraint(op.f("ck_payments_state"), type_="check")
        table.create_check_constraint("state", PAYMENT_STATES)
        table.drop_column("pay_url")

    with op.batch_alter_table("payment_methods") as table:
        table.drop_constraint(op.f("ck_payment_methods_fee"), type_="check")
        for name in ("sealed_secrets", "settings", "fee_tax_class", "fee_ppm", "fee_amount"):
            table.drop_column(name)

    with op.batch_alter_table("orders") as table:
        for name in ("updated_at", "credited_shipping", "fee_amount", "discount_amount"):
            table.drop_column(name)

    with op.batch_alter_table("order_lines") as table:
        for name in ("credited_amounts", "credited", "cancelled"):
            table.drop_constraint(op.f(f"ck_order_lines_{name}"), type_="check")
        for name in ("credited_tax", "credited_amount", "credited", "cancelled"):
            table.drop_column(name)

    with op.batch_alter_table("order_adjustments") as table:
        table.drop_column("shares")

    with op.batch_alter_table("carts") as table:
        table.drop_column("draft_by")
        table.drop_column("coupon_codes")

    for name in (
        "return_lines",
        "credit_lines",
        "return_requests",
        "credits",
        "coupon_uses",
        "coupon_customers",
        "coupons",
        "promotions",
        "gateway_events",
    ):
        op.drop_table(name)
