"""Addresses of other programs that hear of a shop's events, and the log of every call to them."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantRow


class WebhookEndpoint(TenantRow, Base):
    """One address. `event_types` are public names, empty means all of them; secrets are sealed."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (CheckConstraint("state IN ('enabled', 'disabled')", name="state"),)

    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(default="")
    event_types: Mapped[list[str]] = mapped_column(default=list)
    sealed_secret: Mapped[str] = mapped_column(Text)
    sealed_previous: Mapped[str] = mapped_column(Text, default="")
    previous_until: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(20), default="enabled")
    disabled_reason: Mapped[str] = mapped_column(String(500), default="")
    failing_since: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    __mapper_args__ = {"version_id_col": version}


class WebhookAttempt(TenantRow, Base):
    """One call: `status` is 0 when there was no answer, and then `error` says why. `delivery_id` is none for a ping."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "endpoint_id"],
            ["webhook_endpoints.tenant_id", "webhook_endpoints.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("duration_ms >= 0 AND status BETWEEN 0 AND 999", name="numbers"),
        Index("ix_webhook_attempts_log", "tenant_id", "endpoint_id", "started_at"),
        Index("ix_webhook_attempts_age", "started_at"),
    )

    endpoint_id: Mapped[uuid.UUID]
    delivery_id: Mapped[uuid.UUID | None]
    message_id: Mapped[str] = mapped_column(String(80))
    event_type: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str] = mapped_column(String(80), default="")
    started_at: Mapped[datetime]
    duration_ms: Mapped[int]
    status: Mapped[int]
    answer: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str] = mapped_column(String(500), default="")
