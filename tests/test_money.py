"""Money is whole minor units: shown as people write it, read without loss, and split without losing any of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commerce.errors import InvalidValue
from commerce.money import (
    MAX_AMOUNT,
    allocate_amount,
    divide_half_up,
    exponent,
    format_money,
    included_share,
    parse_amount,
    parse_typed_amount,
    share_of,
    to_decimal,
    typed_number,
)

amounts = st.integers(-MAX_AMOUNT, MAX_AMOUNT)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=30)


@pytest.mark.parametrize(("currency", "places"), [("JPY", 0), ("EUR", 2), ("TWD", 2), ("KWD", 3)])
def test_a_currency_has_as_many_decimals_as_cldr_says(currency: str, places: int) -> None:
    assert exponent(currency) == places


@pytest.mark.parametrize("currency", ["", "eur", "EURO", "XYZ", "12€", "E\n"])
def test_an_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        exponent(currency)
    assert refusal.value.field == "currency"


@pytest.mark.parametrize(
    ("amount", "currency", "locale", "shown"),
    [
        (1234, "EUR", "en", "€12.34"),
        (1200, "EUR", "en", "€12.00"),
        (1234, "EUR", "de", "12,34\xa0€"),
        (-1234, "EUR", "en", "-€12.34"),
        (0, "EUR", "en", "€0.00"),
        (1234, "JPY", "en", "¥1,234"),
        (1234, "JPY", "ja", "￥1,234"),
        (1234567, "KWD", "en", "KWD1,234.567"),
        (120000, "TWD", "en", "NT$1,200"),
        (120050, "TWD", "en", "NT$1,200.50"),
        (-500, "TWD", "en", "-NT$5"),
        (120000, "TWD", "zh_Hant_TW", "$1,200"),
        (120000, "TWD", "de", "1.200\xa0NT$"),
        (MAX_AMOUNT, "EUR", "en", "€100,000,000,000.00"),
    ],
)
def test_an_amount_is_shown_as_people_write_it(amount: int, currency: str, locale: str, shown: str) -> None:
    assert format_money(amount, currency, locale) == shown


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("29.99", "EUR", 2999),
        (" 29.9 ", "EUR", 2990),
        ("29", "EUR", 2900),
        ("-0.01", "EUR", -1),
        ("-0", "EUR", 0),
        ("0012", "EUR", 1200),
        ("1200", "JPY", 1200),
        ("1200.00", "JPY", 1200),
        ("1.2345000", "KWD", None),
        ("1.234000", "KWD", 1234),
        ("100000000000.00", "EUR", MAX_AMOUNT),
    ],
)
def test_a_plain_decimal_is_read_without_loss(text: str, currency: str, minor: int | None) -> None:
    if minor is None:
        with pytest.raises(InvalidValue, match="amount_too_precise"):
            parse_amount(text, currency)
    else:
        assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "1.",
        ".5",
        "+1",
        "1e3",
        "1,000",
        "1,5",
        "--1",
        "1.2.3",
        "NaN",
        "Infinity",
        "0x10",
        "1_0",
        "€5",
        "1 000",
        "- 1",
        "1\n2",
    ],
)
def test_what_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="not_an_amount") as refusal:
        parse_amount(text, "EUR")
    assert refusal.value.field == "amount"


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("0.001", "EUR"),
        ("1.5", "JPY"),
        ("1.0001", "KWD"),
        (f"1.{'0' * 34}1", "EUR"),
        (f"0.{'0' * 90}1", "EUR"),
    ],
)
def test_decimals_that_the_currency_does_not_know_are_refused_and_never_rounded(
    text: str, currency: str
) -> None:
    with pytest.raises(InvalidValue):
        parse_amount(text, currency)


@pytest.mark.parametrize("text", ["100000000000.01", "-100000000000.01", "9" * 40, "9" * 5000])
def test_an_absurd_amount_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_amount(text, "EUR")


@given(amounts, st.sampled_from(["JPY", "EUR", "KWD"]))
def test_what_is_written_down_is_read_back(amount: int, currency: str) -> None:
    assert parse_amount(f"{to_decimal(amount, currency):f}", currency) == amount


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [
        (5, 2, 3),
        (-5, 2, -3),
        (4, 3, 1),
        (5, 3, 2),
        (-4, 3, -1),
        (0, 7, 0),
        (1, 2, 1),
        (-1, 2, -1),
        (49, 100, 0),
    ],
)
def test_halves_are_rounded_away_from_zero(numerator: int, denominator: int, quotient: int) -> None:
    assert divide_half_up(numerator, denominator) == quotient


@pytest.mark.parametrize("denominator", [0, -1])
def test_there_is_no_quotient_without_a_positive_denominator(denominator: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        divide_half_up(1, denominator)


@pytest.mark.parametrize(
    ("amount", "ppm", "tax"),
    [
        (1000, 190_000, 190),
        (5, 100_000, 1),
        (4, 100_000, 0),
        (-5, 100_000, -1),
        (1000, 0, 0),
        (250, 81_000, 20),
    ],
)
def test_tax_on_top_is_rounded_half_up(amount: int, ppm: int, tax: int) -> None:
    assert share_of(amount, ppm) == tax


@pytest.mark.parametrize(
    ("gross", "ppm", "tax"),
    [
        (1190, 190000, 190),
        (100, 190000, 16),
        (1, 1000000, 1),
        (-1190, 190000, -190),
        (110, 100000, 10),
        (115, 100000, 10),
        (116, 100000, 11),
        (990, 0, 0),
    ],
)
def test_tax_inside_a_price_is_rounded_half_up(gross: int, ppm: int, tax: int) -> None:
    assert included_share(gross, ppm) == tax


@given(st.integers(0, 10**10), st.integers(0, 1_000_000))
def test_tax_inside_is_what_tax_on_top_of_the_rest_would_be(gross: int, ppm: int) -> None:
    inside = included_share(gross, ppm)
    assert 0 <= inside <= gross
    assert abs(share_of(gross - inside, ppm) - inside) <= 1


@given(amounts, weights)
def test_parts_always_sum_to_the_whole(amount: int, shares: list[int]) -> None:
    parts = allocate_amount(amount, shares)
    assert len(parts) == len(shares)
    assert sum(parts) == amount


@given(amounts, weights)
def test_no_part_is_off_by_a_whole_unit_and_none_has_the_wrong_sign(amount: int, shares: list[int]) -> None:
    total = sum(shares)
    for part, weight in zip(allocate_amount(amount, shares), shares, strict=True):
        if total:
            assert abs(part * total - amount * weight) < total
        assert part * amount >= 0


@given(amounts, weights)
def test_a_negative_amount_is_split_like_its_mirror_image(amount: int, shares: list[int]) -> None:
    assert allocate_amount(-amount, shares) == [-part for part in allocate_amount(amount, shares)]


@pytest.mark.parametrize(
    ("amount", "shares", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (2, [0, 0, 0], [1, 1, 0]),
        (7, [0, 5, 0], [0, 7, 0]),
        (10, [1, 2, 3], [2, 3, 5]),
        (0, [3, 4], [0, 0]),
        (0, [], []),
    ],
)
def test_the_largest_remainders_get_the_rest_and_ties_go_to_the_earlier_part(
    amount: int, shares: list[int], parts: list[int]
) -> None:
    assert allocate_amount(amount, shares) == parts


@pytest.mark.parametrize("shares", [[], [1, -1]])
def test_there_must_be_something_to_split_over(shares: list[int]) -> None:
    with pytest.raises(ValueError, match=r"allocate|negative"):
        allocate_amount(1, shares)


# --- what people type -----------------------------------------------------------------------------------


@pytest.mark.parametrize("locale", ["en", "de", "ja", "fr", "sv"])
@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("4.20", 420),
        ("4,20", 420),
        (" 4,2 ", 420),
        ("4", 400),
        ("４，２０", 420),
        ("４．２", 420),
        ("€ 4,20", 420),
        ("4,20 €", 420),
        ("1.234,50", 123450),
        ("1,234.50", 123450),
        ("1 234,50", 123450),
        ("1\u202f234,50", 123450),
        ("1’234.50", 123450),
        ("1.234.567", 123456700),
        ("0,500", 50),
        ("1234.500", 123450),
        ("\u22124,20", -420),
    ],
)
def test_an_amount_is_read_as_people_write_it(typed: str, minor: int, locale: str) -> None:
    assert parse_typed_amount(typed, "EUR", locale) == minor


@pytest.mark.parametrize(("typed", "locale"), [("1.234", "de"), ("1,234", "en"), ("１，２００", "en")])
def test_what_can_be_read_in_two_ways_is_refused(typed: str, locale: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_typed_amount(typed, "EUR", locale)
    assert refused.value.reason == "amount_ambiguous"


@pytest.mark.parametrize(
    ("typed", "currency", "locale", "minor"),
    [("1.234", "KWD", "en", 1234), ("1,234", "KWD", "de", 1234), ("1,234", "JPY", "ja", 1234)],
)
def test_the_currency_and_the_locale_settle_what_three_digits_are(
    typed: str, currency: str, locale: str, minor: int
) -> None:
    assert parse_typed_amount(typed, currency, locale) == minor


@pytest.mark.parametrize("typed", ["", "-", "1,2,3", "1.2,3.4", "12.34,567.8", "1 2", "4,", ",5", "1e3", "x"])
def test_what_is_no_amount_stays_refused(typed: str) -> None:
    with pytest.raises(InvalidValue):
        parse_typed_amount(typed, "EUR", "de")


@given(
    st.integers(-(10**9), 10**9), st.sampled_from(["EUR", "JPY", "KWD"]), st.sampled_from(["en", "de", "ja"])
)
def test_what_a_form_shows_it_takes_back(amount: int, currency: str, locale: str) -> None:
    shown = typed_number(f"{to_decimal(amount, currency):f}", locale)
    assert parse_typed_amount(shown, currency, locale) == amount
