"""Change what makes a price, and the steps by which an order uses a coupon and gives it back.

Limits of coupons are kept by conditional updates inside the placement, after the order's rows and before its stock.
Coupon rows are locked sorted by id, then the counters per customer in the same order. See docs/locking.md.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from commerce import clock
from commerce.catalog.reading import TENANT, dialect_name, read
from commerce.db import UtcDateTime, current_tenant_id, execute_many, insert_rows
from commerce.pricing.models import Coupon, CouponCustomer, CouponUse

_coupons, _customers, _uses = (
    cast("Table", model.__table__) for model in (Coupon, CouponCustomer, CouponUse)
)
_COUPON = (_coupons.c.tenant_id == bindparam("b_tenant")) & (_coupons.c.id == bindparam("b_coupon"))
_CUSTOMER = (
    (_customers.c.tenant_id == bindparam("b_tenant"))
    & (_customers.c.coupon_id == bindparam("b_coupon"))
    & (_customers.c.customer == bindparam("b_customer"))
)
_USE_UP = (
    update(_coupons)
    .where(_COUPON, _coupons.c.enabled, _coupons.c.used < _coupons.c.usage_limit)
    .values(used=_coupons.c.used + 1)
)
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


@dataclass(frozen=True, slots=True)
class CouponToUse:
    """A coupon that an order wants to use, with its limits (None: without limit)."""

    id: uuid.UUID
    code: str
    usage_limit: int | None
    per_customer_limit: int | None


class CouponRaced(Exception):
    """A coupon's limit was reached between our look and our grip. The caller rolls back; `codes` are used up.

    `by_customer` tells that it is this customer's own limit.
    """

    def __init__(self, codes: Sequence[str], *, by_customer: bool) -> None:
        self.codes = tuple(codes)
        self.by_customer = by_customer
        super().__init__(", ".join(codes))


# --- steps of placing and cancelling an order --------------------------------------------------------


def fold_customer(email: str) -> str:
    """Return the form in which a customer's e-mail address is counted."""
    return unicodedata.normalize("NFKC", email).strip().casefold()


def use_coupons(order_id: uuid.UUID, coupons: Sequence[CouponToUse], email: str) -> None:
    """Use coupons for an order. A step, after the order's rows and before its stock.

    Only coupons with a limit are written to, so that buyers with the same unlimited code do not wait for each other.
    Raises CouponRaced when a limit is reached; the caller's rollback undoes the rest.
    """
    customer, tenant_id = fold_customer(email), current_tenant_id()
    wanted = sorted(coupons, key=lambda coupon: coupon.id)
    for coupon in wanted:
        row = {"b_tenant": tenant_id, "b_coupon": coupon.id}
        if coupon.usage_limit is not None and execute_many(_USE_UP, [row]) != 1:
            raise CouponRaced([coupon.code], by_customer=False)
    for coupon in wanted:
        if coupon.per_customer_limit is not None and not _count_for(customer, coupon):
            raise CouponRaced([coupon.code], by_customer=True)
    insert_rows(
        CouponUse,
        [{"coupon_id": coupon.id, "order_id": order_id, "customer": customer} for coupon in wanted],
    )


def _count_for(customer: str, coupon: CouponToUse) -> bool:
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
    return bool(read(statement))


def give_back_coupons(order_id: uuid.UUID) -> None:
    """Give an order's uses of coupons back to their limits. A step; repeating it changes nothing.

    Locks coupon rows: call it before stock is released.
    """
    _count_uses(read(_GIVE_BACK, order=order_id, now=clock.now()), by=-1)


def retake_coupons(order_id: uuid.UUID) -> None:
    """Count an order's uses of coupons again, because it was reopened. A step; repeating it changes nothing.

    The shopper has paid the reduced price, so a limit that others have reached meanwhile is passed.
    """
    _count_uses(read(_RETAKE, order=order_id), by=1)


def _count_uses(uses: Sequence[Any], *, by: int) -> None:
    tenant_id = current_tenant_id()
    rows = [
        {"b_tenant": tenant_id, "b_coupon": coupon_id, "b_customer": customer, "b_by": by}
        for coupon_id, customer in sorted(tuple(use) for use in uses)
    ]
    if rows:
        execute_many(_COUNT, rows)
        execute_many(_COUNT_CUSTOMER, rows)
