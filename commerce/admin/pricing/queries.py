"""Lists of the pages for prices that join several features."""

from __future__ import annotations

import math
import uuid

from sqlalchemy import func, select

from commerce.admin.queries import PAGE, ListPage
from commerce.catalog.models import Variant
from commerce.db import db
from commerce.errors import Conflict
from commerce.orders.models import OrderAdjustment
from commerce.pricing.coupon_rows import CouponRow, coupon_rows
from commerce.pricing.models import Coupon, TaxRate
from commerce.pricing.queries import fold_code


def list_coupons(*, search: str = "", promotion_id: uuid.UUID | None = None, page: int = 1) -> ListPage:
    """Return a page of `CouponRow`, the newest first; `search` is a part of the code."""
    conditions = []
    if search:
        conditions.append(Coupon.code.contains(fold_code(search), autoescape=True))
    if promotion_id is not None:
        conditions.append(Coupon.promotion_id == promotion_id)
    total = db.session.execute(select(func.count(Coupon.id)).where(*conditions)).scalar_one()
    last = max(1, math.ceil(total / PAGE))
    current = min(page, last)
    rows = db.session.execute(
        coupon_rows(*conditions).order_by(Coupon.id.desc()).limit(PAGE).offset((current - 1) * PAGE)
    )
    return ListPage([CouponRow(*row) for row in rows], total, current, last)


def coupons_for_file(promotion_id: uuid.UUID) -> list[CouponRow]:
    """Return all codes of a promotion by code."""
    rows = db.session.execute(coupon_rows(Coupon.promotion_id == promotion_id).order_by(Coupon.code))
    return [CouponRow(*row) for row in rows]


def count_coupons() -> dict[uuid.UUID, int]:
    """Return how many codes each promotion has."""
    rows = db.session.execute(
        select(Coupon.promotion_id, func.count(Coupon.id)).group_by(Coupon.promotion_id)
    )
    return {row[0]: row[1] for row in rows}


def tax_classes() -> list[str]:
    """Return the tax classes that the tax table or a product names, to choose from."""
    named = set(db.session.scalars(select(TaxRate.tax_class).distinct()))
    return sorted(named | set(db.session.scalars(select(Variant.tax_class).distinct())))


def refuse_if_ordered(promotion_id: uuid.UUID) -> None:
    """Raise Conflict when an order had the promotion: people will want to know what it was."""
    named = select(OrderAdjustment.id).where(
        OrderAdjustment.source_type == "promotion", OrderAdjustment.source_id == str(promotion_id)
    )
    if db.session.scalar(named.limit(1)) is not None:
        raise Conflict("promotion_has_orders")
