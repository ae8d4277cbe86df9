"""What can be exported as a file: columns, and rows read a batch at a time by keys, so that length costs no memory."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import Select, func, select

from commerce.accounts.models import Member, MemberAddress
from commerce.catalog.models import Product, Variant
from commerce.customers.columns import ADDRESS_HEADINGS
from commerce.customers.models import (
    CustomerAddress,
    CustomerGroup,
    CustomerGroupMember,
    CustomerProfile,
    CustomerTag,
)
from commerce.db import db
from commerce.file_imports.coupon_columns import (
    COUPON_HEADINGS,
    promotion_cells,
    target_slugs,
    yes_or_no,
)
from commerce.inventory.models import Location, StockItem, StockMovement
from commerce.money import PPM, to_decimal
from commerce.orders.models import Order, OrderAdjustment, OrderLine
from commerce.payments.models import Payment, Refund
from commerce.pricing.models import Coupon, CouponUse, Promotion
from commerce.pricing.validation import values_of
from commerce.tenants.scope import current_shop

BATCH = 1000


@dataclass(frozen=True, slots=True)
class Export:
    """A file: the words for it, who may have it, its columns, and how its rows are found and shown.

    `key` is the column of ids by which it goes on; `read` finds the rows, which have it as `key`.
    """

    label: Any
    permission: str
    header: tuple[str, ...]
    key: Any
    read: Callable[[], Any]
    cells: Callable[..., Sequence[object]]
    look_up: Callable[[Sequence[Any]], Any] | None = None
    """What `cells` needs beside each row, found for all rows of a batch at once."""

    def rows(self) -> Iterator[Sequence[object]]:
        """Yield the cells of each row in the order of the ids; no transaction stays open between two batches."""
        after: uuid.UUID | None = None
        while True:
            statement = self.read().add_columns(self.key.label("key")).order_by(self.key).limit(BATCH)
            if after is not None:
                statement = statement.where(self.key > after)
            found = db.session.execute(statement).all()
            beside = (self.look_up(found),) if self.look_up else ()
            cells = [self.cells(row, *beside) for row in found]
            after = found[-1].key if found else None
            db.session.rollback()
            yield from cells
            if len(cells) < BATCH:
                return


def _money(amount: int | None, currency: str) -> str:
    return "" if amount is None else f"{to_decimal(amount, currency):f}"


def _moment(moment: Any) -> str:
    return moment.isoformat(timespec="seconds") if moment else ""


def _orders() -> Select[Any]:
    return select(*(getattr(Order, name) for name in _ORDER))


_ORDER = (
    "code", "placed_at", "status", "payment_status", "email", "name", "phone", "shipping_address",
    "shipping_label", "payment_label", "currency", "subtotal", "discount_amount", "shipping_amount", "fee_amount",
    "tax_amount", "total", "credited_amount", "customer_reference",
)  # fmt: skip
_ADDRESS = ("company_name", "street_address", "postal_code", "city", "country_code")


def _order_cells(row: Any) -> Sequence[object]:
    address: Mapping[str, Any] = row.shipping_address or {}
    sums = (
        row.subtotal, row.discount_amount, row.shipping_amount, row.fee_amount, row.tax_amount, row.total,
        row.credited_amount,
    )  # fmt: skip
    return (
        row.code,
        _moment(row.placed_at),
        row.status,
        row.payment_status,
        row.email,
        row.name,
        row.phone,
        *(str(address.get(name) or "") for name in _ADDRESS),
        row.shipping_label,
        row.payment_label,
        row.customer_reference,
        row.currency,
        *(_money(amount, row.currency) for amount in sums),
    )


def _of_order(model: Any, *columns: Any) -> Select[Any]:
    """Return rows that belong to an order, with its code and currency."""
    joined = (Order.tenant_id == model.tenant_id) & (Order.id == model.order_id)
    return select(Order.code, Order.currency, *columns).join(Order, joined)


def _lines() -> Select[Any]:
    names = (
        "sku", "title", "options", "quantity", "cancelled", "shipped", "credited", "unit_price", "discount_amount",
        "amount", "tax_rate_ppm", "tax_amount",
    )  # fmt: skip
    return _of_order(OrderLine, Order.placed_at, *(getattr(OrderLine, name) for name in names))


def _line_cells(row: Any) -> Sequence[object]:
    return (
        row.code,
        _moment(row.placed_at),
        row.sku,
        row.title,
        row.options,
        row.quantity,
        row.cancelled,
        row.shipped,
        row.credited,
        row.currency,
        _money(row.unit_price, row.currency),
        _money(row.discount_amount, row.currency),
        _money(row.amount, row.currency),
        f"{row.tax_rate_ppm * 100 / PPM:g}",
        _money(row.tax_amount, row.currency),
    )


def _taxes() -> Select[Any]:
    columns = (Order.placed_at, OrderAdjustment.label, OrderAdjustment.amount, OrderAdjustment.included)
    return _of_order(OrderAdjustment, *columns).where(OrderAdjustment.source_type == "tax")


def _stock() -> Any:
    return (
        select(
            Variant.sku,
            Product.title,
            Location.code,
            StockItem.on_hand,
            StockItem.reserved,
            StockItem.backorder_limit,
        )
        .join(Variant, (Variant.tenant_id == StockItem.tenant_id) & (Variant.id == StockItem.variant_id))
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .join(Location, (Location.tenant_id == StockItem.tenant_id) & (Location.id == StockItem.location_id))
    )


def _movements() -> Select[Any]:
    item = (StockItem.tenant_id == StockMovement.tenant_id) & (StockItem.id == StockMovement.stock_item_id)
    columns = ("occurred_at", "delta", "cause", "actor", "reference")
    return (
        select(Variant.sku, Location.code, *(getattr(StockMovement, name) for name in columns))
        .join(StockItem, item)
        .join(Variant, (Variant.tenant_id == StockItem.tenant_id) & (Variant.id == StockItem.variant_id))
        .join(Location, (Location.tenant_id == StockItem.tenant_id) & (Location.id == StockItem.location_id))
    )


def _members() -> Select[Any]:
    """Return customers with an account, with what staff keep of them and the address that they prefer."""
    address = (
        select(MemberAddress.address)
        .where(MemberAddress.tenant_id == Member.tenant_id, MemberAddress.member_id == Member.id)
        .order_by(MemberAddress.preferred.desc(), MemberAddress.id.desc())
    )
    mine = (CustomerProfile.tenant_id == Member.tenant_id) & (CustomerProfile.member_id == Member.id)
    columns = (Member.email, Member.name, Member.phone, CustomerProfile.locale, *_kept_of_customers(address))
    return (
        select(*columns, Member.confirmed_at)
        .outerjoin(CustomerProfile, mine)
        .where(Member.erased_at.is_(None))
    )


def _profiles() -> Select[Any]:
    """Return customers without an account of whom staff keep something."""
    address = (
        select(CustomerAddress.address)
        .where(
            CustomerAddress.tenant_id == CustomerProfile.tenant_id,
            CustomerAddress.profile_id == CustomerProfile.id,
        )
        .order_by(CustomerAddress.id.desc())
    )
    names = ("email", "name", "phone", "locale")
    columns = (*(getattr(CustomerProfile, name) for name in names), *_kept_of_customers(address))
    return select(*columns).where(CustomerProfile.member_id.is_(None))


def _kept_of_customers(address: Select[Any]) -> tuple[Any, ...]:
    """Return the columns of tags, groups and address; `address` finds addresses, the one that is wanted first."""
    tags = select(func.aggregate_strings(CustomerTag.tag, ", ")).where(
        CustomerTag.tenant_id == CustomerProfile.tenant_id, CustomerTag.profile_id == CustomerProfile.id
    )
    groups = (
        select(func.aggregate_strings(CustomerGroup.name, ", "))
        .join(
            CustomerGroupMember,
            (CustomerGroupMember.tenant_id == CustomerGroup.tenant_id)
            & (CustomerGroupMember.group_id == CustomerGroup.id),
        )
        .where(
            CustomerGroupMember.tenant_id == CustomerProfile.tenant_id,
            CustomerGroupMember.profile_id == CustomerProfile.id,
        )
    )
    return (
        tags.correlate(CustomerProfile).scalar_subquery().label("tags"),
        groups.correlate(CustomerProfile).scalar_subquery().label("groups"),
        address.limit(1).correlate(Member, CustomerProfile).scalar_subquery().label("address"),
    )


CUSTOMER_HEADER = ("Email", "Name", "Phone", "Language", "Tags", "Groups", *ADDRESS_HEADINGS)
"""Headings of the files of customers; the import of customers reads them."""


def _customer_cells(row: Any) -> Sequence[object]:
    address: Mapping[str, Any] = row.address or {}
    return (
        row.email,
        row.name,
        row.phone,
        row.locale or "",
        row.tags or "",
        row.groups or "",
        *(str(address.get(name) or "") for name in ADDRESS_HEADINGS.values()),
    )


def _coupons() -> Select[Any]:
    uses = (
        select(func.count(CouponUse.id))
        .where(
            CouponUse.tenant_id == Coupon.tenant_id,
            CouponUse.coupon_id == Coupon.id,
            CouponUse.given_back_at.is_(None),
        )
        .correlate(Coupon)
        .scalar_subquery()
    )
    names = ("code", "enabled", "usage_limit", "per_customer_limit", "created_at")
    return select(Promotion, *(getattr(Coupon, name) for name in names), uses.label("uses")).join(
        Promotion, (Promotion.tenant_id == Coupon.tenant_id) & (Promotion.id == Coupon.promotion_id)
    )


def _coupon_slugs(rows: Sequence[Any]) -> Mapping[str, str]:
    promotions = {row.Promotion.id: row.Promotion for row in rows}
    return target_slugs(target for each in promotions.values() for target in each.targets)


def _coupon_cells(row: Any, slugs: Mapping[str, str]) -> Sequence[object]:
    return (
        row.code,
        *promotion_cells(values_of(row.Promotion), slugs, current_shop().currency),
        yes_or_no(row.enabled),
        "" if row.usage_limit is None else row.usage_limit,
        "" if row.per_customer_limit is None else row.per_customer_limit,
        row.uses,
        _moment(row.created_at),
    )


def _payments() -> Select[Any]:
    names = ("method", "state", "amount", "captured", "refunded", "reference", "created_at", "captured_at")
    return _of_order(Payment, *(getattr(Payment, name) for name in names))


def _refunds() -> Select[Any]:
    names = ("amount", "state", "reason", "reference", "created_at", "settled_at")
    return _of_order(Refund, *(getattr(Refund, name) for name in names))


EXPORTS: Mapping[str, Export] = {
    "orders": Export(
        _("Orders, one row each"),
        "customers.view",
        (
            "Order",
            "Placed at",
            "Status",
            "Payment status",
            "Email",
            "Name",
            "Phone",
            "Company",
            "Street",
            "Postal code",
            "City",
            "Country",
            "Shipping",
            "Payment",
            "Reference",
            "Currency",
            "Subtotal",
            "Discount",
            "Shipping price",
            "Fee",
            "Tax",
            "Total",
            "Credited",
        ),
        Order.id,
        _orders,
        _order_cells,
    ),
    "order-lines": Export(
        _("Orders, one row for each line"),
        "orders.view",
        (
            "Order",
            "Placed at",
            "SKU",
            "Title",
            "Options",
            "Quantity",
            "Canceled",
            "Shipped",
            "Credited",
            "Currency",
            "Unit price",
            "Discount",
            "Amount",
            "Tax rate %",
            "Tax",
        ),
        OrderLine.id,
        _lines,
        _line_cells,
    ),
    "order-taxes": Export(
        _("Tax of each order by rate"),
        "orders.view",
        ("Order", "Placed at", "Tax", "Currency", "Amount", "Included in prices"),
        OrderAdjustment.id,
        _taxes,
        lambda row: (
            row.code,
            _moment(row.placed_at),
            row.label,
            row.currency,
            _money(row.amount, row.currency),
            yes_or_no(row.included),
        ),
    ),
    "payments": Export(
        _("Payments"),
        "orders.view",
        (
            "Order",
            "Method",
            "State",
            "Currency",
            "Amount",
            "Captured",
            "Refunded",
            "Reference",
            "Began",
            "Captured at",
        ),
        Payment.id,
        _payments,
        lambda row: (
            row.code,
            row.method,
            row.state,
            row.currency,
            *(_money(each, row.currency) for each in (row.amount, row.captured, row.refunded)),
            row.reference,
            _moment(row.created_at),
            _moment(row.captured_at),
        ),
    ),
    "refunds": Export(
        _("Refunds"),
        "orders.view",
        ("Order", "State", "Currency", "Amount", "Reason", "Reference", "Requested at", "Settled at"),
        Refund.id,
        _refunds,
        lambda row: (
            row.code,
            row.state,
            row.currency,
            _money(row.amount, row.currency),
            row.reason,
            row.reference,
            _moment(row.created_at),
            _moment(row.settled_at),
        ),
    ),
    "customers": Export(
        _("Customers with an account"),
        "customers.view",
        (*CUSTOMER_HEADER, "Confirmed at"),
        Member.id,
        _members,
        lambda row: (*_customer_cells(row), _moment(row.confirmed_at)),
    ),
    "other-customers": Export(
        _("Customers without an account whom staff have tagged, grouped, noted or imported"),
        "customers.view",
        CUSTOMER_HEADER,
        CustomerProfile.id,
        _profiles,
        _customer_cells,
    ),
    "stock": Export(
        _("Stock by location"),
        "stock.view",
        ("SKU", "Title", "Location", "On hand", "Reserved", "Backorder limit"),
        StockItem.id,
        _stock,
        lambda row: (row.sku, row.title, row.code, row.on_hand, row.reserved, row.backorder_limit),
    ),
    "stock-movements": Export(
        _("Stock movements"),
        "stock.view",
        ("SKU", "Location", "Date", "Change", "Cause", "By", "Reference"),
        StockMovement.id,
        _movements,
        lambda row: (
            row.sku,
            row.code,
            _moment(row.occurred_at),
            row.delta,
            row.cause,
            row.actor,
            row.reference,
        ),
    ),
    "coupons": Export(
        _("Coupons"),
        "pricing.view",
        (*COUPON_HEADINGS.values(), "Uses", "Created at"),
        Coupon.id,
        _coupons,
        _coupon_cells,
        _coupon_slugs,
    ),
}
"""Every file that can be exported beside the products, by its name."""
