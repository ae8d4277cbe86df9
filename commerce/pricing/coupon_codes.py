"""Make promotions and coupon codes: the steps, and both at once."""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from sqlalchemy.exc import IntegrityError

from commerce.db import atomic, db, insert_rows, new_id
from commerce.errors import InvalidValue
from commerce.pricing.models import Coupon, Promotion
from commerce.pricing.queries import coupons_by_code, get_promotion
from commerce.pricing.validation import PromotionValues, check_code, check_limit, check_promotion
from commerce.tenants.services import touch_rules

RANDOM_LENGTH = 10
_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Letters and digits that nobody mistakes for one another."""


@atomic
def issue_coupon(
    promotion: PromotionValues | uuid.UUID,
    code: str,
    *,
    usage_limit: int | None = None,
    per_customer_limit: int | None = None,
) -> str:
    """Add a code, one that nobody can guess if it is '', with its promotion unless that is there; return the code.

    Raises NotFound, InvalidValue.
    """
    promotion_id = promotion if isinstance(promotion, uuid.UUID) else add_promotion(promotion)
    if not code:
        return add_random_coupons(promotion_id, 1, "", usage_limit, per_customer_limit)[0]
    add_coupon(promotion_id, code, usage_limit, per_customer_limit)
    return check_code(code)


def add_promotion(values: PromotionValues) -> uuid.UUID:
    """Add a promotion and return its id. A step. Raises InvalidValue."""
    promotion = Promotion(id=new_id(), **check_promotion(values).columns())
    db.session.add(promotion)
    db.session.flush()
    touch_rules()
    return promotion.id


def add_coupon(
    promotion_id: uuid.UUID,
    code: str,
    usage_limit: int | None,
    per_customer_limit: int | None,
    *,
    enabled: bool = True,
) -> uuid.UUID:
    """Add a code that opens a promotion and return the coupon's id. A step. Raises NotFound, InvalidValue."""
    code = check_code(code)
    _check_coupon(promotion_id, usage_limit, per_customer_limit)
    if coupons_by_code([code]):
        raise InvalidValue("code", "coupon_code_taken")
    facts = _coupon_row(promotion_id, code, usage_limit, per_customer_limit)
    row = {"id": new_id(), **facts, "enabled": enabled}
    try:
        insert_rows(Coupon, [row])
    except IntegrityError as error:
        # Somebody else made the same code between our look and our insert.
        raise InvalidValue("code", "coupon_code_taken") from error
    coupon_id: uuid.UUID = row["id"]
    return coupon_id


def add_random_coupons(
    promotion_id: uuid.UUID,
    count: int,
    prefix: str,
    usage_limit: int | None,
    per_customer_limit: int | None,
) -> list[str]:
    """Add codes that nobody can guess and return them. A step. Raises NotFound, InvalidValue."""
    _check_coupon(promotion_id, usage_limit, per_customer_limit)
    codes: list[str] = []
    while len(codes) < count:
        fresh = {check_code(prefix + _random_code()) for _ in range(count - len(codes))}
        codes += sorted(fresh - coupons_by_code(fresh).keys() - set(codes))
    rows = [_coupon_row(promotion_id, code, usage_limit, per_customer_limit) for code in codes]
    insert_rows(Coupon, rows)
    return codes


def _random_code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_LENGTH))


def _check_coupon(promotion_id: uuid.UUID, usage_limit: int | None, per_customer_limit: int | None) -> None:
    check_limit("usage_limit", usage_limit)
    check_limit("per_customer_limit", per_customer_limit)
    if not get_promotion(promotion_id).needs_code:
        raise InvalidValue("promotion", "promotion_without_code")


def _coupon_row(
    promotion_id: uuid.UUID, code: str, usage_limit: int | None, per_customer_limit: int | None
) -> dict[str, Any]:
    return {
        "promotion_id": promotion_id,
        "code": code,
        "usage_limit": usage_limit,
        "per_customer_limit": per_customer_limit,
    }
