"""Which promotions a cart gets, in any currency: never more than there is, and every unit of money explained."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.money import exponent, included_share, share_of
from commerce.pricing.calculate import FeeToPrice, LineToPrice, ShippingToPrice, Totals, calculate
from commerce.pricing.promotions import (
    ManualDiscount,
    OpenedBy,
    PromotionResult,
    PromotionRule,
    apply_promotions,
)
from commerce.pricing.queries import Rate, TaxTable

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
TEA, CUP = uuid.uuid4(), uuid.uuid4()
SHELF = "green"


def line(price: int, quantity: int = 1, product: uuid.UUID = TEA, tax_class: str = "standard") -> LineToPrice:
    return LineToPrice(uuid.uuid4(), quantity, price, tax_class, product)


def rule(kind: str = "percentage", **values: Any) -> PromotionRule:
    name = values.pop("name", kind)
    return PromotionRule(name, name.title(), kind, **{"position": 0, **values})


def ten_percent(name: str = "ten", **values: Any) -> PromotionRule:
    return rule("percentage", name=name, percent_ppm=100_000, **values)


def off(amount: int, name: str = "fixed", **values: Any) -> PromotionRule:
    return rule("fixed", name=name, amount=amount, **values)


def got(
    rules: Sequence[PromotionRule],
    *lines: LineToPrice,
    shipping: int | None = None,
    opened: Sequence[str] = (),
    moment: datetime = NOW,
    manual: ManualDiscount | None = None,
) -> PromotionResult:
    return apply_promotions(
        rules,
        lines,
        shipping,
        moment=moment,
        opened={name: OpenedBy(f"id-{name}", name.upper()) for name in opened},
        categories={TEA: frozenset({SHELF})},
        manual=manual,
    )


def amounts(found: PromotionResult) -> dict[str, int]:
    return {discount.source_id: discount.amount for discount in found.discounts}


def reasons(found: PromotionResult) -> dict[str, str]:
    return {verdict.promotion_id: verdict.reason for verdict in found.verdicts}


def test_a_percentage_is_taken_off_the_whole_and_shared_out_by_the_lines() -> None:
    (discount,) = got([ten_percent()], line(999), line(333, 2), line(5)).discounts
    assert discount.amount == share_of(999 + 666 + 5, 100_000)
    assert discount.shares == (100, 67, 0)


def test_a_fixed_amount_is_never_more_than_there_is() -> None:
    (discount,) = got([off(5000)], line(1000), line(500, 2)).discounts
    assert discount.shares == (1000, 1000)


def test_a_fixed_amount_is_shared_out_to_the_last_cent() -> None:
    (discount,) = got([off(100)], line(100), line(100), line(100)).discounts
    assert discount.shares == (34, 33, 33)


def test_free_shipping_takes_off_what_shipping_costs() -> None:
    free = rule("free_shipping")
    (discount,) = got([free], line(1000), shipping=590).discounts
    assert (discount.on_shipping, discount.shares) == (590, (0,))
    assert reasons(got([free], line(1000))) == {"free_shipping": "awaits_shipping"}
    assert reasons(got([free], line(1000), shipping=0)) == {"free_shipping": "no_effect"}


@pytest.mark.parametrize(("units", "saved"), [(2, 0), (3, 1000), (5, 1000), (6, 2000), (7, 2000), (9, 3000)])
def test_of_every_three_units_one_is_free(units: int, saved: int) -> None:
    deal = rule("buy_x_get_y", buy_quantity=2, get_quantity=1, percent_ppm=1_000_000)
    assert sum(amounts(got([deal], line(1000, units))).values()) == saved


def test_the_cheapest_units_are_the_ones_that_cost_less() -> None:
    deal = rule("buy_x_get_y", buy_quantity=2, get_quantity=2, percent_ppm=500_000)
    (discount,) = got([deal], line(900, 2), line(300), line(500, 3), line(900)).discounts
    # Seven units are one group of four: the two cheapest of all cost half.
    assert discount.shares == (0, 150, 250, 0)


def test_units_that_are_not_meant_do_not_count() -> None:
    deal = rule(
        "buy_x_get_y",
        buy_quantity=1,
        get_quantity=1,
        percent_ppm=1_000_000,
        scope="products",
        targets=frozenset({str(CUP)}),
    )
    (discount,) = got([deal], line(100, 10), line(700, 2, CUP)).discounts
    assert discount.shares == (0, 700)
    assert got([deal], line(100, 10), line(700, 1, CUP)).discounts == ()


def test_products_and_categories_narrow_a_promotion() -> None:
    cups = ten_percent("cups", scope="products", targets=frozenset({str(CUP)}))
    shelf = ten_percent("shelf", scope="categories", targets=frozenset({SHELF}))
    lines = (line(1000), line(2000, 1, CUP))
    assert {d.source_id: d.shares for d in got([cups, shelf], *lines).discounts} == {
        "cups": (0, 200),
        "shelf": (100, 0),
    }
    assert reasons(got([cups], line(1000))) == {"cups": "nothing_eligible"}


def test_a_minimum_counts_before_discounts_and_what_is_missing_is_said() -> None:
    rules = [off(1500), ten_percent(min_subtotal=2000)]
    assert amounts(got(rules, line(2000))) == {"fixed": 1500, "ten": 50}
    verdict = got(rules, line(1700)).verdicts[1]
    assert (verdict.reason, verdict.missing) == ("below_minimum", 300)


def test_a_promotion_lasts_from_its_first_moment_to_before_its_last() -> None:
    spring = ten_percent(starts_at=NOW, ends_at=NOW + timedelta(days=1))
    moments = [timedelta(seconds=-1), timedelta(0), timedelta(hours=23), timedelta(days=1)]
    found = [reasons(got([spring], line(100), moment=NOW + each))["ten"] for each in moments]
    assert found == ["not_started", "", "", "ended"]


def test_a_code_opens_its_promotion_and_is_named() -> None:
    welcome = ten_percent("welcome", needs_code=True)
    assert reasons(got([welcome], line(1000))) == {"welcome": "needs_code"}
    (discount,) = got([welcome], line(1000), opened=["welcome"]).discounts
    assert (discount.coupon_id, discount.code, discount.amount) == ("id-welcome", "WELCOME", 100)


def test_promotions_that_combine_work_one_after_the_other_on_what_is_left() -> None:
    assert amounts(got([off(200), ten_percent()], line(1000))) == {"fixed": 200, "ten": 80}
    assert amounts(got([ten_percent(), off(200)], line(1000))) == {"ten": 100, "fixed": 200}


def test_what_stands_alone_wins_only_when_it_takes_off_more() -> None:
    alone = off(250, "alone", combines=False)
    found = got([alone, ten_percent("one"), ten_percent("two")], line(1000))
    assert amounts(found) == {"alone": 250}
    assert reasons(found) == {"alone": "", "one": "superseded", "two": "superseded"}
    found = got([alone, ten_percent("one"), ten_percent("two")], line(2000))
    assert amounts(found) == {"one": 200, "two": 180}
    assert reasons(found) == {"alone": "superseded", "one": "", "two": ""}


def test_of_several_that_stand_alone_the_best_is_taken() -> None:
    rules = [off(100, "small", combines=False), off(300, "large", combines=False)]
    assert amounts(got(rules, line(1000))) == {"large": 300}


def test_on_a_tie_those_that_combine_are_taken() -> None:
    assert amounts(got([off(100, "alone", combines=False), ten_percent()], line(1000))) == {"ten": 100}


def test_what_has_nothing_left_to_take_off_says_so() -> None:
    found = got([off(1000), ten_percent()], line(1000))
    assert (amounts(found), reasons(found)) == ({"fixed": 1000}, {"fixed": "", "ten": "no_effect"})


def test_a_discount_by_hand_comes_last_and_takes_what_is_left_at_most() -> None:
    manual = ManualDiscount(500, "For your patience")
    (first, last) = got([ten_percent()], line(300), line(100), manual=manual).discounts
    assert (first.amount, last.source_id, last.label, last.amount) == (40, "manual", "For your patience", 360)
    assert got([off(400)], line(400), manual=manual).discounts[1:] == ()


def test_an_empty_cart_gets_nothing() -> None:
    assert got([ten_percent(), off(5), rule("free_shipping")], shipping=None).discounts == ()


# --- every sum closes, in every currency ---------------------------------------------------------------------

CURRENCIES = ("JPY", "TWD", "EUR", "KWD")
TAXES = TaxTable(
    {
        ("*", "standard"): Rate("standard", "Tax 10 %", 100_000),
        ("*", "reduced"): Rate("reduced", "Tax 8 %", 80_000),
        ("*", "odd"): Rate("odd", "Tax 7.7 %", 77_000),
        ("*", "none"): Rate("none", "No tax", 0),
    }
)
classes = st.sampled_from(["standard", "reduced", "odd", "none"])
rates = st.integers(1, 1_000_000)


def money(currency: str, most: int = 100_000) -> st.SearchStrategy[int]:
    """Amounts of a currency up to about `most` cents, in minor units; some are round ones."""
    return st.integers(0, most * 10 ** exponent(currency) // 100) | st.integers(0, 50).map(
        lambda units: units * 10 ** exponent(currency)
    )


@st.composite
def carts(draw: st.DrawFn) -> tuple[list[PromotionRule], list[LineToPrice], ShippingToPrice | None, Any, Any]:
    currency = draw(st.sampled_from(CURRENCIES))
    lines = draw(
        st.lists(
            st.builds(line, money(currency), st.integers(1, 20), st.sampled_from([TEA, CUP]), classes),
            min_size=1,
            max_size=8,
        )
    )
    kinds = st.one_of(
        st.builds(dict, kind=st.just("percentage"), percent_ppm=rates),
        st.builds(
            dict, kind=st.just("fixed"), amount=money(currency, 500_000).map(lambda amount: amount + 1)
        ),
        st.builds(dict, kind=st.just("free_shipping")),
        st.builds(
            dict,
            kind=st.just("buy_x_get_y"),
            buy_quantity=st.integers(1, 4),
            get_quantity=st.integers(1, 4),
            percent_ppm=rates,
        ),
    )
    scopes = st.one_of(
        st.just({"scope": "all"}),
        st.just({"scope": "products", "targets": frozenset({str(CUP)})}),
        st.just({"scope": "categories", "targets": frozenset({SHELF})}),
    )
    rules = [
        rule(name=f"rule-{number}", **draw(kinds), **draw(scopes), combines=draw(st.booleans()))
        for number in range(draw(st.integers(0, 5)))
    ]
    shipping = draw(
        st.none() | st.builds(ShippingToPrice, st.just("s"), st.just("S"), money(currency), classes)
    )
    fee = draw(st.none() | st.builds(FeeToPrice, st.just("f"), st.just("F"), money(currency), rates, classes))
    manual = draw(st.none() | st.builds(ManualDiscount, money(currency), st.just("By hand")))
    return rules, lines, shipping, fee, manual


def _price(cart: Any, *, included: bool, rounding: str) -> tuple[PromotionResult, Totals]:
    rules, lines, shipping, fee, manual = cart
    found = got(rules, *lines, shipping=shipping.price if shipping else None, manual=manual)
    totals = calculate(
        lines,
        shipping,
        country="JP",
        taxes=TAXES,
        prices_include_tax=included,
        rounding=rounding,
        discounts=found.discounts,
        fee=fee,
        shipping_tax="own",
    )
    return found, totals


@given(carts(), st.booleans(), st.sampled_from(["line", "rate"]))
def test_every_total_closes_and_nothing_is_below_zero(cart: Any, included: bool, rounding: str) -> None:
    found, totals = _price(cart, included=included, rounding=rounding)
    on_top = 0 if included else totals.tax_amount
    assert (
        totals.total
        == totals.subtotal - totals.discount_amount + totals.shipping_amount + totals.fee_amount + on_top
    )
    assert totals.total == totals.subtotal + sum(a.amount for a in totals.adjustments if not a.included)
    assert min(totals.total, totals.goods, totals.tax_amount, totals.fee_amount, totals.discount_amount) >= 0
    assert all(0 <= each.discount_amount <= each.amount for each in totals.lines)
    assert all(discount.amount > 0 and min(discount.shares) >= 0 for discount in found.discounts)
    assert sum(discount.on_shipping for discount in found.discounts) <= totals.shipping_amount


@given(carts(), st.booleans(), st.sampled_from(["line", "rate"]))
def test_the_shares_of_the_lines_explain_every_adjustment(cart: Any, included: bool, rounding: str) -> None:
    found, totals = _price(cart, included=included, rounding=rounding)
    for position, each in enumerate(totals.lines):
        promotions = [a.shares[position] for a in totals.adjustments if a.source_type == "promotion"]
        taxes = [a.shares[position] for a in totals.adjustments if a.source_type == "tax"]
        assert -sum(promotions) == each.discount_amount
        assert sum(taxes) == each.tax_amount
    for discount, adjustment in zip(found.discounts, totals.adjustments, strict=False):
        assert adjustment.amount - sum(adjustment.shares) == -discount.on_shipping
    for each in totals.adjustments:
        if each.source_type in ("shipping", "fee"):
            assert each.shares == (0,) * len(totals.lines)
    assert totals.tax_amount == sum(a.amount for a in totals.adjustments if a.source_type == "tax")


@given(carts(), st.booleans())
def test_tax_once_per_rate_is_the_rounded_tax_of_all_that_has_the_rate(cart: Any, included: bool) -> None:
    _found, totals = _price(cart, included=included, rounding="rate")
    _rules, lines, shipping, fee, _manual = cart
    parts = [
        (each.tax_class, priced.amount - priced.discount_amount)
        for each, priced in zip(lines, totals.lines, strict=True)
    ]
    if shipping:
        on_shipping = totals.discount_amount - sum(each.discount_amount for each in totals.lines)
        parts.append((shipping.tax_class, shipping.price - on_shipping))
    if fee:
        parts.append((fee.tax_class, totals.fee_amount))
    tax_of = included_share if included else share_of
    for adjustment in totals.adjustments:
        if adjustment.source_type == "tax":
            base = sum(amount for name, amount in parts if name == adjustment.source_id)
            ppm = TAXES.rate_for("JP", adjustment.source_id).ppm
            assert adjustment.amount == tax_of(base, ppm)


@given(carts())
def test_no_other_choice_would_take_off_more(cart: Any) -> None:
    rules, lines, shipping, _fee, _manual = cart
    parcel = shipping.price if shipping else None
    best = sum(amounts(got(rules, *lines, shipping=parcel)).values())
    together = [each for each in rules if each.combines]
    choices = [together, *([replace(each, combines=True)] for each in rules if not each.combines)]
    assert best == max(sum(amounts(got(choice, *lines, shipping=parcel)).values()) for choice in choices)
