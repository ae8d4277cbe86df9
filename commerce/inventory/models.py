"""Stock: how many there are, who holds them, and every change that led to it."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantRow

MAX_QUANTITY = 1_000_000
"""The most units that one row may speak of: a bound against typing errors and overflow."""

OPEN = ("held", "committed")
"""States of a reservation whose units are reserved, as far as they have not left or been given up."""

MOST_ALERTS = 20
"""Variants that one address can wait for at once: nobody shall be written to without end."""


class Location(TenantRow, Base):
    """A warehouse. `code` is the `warehouseCode` of the API."""

    __tablename__ = "locations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "code"),
    )

    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str]
    position: Mapped[int] = mapped_column(default=0)


class StockItem(TenantRow, Base):
    """One variant at one location: of `on_hand` units and `backorder_limit` more, `reserved` are promised to orders.

    The limit is how many units may be promised beyond what is there; the database keeps the promises within it.
    """

    __tablename__ = "stock_items"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "variant_id"], ["variants.tenant_id", "variants.id"]),
        ForeignKeyConstraint(["tenant_id", "location_id"], ["locations.tenant_id", "locations.id"]),
        UniqueConstraint("tenant_id", "variant_id", "location_id"),
        CheckConstraint(
            "reserved >= 0 AND on_hand >= 0 AND backorder_limit >= 0 AND reserved <= on_hand + backorder_limit",
            name="within_bounds",
        ),
    )

    variant_id: Mapped[uuid.UUID]
    location_id: Mapped[uuid.UUID]
    on_hand: Mapped[int] = mapped_column(default=0)
    reserved: Mapped[int] = mapped_column(default=0)
    backorder_limit: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)
    restocked_at: Mapped[datetime | None]


class Reservation(TenantRow, Base):
    """Units of a stock item held for one order line: held -> committed -> deducted, or released, or expired.

    `deducted` counts the units that have left stock, `released` those that never will: while the row is open,
    `quantity - deducted - released` are reserved. Of the deducted units `restocked` came back.
    """

    __tablename__ = "reservations"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "stock_item_id"], ["stock_items.tenant_id", "stock_items.id"]),
        ForeignKeyConstraint(["tenant_id", "order_line_id"], ["order_lines.tenant_id", "order_lines.id"]),
        UniqueConstraint("tenant_id", "order_line_id", "stock_item_id"),
        CheckConstraint("quantity > 0 AND deducted >= 0 AND released >= 0", name="quantity"),
        CheckConstraint("deducted + released <= quantity", name="within_quantity"),
        CheckConstraint("restocked BETWEEN 0 AND deducted", name="restocked"),
        CheckConstraint(
            "state IN ('held', 'committed', 'released', 'expired', 'deducted', 'restocked')", name="state"
        ),
        Index("ix_reservations_order", "tenant_id", "order_id"),
        Index(
            "ix_reservations_open",
            "tenant_id",
            "stock_item_id",
            postgresql_where=text("state IN ('held', 'committed')"),
            sqlite_where=text("state IN ('held', 'committed')"),
        ),
    )

    order_id: Mapped[uuid.UUID]
    order_line_id: Mapped[uuid.UUID]
    stock_item_id: Mapped[uuid.UUID]
    quantity: Mapped[int]
    deducted: Mapped[int] = mapped_column(default=0)
    released: Mapped[int] = mapped_column(default=0)
    restocked: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(20), default="held")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class StockMovement(TenantRow, Base):
    """A line of the ledger, never changed: on_hand is the sum of these."""

    __tablename__ = "stock_movements"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "stock_item_id"], ["stock_items.tenant_id", "stock_items.id"]),
        CheckConstraint("delta <> 0", name="delta"),
        Index("ix_stock_movements_item", "tenant_id", "stock_item_id", "id"),
    )

    stock_item_id: Mapped[uuid.UUID]
    delta: Mapped[int]
    cause: Mapped[str] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(default="")
    reference: Mapped[str] = mapped_column(default="")
    occurred_at: Mapped[datetime] = mapped_column(default=clock.now)


class StockAlert(TenantRow, Base):
    """A back-in-stock alert for a variant. The row is deleted when the mail is sent; the address serves nothing else.

    An address has at most MOST_ALERTS places, each taken once; `told_at` is when the event of its mail was written.
    """

    __tablename__ = "stock_alerts"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "variant_id"], ["variants.tenant_id", "variants.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "variant_id", "email"),
        UniqueConstraint("tenant_id", "email", "place"),
        CheckConstraint(f"place BETWEEN 1 AND {MOST_ALERTS}", name="place"),
    )

    variant_id: Mapped[uuid.UUID]
    email: Mapped[str]
    place: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    told_at: Mapped[datetime | None]
