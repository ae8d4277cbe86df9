"""Stored responses of idempotent requests."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantRow


class IdempotencyKey(TenantRow, Base):
    """An idempotency key of an API client with the response, written in the transaction of the operation.

    `fingerprint` is the SHA-256 of the request. The response is encrypted, as it can hold personal data.
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
