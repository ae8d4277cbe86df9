"""Import files from the browser: what was uploaded, how far its import got, and what came of each row

Revision ID: 0019
Revises: 0018
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(astext_type=sa.Text()), "postgresql")
TABLES = ("file_imports", "file_import_chunks", "file_import_parts")


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "file_imports",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("header", JSON, nullable=False),
        sa.Column("preview", JSON, nullable=False),
        sa.Column("result", JSON, nullable=False),
        sa.Column("error", JSON, nullable=False),
        sa.Column("rows_total", sa.BigInteger(), nullable=False),
        sa.Column("rows_done", sa.BigInteger(), nullable=False),
        sa.Column("products_done", sa.BigInteger(), nullable=False),
        sa.Column("claim", sa.String(length=40), nullable=False),
        sa.Column("claimed_until", moment, nullable=True),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("started_at", moment, nullable=True),
        sa.Column("finished_at", moment, nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('checked', 'checking', 'importing', 'done', 'failed', 'withdrawn')",
            name=op.f("ck_file_imports_status"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.id"], name=op.f("fk_file_imports_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_file_imports")),
    )
    op.create_index("ix_file_imports_waiting", "file_imports", ["status", "claimed_until"])
    _create_pieces("file_import_chunks", sa.Column("data", sa.LargeBinary(), nullable=False))
    _create_pieces("file_import_parts", sa.Column("report", JSON, nullable=False))
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            op.execute(f"SELECT keep_rows_to_their_shop('{table}')")
        # The worker finds what waits in all shops; it runs each import in its own.
        op.execute(
            "CREATE POLICY every_shop_select ON file_imports FOR SELECT"
            " USING (current_setting('lockstep.every_shop', true) = 'on')"
        )


def _create_pieces(name: str, content: sa.Column[object]) -> None:
    op.create_table(
        name,
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        content,
        sa.ForeignKeyConstraint(
            ["tenant_id", "import_id"],
            ["file_imports.tenant_id", "file_imports.id"],
            name=op.f(f"fk_{name}_tenant_id_file_imports"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "import_id", "position", name=op.f(f"pk_{name}")),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
