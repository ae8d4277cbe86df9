"""Decide whether the coupon codes of a cart are valid: unknown, disabled, ended, used up, or used by this customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from commerce.pricing.promotions import Evaluation, OpenedBy, PromotionRule
from commerce.pricing.queries import CouponFacts, coupons_by_code, fold_code, uses_by_customer

GONE = ("unknown", "disabled", "ended", "used_up", "used_by_you")
"""What makes a code worthless, whatever is in the cart."""


@dataclass(frozen=True, slots=True)
class CouponState:
    """The state of a code that was entered: `reason` is '' when it takes something off, else why it does not.

    The reasons are those of a Verdict, and unknown, disabled, used_up, used_by_you, duplicate (another code opened
    the same promotion).
    """

    code: str
    reason: str = ""
    missing: int = 0
    coupon: CouponFacts | None = None

    @property
    def gone(self) -> bool:
        """Whether no cart could make this code work."""
        return self.reason in GONE


def check_coupons(
    rules: Sequence[PromotionRule], codes: Sequence[str], email: str
) -> tuple[list[CouponState], dict[str, OpenedBy]]:
    """Return whether each code is known, enabled and not used up, and which promotions the good ones open."""
    folded = list(dict.fromkeys(fold_code(code) for code in codes))
    known = coupons_by_code(folded)
    limited = [coupon.id for coupon in known.values() if coupon.per_customer_limit is not None]
    uses = uses_by_customer(limited, email) if email and limited else {}
    needing = {rule.id for rule in rules if rule.needs_code}
    opened: dict[str, OpenedBy] = {}
    states = []
    for code in folded:
        coupon, reason = known.get(code), ""
        if coupon is None:
            reason = "unknown"
        elif not coupon.enabled or str(coupon.promotion_id) not in needing:
            reason = "disabled"
        elif coupon.usage_limit is not None and coupon.used >= coupon.usage_limit:
            reason = "used_up"
        elif coupon.per_customer_limit is not None and uses.get(coupon.id, 0) >= coupon.per_customer_limit:
            reason = "used_by_you"
        elif str(coupon.promotion_id) in opened:
            reason = "duplicate"
        else:
            opened[str(coupon.promotion_id)] = OpenedBy(str(coupon.id), code)
        states.append(CouponState(code, reason, coupon=coupon))
    return states, opened


def add_evaluation(state: CouponState, verdicts: dict[str, Evaluation]) -> CouponState:
    """Add the evaluation of its promotion to the state of a code."""
    if state.reason or state.coupon is None:
        return state
    verdict = verdicts[str(state.coupon.promotion_id)]
    return CouponState(state.code, verdict.reason, verdict.missing, state.coupon)
