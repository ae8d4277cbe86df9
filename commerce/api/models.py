"""What programs were answered, kept for as long as they may ask again with the same key."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantRow


class IdempotencyKey(TenantRow, Base):
    """A key that a client sent with something it wanted done, and how it was answered, in the transaction that did it.

    `fingerprint` is the SHA-256 of what was asked. The outcome is sealed: it may hold what a customer is called.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "client_id"], ["api_clients.tenant_id", "api_clients.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "client_id", "route", "key"),
        Index("ix_idempotency_keys_age", "created_at"),
    )

    client_id: Mapped[uuid.UUID]
    route: Mapped[str] = mapped_column(String(120))
    key: Mapped[str]
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int] = mapped_column(default=0)
    sealed_outcome: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
