"""Find the discounts of a cart: the shop's promotions, what the cart's codes open, and the state of each code."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from commerce import clock
from commerce.db import db
from commerce.pricing.calculate import Discount, LineToPrice
from commerce.pricing.coupon_validity import CouponState, add_evaluation, check_coupons
from commerce.pricing.models import Promotion
from commerce.pricing.promotions import (
    Evaluation,
    ManualDiscount,
    OpenedBy,
    ProductCategories,
    PromotionRule,
    apply_late,
    apply_promotions,
)
from commerce.pricing.queries import (
    CouponFacts,
    product_categories,
)
from commerce.tenants.scope import rules_cache


@rules_cache
def promotion_rules() -> tuple[PromotionRule, ...]:
    """Return the promotions that are switched on, in the order in which they apply."""
    rows = db.session.scalars(
        select(Promotion).where(Promotion.enabled).order_by(Promotion.position, Promotion.id)
    )
    return tuple(rule_of(row) for row in rows)


def rule_of(row: Promotion) -> PromotionRule:
    """Return a stored promotion as it is evaluated."""
    return PromotionRule(
        id=str(row.id),
        label=row.label,
        kind=row.kind,
        percent_ppm=row.percent_ppm,
        amount=row.amount,
        buy_quantity=row.buy_quantity,
        get_quantity=row.get_quantity,
        scope=row.scope,
        targets=frozenset(row.targets),
        min_subtotal=row.min_subtotal,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        needs_code=row.needs_code,
        combines=row.combines,
        skip_reduced=row.skip_reduced,
        position=row.position,
    )


@dataclass(frozen=True, slots=True)
class CartDiscounts:
    """The discounts of a cart in their order, a verdict on every promotion, and the state of every code."""

    discounts: tuple[Discount, ...] = ()
    verdicts: tuple[Evaluation, ...] = ()
    codes: tuple[CouponState, ...] = ()

    @property
    def amount(self) -> int:
        """What all of them take off, in minor units."""
        return sum(discount.amount for discount in self.discounts)

    @property
    def coupons(self) -> list[CouponFacts]:
        """The coupons that an order of this cart uses."""
        return [state.coupon for state in self.codes if state.coupon and not state.reason]


def find_discounts(
    lines: Sequence[LineToPrice],
    shipping: int | None,
    codes: Sequence[str] = (),
    *,
    email: str = "",
    manual: ManualDiscount | None = None,
    moment: datetime | None = None,
    trial: PromotionRule | None = None,
) -> CartDiscounts:
    """Return the discounts of lines and a price of shipping (minor units; None: not chosen yet) at `moment` (now).

    With an `email` limits per customer are looked at too. `trial` is a promotion that is not stored (yet); one with
    the same id stands back for it. Costs no statement unless there are codes or a promotion is about categories.
    """
    rules = promotion_rules()
    if trial is not None:
        others = [rule for rule in rules if rule.id != trial.id]
        rules = tuple(sorted([*others, trial], key=lambda rule: (rule.position, rule.id)))
    states, opened = check_coupons(rules, codes, email)
    if trial is not None and trial.needs_code:
        opened.setdefault(trial.id, OpenedBy("", ""))
    results = apply_promotions(
        rules,
        lines,
        shipping,
        moment=moment or clock.now(),
        opened=opened,
        categories=_product_categories(rules, lines, opened),
        manual=manual,
    )
    verdicts = {verdict.promotion_id: verdict for verdict in results.verdicts}
    return CartDiscounts(
        results.discounts,
        results.verdicts,
        tuple(add_evaluation(state, verdicts) for state in states),
    )


def find_late_discount(
    code: str, lines: Sequence[LineToPrice], shipping: int, before: Sequence[Discount], *, email: str
) -> tuple[CouponState, Discount | None]:
    """Return the state of a code for an order that was sold with the discounts `before`, and what it takes off.

    `shipping` is its price in minor units; `email` is the customer whose limit counts. Promotions that do not combine
    stand alone here, too.
    """
    rules = promotion_rules()
    states, opened = check_coupons(rules, [code], email)
    state = states[0]
    if state.reason or state.coupon is None:
        return state, None
    rule = next(each for each in rules if each.id in opened)
    sold = {each.source_id for each in before}
    if rule.id in sold:
        return replace(state, reason="duplicate"), None
    if sold and not (rule.combines and _all_combine(sold)):
        return replace(state, reason="superseded"), None
    verdict, discount = apply_late(
        rule,
        lines,
        shipping,
        before,
        moment=clock.now(),
        opened=opened,
        categories=_product_categories(rules, lines, opened),
    )
    return replace(state, reason=verdict.reason, missing=verdict.missing), discount


def _all_combine(promotions: Collection[str]) -> bool:
    """Tell whether promotions combine with others, switched off ones too; one that was deleted is no obstacle."""
    ids = [uuid.UUID(each) for each in promotions]
    alone = select(Promotion.id).where(Promotion.id.in_(ids), Promotion.combines.is_(False)).limit(1)
    return db.session.scalar(alone) is None


def _product_categories(
    rules: Sequence[PromotionRule], lines: Sequence[LineToPrice], opened: dict[str, OpenedBy]
) -> ProductCategories:
    """Return the categories of what is in the cart, if any promotion asks for them."""
    asked = any(rule.scope == "categories" and (not rule.needs_code or rule.id in opened) for rule in rules)
    products = {line.product_id for line in lines if line.product_id is not None}
    return product_categories(products) if asked and products else {}
