"""Summaries of sales by day. They repeat what orders, credits and refunds say and can be made again from them.

Amounts are integer minor units of `currency`. A day is one of the shop's time zone. Sales stand at the day on which the
order was placed, what was given back at the day of the credit; cancelled orders count nowhere.
"""

from __future__ import annotations

import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from commerce.db import Base, TenantOwned

DIMENSIONS = ("product", "variant", "category", "country", "payment_method", "coupon", "tax_rate")
"""By what sales are summed up. A product in two categories counts in both, an order with two coupons likewise."""


class SalesDay(TenantOwned, Base):
    """A day's orders. `gross` is what they came to, tax and shipping included; `credited` what was given back.

    `refunded` is money that went back or is queued to. `carts` counts those begun on the day that hold something or
    were ordered, and `carts_ordered` the latter.
    """

    __tablename__ = "sales_days"
    __table_args__ = (ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),)

    day: Mapped[datetime.date] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    orders: Mapped[int] = mapped_column(default=0)
    units: Mapped[int] = mapped_column(default=0)
    gross: Mapped[int] = mapped_column(default=0)
    tax: Mapped[int] = mapped_column(default=0)
    shipping: Mapped[int] = mapped_column(default=0)
    discounts: Mapped[int] = mapped_column(default=0)
    units_returned: Mapped[int] = mapped_column(default=0)
    credited: Mapped[int] = mapped_column(default=0)
    credited_tax: Mapped[int] = mapped_column(default=0)
    refunded: Mapped[int] = mapped_column(default=0)
    carts: Mapped[int] = mapped_column(default=0)
    carts_ordered: Mapped[int] = mapped_column(default=0)


class SalesBy(TenantOwned, Base):
    """A day's sales of one `key` of a dimension. `label` is how people know it, as the last order of the day said."""

    __tablename__ = "sales_by"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        CheckConstraint(f"dimension IN ({', '.join(repr(each) for each in DIMENSIONS)})", name="dimension"),
    )

    dimension: Mapped[str] = mapped_column(String(20), primary_key=True)
    day: Mapped[datetime.date] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(String(800), default="")
    orders: Mapped[int] = mapped_column(default=0)
    units: Mapped[int] = mapped_column(default=0)
    gross: Mapped[int] = mapped_column(default=0)
    tax: Mapped[int] = mapped_column(default=0)
    units_returned: Mapped[int] = mapped_column(default=0)
    credited: Mapped[int] = mapped_column(default=0)
    credited_tax: Mapped[int] = mapped_column(default=0)


class SalesProgress(TenantOwned, Base):
    """How far the summaries of a shop go: all events up to `seen_until`, and all days from `built_from` on.

    They are days of `timezone`; in another zone they have to be made again.
    """

    __tablename__ = "sales_progress"
    __table_args__ = (ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),)

    timezone: Mapped[str] = mapped_column(String(60))
    seen_until: Mapped[datetime.datetime]
    built_from: Mapped[datetime.date]
    first_day: Mapped[datetime.date]
