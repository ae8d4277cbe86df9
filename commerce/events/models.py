"""The outbox: events, and their deliveries to handlers.

An event is also a line of its order's timeline, so the history and the queue are one row and cannot disagree.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKeyConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantOwned, TenantRow, current_tenant_id


def _waiting(name: str, *columns: str) -> Index:
    """Return an index of the deliveries that wait."""
    waits = text("state = 'waiting'")
    return Index(name, *columns, postgresql_where=waits, sqlite_where=waits)


class Event(TenantRow, Base):
    """A fact, written in the transaction that made it true. Never changed but for `fanned_out` and `position`.

    `position` is its place in the shop's feed, given after it was committed (events/feed.py): ids are made before, so
    they say nothing about which event could be seen first.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_timeline", "tenant_id", "subject_id", "subject_version", "id"),
        # SQLite uses a partial index only where the statement says the very same words.
        Index(
            "ix_events_waiting",
            "occurred_at",
            "id",
            postgresql_where=text("NOT fanned_out"),
            sqlite_where=text("fanned_out = 0"),
        ),
        Index(
            "ix_events_waiting_subject",
            "tenant_id",
            "subject_id",
            "subject_version",
            "id",
            postgresql_where=text("NOT fanned_out"),
            sqlite_where=text("fanned_out = 0"),
        ),
        Index("uq_events_position", "tenant_id", "position", unique=True),
        Index(
            "ix_events_unnumbered",
            "tenant_id",
            "id",
            postgresql_where=text("position IS NULL"),
            sqlite_where=text("position IS NULL"),
        ),
    )

    type: Mapped[str] = mapped_column(String(60))
    subject_id: Mapped[uuid.UUID]
    subject_version: Mapped[int]
    payload: Mapped[dict[str, Any]]
    actor_kind: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[str] = mapped_column(default="")
    actor_name: Mapped[str] = mapped_column(default="")
    request_id: Mapped[str] = mapped_column(String(64), default="")
    occurred_at: Mapped[datetime] = mapped_column(default=clock.now)
    fanned_out: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int | None]


class EventFeed(TenantOwned, Base):
    """How far a shop's events are numbered. Its row is the lock under which they are."""

    __tablename__ = "event_feeds"
    __table_args__ = (ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),)

    position: Mapped[int] = mapped_column(default=0)


class Delivery(TenantRow, Base):
    """One event for one handler; unique, so that fanning out twice is harmless.

    `lane` is one of claims.Lane. `queue_id` is whose turn it is in a lane: the shop, or the webhook's endpoint. Indexes
    beside the keys hold only what waits or is parked: a claim costs the same however much was ever delivered. None of
    them begins with shop and state: without statistics PostgreSQL took that one, and read all that waits.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "event_id"], ["events.tenant_id", "events.id"]),
        UniqueConstraint("tenant_id", "event_id", "handler"),
        Index(
            "ix_deliveries_parked",
            "tenant_id",
            "handler",
            postgresql_where=text("state = 'parked'"),
            sqlite_where=text("state = 'parked'"),
        ),
        _waiting("ix_deliveries_chain", "tenant_id", "handler", "subject_id", "subject_version", "event_id"),
        _waiting("ix_deliveries_due", "lane", "due_at", "id"),
        _waiting("ix_deliveries_queue", "lane", "queue_id", "due_at", "id"),
    )

    event_id: Mapped[uuid.UUID]
    handler: Mapped[str] = mapped_column(String(80))
    lane: Mapped[str] = mapped_column(String(20), default="mails")
    queue_id: Mapped[uuid.UUID] = mapped_column(default=current_tenant_id)
    subject_id: Mapped[uuid.UUID]
    subject_version: Mapped[int]
    state: Mapped[str] = mapped_column(String(20), default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(default=clock.now)
    lease: Mapped[uuid.UUID | None]
    leased_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(Text, default="")
