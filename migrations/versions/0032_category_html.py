"""Descriptions of categories are HTML: those that were written as plain text become paragraphs

Revision ID: 0032
Revises: 0031
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

CATEGORIES = sa.table(
    "categories",
    sa.column("tenant_id", sa.Uuid()),
    sa.column("id", sa.Uuid()),
    sa.column("description", sa.Text()),
)
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n")
_TAG = re.compile(r"<[^>]*>")


def upgrade() -> None:
    _rewrite(_as_html)


def downgrade() -> None:
    _rewrite(_as_text)


def _as_html(text: str) -> str:
    parts = _BLANK_LINE.split(html.escape(text.strip(), quote=False))
    return "\n".join(f"<p>{_LINE.sub('<br>', part)}</p>" for part in parts)


def _as_text(markup: str) -> str:
    lines = markup.replace("</p>\n<p>", "\n\n").replace("<br>", "\n")
    return html.unescape(_TAG.sub("", lines)).strip()


def _rewrite(change: Callable[[str], str]) -> None:
    connection = op.get_bind()
    on_postgresql = connection.dialect.name == "postgresql"
    if on_postgresql:
        # Row security is forced on the owner too and would hide every shop's rows from this update.
        op.execute("ALTER TABLE categories NO FORCE ROW LEVEL SECURITY")
    written = connection.execute(sa.select(CATEGORIES).where(CATEGORIES.c.description != "")).all()
    for row in written:
        connection.execute(
            sa.update(CATEGORIES)
            .where(CATEGORIES.c.tenant_id == row.tenant_id, CATEGORIES.c.id == row.id)
            .values(description=change(row.description))
        )
    if on_postgresql:
        op.execute("ALTER TABLE categories FORCE ROW LEVEL SECURITY")
