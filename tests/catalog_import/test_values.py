import pytest

from commerce.catalog.values import (
    parse_backorder,
    parse_barcode,
    parse_flag,
    parse_grams,
    parse_price,
    parse_quantity,
    parse_url,
)
from commerce.errors import InvalidValue


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("25", "USD", 2500),
        ("25.0", "USD", 2500),
        ("19.99", "USD", 1999),
        (".5", "USD", 50),
        ("0", "USD", 0),
        ("19,99", "EUR", 1999),
        ("1,234", "USD", 123400),
        ("1,234.50", "USD", 123450),
        ("1,23,456.50", "INR", 12345650),
        ("1.234,50", "EUR", 123450),
        ("1.234.567", "EUR", 123456700),
        ("1 234,50", "EUR", 123450),
        ("1\u202f234.50", "EUR", 123450),
        ("1'234.50", "CHF", 123450),
        ("1200", "JPY", 1200),
        ("1200.00", "JPY", 1200),
        ("1,200", "JPY", 1200),
        ("1.234", "KWD", 1234),
    ],
)
def test_a_price_is_read_as_people_write_it(text: str, currency: str, minor: int) -> None:
    assert parse_price(text, currency) == minor


def test_a_spreadsheet_with_decimal_commas_is_taken_at_its_word() -> None:
    assert parse_price("1,250", "KWD", comma_is_mark=True) == 1250
    assert parse_price("1,250", "JPY", comma_is_mark=True) == 1250


@pytest.mark.parametrize(
    ("text", "currency", "comma_is_mark"),
    [
        ("1.250", "EUR", False),
        ("1.000", "JPY", False),
        ("1,250", "EUR", True),
        ("1,250", "KWD", False),
    ],
)
def test_a_price_that_could_be_a_thousand_times_more_is_refused(
    text: str, currency: str, comma_is_mark: bool
) -> None:
    with pytest.raises(InvalidValue, match="cell_ambiguous"):
        parse_price(text, currency, comma_is_mark=comma_is_mark)


@pytest.mark.parametrize(
    ("text", "currency", "reason"),
    [
        ("-1", "USD", "cell_price_negative"),
        ("\u22121", "USD", "cell_price_negative"),
        ("free", "USD", "cell_not_a_number"),
        ("$5", "EUR", "cell_not_a_number"),
        ("1.2.3", "USD", "cell_not_a_number"),
        ("12,34,5", "USD", "cell_not_a_number"),
        ("nan", "USD", "cell_not_a_number"),
        ("Infinity", "USD", "cell_not_a_number"),
        ("1e3", "USD", "cell_scientific"),
        ("19.9999", "USD", "cell_too_many_decimals currency=USD"),
        ("0.125", "EUR", "cell_too_many_decimals currency=EUR"),
        ("19.99", "JPY", "cell_currency_without_decimals currency=JPY"),
        ("100000001", "USD", "cell_price_too_high"),
        ("9" * 5000, "USD", "cell_price_too_high"),
        ("0." + "1" * 5000, "USD", "cell_price_too_high"),
    ],
)
def test_a_price_that_is_invalid_is_refused_with_the_reason(text: str, currency: str, reason: str) -> None:
    with pytest.raises(InvalidValue, match=reason):
        parse_price(text, currency)


@pytest.mark.parametrize(
    ("text", "units"), [("0", 0), ("20.0", 20), ("1,000", 1000), ("-0", 0), ("1000000", 1000000)]
)
def test_a_quantity_is_a_whole_number(text: str, units: int) -> None:
    assert parse_quantity(text) == units


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-3", "cell_stock_negative"),
        ("-0.5", "cell_stock_negative"),
        ("1.5", "cell_stock_not_whole"),
        ("1000001", "cell_too_high"),
        ("9" * 5000, "cell_too_high"),
        ("lots", "cell_not_a_number"),
    ],
)
def test_an_impossible_quantity_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidValue, match=reason):
        parse_quantity(text)


def test_a_weight_is_rounded_to_grams() -> None:
    assert [parse_grams(text) for text in ("145.0", "28.5", "0.4", "1,200")] == [145, 29, 0, 1200]
    for text in ("-1", "heavy", "99999999999"):
        with pytest.raises(InvalidValue, match=r"cell_(weight|not_a_number)"):
            parse_grams(text)


def test_truth_is_read_in_any_case_and_in_the_languages_of_spreadsheets() -> None:
    assert all(parse_flag(text) for text in ("TRUE", "true", "True", "1", "yes", "WAHR"))
    assert not any(parse_flag(text) for text in ("FALSE", "false", "0", "no", "FALSCH"))
    with pytest.raises(InvalidValue, match="cell_not_a_flag"):
        parse_flag("maybe")


def test_backorder_is_continue_and_nothing_else() -> None:
    assert [parse_backorder(text) for text in ("", "deny", "DENY", "FALSE", "continue", "CONTINUE", "TRUE")] == [
        False, False, False, False, True, True, True,
    ]  # fmt: skip
    with pytest.raises(InvalidValue, match="cell_not_a_policy"):
        parse_backorder("perhaps")


def test_a_barcode_that_a_spreadsheet_rounded_is_none() -> None:
    assert parse_barcode("'4006381333931") == "4006381333931"
    assert parse_barcode("365275000000.0") == "365275000000"
    assert parse_barcode("3.65275E+11") is None


def test_only_web_addresses_are_picture_addresses() -> None:
    assert parse_url("https://a.example/x.jpg?v=1") == "https://a.example/x.jpg?v=1"
    assert parse_url("//a.example/x.jpg") == "https://a.example/x.jpg"
    for text in ("file:///etc/passwd", "javascript:alert(1)", "ftp://a.example/x", "x.jpg", "https://", "http://u@h/x",
                 "https://a.example/a b", "https://a.example/" + "x" * 2000):  # fmt: skip
        assert parse_url(text) is None
