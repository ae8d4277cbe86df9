"""Money: how a shop takes it, each attempt to take it, and what went back. Amounts are integer minor units."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantRow


class PaymentMethod(TenantRow, Base):
    """A way to pay. `pay_later` methods (cash on delivery) confirm the order before the money is there.

    `cash_rounding` is the step (minor units) to which orders are rounded, 0 for none.
    Its fee is `fee_amount` (minor units) plus `fee_ppm` millionths of what is paid for the goods. `settings` are the
    gateway's public ones; `sealed_secrets` is a sealed JSON object (see `commerce/encryption.py`).
    """

    __tablename__ = "payment_methods"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "code"),
        CheckConstraint("hold_minutes > 0", name="hold_minutes"),
        CheckConstraint("cash_rounding >= 0", name="cash_rounding"),
        CheckConstraint("fee_amount >= 0 AND fee_ppm BETWEEN 0 AND 1000000", name="fee"),
    )

    code: Mapped[str] = mapped_column(String(40))
    gateway: Mapped[str] = mapped_column(String(40))
    name: Mapped[str]
    instructions: Mapped[str] = mapped_column(String(1000), default="")
    pay_later: Mapped[bool] = mapped_column(default=False)
    hold_minutes: Mapped[int] = mapped_column(default=30)
    position: Mapped[int] = mapped_column(default=0)
    enabled: Mapped[bool] = mapped_column(default=True)
    fee_amount: Mapped[int] = mapped_column(default=0)
    fee_ppm: Mapped[int] = mapped_column(default=0)
    fee_tax_class: Mapped[str] = mapped_column(String(20), default="standard")
    cash_rounding: Mapped[int] = mapped_column(default=0)
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    sealed_secrets: Mapped[str] = mapped_column(Text, default="")


class Payment(TenantRow, Base):
    """One attempt to be paid. Its state only moves forward: started, (unknown), failed, authorized, voided, captured.

    A payer may still mend what `failed`; `voided` is over. `pay_url` is where a payer goes on.
    """

    __tablename__ = "payments"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"]),
        CheckConstraint("amount >= 0 AND captured >= 0", name="amounts"),
        CheckConstraint("refunded BETWEEN 0 AND captured", name="refunded_within_captured"),
        CheckConstraint(
            "state IN ('started', 'unknown', 'failed', 'authorized', 'voided', 'captured')",
            name="state",
        ),
        Index("ix_payments_order", "tenant_id", "order_id"),
        Index("ix_payments_reference", "tenant_id", "reference"),
        Index(
            "ix_payments_unsettled",
            "updated_at",
            postgresql_where=text("state IN ('started', 'unknown')"),
            sqlite_where=text("state IN ('started', 'unknown')"),
        ),
    )

    order_id: Mapped[uuid.UUID]
    method: Mapped[str] = mapped_column(String(40))
    gateway: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(20), default="started")
    currency: Mapped[str] = mapped_column(String(3))
    amount: Mapped[int]
    captured: Mapped[int] = mapped_column(default=0)
    refunded: Mapped[int] = mapped_column(default=0)
    reference: Mapped[str] = mapped_column(default="")
    pay_url: Mapped[str] = mapped_column(Text, default="")
    failure: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    captured_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    __mapper_args__ = {"version_id_col": version}


class Refund(TenantRow, Base):
    """Money on its way back. Queued in the transaction that decided it, sent to the gateway by the worker."""

    __tablename__ = "refunds"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "payment_id"], ["payments.tenant_id", "payments.id"]),
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("state IN ('queued', 'succeeded', 'failed')", name="state"),
        Index("ix_refunds_order", "tenant_id", "order_id"),
        Index("ix_refunds_age", "tenant_id", "created_at"),
    )

    order_id: Mapped[uuid.UUID]
    payment_id: Mapped[uuid.UUID]
    credit_id: Mapped[uuid.UUID | None]
    amount: Mapped[int]
    reason: Mapped[str] = mapped_column(String(500), default="")
    state: Mapped[str] = mapped_column(String(20), default="queued")
    reference: Mapped[str] = mapped_column(default="")
    failure: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    settled_at: Mapped[datetime | None]


class GatewayEvent(TenantRow, Base):
    """The inbox: a message of a gateway, once per provider, account and event id, however often it is sent."""

    __tablename__ = "gateway_events"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "provider", "account", "event_key"),
        CheckConstraint("state IN ('received', 'processed', 'ignored')", name="state"),
    )

    provider: Mapped[str] = mapped_column(String(40))
    account: Mapped[str]
    event_key: Mapped[str]
    type: Mapped[str]
    payment_id: Mapped[uuid.UUID | None]
    state: Mapped[str] = mapped_column(String(20), default="received")
    note: Mapped[str] = mapped_column(String(500), default="")
    received_at: Mapped[datetime] = mapped_column(default=clock.now)
    processed_at: Mapped[datetime | None]


class TestCardCharge(TenantRow, Base):
    """The memory of the built-in test gateway, as a real provider has one: one charge or refund per key."""

    __tablename__ = "test_card_charges"
    __table_args__ = (UniqueConstraint("tenant_id", "key"),)

    key: Mapped[str]
    kind: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(20))
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
