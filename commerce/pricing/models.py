"""What changes a price: tax rates, promotions and the coupon codes that open some of them."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, TenantOwned, TenantRow

PROMOTION_KINDS = ("percentage", "fixed", "free_shipping", "buy_x_get_y")
PROMOTION_SCOPES = ("all", "products", "categories")


class TaxRate(TenantRow, Base):
    """The rate for one country and tax class, in millionths (190000 is 19 %). `country` '*' is everywhere else."""

    __tablename__ = "tax_rates"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        UniqueConstraint("tenant_id", "country", "tax_class"),
        CheckConstraint("rate_ppm BETWEEN 0 AND 1000000", name="rate_ppm"),
    )

    country: Mapped[str] = mapped_column(String(2))
    tax_class: Mapped[str] = mapped_column(String(20), default="standard")
    rate_ppm: Mapped[int]
    label: Mapped[str]


class Promotion(TenantRow, Base):
    """A reduction with its conditions. `percent_ppm` is millionths, `amount` and `min_subtotal` are minor units.

    `kind` says which fields count: percentage (`percent_ppm`), fixed (`amount` off in all), free_shipping, or
    buy_x_get_y (for every `buy_quantity` units paid, `get_quantity` of the cheapest cost `percent_ppm` less).
    `targets` holds product or category ids as text, by `scope`. One that does not `combine` stands alone. With
    `skip_reduced` it leaves alone what costs less than before already.
    """

    __tablename__ = "promotions"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        CheckConstraint("kind IN ('percentage', 'fixed', 'free_shipping', 'buy_x_get_y')", name="kind"),
        CheckConstraint("scope IN ('all', 'products', 'categories')", name="scope"),
        CheckConstraint("percent_ppm BETWEEN 0 AND 1000000", name="percent_ppm"),
        CheckConstraint("amount >= 0 AND min_subtotal >= 0", name="amounts"),
        CheckConstraint("buy_quantity >= 0 AND get_quantity >= 0", name="quantities"),
    )

    label: Mapped[str]
    kind: Mapped[str] = mapped_column(String(20))
    percent_ppm: Mapped[int] = mapped_column(default=0)
    amount: Mapped[int] = mapped_column(default=0)
    buy_quantity: Mapped[int] = mapped_column(default=0)
    get_quantity: Mapped[int] = mapped_column(default=0)
    scope: Mapped[str] = mapped_column(String(20), default="all")
    targets: Mapped[list[str]] = mapped_column(default=list)
    min_subtotal: Mapped[int] = mapped_column(default=0)
    skip_reduced: Mapped[bool] = mapped_column(default=False)
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    needs_code: Mapped[bool] = mapped_column(default=False)
    combines: Mapped[bool] = mapped_column(default=True)
    position: Mapped[int] = mapped_column(default=0)
    enabled: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    __mapper_args__ = {"version_id_col": version}


class Coupon(TenantRow, Base):
    """A code (upper case) that opens a promotion. `used` counts towards `usage_limit`; without a limit it stays 0.

    A limit is kept by a conditional update inside the placement; one without limits is not written to, so that
    buyers with the same code do not wait for each other.
    """

    __tablename__ = "coupons"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "promotion_id"], ["promotions.tenant_id", "promotions.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "code"),
        CheckConstraint("used >= 0", name="used"),
        CheckConstraint("usage_limit IS NULL OR usage_limit > 0", name="usage_limit"),
        CheckConstraint("per_customer_limit IS NULL OR per_customer_limit > 0", name="per_customer_limit"),
    )

    promotion_id: Mapped[uuid.UUID] = mapped_column(index=True)
    code: Mapped[str] = mapped_column(String(40))
    usage_limit: Mapped[int | None]
    per_customer_limit: Mapped[int | None]
    used: Mapped[int] = mapped_column(default=0)
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class CouponCustomer(TenantOwned, Base):
    """How often one customer (an email address, folded) has used a coupon that is limited per customer."""

    __tablename__ = "coupon_customers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "coupon_id"], ["coupons.tenant_id", "coupons.id"], ondelete="CASCADE"
        ),
        CheckConstraint("used >= 0", name="used"),
    )

    coupon_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    customer: Mapped[str] = mapped_column(primary_key=True)
    used: Mapped[int] = mapped_column(default=0)


class CouponUse(TenantRow, Base):
    """A coupon used by an order; `given_back_at` when a cancelled order returned it."""

    __tablename__ = "coupon_uses"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "coupon_id"], ["coupons.tenant_id", "coupons.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"]),
        UniqueConstraint("tenant_id", "order_id", "coupon_id"),
        Index("ix_coupon_uses_coupon", "tenant_id", "coupon_id"),
    )

    coupon_id: Mapped[uuid.UUID]
    order_id: Mapped[uuid.UUID]
    customer: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    given_back_at: Mapped[datetime | None]
