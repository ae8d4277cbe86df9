"""The reports: what each one's columns are, and its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import and_, func, select

from commerce.admin.fields import percent_text
from commerce.catalog.models import Product, Variant
from commerce.db import db
from commerce.inventory.models import StockItem
from commerce.reports.days import Period
from commerce.reports.queries import Sales, returns_by_reason, sales_by, sales_by_day
from commerce.reports.summaries import SHIPPING

ON_A_PAGE = 250
"""Rows that a page shows; the file has all of them."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its name in the file, its heading, and how its values are shown.

    `kind` is text, count, money, percent, country or day.
    """

    name: str
    label: Any
    kind: str = "count"


@dataclass(frozen=True, slots=True)
class Report:
    """`rows(period, limit)` gives values in the order of the columns. `dated`: it is about a period, not about now."""

    label: Any
    columns: tuple[Column, ...]
    rows: Callable[[Period, int | None], Sequence[tuple[Any, ...]]]
    dated: bool = True
    note: Any = ""


_SALES = (
    Column("orders", _("Orders")),
    Column("units", _("Units sold")),
    Column("units_returned", _("Units returned")),
    Column("gross", _("Gross sales"), "money"),
    Column("credited", _("Refunds"), "money"),
    Column("tax", _("Tax"), "money"),
    Column("net", _("Net sales"), "money"),
)


def _sales(sales: Sales) -> tuple[int, ...]:
    return (
        sales.orders,
        sales.units,
        sales.units_returned,
        sales.gross,
        sales.credited,
        sales.tax - sales.credited_tax,
        sales.net,
    )


def _days(period: Period, limit: int | None) -> Sequence[tuple[Any, ...]]:
    days = reversed(sales_by_day(period).items())
    return [(day, *_sales(sales), sales.shipping, sales.discounts) for day, sales in days][:limit]


def _by(dimension: str, *, keyed: bool = False) -> Callable[[Period, int | None], Sequence[tuple[Any, ...]]]:
    """Rows of a dimension; `keyed` ones have their key in a column before the label."""

    def rows(period: Period, limit: int | None) -> Sequence[tuple[Any, ...]]:
        return [
            ((each.key, each.label) if keyed else (each.label or each.key,)) + _sales(each.sales)
            for each in sales_by(dimension, period, limit)
        ]

    return rows


def _tax_rates(period: Period, limit: int | None) -> Sequence[tuple[Any, ...]]:
    def named(key: str) -> Any:
        return _("Shipping and fees") if key == SHIPPING else f"{percent_text(int(key))} %"

    found = sales_by("tax_rate", period, limit)
    return [(named(each.key), *_sales(each.sales)) for each in found]


def _stock_value(_period: Period, limit: int | None) -> Sequence[tuple[Any, ...]]:
    """What lies in stock, at cost where it is known and at the price; the most valuable first."""
    on_hand = func.sum(StockItem.on_hand)
    statement = (
        select(
            Variant.sku,
            Product.title,
            on_hand,
            on_hand * Variant.unit_cost,
            on_hand * Variant.price,
        )
        .select_from(StockItem)
        .join(Variant, and_(Variant.tenant_id == StockItem.tenant_id, Variant.id == StockItem.variant_id))
        .join(Product, and_(Product.tenant_id == Variant.tenant_id, Product.id == Variant.product_id))
        .where(StockItem.on_hand > 0)
        .group_by(Variant.tenant_id, Variant.id, Product.tenant_id, Product.id)
        .order_by((on_hand * Variant.price).desc(), Variant.sku)
        .limit(limit)
    )
    return [tuple(row) for row in db.session.execute(statement).all()]


def _sell_through(period: Period, limit: int | None) -> Sequence[tuple[Any, ...]]:
    """Which part of what could be sold was: units sold of those and of what is left now."""
    found = sales_by("variant", period, limit)
    left: dict[str, int] = {}
    for start in range(0, len(found), 500):
        skus = [each.key for each in found[start : start + 500]]
        left |= dict(
            db.session.execute(
                select(Variant.sku, func.sum(StockItem.on_hand - StockItem.reserved))
                .join(
                    StockItem,
                    and_(StockItem.tenant_id == Variant.tenant_id, StockItem.variant_id == Variant.id),
                )
                .where(Variant.sku.in_(skus))
                .group_by(Variant.sku)
            ).all()
        )
    rows = []
    for each in found:
        sold = each.sales.units - each.sales.units_returned
        stock = max(0, int(left.get(each.key, 0)))
        share = sold * 1_000_000 // (sold + stock) if sold > 0 else 0
        rows.append((each.key, each.label, sold, stock, share))
    return rows


_KEY = Column("sku", _("SKU"), "text")
REPORTS: Mapping[str, Report] = {
    "days": Report(
        _("Sales by day"),
        (
            Column("day", _("Day"), "day"),
            *_SALES,
            Column("shipping", _("Shipping and fees"), "money"),
            Column("discounts", _("Discounts"), "money"),
        ),
        _days,
    ),
    "products": Report(
        _("Sales by product"), (Column("product", _("Product"), "text"), *_SALES), _by("product")
    ),
    "variants": Report(
        _("Sales by variant"),
        (_KEY, Column("variant", _("Variant"), "text"), *_SALES),
        _by("variant", keyed=True),
    ),
    "categories": Report(
        _("Sales by category"),
        (Column("category", _("Category"), "text"), *_SALES),
        _by("category"),
        note=_("A product that is in two categories counts in both."),
    ),
    "countries": Report(
        _("Sales by country"), (Column("country", _("Country"), "country"), *_SALES), _by("country")
    ),
    "tax-rates": Report(
        _("Sales by tax rate"), (Column("tax_rate", _("Tax rate"), "text"), *_SALES), _tax_rates
    ),
    "payment-methods": Report(
        _("Sales by payment method"),
        (Column("payment_method", _("Payment method"), "text"), *_SALES),
        _by("payment_method"),
    ),
    "coupons": Report(
        _("Sales by coupon"),
        (Column("coupon", _("Coupon"), "text"), *_SALES),
        _by("coupon"),
        note=_("An order with two coupons counts under both."),
    ),
    "stock-value": Report(
        _("Stock value"),
        (
            _KEY,
            Column("product", _("Product"), "text"),
            Column("on_hand", _("On hand")),
            Column("cost", _("Value at cost"), "money"),
            Column("price", _("Value at price"), "money"),
        ),
        _stock_value,
        dated=False,
    ),
    "sell-through": Report(
        _("Sell-through"),
        (
            _KEY,
            Column("variant", _("Variant"), "text"),
            Column("sold", _("Units sold")),
            Column("available", _("Available now")),
            Column("share", _("Sell-through"), "percent"),
        ),
        _sell_through,
        note=_("Units sold, as a share of these and of what is available now."),
    ),
    "returns": Report(
        _("Returns by reason"),
        (
            Column("reason", _("Reason"), "text"),
            Column("requests", _("Requests")),
            Column("closed", _("Closed")),
        ),
        returns_by_reason,
    ),
}


def file_rows(
    report: Report, period: Period, shown: Callable[[Column, Any], object]
) -> Iterator[list[object]]:
    """Yield all rows of a report as a file has them."""
    for row in report.rows(period, None):
        yield [shown(column, value) for column, value in zip(report.columns, row, strict=True)]
