"""Money is an integer of minor units beside an ISO 4217 code; there is no float anywhere.

How many minor units make one unit (the exponent) comes from CLDR: JPY 0, EUR 2, KWD 3. Some currencies have
an exponent but are shown without it when an amount is whole (CLDR's cash digits: TWD 2, shown with 0).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import lru_cache

from babel.core import Locale, UnknownLocaleError, get_global
from babel.languages import get_official_languages
from babel.numbers import (
    format_currency,
    get_currency_precision,
    get_currency_symbol,
    get_decimal_symbol,
    is_currency,
)

from commerce.errors import InvalidValue

MAX_AMOUNT = 10**13
"""Largest amount that any column accepts, in minor units: a bound against overflow, not a business rule."""

_PLAIN_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_GROUPS = {mark: re.compile(rf"-?\d{{1,3}}({re.escape(mark)}\d{{3}})+") for mark in ".,"}
_ONE_GROUP = re.compile(r"-?[1-9]\d{0,2}")
_EXACT = Context(prec=28, traps=[InvalidOperation, Inexact])
"""A number with more digits than this is refused: the usual context would round it without a word."""
_WHOLE_UNITS = re.compile("(?<=\\d)[.,](?:[-\u2013\u2014]{1,2})$")
"""How Swiss and Dutch people write that there are no cents: 5.- and 5,--."""
PPM = 1_000_000


@lru_cache(maxsize=512)
def exponent(currency: str) -> int:
    """Return the number of decimal places of `currency` (ISO 4217).

    Raises InvalidValue for an unknown code.
    """
    if not is_currency(currency):
        raise InvalidValue("currency", "currency_unknown", value=currency)
    return get_currency_precision(currency)


@lru_cache(maxsize=512)
def _cash_exponent(currency: str) -> int:
    fractions = get_global("currency_fractions")
    return int(fractions.get(currency, fractions["DEFAULT"])[2])


SMALLEST_COINS = {"AUD": 5, "HUF": 500, "NZD": 10}
"""Minor units, where CLDR knows only decimals: the Australian Currency Act of 1965 (section 22), the Hungarian Act III
of 2008, and the coins that New Zealand withdrew in 2006."""


def smallest_cash_amount(currency: str) -> int:
    """Return the least amount that can be paid in cash, in minor units: 5 for CHF, 50 for DKK, 100 for SEK, 1 for USD.

    CLDR's cash digits and cash rounding say so for most currencies.
    """
    places = exponent(currency)
    fractions = get_global("currency_fractions")
    cash_rounding = int(fractions.get(currency, fractions["DEFAULT"])[3])
    return SMALLEST_COINS.get(currency) or max(1, cash_rounding) * 10 ** (places - _cash_exponent(currency))


@lru_cache(maxsize=65536)
def format_money(amount: int, currency: str, locale: str) -> str:
    """Return `amount` (minor units) as a person in `locale` writes it, e.g. 1234 EUR en -> '€12.34'."""
    places = exponent(currency)
    unit = 10**places
    digits = places
    if _cash_exponent(currency) < places and amount % unit == 0:
        digits = _cash_exponent(currency)
    value = Decimal(amount).scaleb(-places)
    if digits == places:
        return format_currency(value, currency, locale=locale)
    return format_currency(
        value.quantize(Decimal(1).scaleb(-digits)),
        currency,
        locale=locale,
        currency_digits=False,
        format=_pattern_without_decimals(locale),
    )


@lru_cache(maxsize=64)
def _pattern_without_decimals(locale: str) -> str:
    from babel import Locale

    pattern = Locale.parse(locale.replace("-", "_")).currency_formats["standard"].pattern
    return re.sub(r"\.0+", "", pattern)


def to_decimal(amount: int, currency: str) -> Decimal:
    """Return `amount` (minor units) as an exact Decimal of whole units."""
    return Decimal(amount).scaleb(-exponent(currency))


def plain_number(text: str, locale: str, *, places: int | None = None) -> str:
    """Return a number as a person has typed it in `locale` as digits with '.' as the decimal mark.

    Both marks are understood everywhere: '4,20' and '4.20', '1.234,50' and '1,234.50', also in full width, with a
    currency sign or blanks between thousands. One mark before exactly three digits is the decimal mark where the locale
    writes it so, and groups thousands where the currency has no decimals (`places` is 0).
    Raises InvalidValue where it could as well be a thousand times the other reading, and for wrong groups.
    """
    number = unicodedata.normalize("NFKC", text).strip()
    number = "".join(each for each in number if unicodedata.category(each) not in ("Sc", "Cf")).strip()
    number = re.sub("^[\u2010-\u2015\u2212]", "-", number)
    number = number.replace("\u066b", str(get_decimal_symbol(locale)))
    number = _WHOLE_UNITS.sub("", number)
    number = re.sub(r"(?<=\d)[ '\u2019\u066c](?=\d{3}(?!\d))", "", number)
    marks = re.findall("[.,]", number)
    if not marks:
        return number
    mark = marks[-1]
    whole, rest = number.rsplit(mark, 1)
    other = "." if mark == "," else ","
    if other in marks and _GROUPS[other].fullmatch(whole):
        return f"{whole.replace(other, '')}.{rest}"
    if len(marks) > 1:
        if other in marks or not _GROUPS[mark].fullmatch(number):
            raise InvalidValue("amount", "not_an_amount", value=text[:40])
        return number.replace(mark, "")
    decimal_mark = str(get_decimal_symbol(locale))
    if len(rest) == 3 and _ONE_GROUP.fullmatch(whole):
        if places == 0:
            return whole + rest
        if mark != decimal_mark:
            facts = {"whole": whole + rest, "decimal": f"{whole}{decimal_mark}{rest.rstrip('0') or '0'}"}
            raise InvalidValue("amount", "amount_ambiguous", value=text[:40], **facts)
    return f"{whole}.{rest}"


@lru_cache(maxsize=512)
def currency_signs(currency: str) -> tuple[str, ...]:
    """Return how a currency is written beside an amount: its code, its sign in English and at home (SEK: kr)."""
    home = get_official_languages(currency[:2])
    signs = [currency, get_currency_symbol(currency, "en")]
    for language in home[:1]:
        try:
            signs.append(get_currency_symbol(currency, Locale(language, currency[:2])))
        except UnknownLocaleError:
            continue
    return tuple(dict.fromkeys(signs))


def without_currency(text: str, currency: str) -> str:
    """Return an amount without the code or sign of `currency` before or behind it; those of other ones stay."""
    number = text.strip()
    for word in currency_signs(currency):
        start, end = number[: len(word)], number[-len(word) :]
        if start.casefold() == word.casefold():
            return number[len(word) :].strip()
        if end.casefold() == word.casefold():
            return number[: -len(word)].strip()
    return number


def parse_typed_amount(text: str, currency: str, locale: str) -> int:
    """Return minor units for an amount as a person has typed it in `locale`, with the currency's code or sign or not.

    Raises InvalidValue.
    """
    number = without_currency(text, currency)
    sign = get_currency_symbol(currency, locale)
    if number == text.strip() and sign != currency:
        number = number.removeprefix(sign).removesuffix(sign)
    try:
        return parse_amount(plain_number(number, locale, places=exponent(currency)), currency)
    except InvalidValue as error:
        raise InvalidValue(error.field, error.reason, **{**error.facts, "value": text[:40]}) from error


def typed_number(number: str, locale: str) -> str:
    """Return a plain decimal with the decimal mark of `locale`, without groups: what `plain_number` takes back."""
    return number.replace(".", str(get_decimal_symbol(locale)))


def parse_amount(text: str, currency: str) -> int:
    """Return minor units for a plain decimal such as '29.99' (no grouping, '.' as the mark).

    Raises InvalidValue when it is no number, has more decimals than the currency, or is out of bounds.
    Trailing zeros beyond the exponent are no loss and pass ('1200.00' is 1200 yen).
    """
    cleaned = text.strip()
    if not _PLAIN_NUMBER.fullmatch(cleaned):
        raise InvalidValue("amount", "not_an_amount", value=text[:40])
    try:
        minor = Decimal(cleaned).scaleb(exponent(currency), _EXACT)
    except (InvalidOperation, Inexact) as error:
        raise InvalidValue("amount", "not_an_amount", value=text[:40]) from error
    if minor != minor.to_integral_value():
        raise InvalidValue(
            "amount", "amount_too_precise", value=text[:40], currency=currency, places=exponent(currency)
        )
    if abs(minor) > MAX_AMOUNT:
        raise InvalidValue("amount", "amount_too_large", value=text[:40])
    return int(minor)


def divide_half_up(numerator: int, denominator: int) -> int:
    """Return the quotient rounded half away from zero, by integers alone.

    `denominator` must be positive. Half away from zero is the commercial rounding of tax authorities.
    """
    if denominator <= 0:
        raise ValueError("denominator must be positive")
    sign = -1 if numerator < 0 else 1
    return sign * ((2 * abs(numerator) + denominator) // (2 * denominator))


def round_to(amount: int, step: int) -> int:
    """Return the multiple of `step` (minor units) next to `amount`, half up; the amount itself for a step of 0 or 1."""
    return divide_half_up(amount, step) * step if step > 1 else amount


def share_of(amount: int, rate_ppm: int) -> int:
    """Return `rate_ppm` millionths of `amount`, rounded half up: share_of(1000, 190_000) is 190."""
    return divide_half_up(amount * rate_ppm, PPM)


def included_share(gross: int, rate_ppm: int) -> int:
    """Return the part of `gross` that is tax at `rate_ppm`: included_share(1190, 190_000) is 190."""
    return divide_half_up(gross * rate_ppm, PPM + rate_ppm)


def allocate_amount(amount: int, weights: Sequence[int]) -> list[int]:
    """Split `amount` over `weights` by largest remainder; the parts always sum to `amount`.

    Weights are non-negative integers; if all are zero the split is even. Ties go to the earlier part, so the result is
    the same every time. Raises ValueError for a negative weight or for nothing to split over.
    """
    if not weights:
        if amount == 0:
            return []
        raise ValueError("nothing to allocate to")
    if min(weights) < 0:
        raise ValueError("weights must not be negative")
    total = sum(weights)
    if total == 0:
        weights, total = [1] * len(weights), len(weights)
    sign, size = (-1, -amount) if amount < 0 else (1, amount)
    parts = [size * weight // total for weight in weights]
    remainders = sorted(range(len(weights)), key=lambda i: (-(size * weights[i] % total), i))
    for index in remainders[: size - sum(parts)]:
        parts[index] += 1
    return [sign * part for part in parts]
