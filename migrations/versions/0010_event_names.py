"""Rename the event that asks for an email token, so that events written before an upgrade still find their handler

Revision ID: 0010
Revises: 0009
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _rename("ProofWanted", "EmailTokenRequested")


def downgrade() -> None:
    _rename("EmailTokenRequested", "ProofWanted")


def _rename(old: str, new: str) -> None:
    statement = f"UPDATE events SET type = '{new}' WHERE type = '{old}'"  # noqa: S608 - two constants
    if op.get_bind().dialect.name != "postgresql":
        op.execute(statement)
        return
    # Row security is forced on the owner too and would hide every shop's rows from this update.
    op.execute("ALTER TABLE events NO FORCE ROW LEVEL SECURITY")
    op.execute(statement)
    op.execute("ALTER TABLE events FORCE ROW LEVEL SECURITY")
