"""The statements that sum up one day from orders, credits, refunds and carts. They only read.

Each is built of parts that are added up: what was sold on the day, and what was given back on the day of orders of any
day. They are statements of the core, so every part names the shop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    String,
    and_,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)

from commerce.cart.models import Cart, CartLine
from commerce.catalog.models import Category, ProductCategory
from commerce.db import current_tenant_id
from commerce.orders.models import Credit, CreditLine, Order, OrderLine
from commerce.payments.models import Refund
from commerce.pricing.models import Coupon, CouponUse
from commerce.reports.days import id_bound
from commerce.tenants.scope import current_shop

orders: Any = Order.__table__
lines: Any = OrderLine.__table__
credits_: Any = Credit.__table__
credit_lines: Any = CreditLine.__table__
refunds: Any = Refund.__table__
carts: Any = Cart.__table__
cart_lines: Any = CartLine.__table__
coupon_uses: Any = CouponUse.__table__
coupons: Any = Coupon.__table__
product_categories: Any = ProductCategory.__table__
categories: Any = Category.__table__

SHIPPING = "shipping"
"""The key under which shipping and fees stand among the tax rates."""

Keyed = tuple[ColumnElement[Any], ColumnElement[Any]]
"""Key and label of a part's rows."""


def has_anything(start: datetime, end: datetime) -> ColumnElement[bool]:
    """Return whether anything is to be summed up: on most days of a quiet shop there is nothing."""
    return or_(
        select(orders.c.id).where(*_sold(start, end)).exists(),
        select(credits_.c.id)
        .select_from(_of_order(credits_))
        .where(*_given_back(credits_, start, end))
        .exists(),
        select(refunds.c.id)
        .select_from(_of_order(refunds))
        .where(*_given_back(refunds, start, end))
        .exists(),
        select(carts.c.id).where(*_begun(start, end)).exists(),
    )


def day_totals(day: date, start: datetime, end: datetime) -> Select[Any]:
    """Return a row per currency as `SalesDay` holds it, of the time from `start` until before `end`."""
    measures = (
        *("orders", "units", "gross", "tax", "shipping", "discounts"),
        *("units_returned", "credited", "credited_tax", "refunded", "carts", "carts_ordered"),
    )

    def part(currency: Any, source: FromClause, *where: Any, **sums: Any) -> Select[Any]:
        values = [func.coalesce(sums.get(name, literal(0)), 0).label(name) for name in measures]
        return select(currency.label("currency"), *values).select_from(source).where(*where)

    held = (
        select(cart_lines.c.id)
        .where(cart_lines.c.tenant_id == carts.c.tenant_id, cart_lines.c.cart_id == carts.c.id)
        .exists()
    )
    parts = union_all(
        part(
            orders.c.currency,
            orders,
            *_sold(start, end),
            orders=literal(1),
            units=_units_of_order(),
            gross=orders.c.total,
            tax=orders.c.tax_amount,
            shipping=orders.c.shipping_amount + orders.c.fee_amount,
            discounts=orders.c.discount_amount,
        ),
        part(
            orders.c.currency,
            _of_order(credits_),
            *_given_back(credits_, start, end),
            units_returned=_units_of_credit(),
            credited=credits_.c.amount,
            credited_tax=credits_.c.tax_amount,
        ),
        part(
            orders.c.currency,
            _of_order(refunds),
            *_given_back(refunds, start, end),
            refunds.c.state != "failed",
            refunded=refunds.c.amount,
        ),
        part(
            literal(current_shop().currency),
            carts,
            *_begun(start, end),
            or_(carts.c.status == "ordered", held),
            carts=literal(1),
            carts_ordered=case((carts.c.status == "ordered", 1), else_=0),
        ),
    ).subquery()
    return select(
        literal(current_tenant_id()).label("tenant_id"),
        literal(day).label("day"),
        parts.c.currency,
        *(func.sum(parts.c[name]).label(name) for name in measures),
    ).group_by(parts.c.currency)


def day_by(dimension: str, day: date, start: datetime, end: datetime) -> Select[Any]:
    """Return a row per key and currency as `SalesBy` holds it."""
    parts = union_all(*DIMENSION_PARTS[dimension](start, end)).subquery()
    sums = ("units", "gross", "tax", "units_returned", "credited", "credited_tax")
    return select(
        literal(current_tenant_id()).label("tenant_id"),
        literal(dimension).label("dimension"),
        literal(day).label("day"),
        parts.c.currency,
        parts.c.key,
        func.max(parts.c.label).label("label"),
        func.count(parts.c.order_id.distinct()).label("orders"),
        *(func.sum(parts.c[name]).label(name) for name in sums),
    ).group_by(parts.c.currency, parts.c.key)


# --- conditions and amounts --------------------------------------------------------------------------


def _sold(start: datetime, end: datetime) -> tuple[Any, ...]:
    return (
        orders.c.tenant_id == current_tenant_id(),
        orders.c.placed_at >= start,
        orders.c.placed_at < end,
        orders.c.status != "cancelled",
    )


def _given_back(table: Any, start: datetime, end: datetime) -> tuple[Any, ...]:
    return (
        table.c.tenant_id == current_tenant_id(),
        table.c.created_at >= start,
        table.c.created_at < end,
        orders.c.status != "cancelled",
    )


def _begun(start: datetime, end: datetime) -> tuple[Any, ...]:
    return (
        carts.c.tenant_id == current_tenant_id(),
        carts.c.id >= id_bound(start),
        carts.c.id < id_bound(end),
        carts.c.draft_by == "",
    )


def _of_order(table: Any) -> FromClause:
    return table.join(  # type: ignore[no-any-return]
        orders, and_(orders.c.tenant_id == table.c.tenant_id, orders.c.id == table.c.order_id)
    )


def _units_of_order() -> Any:
    own = and_(lines.c.tenant_id == orders.c.tenant_id, lines.c.order_id == orders.c.id)
    return select(func.sum(lines.c.quantity)).where(own).correlate(orders).scalar_subquery()


def _units_of_credit() -> Any:
    own = and_(credit_lines.c.tenant_id == credits_.c.tenant_id, credit_lines.c.credit_id == credits_.c.id)
    return select(func.sum(credit_lines.c.quantity)).where(own).correlate(credits_).scalar_subquery()


def _line_gross() -> Any:
    """What a line came to, tax included."""
    added = case((orders.c.prices_include_tax, 0), else_=lines.c.tax_amount)
    return lines.c.amount - lines.c.discount_amount + added


def _row(keyed: Keyed, order_id: Any, **sums: Any) -> list[Any]:
    names = ("units", "gross", "tax", "units_returned", "credited", "credited_tax")
    return [
        orders.c.currency.label("currency"),
        cast(keyed[0], String).label("key"),
        cast(keyed[1], String).label("label"),
        order_id.label("order_id"),
        *(func.coalesce(sums.get(name, literal(0)), 0).label(name) for name in names),
    ]


# --- dimensions --------------------------------------------------------------------------------------


def _by_order(keyed: Keyed, extra: Callable[[FromClause], FromClause] = lambda source: source) -> Any:
    """Sum up whole orders by something that an order has."""

    def parts(start: datetime, end: datetime) -> tuple[Select[Any], Select[Any]]:
        sold = _row(
            keyed, orders.c.id, units=_units_of_order(), gross=orders.c.total, tax=orders.c.tax_amount
        )
        back = _row(
            keyed,
            cast(null(), orders.c.id.type),
            units_returned=_units_of_credit(),
            credited=credits_.c.amount,
            credited_tax=credits_.c.tax_amount,
        )
        return (
            select(*sold).select_from(extra(orders)).where(*_sold(start, end)),
            select(*back).select_from(extra(_of_order(credits_))).where(*_given_back(credits_, start, end)),
        )

    return parts


def _by_line(keyed: Keyed, extra: Callable[[FromClause], FromClause] = lambda source: source) -> Any:
    """Sum up lines by something that a line has."""

    def parts(start: datetime, end: datetime) -> tuple[Select[Any], Select[Any]]:
        sold = _row(keyed, orders.c.id, units=lines.c.quantity, gross=_line_gross(), tax=lines.c.tax_amount)
        back = _row(
            keyed,
            cast(null(), orders.c.id.type),
            units_returned=credit_lines.c.quantity,
            credited=credit_lines.c.amount,
            credited_tax=credit_lines.c.tax_amount,
        )
        own = and_(lines.c.tenant_id == orders.c.tenant_id, lines.c.order_id == orders.c.id)
        of_credit = and_(
            credit_lines.c.tenant_id == credits_.c.tenant_id, credit_lines.c.credit_id == credits_.c.id
        )
        of_line = and_(
            lines.c.tenant_id == credit_lines.c.tenant_id, lines.c.id == credit_lines.c.order_line_id
        )
        given = _of_order(credits_).join(credit_lines, of_credit).join(lines, of_line)
        return (
            select(*sold).select_from(extra(orders.join(lines, own))).where(*_sold(start, end)),
            select(*back).select_from(extra(given)).where(*_given_back(credits_, start, end)),
        )

    return parts


def _with_categories(source: FromClause) -> FromClause:
    of_product = and_(
        product_categories.c.tenant_id == lines.c.tenant_id,
        product_categories.c.product_id == lines.c.product_id,
    )
    of_category = and_(
        categories.c.tenant_id == product_categories.c.tenant_id,
        categories.c.id == product_categories.c.category_id,
    )
    return source.join(product_categories, of_product).join(categories, of_category)


def _with_coupons(source: FromClause) -> FromClause:
    used = and_(coupon_uses.c.tenant_id == orders.c.tenant_id, coupon_uses.c.order_id == orders.c.id)
    of_use = and_(coupons.c.tenant_id == coupon_uses.c.tenant_id, coupons.c.id == coupon_uses.c.coupon_id)
    return source.join(coupon_uses, used).join(coupons, of_use)


def _by_tax_rate(start: datetime, end: datetime) -> tuple[Select[Any], ...]:
    """Goods by their rate, and what is left of each order: shipping and fees. Together they are what orders came to."""
    goods = _by_line((lines.c.tax_rate_ppm, literal("")))(start, end)
    own = and_(lines.c.tenant_id == orders.c.tenant_id, lines.c.order_id == orders.c.id)
    of_credit = and_(
        credit_lines.c.tenant_id == credits_.c.tenant_id, credit_lines.c.credit_id == credits_.c.id
    )

    def rest(whole: Any, part: Any, where: Any, of: Any) -> Any:
        return whole - func.coalesce(select(func.sum(part)).where(where).correlate(of).scalar_subquery(), 0)

    keyed = (literal(SHIPPING), literal(""))
    gross = select(func.sum(_line_gross())).where(own).correlate(orders).scalar_subquery()
    sold = _row(
        keyed,
        orders.c.id,
        gross=orders.c.total - func.coalesce(gross, 0),
        tax=rest(orders.c.tax_amount, lines.c.tax_amount, own, orders),
    )
    back = _row(
        keyed,
        cast(null(), orders.c.id.type),
        credited=rest(credits_.c.amount, credit_lines.c.amount, of_credit, credits_),
        credited_tax=rest(credits_.c.tax_amount, credit_lines.c.tax_amount, of_credit, credits_),
    )
    return (
        *goods,
        select(*sold).select_from(orders).where(*_sold(start, end)),
        select(*back).select_from(_of_order(credits_)).where(*_given_back(credits_, start, end)),
    )


_options = case((lines.c.options == "", lines.c.title), else_=lines.c.title + " / " + lines.c.options)
DIMENSION_PARTS: Mapping[str, Callable[[datetime, datetime], tuple[Select[Any], ...]]] = {
    "product": _by_line((lines.c.product_id, lines.c.title)),
    "variant": _by_line((lines.c.sku, _options)),
    "category": _by_line((categories.c.id, categories.c.name), _with_categories),
    "country": _by_order((orders.c.shipping_address["country_code"].as_string(), literal(""))),
    "payment_method": _by_order((orders.c.payment_method, orders.c.payment_label)),
    "coupon": _by_order((coupons.c.code, literal("")), _with_coupons),
    "tax_rate": _by_tax_rate,
}
"""How each of models.DIMENSIONS finds its keys."""
