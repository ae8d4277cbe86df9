"""Change what makes a price, and the steps by which an order uses a coupon and gives it back.

Limits of coupons are kept by conditional updates inside the placement, after the order's rows and before its stock.
Coupon rows are locked sorted by id, then the counters per customer in the same order. See docs/locking.md.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Integer, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm.exc import StaleDataError

from commerce import clock
from commerce.db import (
    TENANT,
    UtcDateTime,
    atomic,
    current_tenant_id,
    db,
    dialect_name,
    execute_many,
    fetch_all,
    insert_rows,
    lock,
    new_id,
)
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.pricing.coupon_codes import add_coupon, add_promotion, add_random_coupons
from commerce.pricing.models import Coupon, CouponCustomer, CouponUse, Promotion, TaxRate
from commerce.pricing.queries import CouponFacts, counted_customer, get_tax_rate
from commerce.pricing.validation import PromotionValues, TaxValues, check_promotion, check_tax, tax_values_of
from commerce.tenants.services import touch_rules

MAX_CODES_AT_ONCE = 1000

_coupons, _customers, _uses = (
    cast("Table", model.__table__) for model in (Coupon, CouponCustomer, CouponUse)
)
_COUPON = (_coupons.c.tenant_id == bindparam("b_tenant")) & (_coupons.c.id == bindparam("b_coupon"))
_CUSTOMER = (
    (_customers.c.tenant_id == bindparam("b_tenant"))
    & (_customers.c.coupon_id == bindparam("b_coupon"))
    & (_customers.c.customer == bindparam("b_customer"))
)
_AS_SEEN = (
    _COUPON
    & _coupons.c.enabled
    & _coupons.c.per_customer_limit.is_not_distinct_from(bindparam("b_each", type_=Integer()))
)
_USE_UP = (
    update(_coupons)
    .where(_AS_SEEN, _coupons.c.used < _coupons.c.usage_limit)
    .values(used=_coupons.c.used + 1)
)
_STILL = (
    select(_coupons.c.id)
    .where(_AS_SEEN, _coupons.c.usage_limit.is_not_distinct_from(bindparam("b_limit", type_=Integer())))
    .with_for_update(read=True)
)
"""Holds the limits of a coupon until the order that uses it is placed; its users do not wait for one another."""
_COUNT = (
    update(_coupons)
    .where(
        _COUPON,
        _coupons.c.usage_limit.is_not(None),
        _coupons.c.used + bindparam("b_by") >= 0,
    )
    .values(used=_coupons.c.used + bindparam("b_by"))
)
_COUNT_CUSTOMER = (
    update(_customers)
    .where(_CUSTOMER, _customers.c.used + bindparam("b_by") >= 0)
    .values(used=_customers.c.used + bindparam("b_by"))
)
_LOCK = (
    select(_coupons.c.id)
    .where(_coupons.c.tenant_id == TENANT, _coupons.c.id.in_(bindparam("coupons", expanding=True)))
    .order_by(_coupons.c.id)
    .with_for_update(key_share=True)
)
_mine = (_uses.c.tenant_id == TENANT) & (_uses.c.order_id == bindparam("order"))
_GIVE_BACK = (
    update(_uses)
    .where(_mine, _uses.c.given_back_at.is_(None))
    .values(given_back_at=bindparam("now", type_=UtcDateTime()))
    .returning(_uses.c.coupon_id, _uses.c.customer)
)
_RETAKE = (
    update(_uses)
    .where(_mine, _uses.c.given_back_at.is_not(None))
    .values(given_back_at=None)
    .returning(_uses.c.coupon_id, _uses.c.customer)
)


class CouponConflict(Exception):
    """A coupon's limit was reached between our look and our grip. The caller rolls back; `codes` are used up.

    `by_customer` tells that it is this customer's own limit.
    """

    def __init__(self, codes: Sequence[str], *, by_customer: bool) -> None:
        self.codes = tuple(codes)
        self.by_customer = by_customer
        super().__init__(", ".join(codes))


# --- steps of placing and cancelling an order --------------------------------------------------------


def use_coupons(order_id: uuid.UUID, coupons: Sequence[CouponFacts], email: str) -> None:
    """Use coupons for an order. A step, after the order's rows and before its stock.

    Only coupons with a limit are written to, so that buyers with the same unlimited code do not wait for each other.
    Raises CouponConflict when a limit is reached; the caller's rollback undoes the rest. Staff who have just changed a
    coupon are a lost race of versions: the use case starts again and sees the change.
    """
    wanted = sorted(coupons, key=lambda coupon: coupon.id)
    for coupon in wanted:
        _use_up(coupon)
    customer = counted_customer(email) if wanted else ""
    for coupon in wanted:
        if coupon.per_customer_limit is not None and not _count_for(customer, coupon):
            raise CouponConflict([coupon.code], by_customer=True)
    insert_rows(
        CouponUse,
        [{"coupon_id": coupon.id, "order_id": order_id, "customer": customer} for coupon in wanted],
    )


def _use_up(coupon: CouponFacts) -> None:
    """Count one more use in all where there is a limit, and hold the coupon's limits as they were seen."""
    row = {"b_tenant": current_tenant_id(), "b_coupon": coupon.id, "b_each": coupon.per_customer_limit}
    limited = coupon.usage_limit is not None
    if limited and execute_many(_USE_UP, [row]) == 1:
        return
    if db.session.connection().execute(_STILL, {**row, "b_limit": coupon.usage_limit}).first() is None:
        raise StaleDataError(f"The coupon {coupon.code} has just been changed.")
    if limited:
        raise CouponConflict([coupon.code], by_customer=False)


def _count_for(customer: str, coupon: CouponFacts) -> bool:
    """Count one more use by a customer, if the limit allows it, and tell whether it did."""
    insert = postgresql.insert if dialect_name() == "postgresql" else sqlite.insert
    row = {"tenant_id": current_tenant_id(), "coupon_id": coupon.id, "customer": customer, "used": 1}
    statement = (
        insert(_customers)
        .values(**row)
        .on_conflict_do_update(
            index_elements=[_customers.c.tenant_id, _customers.c.coupon_id, _customers.c.customer],
            set_={"used": _customers.c.used + 1},
            where=_customers.c.used < coupon.per_customer_limit,
        )
        .returning(_customers.c.used)
    )
    return bool(fetch_all(statement))


def release_coupons(order_id: uuid.UUID) -> None:
    """Give an order's uses of coupons back to their limits. A step; repeating it changes nothing.

    Locks coupon rows: call it before stock is released.
    """
    _count_uses(fetch_all(_GIVE_BACK, order=order_id, now=clock.now()), by=-1)


def reclaim_coupons(order_id: uuid.UUID) -> None:
    """Count an order's uses of coupons again, because it was reopened. A step; repeating it changes nothing.

    The shopper has paid the reduced price, so a limit that others have reached meanwhile is passed.
    """
    _count_uses(fetch_all(_RETAKE, order=order_id), by=1)


def _count_uses(uses: Sequence[Any], *, by: int) -> None:
    tenant_id = current_tenant_id()
    rows = [
        {"b_tenant": tenant_id, "b_coupon": coupon_id, "b_customer": customer, "b_by": by}
        for coupon_id, customer in sorted(tuple(use) for use in uses)
    ]
    if rows:
        # Whether a coupon has a limit is asked under its lock: staff may be giving it one, and counting its uses.
        fetch_all(_LOCK, coupons=[row["b_coupon"] for row in rows])
        execute_many(_COUNT, rows)
        execute_many(_COUNT_CUSTOMER, rows)


# --- promotions ------------------------------------------------------------------------------------------


@atomic
def create_promotion(values: PromotionValues, code: str = "") -> uuid.UUID:
    """Add a promotion, with its first coupon code unless that is '', and return its id. Raises InvalidValue."""
    promotion_id = add_promotion(values)
    if code:
        add_coupon(promotion_id, code, usage_limit=None, per_customer_limit=None)
    return promotion_id


@atomic
def change_promotion(promotion_id: uuid.UUID, values: PromotionValues, seen_version: int) -> None:
    """Replace a promotion's values; orders keep what they were placed with.

    Raises InvalidValue, NotFound, StaleVersion.
    """
    promotion = lock(Promotion, promotion_id, missing=NotFound("promotion_not_found"), version=seen_version)
    for name, value in check_promotion(values).columns().items():
        setattr(promotion, name, value)
    db.session.flush()
    touch_rules()


@atomic
def delete_promotion(promotion_id: uuid.UUID, seen_version: int) -> None:
    """Delete a promotion with its codes.

    Raises NotFound, StaleVersion, Conflict once an order has used a code of it.
    """
    promotion = lock(Promotion, promotion_id, missing=NotFound("promotion_not_found"), version=seen_version)
    used = (
        select(CouponUse.id)
        .join(Coupon, (Coupon.tenant_id == CouponUse.tenant_id) & (Coupon.id == CouponUse.coupon_id))
        .where(Coupon.promotion_id == promotion_id)
        .limit(1)
    )
    if db.session.scalar(used) is not None:
        raise Conflict("promotion_has_orders")
    db.session.delete(promotion)
    db.session.flush()
    touch_rules()


# --- coupons: read whenever one is used, so no cache has to be invalidated ----------------------------------


@atomic
def create_coupon(
    promotion_id: uuid.UUID,
    code: str,
    *,
    usage_limit: int | None = None,
    per_customer_limit: int | None = None,
) -> uuid.UUID:
    """Add a code that opens a promotion and return the coupon's id. A limit of None is no limit.

    Raises NotFound, InvalidValue.
    """
    return add_coupon(promotion_id, code, usage_limit, per_customer_limit)


@atomic
def create_coupons(
    promotion_id: uuid.UUID,
    count: int,
    *,
    prefix: str = "",
    usage_limit: int | None = 1,
    per_customer_limit: int | None = None,
) -> list[str]:
    """Add `count` codes that nobody can guess and return them. Raises NotFound, InvalidValue."""
    if not 0 < count <= MAX_CODES_AT_ONCE:
        raise InvalidValue("count", "not_a_whole_number_between", minimum=1, maximum=MAX_CODES_AT_ONCE)
    return add_random_coupons(promotion_id, count, prefix, usage_limit, per_customer_limit)


@atomic
def set_coupon_enabled(coupon_id: uuid.UUID, enabled: bool) -> None:
    """Switch a code on or off. Raises NotFound."""
    coupon = lock(Coupon, coupon_id, missing=NotFound("coupon_not_found"))
    coupon.enabled = enabled
    db.session.flush()


# --- tax rates: changed one after the other, because whoever raises the rules' version holds the shop's row --


@atomic
def create_tax_rate(values: TaxValues) -> uuid.UUID:
    """Add a tax rate and return its id. Raises InvalidValue."""
    values = check_tax(values)
    touch_rules()
    _refuse_second(values)
    rate = TaxRate(id=new_id(), **_tax_columns(values))
    db.session.add(rate)
    db.session.flush()
    return rate.id


@atomic
def change_tax_rate(rate_id: uuid.UUID, values: TaxValues, seen: TaxValues) -> None:
    """Replace a rate; orders keep what they were placed with. `seen` is what the page had shown.

    Raises InvalidValue, NotFound, Conflict when the rate is not as it was seen.
    """
    values = check_tax(values)
    rate = _lock_rate(rate_id, seen)
    if (values.country, values.tax_class) != (rate.country, rate.tax_class):
        _refuse_second(values)
    for name, value in _tax_columns(values).items():
        setattr(rate, name, value)
    db.session.flush()


@atomic
def delete_tax_rate(rate_id: uuid.UUID, seen: TaxValues) -> None:
    """Delete a rate; orders keep what they were placed with. Raises NotFound, Conflict as `change_tax_rate`."""
    db.session.delete(_lock_rate(rate_id, seen))
    db.session.flush()


def _lock_rate(rate_id: uuid.UUID, seen: TaxValues) -> TaxRate:
    touch_rules()
    rate = get_tax_rate(rate_id)
    if tax_values_of(rate) != seen:
        raise Conflict("tax_rate_changed")
    return rate


def _refuse_second(values: TaxValues) -> None:
    taken = select(TaxRate.id).where(TaxRate.country == values.country, TaxRate.tax_class == values.tax_class)
    if db.session.scalar(taken) is not None:
        raise InvalidValue("tax_class", "tax_rate_exists")


def _tax_columns(values: TaxValues) -> dict[str, Any]:
    return {
        "country": values.country,
        "tax_class": values.tax_class,
        "rate_ppm": values.rate_ppm,
        "label": values.label,
    }
