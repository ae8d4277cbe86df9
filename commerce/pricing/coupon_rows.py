"""Read coupons with the promotions that they open and how often orders have them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, and_, func, select

from commerce.db import db
from commerce.errors import NotFound
from commerce.pricing.models import Coupon, CouponUse, Promotion
from commerce.pricing.queries import fold_code


@dataclass(frozen=True, slots=True)
class CouponRow:
    """A code with the promotion that it opens. `uses` are the orders that have it now; a limit of None is none."""

    id: uuid.UUID
    code: str
    promotion_id: uuid.UUID
    label: str
    enabled: bool
    usage_limit: int | None
    per_customer_limit: int | None
    uses: int


def coupon_rows(*conditions: Any) -> Select[Any]:
    """Return the statement that finds the facts of a `CouponRow`."""
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
    return (
        select(
            Coupon.id,
            Coupon.code,
            Coupon.promotion_id,
            Promotion.label,
            Coupon.enabled,
            Coupon.usage_limit,
            Coupon.per_customer_limit,
            uses,
        )
        .join(Promotion, and_(Promotion.tenant_id == Coupon.tenant_id, Promotion.id == Coupon.promotion_id))
        .where(*conditions)
    )


def get_coupon_row(coupon_id: uuid.UUID) -> CouponRow:
    """Return one coupon. Raises NotFound."""
    return _one(Coupon.id == coupon_id)


def find_coupon(typed: str) -> CouponRow:
    """Return the coupon of a code, however it is typed. Raises NotFound."""
    return _one(Coupon.code == fold_code(typed))


def _one(condition: Any) -> CouponRow:
    row = db.session.execute(coupon_rows(condition)).one_or_none()
    if row is None:
        raise NotFound("coupon_not_found")
    return CouponRow(*row)


def list_coupon_rows(
    promotion_id: uuid.UUID | None, before: uuid.UUID | None, limit: int
) -> tuple[Sequence[CouponRow], uuid.UUID | None]:
    """Return a page of coupons, the newest first, and the id to go on from, None at the end.

    By keyset: no page costs more than the first, and new coupons shift none.
    """
    statement = coupon_rows(*_of(promotion_id))
    if before is not None:
        statement = statement.where(Coupon.id < before)
    found = db.session.execute(statement.order_by(Coupon.id.desc()).limit(limit + 1)).all()
    rows = [CouponRow(*row) for row in found[:limit]]
    return rows, rows[-1].id if len(found) > limit else None


def count_coupon_rows(promotion_id: uuid.UUID | None) -> int:
    """Return how many coupons there are, all or those of one promotion."""
    return db.session.execute(select(func.count(Coupon.id)).where(*_of(promotion_id))).scalar_one()


def _of(promotion_id: uuid.UUID | None) -> list[Any]:
    return [] if promotion_id is None else [Coupon.promotion_id == promotion_id]
