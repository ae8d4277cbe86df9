"""Where a shop ships, for how much, and its shipments."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantRow


class ShippingMethod(TenantRow, Base):
    """A way to ship, such as 'Standard' or 'Express'.

    The least totals of its rates are met by the goods before discounts, or `after_discounts`.
    """

    __tablename__ = "shipping_methods"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "code"),
    )

    code: Mapped[str] = mapped_column(String(40))
    name: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    tax_class: Mapped[str] = mapped_column(String(20), default="standard")
    position: Mapped[int] = mapped_column(default=0)
    enabled: Mapped[bool] = mapped_column(default=True)
    after_discounts: Mapped[bool] = mapped_column(default=False)


class ShippingRate(TenantRow, Base):
    """The price of a method for a zone: countries (['*'] is the rest of the world), a weight and a total.

    `price` and `min_subtotal` are minor units, `max_weight_grams` None is no limit. The cheapest rate that fits
    applies; a method without a fitting rate is not offered.
    """

    __tablename__ = "shipping_rates"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "method_id"],
            ["shipping_methods.tenant_id", "shipping_methods.id"],
            ondelete="CASCADE",
        ),
        CheckConstraint("price >= 0 AND min_subtotal >= 0", name="amounts"),
    )

    method_id: Mapped[uuid.UUID] = mapped_column(index=True)
    countries: Mapped[list[str]]
    max_weight_grams: Mapped[int | None]
    min_subtotal: Mapped[int] = mapped_column(default=0)
    price: Mapped[int]


class Shipment(TenantRow, Base):
    """A parcel that left."""

    __tablename__ = "shipments"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"]),
        UniqueConstraint("tenant_id", "order_id", "number"),
    )

    order_id: Mapped[uuid.UUID]
    number: Mapped[int]
    carrier: Mapped[str] = mapped_column(default="")
    tracking_code: Mapped[str] = mapped_column(default="")
    shipped_at: Mapped[datetime] = mapped_column(default=clock.now)


class ShipmentLine(TenantRow, Base):
    """Units of an order line in a parcel."""

    __tablename__ = "shipment_lines"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "shipment_id"], ["shipments.tenant_id", "shipments.id"]),
        ForeignKeyConstraint(["tenant_id", "order_line_id"], ["order_lines.tenant_id", "order_lines.id"]),
        UniqueConstraint("tenant_id", "shipment_id", "order_line_id"),
        CheckConstraint("quantity > 0", name="quantity"),
    )

    shipment_id: Mapped[uuid.UUID]
    order_line_id: Mapped[uuid.UUID]
    quantity: Mapped[int]
