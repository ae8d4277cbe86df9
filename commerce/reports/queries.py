"""Read the summaries of sales: a period's figures, its days, and what sold by product, country and the like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, func, select

from commerce.db import db
from commerce.orders.models import ReturnRequest
from commerce.reports.days import Period, bounds
from commerce.reports.models import SalesBy, SalesDay
from commerce.tenants.scope import current_shop


@dataclass(frozen=True, slots=True)
class Sales:
    """Figures of a period, amounts in minor units of the shop's currency. See `SalesDay`."""

    orders: int = 0
    units: int = 0
    gross: int = 0
    tax: int = 0
    units_returned: int = 0
    credited: int = 0
    credited_tax: int = 0
    shipping: int = 0
    discounts: int = 0
    refunded: int = 0
    carts: int = 0
    carts_ordered: int = 0

    @property
    def net(self) -> int:
        """What was sold and not given back, without tax."""
        return (self.gross - self.tax) - (self.credited - self.credited_tax)

    @property
    def average_order(self) -> int:
        """What an order came to, rounded half up; 0 without orders."""
        return (2 * self.gross + self.orders) // (2 * self.orders) if self.orders else 0

    @property
    def conversion_ppm(self) -> int | None:
        """How many of the carts that held something were ordered, in millionths; None without carts."""
        return self.carts_ordered * 1_000_000 // self.carts if self.carts else None


@dataclass(frozen=True, slots=True)
class SoldBy:
    """The sales of a period under one key of a dimension."""

    key: str
    label: str
    sales: Sales


_BY = ("orders", "units", "gross", "tax", "units_returned", "credited", "credited_tax")
_TOTALS = (*_BY, "shipping", "discounts", "refunded", "carts", "carts_ordered")


def _within(model: Any, period: Period) -> tuple[ColumnElement[bool], ...]:
    return (
        model.day >= period.first,
        model.day <= period.last,
        model.currency == current_shop().currency,
    )


def sales_of(period: Period) -> Sales:
    """Return the figures of a period."""
    sums = [func.coalesce(func.sum(getattr(SalesDay, name)), 0) for name in _TOTALS]
    row = db.session.execute(select(*sums).where(*_within(SalesDay, period))).one()
    return Sales(**dict(zip(_TOTALS, map(int, row), strict=True)))


def sales_by_day(period: Period) -> dict[date, Sales]:
    """Return the figures of each day of a period, oldest first; days without any are there too."""
    columns = [getattr(SalesDay, name) for name in _TOTALS]
    rows = db.session.execute(select(SalesDay.day, *columns).where(*_within(SalesDay, period))).all()
    found = {row[0]: Sales(**dict(zip(_TOTALS, row[1:], strict=True))) for row in rows}
    return {day: found.get(day, Sales()) for day in period.each()}


def sales_by(dimension: str, period: Period, limit: int | None = None) -> Sequence[SoldBy]:
    """Return what sold by product, variant, category, country, payment method, coupon or tax rate, most first.

    The label is the one of the last day.
    """
    sums = [func.sum(getattr(SalesBy, name)) for name in _BY]
    net = func.sum(SalesBy.gross - SalesBy.tax - SalesBy.credited + SalesBy.credited_tax)
    rows = db.session.execute(
        select(SalesBy.key, func.max(SalesBy.label), *sums)
        .where(SalesBy.dimension == dimension, *_within(SalesBy, period))
        .group_by(SalesBy.key)
        .order_by(net.desc(), SalesBy.key)
        .limit(limit)
    ).all()
    return [SoldBy(row[0], row[1], Sales(**dict(zip(_BY, map(int, row[2:]), strict=True)))) for row in rows]


def returns_by_reason(period: Period, limit: int | None = None) -> Sequence[Any]:
    """Return (reason, requests, of them closed) of requests for refunds and returns, most first."""
    start, end = bounds(period.first, period.last)
    closed = func.count().filter(ReturnRequest.state == "closed")
    return db.session.execute(
        select(ReturnRequest.reason, func.count(), closed)
        .where(ReturnRequest.created_at >= start, ReturnRequest.created_at < end)
        .group_by(ReturnRequest.reason)
        .order_by(func.count().desc(), ReturnRequest.reason)
        .limit(limit)
    ).all()
