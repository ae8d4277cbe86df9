"""Invoices and credit notes, which nobody changes, and the counters of their numbers

Revision ID: 0042
Revises: 0041
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
DOCUMENTS = "invoice_documents"


def upgrade() -> None:
    op.create_table(
        "invoice_series",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("series", sa.String(20), nullable=False),
        sa.Column("last_number", sa.BigInteger(), nullable=False),
        sa.Column("last_issued_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_invoice_series_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "series", name=op.f("pk_invoice_series")),
    )
    op.create_table(
        DOCUMENTS,
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("series", sa.String(20), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("corrects_id", sa.Uuid(), nullable=True),
        sa.Column("basis", sa.String(10), nullable=False),
        sa.Column("cause", sa.String(60), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("tax_amount", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("content", JSON, nullable=False),
        sa.CheckConstraint("kind IN ('invoice', 'credit_note')", name=op.f("ck_invoice_documents_kind")),
        sa.CheckConstraint(
            "(kind = 'credit_note') = (corrects_id IS NOT NULL)", name=op.f("ck_invoice_documents_corrects")
        ),
        sa.CheckConstraint("basis IN ('payment', 'shipment')", name=op.f("ck_invoice_documents_basis")),
        sa.CheckConstraint("number > 0 AND total >= 0", name=op.f("ck_invoice_documents_numbers")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "order_id"],
            ["orders.tenant_id", "orders.id"],
            name=op.f("fk_invoice_documents_tenant_id_order_id_orders"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "corrects_id"],
            ["invoice_documents.tenant_id", "invoice_documents.id"],
            name=op.f("fk_invoice_documents_tenant_id_corrects_id_invoice_documents"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_invoice_documents")),
        sa.UniqueConstraint(
            "tenant_id", "series", "number", name=op.f("uq_invoice_documents_tenant_id_series_number")
        ),
        sa.UniqueConstraint("tenant_id", "code", name=op.f("uq_invoice_documents_tenant_id_code")),
        sa.UniqueConstraint(
            "tenant_id", "order_id", "position", name=op.f("uq_invoice_documents_tenant_id_order_id_position")
        ),
        sa.UniqueConstraint(
            *("tenant_id", "order_id", "event_id", "kind"),
            name=op.f("uq_invoice_documents_tenant_id_order_id_event_id_kind"),
        ),
    )
    op.create_index("ix_invoice_documents_newest", DOCUMENTS, ["tenant_id", "issued_at", "id"])
    if op.get_bind().dialect.name == "postgresql":
        for table in ("invoice_series", DOCUMENTS):
            op.execute(f"SELECT keep_rows_to_their_shop('{table}')")
    _close_the_book()


def _close_the_book() -> None:
    """Documents are added and read. The database refuses the rest, whoever asks and with whatever rights."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_to_change_a_document() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION '% is only added to', TG_TABLE_NAME; END $$"
        )
        op.execute(
            f"CREATE TRIGGER {DOCUMENTS}_only_grow BEFORE UPDATE OR DELETE ON {DOCUMENTS}"
            " FOR EACH ROW EXECUTE FUNCTION refuse_to_change_a_document()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {DOCUMENTS}_refuse_{verb.lower()} BEFORE {verb} ON {DOCUMENTS}"
            f" BEGIN SELECT RAISE(ABORT, '{DOCUMENTS} is only added to'); END"
        )


def downgrade() -> None:
    op.drop_table(DOCUMENTS)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_to_change_a_document()")
    op.drop_table("invoice_series")
