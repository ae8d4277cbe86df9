"""Change how often a coupon may be used, while shoppers use it.

Uses are counted only where there is a limit. So whoever changes one counts them again, from the orders that have the
code, under the coupon's lock: every order that uses it holds that lock until it is placed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, select

from commerce.db import atomic, check_version, db, insert_rows, lock
from commerce.errors import InvalidValue, NotFound
from commerce.pricing.models import Coupon, CouponCustomer, CouponUse
from commerce.pricing.validation import check_limit
from commerce.tenants.row_hash import row_fingerprint


def limits_version(usage_limit: int | None, per_customer_limit: int | None) -> int:
    """Return the number by which a form says which limits it had shown."""
    return row_fingerprint(usage_limit, per_customer_limit)


@atomic
def change_limits(
    coupon_id: uuid.UUID, *, usage_limit: int | None, per_customer_limit: int | None, seen_version: int
) -> None:
    """Set how often a code may be used, in all and by one customer; None is no limit.

    Raises NotFound, StaleVersion, InvalidValue for a limit that orders have passed already.
    """
    coupon = lock(Coupon, coupon_id, missing=NotFound("coupon_not_found"))
    check_version("coupon", seen_version, limits_version(coupon.usage_limit, coupon.per_customer_limit))
    _set_limits(coupon, usage_limit, per_customer_limit)


def coupon_version(usage_limit: int | None, per_customer_limit: int | None, *, enabled: bool) -> int:
    """Return the number by which a program says in which state it has seen a coupon."""
    return row_fingerprint(usage_limit, per_customer_limit, enabled)


@atomic
def change_coupon(coupon_id: uuid.UUID, seen_version: int, changes: Mapping[str, Any]) -> None:
    """Change what `changes` names of enabled, usage_limit and per_customer_limit; the rest stays.

    Raises NotFound, StaleVersion, InvalidValue for a limit that orders have passed already.
    """
    coupon = lock(Coupon, coupon_id, missing=NotFound("coupon_not_found"))
    now = {name: getattr(coupon, name) for name in ("usage_limit", "per_customer_limit", "enabled")}
    check_version("coupon", seen_version, coupon_version(**now))
    wanted = {**now, **changes}
    set_coupon(coupon, **wanted)


def set_coupon(
    coupon: Coupon, *, usage_limit: int | None, per_customer_limit: int | None, enabled: bool
) -> None:
    """Set the limits of a coupon that the caller has locked, and whether it is on. A step.

    Raises InvalidValue for a limit that orders have passed already.
    """
    _set_limits(coupon, usage_limit, per_customer_limit)
    coupon.enabled = enabled
    db.session.flush()


def check_limits(
    coupon_id: uuid.UUID, usage_limit: int | None, per_customer_limit: int | None
) -> dict[str, int]:
    """Return the uses of a coupon by customer. A step. Raises InvalidValue for a limit that they have passed."""
    check_limit("usage_limit", usage_limit)
    check_limit("per_customer_limit", per_customer_limit)
    uses = _uses_by_customer(coupon_id)
    used = sum(uses.values())
    if usage_limit is not None and usage_limit < used:
        raise InvalidValue("usage_limit", "usage_limit_below_uses", used=used)
    most = max(uses.values(), default=0)
    if per_customer_limit is not None and per_customer_limit < most:
        raise InvalidValue("per_customer_limit", "customer_limit_below_uses", used=most)
    return uses


def _set_limits(coupon: Coupon, usage_limit: int | None, per_customer_limit: int | None) -> None:
    uses = check_limits(coupon.id, usage_limit, per_customer_limit)
    coupon.usage_limit, coupon.per_customer_limit = usage_limit, per_customer_limit
    coupon.used = 0 if usage_limit is None else sum(uses.values())
    db.session.flush()
    _count_customers(coupon.id, {} if per_customer_limit is None else uses)


def _uses_by_customer(coupon_id: uuid.UUID) -> dict[str, int]:
    rows = db.session.execute(
        select(CouponUse.customer, func.count(CouponUse.id).label("uses"))
        .where(CouponUse.coupon_id == coupon_id, CouponUse.given_back_at.is_(None))
        .group_by(CouponUse.customer)
    )
    return {row.customer: row.uses for row in rows}


def _count_customers(coupon_id: uuid.UUID, uses: dict[str, int]) -> None:
    db.session.execute(
        delete(CouponCustomer)
        .where(CouponCustomer.coupon_id == coupon_id)
        .execution_options(synchronize_session=False)
    )
    rows = [
        {"coupon_id": coupon_id, "customer": customer, "used": count}
        for customer, count in sorted(uses.items())
    ]
    if rows:
        insert_rows(CouponCustomer, rows)
