"""Carts: what a shopper means to buy, and the checkout details entered so far."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantRow


class Cart(TenantRow, Base):
    """One shopper has at most one open cart. Ordering closes it, so a cart becomes at most one order.

    `shopper_hash` is the SHA-256 of the browser's cart cookie; `checkout_token` is the 256-bit name under which the
    checkout form speaks of this cart, whatever the browser has opened since. `details` keeps the filled-in
    checkout form. Every change of the lines raises `version`. A cart with a `draft_by` is an order that staff prepare;
    one with a `member_id` follows a member to every browser where they sign in.
    """

    __tablename__ = "carts"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["members.tenant_id", "members.id"]),
        UniqueConstraint("tenant_id", "checkout_token"),
        CheckConstraint("status IN ('open', 'ordered')", name="status"),
        Index(
            "uq_carts_open",
            "tenant_id",
            "shopper_hash",
            unique=True,
            postgresql_where=text("status = 'open'"),
            sqlite_where=text("status = 'open'"),
        ),
        Index(
            "ix_carts_abandoned",
            "tenant_id",
            "updated_at",
            postgresql_where=text("status = 'open'"),
            sqlite_where=text("status = 'open'"),
        ),
        Index(
            "uq_carts_open_member",
            "tenant_id",
            "member_id",
            unique=True,
            postgresql_where=text("status = 'open' AND member_id IS NOT NULL"),
            sqlite_where=text("status = 'open' AND member_id IS NOT NULL"),
        ),
    )

    shopper_hash: Mapped[str] = mapped_column(String(64))
    checkout_token: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(10), default="open")
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
    coupon_codes: Mapped[list[str]] = mapped_column(default=list)
    draft_by: Mapped[str] = mapped_column(default="")
    member_id: Mapped[uuid.UUID | None]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now)


class CartLine(TenantRow, Base):
    """A variant in a cart, with the price shown when it was added (integer minor units)."""

    __tablename__ = "cart_lines"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "cart_id"], ["carts.tenant_id", "carts.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["tenant_id", "variant_id"], ["variants.tenant_id", "variants.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "cart_id", "variant_id"),
        CheckConstraint("quantity > 0", name="quantity"),
    )

    cart_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID] = mapped_column(index=True)
    quantity: Mapped[int]
    price_seen: Mapped[int]
