"""Who runs a shop: what it has to say of itself on its papers.

Directive 2000/31/EC, Article 5 (imprint) and Directive 2006/112/EC, Article 226 (invoices) name most of it. Numbers are
checked for their form alone: whether a tax office has given them, only that office knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from babel import Locale
from email_validator import EmailNotValidError, validate_email

from commerce.errors import InvalidValue

LONGEST = {
    "legal_name": 255,
    "representative": 255,
    "street": 255,
    "postcode": 20,
    "city": 120,
    "region": 120,
    "email": 254,
    "phone": 40,
    "vat_id": 15,
    "tax_number": 30,
    "register": 255,
}
"""Field of a seller beside its country -> the longest text."""
MAX_SERIES = 20
EU = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)
_VAT_PREFIXES = (EU - {"GR"}) | {"EL", "XI"}
"""How VAT numbers of the Union begin (Article 215): Greece writes EL, Northern Ireland XI."""
_SERIES = re.compile(r"[A-Z0-9]([A-Z0-9.-]{0,18}[A-Z.-])?")


def check_seller(_name: str, value: Any) -> dict[str, str]:
    """Return a seller's details as they are stored, {} for none. Raises InvalidValue by field.

    `country` is a code (ISO 3166). Separators in numbers are left out of the VAT number and kept in the tax number.
    """
    given = {str(key): str(each).strip() for key, each in dict(value).items() if str(each).strip()}
    unknown = sorted(set(given) - {*LONGEST, "country"})
    if unknown:
        raise InvalidValue("seller", "seller_key_unknown", name=unknown[0][:40])
    country = given.get("country", "")
    if country and (not re.fullmatch("[A-Z]{2}", country) or country not in Locale("en").territories):
        raise InvalidValue("seller_country", "not_a_country_code", value=country[:20])
    if given.get("vat_id"):
        given["vat_id"] = _checked_vat_id(given["vat_id"], country)
    for name, longest in LONGEST.items():
        text = given.get(name, "")
        if len(text) > longest or not text.isprintable():
            raise InvalidValue(name, "line_too_long", maximum=longest)
    if given.get("email"):
        _check_email(given["email"])
    if given.get("tax_number") and len(_bare(given["tax_number"])) < 4:
        raise InvalidValue("tax_number", "tax_id_invalid", maximum=LONGEST["tax_number"])
    return given


def check_series(name: str, value: Any) -> str:
    """Return the beginning of a series' numbers. Raises InvalidValue for one that is no part of an address."""
    text = str(value).strip().upper()
    if len(text) > MAX_SERIES or not _SERIES.fullmatch(text) or text[-1].isdigit():
        raise InvalidValue(name, "invoice_series_invalid")
    return text


def missing_for_invoices(seller: Mapping[str, str]) -> str:
    """Return the first field without which no invoice can be made, '' when all are there (Article 226, point 5)."""
    needed = ("legal_name", "street", "city")
    return next((name for name in needed if not seller.get(name)), "")


def seller_address(seller: Mapping[str, str]) -> dict[str, str]:
    """Return a seller's address as the addresses of orders are kept."""
    return {
        "country_code": seller.get("country", ""),
        "country_area": seller.get("region", ""),
        "city": seller.get("city", ""),
        "postal_code": seller.get("postcode", ""),
        "street_address": seller.get("street", ""),
    }


def _checked_vat_id(text: str, country: str) -> str:
    bare = _bare(text)
    if country in EU and not (bare[:2] in _VAT_PREFIXES and re.fullmatch("[A-Z]{2}[0-9A-Z+*]{2,13}", bare)):
        raise InvalidValue("vat_id", "vat_id_invalid")
    if not re.fullmatch("[0-9A-Z+*]{4,15}", bare):
        raise InvalidValue("vat_id", "tax_id_invalid", maximum=LONGEST["vat_id"])
    return bare


def _bare(text: str) -> str:
    return re.sub(r"[\s./-]", "", text).upper()


def _check_email(address: str) -> None:
    domain = address.rpartition("@")[2]
    try:
        validate_email(address, check_deliverability=False, test_environment=domain.endswith("test"))
    except EmailNotValidError as error:
        raise InvalidValue("email", "not_an_email", value=address[:80]) from error
