"""Orders: a frozen copy of what was sold, for how much, to whom. Amounts are integer minor units."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commerce import clock
from commerce.db import Base, TenantRow
from commerce.orders.transitions import PAYMENT_STATUSES, STATUSES


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Order(TenantRow, Base):
    """One placed order. `token` is the 256-bit secret of its link; `code` is for people and opens nothing."""

    __tablename__ = "orders"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "cart_id"], ["carts.tenant_id", "carts.id"]),
        UniqueConstraint("tenant_id", "cart_id"),
        UniqueConstraint("tenant_id", "number"),
        UniqueConstraint("tenant_id", "code"),
        UniqueConstraint("tenant_id", "token"),
        CheckConstraint(_one_of("status", STATUSES), name="status"),
        CheckConstraint(_one_of("payment_status", PAYMENT_STATUSES), name="payment_status"),
        CheckConstraint("total >= 0 AND subtotal >= 0", name="amounts"),
        Index("ix_orders_newest", "tenant_id", "placed_at", "id"),
        Index("ix_orders_status", "tenant_id", "status", "placed_at", "id"),
        Index("ix_orders_email", "tenant_id", "email"),
        Index(
            "ix_orders_expiring",
            "hold_expires_at",
            postgresql_where=text("status = 'pending'"),
            sqlite_where=text("status = 'pending'"),
        ),
    )

    cart_id: Mapped[uuid.UUID | None]
    number: Mapped[int]
    code: Mapped[str] = mapped_column(String(40))
    token: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(20), default="pending")
    payment_status: Mapped[str] = mapped_column(String(20), default="unpaid")
    status_before_refund: Mapped[str] = mapped_column(String(20), default="")
    attention: Mapped[str] = mapped_column(String(500), default="")
    version: Mapped[int] = mapped_column(default=1)

    email: Mapped[str]
    name: Mapped[str]
    phone: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(Text, default="")
    locale: Mapped[str] = mapped_column(String(20))
    shipping_address: Mapped[dict[str, Any]]
    shipping_method: Mapped[str] = mapped_column(String(40))
    shipping_label: Mapped[str]
    payment_method: Mapped[str] = mapped_column(String(40))
    payment_label: Mapped[str]
    pay_later: Mapped[bool] = mapped_column(default=False)

    currency: Mapped[str] = mapped_column(String(3))
    prices_include_tax: Mapped[bool]
    subtotal: Mapped[int]
    shipping_amount: Mapped[int]
    tax_amount: Mapped[int]
    total: Mapped[int]

    placed_at: Mapped[datetime] = mapped_column(default=clock.now)
    hold_expires_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    shipped_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]

    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.position", back_populates="order")
    adjustments: Mapped[list[OrderAdjustment]] = relationship(order_by="OrderAdjustment.position")

    __mapper_args__ = {"version_id_col": version}


class OrderLine(TenantRow, Base):
    """A frozen copy of one variant as it was sold. `tax_amount` and `discount_amount` are this line's shares."""

    __tablename__ = "order_lines"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"]),
        UniqueConstraint("tenant_id", "order_id", "position"),
        CheckConstraint("quantity > 0 AND shipped BETWEEN 0 AND quantity", name="quantity"),
    )

    order_id: Mapped[uuid.UUID]
    position: Mapped[int]
    product_id: Mapped[uuid.UUID]
    variant_id: Mapped[uuid.UUID]
    sku: Mapped[str]
    title: Mapped[str] = mapped_column(String(500))
    options: Mapped[str] = mapped_column(default="")
    slug: Mapped[str] = mapped_column(default="")
    image: Mapped[str] = mapped_column(default="")
    quantity: Mapped[int]
    shipped: Mapped[int] = mapped_column(default=0)
    unit_price: Mapped[int]
    amount: Mapped[int]
    discount_amount: Mapped[int] = mapped_column(default=0)
    tax_rate_ppm: Mapped[int] = mapped_column(default=0)
    tax_amount: Mapped[int] = mapped_column(default=0)

    order: Mapped[Order] = relationship(back_populates="lines")


class OrderAdjustment(TenantRow, Base):
    """A signed amount with its label, frozen when placed. An `included` one is inside the prices already (tax)."""

    __tablename__ = "order_adjustments"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"]),
        UniqueConstraint("tenant_id", "order_id", "position"),
        CheckConstraint("source_type IN ('promotion', 'tax', 'shipping', 'fee')", name="source_type"),
    )

    order_id: Mapped[uuid.UUID]
    position: Mapped[int]
    source_type: Mapped[str] = mapped_column(String(20))
    source_id: Mapped[str] = mapped_column(default="")
    label: Mapped[str]
    amount: Mapped[int]
    included: Mapped[bool] = mapped_column(default=False)
