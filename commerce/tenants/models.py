"""Shops and the host names that lead to them."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from commerce import clock
from commerce.db import Base, new_id


class Tenant(Base):
    """One shop. Settings that decide money or stock are columns, not free text.

    `countries` is where it sells to (ISO 3166; none named: wherever a shipping method goes), `languages` what its mails
    may be written in beside `locale`; the '#' of `order_code_format` are the digits of the number. Shipping
    and fees are taxed as `shipping_tax` says: as the goods, at their main rate, or by a class of their own. An open
    cart of a guest is kept for `cart_days` after its last change. With `terms_tick` customers tick that they accept the
    terms; else placing an order accepts them. `seller` says who runs the shop, as `tenants.seller` checks it. Invoices
    are made at `invoice_when` for what was paid or sent since `invoices_since`; they are numbered after
    `invoice_series`, credit notes after `credit_series`, and all of them say `invoice_note`. `max_products` and
    `max_staff` are the limits of its plan (None: no limit).
    """

    __tablename__ = "tenants"
    __table_args__ = (
        CheckConstraint("tax_rounding IN ('line', 'rate')", name="tax_rounding"),
        CheckConstraint("shipping_tax IN ('goods', 'main', 'own')", name="shipping_tax"),
        CheckConstraint("deduct_on IN ('shipment', 'confirmation')", name="deduct_on"),
        CheckConstraint("status IN ('active', 'suspended')", name="status"),
        CheckConstraint("invoice_when IN ('off', 'payment', 'shipment')", name="invoice_when"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str]
    tagline: Mapped[str] = mapped_column(default="")
    status: Mapped[str] = mapped_column(String(20), default="active")
    currency: Mapped[str] = mapped_column(String(3))
    locale: Mapped[str] = mapped_column(String(20), default="en")
    country: Mapped[str] = mapped_column(String(2))
    timezone: Mapped[str] = mapped_column(String(60), default="UTC")
    prices_include_tax: Mapped[bool] = mapped_column(default=True)
    tax_rounding: Mapped[str] = mapped_column(String(10), default="line")
    shipping_tax: Mapped[str] = mapped_column(String(10), default="goods")
    deduct_on: Mapped[str] = mapped_column(String(20), default="shipment")
    return_days: Mapped[int] = mapped_column(default=14)
    cart_days: Mapped[int] = mapped_column(default=30)
    low_stock_at: Mapped[int] = mapped_column(default=3)
    terms_tick: Mapped[bool] = mapped_column(default=False)
    mail_from: Mapped[str] = mapped_column(default="")
    operations_email: Mapped[str] = mapped_column(default="")
    theme: Mapped[dict[str, Any]] = mapped_column(default=dict)
    hero: Mapped[str] = mapped_column(default="")
    countries: Mapped[list[str]] = mapped_column(default=list)
    languages: Mapped[list[str]] = mapped_column(default=list)
    order_code_format: Mapped[str] = mapped_column(String(40), default="ORD-######")
    seller: Mapped[dict[str, Any]] = mapped_column(default=dict)
    invoice_when: Mapped[str] = mapped_column(String(10), default="off")
    invoices_since: Mapped[datetime | None]
    invoice_series: Mapped[str] = mapped_column(String(20), default="INV-")
    credit_series: Mapped[str] = mapped_column(String(20), default="CN-")
    invoice_note: Mapped[str] = mapped_column(String(500), default="")
    suspended_because: Mapped[str] = mapped_column(String(500), default="")
    max_products: Mapped[int | None]
    max_staff: Mapped[int | None]
    version: Mapped[int] = mapped_column(default=1)
    rules_version: Mapped[int] = mapped_column(default=1)
    catalogue_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class TenantHost(Base):
    """A host name of a shop, lower case, without a port. The primary one is used in mailed links.

    Links hold secrets, so only a name that was proven to lead to this installation (`proven_at`) may be primary.
    """

    __tablename__ = "tenant_hosts"
    __table_args__ = (CheckConstraint("NOT is_primary OR proven_at IS NOT NULL", name="primary_proven"),)

    host: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("tenants.id"), index=True)
    is_primary: Mapped[bool] = mapped_column(default=False)
    proven_at: Mapped[datetime | None]


@dataclass(frozen=True, slots=True)
class Shop:
    """What the rest of the code knows of the shop it works for: a plain value, safe across transactions."""

    id: uuid.UUID
    code: str
    name: str
    tagline: str
    status: str
    currency: str
    locale: str
    country: str
    timezone: str
    prices_include_tax: bool
    tax_rounding: str
    shipping_tax: str
    deduct_on: str
    return_days: int
    cart_days: int
    low_stock_at: int
    terms_tick: bool
    mail_from: str
    operations_email: str
    theme: dict[str, Any]
    hero: str
    countries: list[str]
    languages: list[str]
    order_code_format: str
    seller: dict[str, Any]
    invoice_when: str
    invoices_since: datetime | None
    invoice_series: str
    credit_series: str
    invoice_note: str
    suspended_because: str
    max_products: int | None
    max_staff: int | None
    version: int
    rules_version: int
    catalogue_version: int
    host: str
