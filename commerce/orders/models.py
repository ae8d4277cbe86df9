"""Orders: a frozen copy of what was sold, for how much, to whom. Amounts are integer minor units."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Computed,
    ForeignKeyConstraint,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from commerce import clock
from commerce.db import Base, TenantRow
from commerce.orders.transitions import PAYMENT_STATUSES, STATUSES


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


ERASED_EMAIL = "erased@erased.invalid"
"""Stands on the orders of whoever was erased. RFC 2606: nobody ever reads there, and no mail is sent to it."""
NOBODY = ("", ERASED_EMAIL)
"""Addresses under which all orders of people whom the shop does not know stand together: they are nobody's."""
_GUEST = (
    f"CASE WHEN member_id IS NULL AND email NOT IN ({', '.join(map(repr, NOBODY))}) THEN lower(email) END"
)


class Order(TenantRow, Base):
    """One placed order. `token` is the 256-bit secret of its link; `code` is for people and opens nothing.

    Amounts are minor units: total = subtotal - discount_amount + shipping_amount + fee_amount, plus tax_amount when
    prices do not include it, rounded to `cash_rounding` where that is not 0. `customer_reference` is what the program
    that ordered calls the customer; it may know no `email` of theirs, and then nobody is written to. `guest_email` is
    kept by the database: the address of a guest in lower case, None for a member's order and for nobody's (`NOBODY`).
    `credited_shipping` is the credited part of shipping and fee, tax included, `credited_amount` the sum of all
    credits. `cancelled_by` is the kind of actor who cancelled. `accepted_terms_id` is the revision of the shop's terms
    that the customer accepted with the order, as the checkout showed it: its number is `accepted_terms_version`, 0 for
    none; `accepted_terms_ticked` tells that they ticked a box for it. `sold_terms` are kept from the first edit on: see
    `order_management.sold_terms`.
    """

    __tablename__ = "orders"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "cart_id"], ["carts.tenant_id", "carts.id"]),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["members.tenant_id", "members.id"]),
        UniqueConstraint("tenant_id", "cart_id"),
        UniqueConstraint("tenant_id", "number"),
        UniqueConstraint("tenant_id", "code"),
        UniqueConstraint("tenant_id", "token"),
        CheckConstraint(_one_of("status", STATUSES), name="status"),
        CheckConstraint(_one_of("payment_status", PAYMENT_STATUSES), name="payment_status"),
        CheckConstraint("total >= 0 AND subtotal >= 0", name="amounts"),
        CheckConstraint("credited_amount >= 0", name="credited_amount"),
        Index("ix_orders_newest", "tenant_id", "placed_at", "id"),
        Index("ix_orders_status", "tenant_id", "status", "placed_at", "id"),
        Index("ix_orders_payment_status", "tenant_id", "payment_status", "placed_at", "id"),
        Index("ix_orders_method", "tenant_id", "payment_method", "placed_at", "id"),
        Index("ix_orders_total", "tenant_id", "total", "id"),
        Index(
            "ix_orders_guest",
            "tenant_id",
            "guest_email",
            "placed_at",
            "id",
            postgresql_where=text("guest_email IS NOT NULL"),
            sqlite_where=text("guest_email IS NOT NULL"),
        ),
        Index(
            "ix_orders_attention",
            "tenant_id",
            "placed_at",
            "id",
            postgresql_where=text("attention <> ''"),
            sqlite_where=text("attention <> ''"),
        ),
        Index(
            "ix_orders_newest_guests",
            "tenant_id",
            "placed_at",
            "id",
            postgresql_where=text("guest_email IS NOT NULL"),
            sqlite_where=text("guest_email IS NOT NULL"),
        ),
        Index(
            "ix_orders_member",
            "tenant_id",
            "member_id",
            "placed_at",
            "id",
            postgresql_where=text("member_id IS NOT NULL"),
            sqlite_where=text("member_id IS NOT NULL"),
        ),
        Index(
            "ix_orders_expiring",
            "hold_expires_at",
            postgresql_where=text("status = 'pending'"),
            sqlite_where=text("status = 'pending'"),
        ),
    )

    cart_id: Mapped[uuid.UUID | None]
    member_id: Mapped[uuid.UUID | None]
    number: Mapped[int]
    code: Mapped[str] = mapped_column(String(40))
    token: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(20), default="pending")
    payment_status: Mapped[str] = mapped_column(String(20), default="unpaid")
    status_before_refund: Mapped[str] = mapped_column(String(20), default="")
    attention: Mapped[str] = mapped_column(String(500), default="")
    version: Mapped[int] = mapped_column(default=1)

    email: Mapped[str]
    guest_email: Mapped[str | None] = mapped_column(Computed(_GUEST), deferred=True)
    name: Mapped[str]
    customer_reference: Mapped[str] = mapped_column(String(120), default="")
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
    discount_amount: Mapped[int] = mapped_column(default=0)
    shipping_amount: Mapped[int]
    fee_amount: Mapped[int] = mapped_column(default=0)
    tax_amount: Mapped[int]
    cash_rounding: Mapped[int] = mapped_column(default=0)
    total: Mapped[int]
    credited_shipping: Mapped[int] = mapped_column(default=0)
    credited_amount: Mapped[int] = mapped_column(default=0)
    cancelled_by: Mapped[str] = mapped_column(String(20), default="")
    sold_terms: Mapped[dict[str, Any] | None] = mapped_column(
        JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
    )

    accepted_terms_id: Mapped[uuid.UUID | None]
    accepted_terms_version: Mapped[int] = mapped_column(default=0)
    accepted_terms_ticked: Mapped[bool] = mapped_column(default=False)

    placed_at: Mapped[datetime] = mapped_column(default=clock.now)
    hold_expires_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]
    shipped_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    lines: Mapped[list[OrderLine]] = relationship(order_by="OrderLine.position", back_populates="order")
    adjustments: Mapped[list[OrderAdjustment]] = relationship(order_by="OrderAdjustment.position")

    __mapper_args__ = {"version_id_col": version}

    @property
    def rounding_amount(self) -> int:
        """What rounding to the smallest coin added to the total, or took from it."""
        return sum(each.amount for each in self.adjustments if each.source_type == "rounding")


class OrderLine(TenantRow, Base):
    """A frozen copy of one variant as it was sold. `tax_amount` and `discount_amount` are this line's shares.

    Of the units, `backordered` were promised beyond the stock when they were sold, expected on `ships_from` (if known).
    Units either leave (`shipped`) or will not (`cancelled`). `credited` units were given back for `credited_amount`,
    of which `credited_tax` is tax (minor units).
    """

    __tablename__ = "order_lines"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"]),
        UniqueConstraint("tenant_id", "order_id", "position"),
        Index("ix_order_lines_variant", "tenant_id", "variant_id"),
        CheckConstraint("quantity > 0 AND shipped BETWEEN 0 AND quantity", name="quantity"),
        CheckConstraint("cancelled >= 0 AND shipped + cancelled <= quantity", name="cancelled"),
        CheckConstraint("backordered >= 0", name="backordered"),
        CheckConstraint("credited BETWEEN 0 AND quantity", name="credited"),
        CheckConstraint("credited_amount >= 0 AND credited_tax >= 0", name="credited_amounts"),
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
    cancelled: Mapped[int] = mapped_column(default=0)
    backordered: Mapped[int] = mapped_column(default=0)
    ships_from: Mapped[date | None]
    credited: Mapped[int] = mapped_column(default=0)
    credited_amount: Mapped[int] = mapped_column(default=0)
    credited_tax: Mapped[int] = mapped_column(default=0)
    unit_price: Mapped[int]
    amount: Mapped[int]
    discount_amount: Mapped[int] = mapped_column(default=0)
    tax_rate_ppm: Mapped[int] = mapped_column(default=0)
    tax_amount: Mapped[int] = mapped_column(default=0)

    order: Mapped[Order] = relationship(back_populates="lines")

    @property
    def to_ship(self) -> int:
        """Units still to be shipped."""
        return self.quantity - self.shipped - self.cancelled


class OrderAdjustment(TenantRow, Base):
    """A signed amount with its label, frozen when placed. An `included` one is inside the prices already (tax).

    `shares` are the parts of the order's lines, by position; what they do not add up to belongs to shipping and fee.
    """

    __tablename__ = "order_adjustments"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"]),
        UniqueConstraint("tenant_id", "order_id", "position"),
        CheckConstraint(
            "source_type IN ('promotion', 'tax', 'shipping', 'fee', 'rounding')", name="source_type"
        ),
    )

    order_id: Mapped[uuid.UUID]
    position: Mapped[int]
    source_type: Mapped[str] = mapped_column(String(20))
    source_id: Mapped[str] = mapped_column(default="")
    label: Mapped[str]
    amount: Mapped[int]
    included: Mapped[bool] = mapped_column(default=False)
    shares: Mapped[list[Any]] = mapped_column(default=list)


class OrderTag(TenantRow, Base):
    """A word that staff put on an order to find it again. Neither the order's status nor its version knows of it."""

    __tablename__ = "order_tags"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"]),
        UniqueConstraint("tenant_id", "order_id", "tag"),
        Index("ix_order_tags_tag", "tenant_id", "tag"),
    )

    order_id: Mapped[uuid.UUID]
    tag: Mapped[str] = mapped_column(String(40))


class OrderAssignment(TenantRow, Base):
    """Who of the staff takes care of an order."""

    __tablename__ = "order_assignments"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "staff_id"], ["staff_members.tenant_id", "staff_members.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "order_id"),
        Index("ix_order_assignments_staff", "tenant_id", "staff_id"),
    )

    order_id: Mapped[uuid.UUID]
    staff_id: Mapped[uuid.UUID]


class ReturnRequest(TenantRow, Base):
    """Somebody wants money back for some or all of an order, with or without sending goods back.

    requested -> approved (goods are awaited) -> received -> closed; or declined, or withdrawn. A refund without goods
    goes from requested to closed. `whole` requests have moved the order to refund_requested.
    """

    __tablename__ = "return_requests"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"]),
        UniqueConstraint("tenant_id", "order_id", "number"),
        CheckConstraint("kind IN ('refund', 'return')", name="kind"),
        CheckConstraint(
            "state IN ('requested', 'approved', 'received', 'closed', 'declined', 'withdrawn')", name="state"
        ),
        Index("ix_return_requests_state", "tenant_id", "state", "created_at"),
    )

    order_id: Mapped[uuid.UUID]
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    whole: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(20), default="requested")
    reason: Mapped[str] = mapped_column(String(500))
    answer: Mapped[str] = mapped_column(String(500), default="")
    asked_by: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)

    lines: Mapped[list[ReturnLine]] = relationship(order_by="ReturnLine.id")


class ReturnLine(TenantRow, Base):
    """Units of an order line that a request is about; `received` counts those that came back."""

    __tablename__ = "return_lines"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "return_id"], ["return_requests.tenant_id", "return_requests.id"]),
        ForeignKeyConstraint(["tenant_id", "order_line_id"], ["order_lines.tenant_id", "order_lines.id"]),
        UniqueConstraint("tenant_id", "return_id", "order_line_id"),
        CheckConstraint("quantity > 0 AND received BETWEEN 0 AND quantity", name="quantity"),
    )

    return_id: Mapped[uuid.UUID]
    order_line_id: Mapped[uuid.UUID]
    quantity: Mapped[int]
    received: Mapped[int] = mapped_column(default=0)


class Credit(TenantRow, Base):
    """A decision to give money back: `amount` in all (minor units), of it `shipping_amount` for shipping and fee.

    `tax_amount` is the tax inside `amount`. The money itself moves by the refunds that carry this credit's id.
    """

    __tablename__ = "credits"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"]),
        UniqueConstraint("tenant_id", "order_id", "number"),
        CheckConstraint("amount >= 0 AND shipping_amount >= 0 AND tax_amount >= 0", name="amounts"),
        Index("ix_credits_age", "tenant_id", "created_at"),
    )

    order_id: Mapped[uuid.UUID]
    number: Mapped[int]
    return_id: Mapped[uuid.UUID | None]
    amount: Mapped[int]
    shipping_amount: Mapped[int] = mapped_column(default=0)
    tax_amount: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(String(500), default="")
    actor: Mapped[str] = mapped_column(default="")
    created_at: Mapped[datetime] = mapped_column(default=clock.now)

    lines: Mapped[list[CreditLine]] = relationship(order_by="CreditLine.id")


class CreditLine(TenantRow, Base):
    """Units of an order line inside a credit, and how many of them went back into stock."""

    __tablename__ = "credit_lines"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "credit_id"], ["credits.tenant_id", "credits.id"]),
        ForeignKeyConstraint(["tenant_id", "order_line_id"], ["order_lines.tenant_id", "order_lines.id"]),
        UniqueConstraint("tenant_id", "credit_id", "order_line_id"),
        CheckConstraint("quantity > 0 AND restocked BETWEEN 0 AND quantity", name="quantity"),
        CheckConstraint("amount >= 0 AND tax_amount >= 0", name="amounts"),
    )

    credit_id: Mapped[uuid.UUID]
    order_line_id: Mapped[uuid.UUID]
    quantity: Mapped[int]
    restocked: Mapped[int] = mapped_column(default=0)
    amount: Mapped[int]
    tax_amount: Mapped[int] = mapped_column(default=0)
