"""Keep a shop's own words for its emails

Revision ID: 0026
Revises: 0025
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_texts",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("mail", sa.String(40), nullable=False),
        sa.Column("language", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("opening", sa.Text(), nullable=False),
        sa.Column("closing", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name=op.f("fk_mail_texts_tenant_id_tenants")),
        sa.PrimaryKeyConstraint("tenant_id", "mail", "language", name=op.f("pk_mail_texts")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SELECT keep_rows_to_their_shop('mail_texts')")


def downgrade() -> None:
    op.drop_table("mail_texts")
