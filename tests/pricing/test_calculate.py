"""From lines and rules to totals: every yen and cent of an order is explained, whatever way tax is reckoned."""

import uuid
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.pricing.calculate import (
    Adjustment,
    Discount,
    FeeToPrice,
    LineToPrice,
    ShippingToPrice,
    Totals,
    calculate,
)
from commerce.pricing.queries import NO_TAX, Rate, TaxTable

GERMAN = Rate("de", "VAT 19 %", 190_000)
BOOKS = Rate("de-books", "VAT 7 %", 70_000)
JAPAN = Rate("jp", "Consumption tax 10 %", 100_000)
FOOD = Rate("jp-food", "Consumption tax 8 %", 80_000)
ELSEWHERE = Rate("rest", "Tax 5 %", 50_000)
TAXES = TaxTable(
    {
        ("DE", "standard"): GERMAN,
        ("DE", "reduced"): BOOKS,
        ("JP", "standard"): JAPAN,
        ("JP", "reduced"): FOOD,
        ("*", "standard"): ELSEWHERE,
        ("XX", "standard"): Rate("xx", "Zero rate", 0),
    }
)


def line(price: int, quantity: int = 1, tax_class: str = "standard") -> LineToPrice:
    return LineToPrice(uuid.uuid4(), quantity, price, tax_class)


def parcel(price: int, tax_class: str = "standard") -> ShippingToPrice:
    return ShippingToPrice("parcel-id", "Parcel", price, tax_class)


def price(
    *lines: LineToPrice,
    shipping: ShippingToPrice | None = None,
    country: str = "DE",
    included: bool = True,
    rounding: str = "line",
    taxes: TaxTable = TAXES,
    discounts: Sequence[Discount] = (),
    fee: FeeToPrice | None = None,
    shipping_tax: str = "own",
) -> Totals:
    return calculate(
        lines,
        shipping,
        country=country,
        taxes=taxes,
        prices_include_tax=included,
        rounding=rounding,
        discounts=discounts,
        fee=fee,
        shipping_tax=shipping_tax,
    )


@pytest.mark.parametrize(
    ("policy", "books", "others", "tax"),
    [
        ("goods", 1070, 0, 70 + 32),
        ("goods", 1070, 2380, 70 + 380 + 10 + 54),
        ("goods", 0, 1190, 190 + 78),
        ("main", 1070, 2380, 70 + 380 + 78),
        ("main", 2140, 1190, 140 + 190 + 32),
        ("own", 1070, 0, 70 + 78),
    ],
)
def test_tax_of_shipping_follows_the_goods_or_their_main_rate_or_its_own_class(
    policy: str, books: int, others: int, tax: int
) -> None:
    wanted = [line(books, tax_class="reduced")] if books else []
    wanted += [line(others)] if others else []
    assert price(*wanted, shipping=parcel(490), shipping_tax=policy).tax_amount == tax


def test_tax_of_shipping_is_nothing_where_the_goods_bear_none() -> None:
    taxes = TaxTable(
        {("*", "standard"): Rate("std", "VAT", 200_000), ("*", "reduced"): Rate("zero", "VAT 0 %", 0)}
    )
    totals = price(line(1000, tax_class="reduced"), shipping=parcel(499), taxes=taxes, shipping_tax="goods")
    assert totals.tax_amount == 0


def test_tax_of_a_fee_and_of_shipping_are_split_by_what_is_left_of_the_goods() -> None:
    totals = price(
        line(10000),
        line(10000, tax_class="reduced"),
        shipping=parcel(1000),
        included=False,
        discounts=[Discount("p", "Half", (10000, 0))],
        fee=FeeToPrice("cash", "Cash on delivery", 200),
        shipping_tax="goods",
    )
    assert [each.amount for each in totals.adjustments if each.source_type == "tax"] == [0, 700 + 70 + 14]


def test_tax_inside_the_prices_is_shown_and_adds_nothing() -> None:
    totals = price(line(1190, 2), shipping=parcel(595))
    assert (totals.subtotal, totals.shipping_amount, totals.tax_amount, totals.total) == (
        2380,
        595,
        475,
        2975,
    )
    assert totals.adjustments == (
        Adjustment("shipping", "parcel-id", "Parcel", 595, shares=(0,)),
        Adjustment("tax", "de", "VAT 19 %", 475, included=True, shares=(380,)),
    )
    assert [(each.amount, each.tax_rate_ppm, each.tax_amount) for each in totals.lines] == [
        (2380, 190_000, 380)
    ]


def test_tax_on_top_of_the_prices_is_added() -> None:
    totals = price(line(1000, 2), shipping=parcel(500), included=False)
    assert (totals.subtotal, totals.shipping_amount, totals.tax_amount, totals.total) == (
        2000,
        500,
        475,
        2975,
    )
    assert totals.adjustments[1] == Adjustment("tax", "de", "VAT 19 %", 475, included=False, shares=(380,))


def test_each_tax_class_has_its_own_rate_and_line_of_explanation() -> None:
    totals = price(line(1000), line(1000, tax_class="reduced"), line(500), included=False)
    assert [(each.label, each.amount) for each in totals.adjustments] == [("VAT 19 %", 285), ("VAT 7 %", 70)]
    assert [each.tax_amount for each in totals.lines] == [190, 70, 95]
    assert totals.total == 2855


def test_shipping_is_taxed_in_its_own_class() -> None:
    totals = price(line(1000), shipping=parcel(1000, "reduced"), included=False)
    assert [(each.source_type, each.amount) for each in totals.adjustments] == [
        ("shipping", 1000),
        ("tax", 190),
        ("tax", 70),
    ]
    assert totals.total == 2260


@pytest.mark.parametrize(("rounding", "tax", "shares"), [("line", 2, [1, 1]), ("rate", 1, [1, 0])])
def test_rounding_each_line_and_rounding_once_per_rate_differ_by_a_yen(
    rounding: str, tax: int, shares: list[int]
) -> None:
    totals = price(line(5), line(5), country="JP", included=False, rounding=rounding)
    assert totals.tax_amount == tax
    assert [each.tax_amount for each in totals.lines] == shares
    assert totals.total == 10 + tax


@pytest.mark.parametrize(("rounding", "tax"), [("line", 90), ("rate", 91)])
def test_the_same_holds_for_tax_inside_the_prices(rounding: str, tax: int) -> None:
    totals = price(line(333), line(333), line(333), country="JP", included=True, rounding=rounding)
    assert (totals.tax_amount, totals.total) == (tax, 999)


def test_once_per_rate_means_shipping_too() -> None:
    # 8 % and 10 % are rounded apart, and the parcel belongs to the lines at 10 %.
    totals = price(
        line(104),
        line(104, tax_class="reduced"),
        shipping=parcel(104),
        country="JP",
        included=False,
        rounding="rate",
    )
    assert [(each.label, each.amount) for each in totals.adjustments[1:]] == [
        ("Consumption tax 10 %", 21),
        ("Consumption tax 8 %", 8),
    ]
    assert totals.total == 341


def test_a_country_without_a_rate_is_taxed_as_the_rest_of_the_world() -> None:
    assert price(line(1000), country="FR", included=False).tax_amount == 50


def test_a_class_without_a_rate_of_its_own_is_taxed_as_standard_in_that_country() -> None:
    assert price(line(1000, tax_class="luxury"), country="JP", included=False).tax_amount == 100
    assert TAXES.rate_for("FR", "reduced") == ELSEWHERE


def test_without_any_rate_there_is_no_tax_and_nothing_to_explain() -> None:
    totals = price(line(1000), shipping=parcel(500), taxes=TaxTable({}))
    assert TaxTable({}).rate_for("DE", "standard") == NO_TAX
    assert [each.source_type for each in totals.adjustments] == ["shipping"]
    assert (totals.tax_amount, totals.total) == (0, 1500)


def test_a_rate_of_zero_is_named_on_the_bill() -> None:
    totals = price(line(1000), country="XX", included=False)
    assert totals.adjustments == (Adjustment("tax", "xx", "Zero rate", 0, shares=(0,)),)
    assert totals.total == 1000


def test_nothing_costs_nothing() -> None:
    totals = price(rounding="rate")
    assert totals == Totals((), (), 0, 0, 0, 0)


def test_two_rates_of_the_same_height_are_explained_apart() -> None:
    taxes = TaxTable({("DE", "standard"): GERMAN, ("DE", "special"): Rate("special", "Levy 19 %", 190_000)})
    totals = price(line(1000), line(2000, tax_class="special"), included=False, rounding="rate", taxes=taxes)
    assert [(each.source_id, each.amount) for each in totals.adjustments] == [("de", 190), ("special", 380)]


# --- discounts and fees --------------------------------------------------------------------------------------


def test_tax_is_on_what_is_left_after_a_discount() -> None:
    totals = price(line(1000), line(3000), included=False, discounts=[Discount("p", "Spring", (100, 300))])
    assert totals.adjustments == (
        Adjustment("promotion", "p", "Spring", -400, shares=(-100, -300)),
        Adjustment("tax", "de", "VAT 19 %", 684, shares=(171, 513)),
    )
    assert [(each.amount, each.discount_amount, each.tax_amount) for each in totals.lines] == [
        (1000, 100, 171),
        (3000, 300, 513),
    ]
    assert (totals.subtotal, totals.discount_amount, totals.tax_amount, totals.total) == (
        4000,
        400,
        684,
        4284,
    )
    assert totals.goods == 3600


def test_tax_inside_the_prices_shrinks_with_a_discount() -> None:
    totals = price(line(1190), discounts=[Discount("p", "Spring", (595,))])
    assert (totals.tax_amount, totals.total) == (95, 595)


def test_shipping_that_is_given_away_is_not_taxed_and_both_are_reported() -> None:
    totals = price(
        line(1000), shipping=parcel(500), included=False, discounts=[Discount("p", "Free parcel", (0,), 500)]
    )
    assert [(each.source_type, each.amount, each.shares) for each in totals.adjustments] == [
        ("promotion", -500, (0,)),
        ("shipping", 500, (0,)),
        ("tax", 190, (190,)),
    ]
    assert (totals.shipping_amount, totals.discount_amount, totals.total) == (500, 500, 1190)


def test_a_fee_is_a_sum_and_a_part_of_the_discounted_goods_and_is_taxed_in_its_class() -> None:
    totals = price(
        line(10000),
        included=False,
        discounts=[Discount("p", "Half", (5000,))],
        fee=FeeToPrice("cash", "Cash on delivery", 200, 20_000, "reduced"),
    )
    assert [(each.source_type, each.source_id, each.label, each.amount) for each in totals.adjustments] == [
        ("promotion", "p", "Half", -5000),
        ("fee", "cash", "Cash on delivery", 300),
        ("tax", "de", "VAT 19 %", 950),
        ("tax", "de-books", "VAT 7 %", 21),
    ]
    assert (totals.fee_amount, totals.total) == (300, 6271)


def test_a_fee_of_nothing_is_not_mentioned() -> None:
    totals = price(line(1000), fee=FeeToPrice("card", "Card", 0))
    assert [each.source_type for each in totals.adjustments] == ["tax"]
    assert totals.fee_amount == 0


@pytest.mark.parametrize("discount", [Discount("p", "x", (1001,)), Discount("p", "x", (0,), 501)])
def test_more_than_there_is_cannot_be_taken_off(discount: Discount) -> None:
    with pytest.raises(ValueError, match="larger"):
        price(line(1000), shipping=parcel(500), discounts=[discount])


classes = st.sampled_from(["standard", "reduced", "luxury"])
lines = st.lists(st.builds(line, st.integers(0, 10**7), st.integers(1, 50), classes), min_size=1, max_size=12)
shippings = st.none() | st.builds(parcel, st.integers(0, 10**5), classes)


@given(
    lines,
    shippings,
    st.sampled_from(["DE", "JP", "FR", "XX"]),
    st.booleans(),
    st.sampled_from(["line", "rate"]),
)
def test_every_total_closes(
    wanted: list[LineToPrice], shipping: ShippingToPrice | None, country: str, included: bool, rounding: str
) -> None:
    totals = price(*wanted, shipping=shipping, country=country, included=included, rounding=rounding)
    tax = sum(each.amount for each in totals.adjustments if each.source_type == "tax")
    assert totals.total == totals.subtotal + sum(
        each.amount for each in totals.adjustments if not each.included
    )
    assert totals.subtotal == sum(each.amount for each in totals.lines)
    assert totals.shipping_amount == (shipping.price if shipping else 0)
    assert tax == totals.tax_amount
    of_lines = sum(each.tax_amount for each in totals.lines)
    of_shipping = totals.tax_amount - of_lines
    if shipping is None:
        assert of_shipping == 0
    else:
        rate = TAXES.rate_for(country, shipping.tax_class).ppm
        exact = shipping.price * rate / (1_000_000 + rate if included else 1_000_000)
        assert abs(of_shipping - exact) < (1 if rounding == "line" else 1.5)


@given(lines, st.booleans(), st.sampled_from(["line", "rate"]))
def test_no_line_pays_more_than_a_unit_beyond_its_own_tax(
    wanted: list[LineToPrice], included: bool, rounding: str
) -> None:
    for each in price(*wanted, included=included, rounding=rounding).lines:
        whole = 1_000_000 + each.tax_rate_ppm if included else 1_000_000
        assert abs(each.tax_amount * whole - each.amount * each.tax_rate_ppm) < 1.5 * whole
