"""Reading of single cells. Every function raises InvalidValue."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from commerce.errors import InvalidValue
from commerce.money import exponent, parse_amount, without_currency

MAX_QUANTITY = 1_000_000
MAX_PRICE_UNITS = 100_000_000
"""Above these a cell is a slip (a barcode in the wrong column), not a stock or a price."""
MAX_GRAMS = 10_000_000
TAX_CLASSES = r"[a-z][a-z0-9_-]{0,19}"

_PLAIN = re.compile(r"\d+(\.\d+)?|\.\d+")
_COMMA_GROUPS = re.compile(r"\d{1,3}(,\d{2,3})*,\d{3}(\.\d+)?")  # 1,234.50 and the Indian 1,23,456.50
_DOT_GROUPS = re.compile(r"\d{1,3}(\.\d{3})+,\d+|\d{1,3}(\.\d{3}){2,}")  # 1.234,50 and 1.234.567
_OPEN_GROUPS = re.compile(r"\d{1,3}([ '\u2019]\d{3})+([.,]\d+)?")  # 1 234,50 and 1'234.50
_COMMA_MARK = re.compile(r"\d+,\d+")
_ONE_MARK = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")
_UNITS_OR_THOUSANDS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_EXPONENT = re.compile(r"\d+([.,]\d+)?[eE][+-]?\d+")
_ROUNDED = re.compile(r"-?\d(?:[.,]\d+[eE][+-]?\d{1,3}|[eE]\+\d{2,3})")
_FORMULA_ERROR = re.compile(r"#(?:REF!|NAME\?|VALUE!|DIV/0!|NULL!|NUM!)")
# Spreadsheets write truth in the language of their owner.
_TRUE = frozenset(["true", "1", "1.0", "yes", "y", "wahr", "vrai", "verdadero", "vero", "sant", "waar"])
_FALSE = frozenset(["false", "0", "0.0", "no", "n", "falsch", "faux", "falso", "falskt", "onwaar"])


def plain_number(text: str, *, comma_is_mark: bool = False) -> str:
    """Return a number as digits with '.' as the decimal mark; a leading '-' is kept.

    Understands thousands separators and the decimal comma. With `comma_is_mark` a lone comma is always the decimal mark
    ('1,234' is 1.234); without, three digits after it make it a thousands separator.
    """
    compact = " ".join(text.split())
    sign, digits = ("-", compact[1:]) if compact[:1] in ("-", "\u2212") else ("", compact)
    if _PLAIN.fullmatch(digits):
        return sign + ("0" + digits if digits.startswith(".") else digits)
    if _EXPONENT.fullmatch(digits):
        raise InvalidValue("value", "cell_scientific")
    if _COMMA_MARK.fullmatch(digits) and (comma_is_mark or not _COMMA_GROUPS.fullmatch(digits)):
        return sign + digits.replace(",", ".")
    if _COMMA_GROUPS.fullmatch(digits):
        return sign + digits.replace(",", "")
    if _DOT_GROUPS.fullmatch(digits):
        return sign + digits.replace(".", "").replace(",", ".")
    if _OPEN_GROUPS.fullmatch(digits):
        return sign + re.sub("[ '\u2019]", "", digits).replace(",", ".")
    raise InvalidValue("value", "cell_not_a_number")


def parse_price(text: str, currency: str, *, comma_is_mark: bool = False) -> int:
    """Return a price in minor units of `currency`; decimals beyond the currency's must be zeros.

    '1.250' and '1,250' are refused where they could as well be a thousand times the other reading. The currency's own
    code or sign may stand beside it; another one is refused.
    """
    places = exponent(currency)
    text = without_currency(text, currency)
    if (mark := _ONE_MARK.fullmatch(text)) and not _is_clear(mark[1], places, comma_is_mark=comma_is_mark):
        raise InvalidValue("value", "cell_ambiguous", places=places)
    number = plain_number(text, comma_is_mark=comma_is_mark and places > 0)
    if number.startswith("-"):
        raise InvalidValue("value", "cell_price_negative")
    if len(number) > 40 or Decimal(number) > MAX_PRICE_UNITS:
        raise InvalidValue("value", "cell_price_too_high", maximum=MAX_PRICE_UNITS, currency=currency)
    try:
        return parse_amount(number, currency)
    except InvalidValue as error:
        if places == 0:
            raise InvalidValue("value", "cell_currency_without_decimals", currency=currency) from error
        raise InvalidValue("value", "cell_too_many_decimals", currency=currency, places=places) from error


def _is_clear(mark: str, places: int, *, comma_is_mark: bool) -> bool:
    """Tell whether a mark before exactly three digits has one meaning for a currency with `places` decimals."""
    if mark == ".":
        return places == 3
    return places == 0 or (places == 3) == comma_is_mark


def parse_quantity(text: str) -> int:
    """Return a number of units: whole, from 0 to MAX_QUANTITY ('20.0' is 20).

    '1.000' is refused: it is one unit to some programs and a thousand to others.
    """
    if _UNITS_OR_THOUSANDS.fullmatch(text.strip()):
        raise InvalidValue("value", "cell_stock_ambiguous")
    number = plain_number(text)
    if number.startswith("-") and number.strip("-0."):
        raise InvalidValue("value", "cell_stock_negative")
    value = abs(Decimal(number[:40]))
    if value != value.to_integral_value():
        raise InvalidValue("value", "cell_stock_not_whole")
    if len(number) > 40 or value > MAX_QUANTITY:
        raise InvalidValue("value", "cell_too_high", maximum=MAX_QUANTITY)
    return int(value)


def parse_stock(text: str) -> tuple[int, int]:
    """Return units on hand, and how many the other shop had sold beyond them: '-2' is (0, 2)."""
    number = text.strip()
    if number.startswith(("-", "\u2212")):
        return 0, parse_quantity(number[1:])
    return parse_quantity(number), 0


def parse_grams(text: str) -> int:
    """Return a weight in whole grams, rounded half up."""
    number = plain_number(text)
    if number.startswith("-"):
        raise InvalidValue("value", "cell_weight_negative")
    if len(number) > 40 or Decimal(number) > MAX_GRAMS:
        raise InvalidValue("value", "cell_weight_too_high", maximum=MAX_GRAMS)
    return int(Decimal(number).to_integral_value(ROUND_HALF_UP))


def parse_flag(text: str) -> bool:
    """Return the truth of TRUE, true, 1, yes, WAHR... and of their opposites."""
    word = text.casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InvalidValue("value", "cell_not_a_flag")


def parse_backorder(text: str) -> bool:
    """Return whether the variant is sold beyond its stock: 'continue' or TRUE; 'deny', FALSE or nothing is no."""
    word = text.casefold()
    if word in ("", "deny"):
        return False
    if word == "continue":
        return True
    try:
        return parse_flag(text)
    except InvalidValue:
        raise InvalidValue("value", "cell_not_a_policy") from None


def parse_tax_class(text: str) -> str:
    """Return the code of a tax class: what the pages of taxes take."""
    code = text.casefold()
    if not re.fullmatch(TAX_CLASSES, code):
        raise InvalidValue("value", "cell_not_a_tax_class")
    return code


def parse_sku(text: str) -> str:
    """Return a SKU, without a spreadsheet's mark for "text, not number"."""
    if is_rounded(text):
        raise InvalidValue("value", "cell_code_rounded")
    if _FORMULA_ERROR.fullmatch(text):
        raise InvalidValue("value", "cell_formula_error")
    return text[1:] if text.startswith("'") and text[1:].isdigit() else text


def is_rounded(code: str) -> bool:
    """Tell whether a spreadsheet has turned a code into a number and rounded it ('4.00638E+12'): its digits are lost.

    Programs write '4.00638E12' as well. A code such as '12E3' or '1E5' is none: where there is no decimal mark,
    spreadsheets write a sign and two digits.
    """
    return bool(_ROUNDED.fullmatch(code.removeprefix("'")))


def parse_barcode(text: str) -> str | None:
    """Return a barcode's characters, or None when a spreadsheet has rounded it ('3.65E+11')."""
    code = text.removeprefix("'")
    if is_rounded(code) or _EXPONENT.fullmatch(code):
        return None
    return code.partition(".")[0] if re.fullmatch(r"\d+\.0{1,2}", code) else code


def parse_url(text: str) -> str | None:
    """Return an absolute http(s) address, or None when it is something else."""
    url = "https:" + text if text.startswith("//") else text
    if re.fullmatch(r"https?://[^\s/?#@]+([/?#]\S*)?", url, re.IGNORECASE) and len(url) <= 2000:
        return url
    return None
