"""Which promotions a cart gets, and how much each takes off. Pure: no database, no clock, integers only.

Promotions apply in their order, each to what the earlier ones left. Those that combine add up; one that does not
combine stands alone. The shopper gets what takes off more: all that combine together, or one of the others alone.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from commerce.money import allocate_amount, divide_half_up, share_of
from commerce.pricing.calculate import Discount, LineToPrice

ProductCategories = Mapping[uuid.UUID, frozenset[str]]
"""The category ids (as text) of each product."""


@dataclass(frozen=True, slots=True)
class PromotionRule:
    """A promotion as it is evaluated; the fields are those of its row. Amounts are minor units."""

    id: str
    label: str
    kind: str
    percent_ppm: int = 0
    amount: int = 0
    buy_quantity: int = 0
    get_quantity: int = 0
    scope: str = "all"
    targets: frozenset[str] = frozenset()
    min_subtotal: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    needs_code: bool = False
    combines: bool = True
    skip_reduced: bool = False
    position: int = 0


@dataclass(frozen=True, slots=True)
class OpenedBy:
    """The coupon by which a cart may have a promotion."""

    coupon_id: str
    code: str


@dataclass(frozen=True, slots=True)
class ManualDiscount:
    """What staff take off the goods of an order that they prepare, in minor units."""

    amount: int
    label: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The evaluation of one promotion: `reason` is '' when it applied, else why not.

    not_started, ended, needs_code, below_minimum (`missing` minor units), nothing_eligible, awaits_shipping (shipping
    is not chosen yet), no_effect (there is nothing left to take off), superseded (others take off more).
    """

    promotion_id: str
    label: str
    amount: int = 0
    reason: str = ""
    missing: int = 0


@dataclass(frozen=True, slots=True)
class PromotionResult:
    """The discounts of a cart, in their order, and a verdict on every promotion of the shop."""

    discounts: tuple[Discount, ...]
    verdicts: tuple[Evaluation, ...]


@dataclass(slots=True)
class _Left:
    """What lines and shipping still cost while promotions are applied one after the other."""

    lines: list[int]
    shipping: int


def apply_promotions(
    rules: Sequence[PromotionRule],
    lines: Sequence[LineToPrice],
    shipping: int | None,
    *,
    moment: datetime,
    opened: Mapping[str, OpenedBy],
    categories: ProductCategories,
    manual: ManualDiscount | None = None,
) -> PromotionResult:
    """Apply the shop's `rules` (in their order) to lines and a price of shipping (None: not chosen yet).

    `opened` holds the promotions whose code the cart has. Minimums are met by the subtotal before any discount.
    A `manual` discount comes last and takes off what is left of the goods at most.
    """
    subtotal = sum(line.amount for line in lines)
    verdicts: dict[str, Evaluation] = {}
    live = []
    for rule in rules:
        verdict = _refusal(rule, lines, shipping, subtotal, moment, opened, categories)
        verdicts[rule.id] = verdict or Evaluation(rule.id, rule.label)
        if verdict is None:
            live.append(rule)
    best = _best(live, lines, shipping, categories)
    for rule in live:
        verdicts[rule.id] = _evaluation(rule, best, lines, shipping, categories)
    discounts = [
        replace(found, coupon_id=opened[rule.id].coupon_id, code=opened[rule.id].code)
        if rule.needs_code
        else found
        for rule, found in best
    ]
    if manual is not None:
        discounts += _by_hand(manual, lines, discounts)
    return PromotionResult(tuple(discounts), tuple(verdicts[rule.id] for rule in rules))


def apply_late(
    rule: PromotionRule,
    lines: Sequence[LineToPrice],
    shipping: int,
    before: Sequence[Discount],
    *,
    moment: datetime,
    opened: Mapping[str, OpenedBy],
    categories: ProductCategories,
) -> tuple[Evaluation, Discount | None]:
    """Apply one more rule to an order that was sold with the discounts `before`, to what they leave of it.

    `shipping` is its price in minor units. Whether the rule combines with those is for the caller to say.
    """
    subtotal = sum(line.amount for line in lines)
    refusal = _refusal(rule, lines, shipping, subtotal, moment, opened, categories)
    if refusal is not None:
        return refusal, None
    left = _Left(
        [line.amount - sum(each.shares[place] for each in before) for place, line in enumerate(lines)],
        shipping - sum(each.on_shipping for each in before),
    )
    shares, on_shipping = _reduction(rule, lines, left, _eligible(rule, lines, categories))
    by = opened[rule.id]
    discount = Discount(rule.id, rule.label, tuple(shares), on_shipping, by.coupon_id, by.code)
    if not discount.amount:
        return Evaluation(rule.id, rule.label, 0, "no_effect"), None
    return Evaluation(rule.id, rule.label, discount.amount), discount


def _refusal(
    rule: PromotionRule,
    lines: Sequence[LineToPrice],
    shipping: int | None,
    subtotal: int,
    moment: datetime,
    opened: Mapping[str, OpenedBy],
    categories: ProductCategories,
) -> Evaluation | None:
    """Return why a promotion is out of the question, whatever the others do, or None."""
    reason, missing = "", 0
    if rule.needs_code and rule.id not in opened:
        reason = "needs_code"
    elif rule.starts_at is not None and moment < rule.starts_at:
        reason = "not_started"
    elif rule.ends_at is not None and moment >= rule.ends_at:
        reason = "ended"
    elif not any(_eligible(rule, lines, categories)):
        reason = "nothing_eligible"
    elif subtotal < rule.min_subtotal:
        reason, missing = "below_minimum", rule.min_subtotal - subtotal
    elif rule.kind == "free_shipping" and shipping is None:
        reason = "awaits_shipping"
    return Evaluation(rule.id, rule.label, 0, reason, missing) if reason else None


def _best(
    live: Sequence[PromotionRule],
    lines: Sequence[LineToPrice],
    shipping: int | None,
    categories: ProductCategories,
) -> list[tuple[PromotionRule, Discount]]:
    """Return the discounts that take off most: all that combine, or one of the others; a tie goes to the former."""
    choices = [[rule for rule in live if rule.combines], *([rule] for rule in live if not rule.combines)]
    results = [_apply(rules, lines, shipping, categories) for rules in choices]
    return max(results, key=lambda found: sum(discount.amount for _rule, discount in found))


def _apply(
    rules: Sequence[PromotionRule],
    lines: Sequence[LineToPrice],
    shipping: int | None,
    categories: ProductCategories,
) -> list[tuple[PromotionRule, Discount]]:
    """Apply rules one after the other, each to what is left; one that takes nothing off leaves no discount."""
    left = _Left([line.amount for line in lines], shipping or 0)
    found = []
    for rule in rules:
        shares, on_shipping = _reduction(rule, lines, left, _eligible(rule, lines, categories))
        discount = Discount(rule.id, rule.label, tuple(shares), on_shipping)
        if discount.amount:
            left.lines = [have - less for have, less in zip(left.lines, shares, strict=True)]
            left.shipping -= on_shipping
            found.append((rule, discount))
    return found


def _evaluation(
    rule: PromotionRule,
    best: Sequence[tuple[PromotionRule, Discount]],
    lines: Sequence[LineToPrice],
    shipping: int | None,
    categories: ProductCategories,
) -> Evaluation:
    for chosen, discount in best:
        if chosen.id == rule.id:
            return Evaluation(rule.id, rule.label, discount.amount)
    alone = _apply([rule], lines, shipping, categories)
    beside = rule.combines and (not best or best[0][0].combines)
    return Evaluation(rule.id, rule.label, 0, "superseded" if alone and not beside else "no_effect")


def _eligible(rule: PromotionRule, lines: Sequence[LineToPrice], categories: ProductCategories) -> list[bool]:
    """Tell for each line whether the promotion is about it."""
    wanted = [not (rule.skip_reduced and line.reduced) for line in lines]
    return [fits and new for fits, new in zip(_in_scope(rule, lines, categories), wanted, strict=True)]


def _in_scope(rule: PromotionRule, lines: Sequence[LineToPrice], categories: ProductCategories) -> list[bool]:
    if rule.scope == "products":
        return [str(line.product_id) in rule.targets for line in lines]
    if rule.scope == "categories":
        return [
            line.product_id is not None and not rule.targets.isdisjoint(categories.get(line.product_id, ()))
            for line in lines
        ]
    return [True] * len(lines)


def _reduction(
    rule: PromotionRule, lines: Sequence[LineToPrice], left: _Left, eligible: Sequence[bool]
) -> tuple[list[int], int]:
    """Return what a promotion takes off each line, and off shipping."""
    bases = [have if fits else 0 for have, fits in zip(left.lines, eligible, strict=True)]
    if rule.kind == "free_shipping":
        return [0] * len(lines), left.shipping
    if rule.kind == "buy_x_get_y":
        return _cheapest_units(rule, lines, bases, eligible), 0
    whole = sum(bases)
    off = share_of(whole, rule.percent_ppm) if rule.kind == "percentage" else min(rule.amount, whole)
    return (allocate_amount(off, bases) if off else [0] * len(lines)), 0


def _cheapest_units(
    rule: PromotionRule, lines: Sequence[LineToPrice], bases: Sequence[int], eligible: Sequence[bool]
) -> list[int]:
    """Return what each line saves when of every buy + get eligible units the cheapest `get` cost less.

    Cheap is by the unit's price; of two lines that cost the same the earlier comes first. Of a line that an earlier
    promotion reduced, each unit has cost its part.
    """
    group = rule.buy_quantity + rule.get_quantity
    units = sum(line.quantity for line, fits in zip(lines, eligible, strict=True) if fits)
    reduced = units // group * rule.get_quantity if group else 0
    shares = [0] * len(lines)
    for index in sorted(range(len(lines)), key=lambda place: (lines[place].unit_price, place)):
        if not eligible[index] or not reduced:
            continue
        taken = min(reduced, lines[index].quantity)
        reduced -= taken
        shares[index] = share_of(
            divide_half_up(bases[index] * taken, lines[index].quantity), rule.percent_ppm
        )
    return shares


def _by_hand(
    manual: ManualDiscount, lines: Sequence[LineToPrice], before: Sequence[Discount]
) -> list[Discount]:
    """Return what staff take off the goods, as far as there is something left of them."""
    left = [
        line.amount - sum(discount.shares[index] for discount in before) for index, line in enumerate(lines)
    ]
    off = min(manual.amount, sum(left))
    return [Discount("manual", manual.label, tuple(allocate_amount(off, left)))] if off > 0 else []
