"""Lists of the pages about pricing that join several features."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import func, select

from commerce.admin.queries import page_by_keys
from commerce.db import db
from commerce.errors import Conflict
from commerce.list_queries import bounded_count
from commerce.orders.models import OrderAdjustment
from commerce.paging import Page
from commerce.pricing.coupon_rows import CouponRow, coupon_rows
from commerce.pricing.models import Coupon
from commerce.pricing.queries import fold_code


def list_coupons(
    *, search: str = "", promotion_id: uuid.UUID | None = None, page: int = 1
) -> Page[CouponRow]:
    """Return a page of `CouponRow`, the newest first; `search` is a part of the code."""
    conditions = coupon_conditions(search, promotion_id)
    keys = select(Coupon.tenant_id, Coupon.id).where(*conditions).order_by(Coupon.id.desc())

    def rows(page_of_keys: Any) -> Any:
        return coupon_rows(Coupon.id.in_(select(page_of_keys.c.id))).order_by(Coupon.id.desc())

    return page_by_keys(keys, bounded_count(keys), page, rows, lambda row: CouponRow(*row))


def coupon_conditions(search: str, promotion_id: uuid.UUID | None) -> list[Any]:
    """Return what must hold of the coupons that the list's filter finds."""
    conditions: list[Any] = []
    if search:
        conditions.append(Coupon.code.contains(fold_code(search), autoescape=True))
    if promotion_id is not None:
        conditions.append(Coupon.promotion_id == promotion_id)
    return conditions


def coupons_for_file(promotion_id: uuid.UUID) -> list[CouponRow]:
    """Return all codes of a promotion by code."""
    rows = db.session.execute(coupon_rows(Coupon.promotion_id == promotion_id).order_by(Coupon.code))
    return [CouponRow(*row) for row in rows]


def count_coupons() -> dict[uuid.UUID, int]:
    """Return how many codes each promotion has."""
    rows = db.session.execute(
        select(Coupon.promotion_id, func.count(Coupon.id).label("codes")).group_by(Coupon.promotion_id)
    )
    return {row.promotion_id: row.codes for row in rows}


def refuse_if_ordered(promotion_id: uuid.UUID) -> None:
    """Raise Conflict when an order had the promotion: people will want to know what it was."""
    named = select(OrderAdjustment.id).where(
        OrderAdjustment.source_type == "promotion", OrderAdjustment.source_id == str(promotion_id)
    )
    if db.session.scalar(named.limit(1)) is not None:
        raise Conflict("promotion_has_orders")
