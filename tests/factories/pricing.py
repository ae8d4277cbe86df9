"""Promotions, coupons, fees and taxes in the shop that the test has entered."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select, update

from commerce.db import atomic, db
from commerce.payments.models import PaymentMethod
from commerce.pricing.models import Coupon, CouponCustomer, CouponUse
from commerce.pricing.services import create_coupon, create_promotion
from commerce.pricing.validation import PromotionValues
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import current_shop, shop_scope
from commerce.tenants.services import touch_rules


def make_promotion(kind: str = "percentage", **values: Any) -> uuid.UUID:
    """Add a promotion: 10 % off everything unless `values` says otherwise; amounts are minor units."""
    first: dict[str, Any] = {"label": "Spring sale", "kind": kind}
    if kind in ("percentage", "buy_x_get_y"):
        first["percent_ppm"] = 100_000
    return create_promotion(PromotionValues(**{**first, **values}))


def make_coupon(
    code: str = "WELCOME10", *, limit: int | None = None, each: int | None = None, **values: Any
) -> uuid.UUID:
    """Add a promotion that needs a code, with that code, and return the coupon's id; `limit` is in all."""
    promotion = make_promotion(**{"label": f"Welcome ({code})", "needs_code": True, **values})
    return create_coupon(promotion, code, usage_limit=limit, per_customer_limit=each)


@atomic
def set_fee(method: str, amount: int = 0, ppm: int = 0, tax_class: str = "standard") -> None:
    """Make a payment method cost something: minor units and millionths of the goods."""
    db.session.execute(
        update(PaymentMethod)
        .where(PaymentMethod.code == method)
        .values(fee_amount=amount, fee_ppm=ppm, fee_tax_class=tax_class)
        .execution_options(synchronize_session=False)
    )
    touch_rules()


@atomic
def set_cash_rounding(method: str, step: int) -> None:
    """Round totals that are paid by a method to a step in minor units."""
    db.session.execute(
        update(PaymentMethod)
        .where(PaymentMethod.code == method)
        .values(cash_rounding=step)
        .execution_options(synchronize_session=False)
    )
    touch_rules()


@contextmanager
def rules_of_now() -> Iterator[Shop]:
    """Enter the shop anew, as the next request would: with the rules that were changed since."""
    with shop_scope(get_shop(current_shop().id)) as shop:
        yield shop


def used(coupon_id: uuid.UUID) -> int:
    """Return what a coupon counts towards its limit in all."""
    counted = db.session.scalars(select(Coupon.used).where(Coupon.id == coupon_id)).one()
    db.session.close()
    return counted


def used_by(coupon_id: uuid.UUID, customer: str) -> int | None:
    """Return what a coupon counts for a customer (folded), or None when it never did."""
    counted = db.session.scalar(
        select(CouponCustomer.used).where(
            CouponCustomer.coupon_id == coupon_id, CouponCustomer.customer == customer
        )
    )
    db.session.close()
    return counted


def uses(coupon_id: uuid.UUID) -> list[tuple[str, bool]]:
    """Return (customer, given back) of every use of a coupon, oldest first."""
    rows = db.session.execute(
        select(CouponUse.customer, CouponUse.given_back_at)
        .where(CouponUse.coupon_id == coupon_id)
        .order_by(CouponUse.id)
    ).all()
    db.session.close()
    return [(customer, given_back is not None) for customer, given_back in rows]
