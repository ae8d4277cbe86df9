"""What the owner of a shop may decide about it. Every value is checked here, whoever sends it."""

from __future__ import annotations

import re
import uuid
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError, localedata
from email_validator import EmailNotValidError, validate_email
from sqlalchemy import select

from commerce import clock
from commerce.db import atomic, db, in_its_shop
from commerce.errors import InvalidValue, NotFound, StaleVersion
from commerce.money import exponent
from commerce.tenants.models import Tenant
from commerce.tenants.order_codes import check_format
from commerce.tenants.seller import check_seller, check_series, missing_for_invoices
from commerce.tenants.theme import COLOURS, TYPEFACES, is_colour, unreadable

MAX_NAME = 255
MAX_RETURN_DAYS = 365
MAX_CART_DAYS = 365
MAX_LOW_STOCK = 100_000
MAX_LIMIT = 10_000_000
MAX_LANGUAGES = 20
_RULES = {"currency", "country", "countries", "prices_include_tax", "tax_rounding", "shipping_tax"}
"""Settings that decide prices: who is about to order sees the new total first."""
_INVOICES = {"seller", "invoice_when"}
_PICTURE = re.compile(r"[0-9a-f-]{36}/[0-9a-f]{32}\.webp")
"""A picture that the shop has written itself, by its name under the media folder."""


def lock_settings(tenant_id: uuid.UUID, seen_version: int) -> Tenant:
    """Return a shop's row, locked, when it still is what a page showed. A step. Raises NotFound, StaleVersion.

    The lock lets orders go on: they refer to the row and change nothing in it.
    """
    tenant = db.session.scalar(
        select(Tenant).where(Tenant.id == tenant_id).with_for_update(key_share=True),
        execution_options={"all_tenants": True, "populate_existing": True},
    )
    if tenant is None:
        raise NotFound("shop_not_found")
    if tenant.version != seen_version:
        raise StaleVersion("shop", seen_version, tenant.version)
    return tenant


def claim_settings(tenant_id: uuid.UUID, seen_version: int) -> None:
    """Count a change of a shop that is made in another table. A step. Raises NotFound, StaleVersion."""
    lock_settings(tenant_id, seen_version).version += 1
    db.session.flush()


@in_its_shop
@atomic
def change_settings(
    tenant_id: uuid.UUID,
    values: Mapping[str, Any],
    *,
    seen_version: int,
    in_use: Callable[[], Sequence[str]] = list,
) -> bool:
    """Set columns of a shop, those of `CHECKS` only, and tell whether any became another.

    `in_use` names what is sold or priced in the shop's currency, since this feature cannot know; while there is any,
    the currency stays. Raises InvalidValue with the column's name, StaleVersion, NotFound.
    """
    checked = check_settings(values)
    refuse_foreign_pictures(tenant_id, checked)
    tenant = lock_settings(tenant_id, seen_version)
    changed = {name for name, value in checked.items() if getattr(tenant, name) != value}
    if "currency" in changed:
        _refuse_while_used(tenant.currency, in_use())
    if not changed:
        return False
    if changed & _INVOICES:
        _prepare_invoices(tenant, checked)
    for name in changed:
        setattr(tenant, name, checked[name])
    tenant.version += 1
    tenant.catalogue_version += 1
    if changed & _RULES:
        tenant.rules_version += 1
    db.session.flush()
    return True


def check_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as they are stored. Raises InvalidValue for one that is out of bounds."""
    return {name: CHECKS[name](name, value) for name, value in values.items()}


def refuse_foreign_pictures(tenant_id: uuid.UUID, checked: Mapping[str, Any]) -> None:
    """Raise InvalidValue for a picture that is not one of the shop's own."""
    shown = {"hero": checked.get("hero"), "logo": checked.get("theme", {}).get("logo", {}).get("file")}
    for name, file in shown.items():
        if file and not file.startswith(f"{tenant_id}/"):
            raise InvalidValue(name, "picture_not_uploaded")


def _prepare_invoices(tenant: Tenant, checked: Mapping[str, Any]) -> None:
    """Note from when on invoices are made. Raises InvalidValue for invoices that would not name their seller."""
    when = checked.get("invoice_when", tenant.invoice_when)
    refuse_nameless_invoices(when, checked.get("seller", tenant.seller))
    if when != "off" and tenant.invoice_when == "off":
        tenant.invoices_since = clock.now()


def refuse_nameless_invoices(when: str, seller: Mapping[str, str]) -> None:
    """Raise InvalidValue when invoices are to be made and a part of the seller's name or address is missing."""
    missing = missing_for_invoices(seller)
    if when != "off" and missing:
        raise InvalidValue(missing, "seller_required_for_invoices")


def _refuse_while_used(currency: str, uses: Sequence[str]) -> None:
    if uses:
        raise InvalidValue(
            "currency",
            "currency_in_use",
            currency=currency,
            uses=list(uses),
        )


# --- checks -----------------------------------------------------------------------------------------


def _line(longest: int, *, required: bool = False) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        text = str(value).strip()
        if len(text) > longest or not text.isprintable() or (required and not text):
            reason = "line_required" if required else "line_too_long"
            raise InvalidValue(name, reason, maximum=longest)
        return text

    return check


def _number(low: int, high: int, *, optional: bool = False) -> Callable[[str, Any], int | None]:
    def check(name: str, value: Any) -> int | None:
        if value is None and optional:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InvalidValue(name, "not_a_whole_number_between", minimum=low, maximum=high)
        return value

    return check


def _one_of(*allowed: Any) -> Callable[[str, Any], Any]:
    def check(name: str, value: Any) -> Any:
        if value not in allowed:
            raise InvalidValue(name, "choice_unknown")
        return value

    return check


def _yes_or_no(_name: str, value: Any) -> bool:
    return bool(value)


def _currency(_name: str, value: Any) -> str:
    exponent(str(value))
    return str(value)


def _country(name: str, value: Any) -> str:
    if str(value) not in countries():
        raise InvalidValue(name, "not_a_country_code", value=str(value)[:20])
    return str(value)


def _countries(name: str, value: Any) -> list[str]:
    return [_country(name, each) for each in dict.fromkeys(value)]


@lru_cache(maxsize=1)
def countries() -> frozenset[str]:
    """Return the codes of all countries (ISO 3166)."""
    codes = frozenset(code for code in map(str, Locale("en").territories) if re.fullmatch("[A-Z]{2}", code))
    return codes - {"ZZ", "EU", "EZ", "UN", "XA", "XB", "QO"}


def _locale(name: str, value: Any) -> str:
    text = str(value).strip()
    try:
        known = len(text) <= 20 and localedata.exists(str(Locale.parse(text.replace("-", "_"))))
    except (UnknownLocaleError, ValueError):
        known = False
    if not known:
        raise InvalidValue(name, "language_unknown", value=text[:20])
    return text.replace("-", "_")


def _locales(name: str, value: Any) -> list[str]:
    found = list(dict.fromkeys(_locale(name, each) for each in value))
    if len(found) > MAX_LANGUAGES:
        raise InvalidValue(name, "too_many_languages", limit=MAX_LANGUAGES)
    return found


def _timezone(name: str, value: Any) -> str:
    if value not in zoneinfo.available_timezones():
        raise InvalidValue(name, "time_zone_unknown", value=str(value)[:60])
    return str(value)


def _email(name: str, value: Any) -> str:
    address = str(value).strip()
    if not address:
        return ""
    try:
        # The owner knows whether their host takes mail; only the format is checked here.
        domain = address.rpartition("@")[2]
        validate_email(address, check_deliverability=False, test_environment=domain.endswith("test"))
    except EmailNotValidError as error:
        raise InvalidValue(name, "not_an_email", value=address[:80]) from error
    return address


def _picture(name: str, value: Any) -> str:
    if value and not _PICTURE.fullmatch(str(value)):
        raise InvalidValue(name, "picture_not_uploaded")
    return str(value)


def _code_format(_name: str, value: Any) -> str:
    return check_format(str(value).strip())


def _theme(name: str, value: Any) -> dict[str, Any]:
    """Return a theme of colours, typeface and logo that people can read."""
    theme: dict[str, Any] = {key: each for key, each in dict(value).items() if each not in ("", None)}
    for key in set(theme) & set(COLOURS):
        if not is_colour(theme[key]):
            raise InvalidValue(key, "color_invalid")
        theme[key] = theme[key].lower()
    if theme.get("typeface", "serif") not in TYPEFACES:
        raise InvalidValue("typeface", "typeface_unknown")
    logo = theme.get("logo")
    if logo is not None and not (isinstance(logo, dict) and _PICTURE.fullmatch(str(logo.get("file")))):
        raise InvalidValue("logo", "logo_not_uploaded")
    if set(theme) - {*COLOURS, "typeface", "logo"}:
        raise InvalidValue(name, "theme_key_unknown")
    for text, ground, ratio in unreadable(theme):
        raise InvalidValue(
            text if text in COLOURS else ground,
            "contrast_too_low",
            text=text,
            ground=ground,
            ratio=f"{ratio:.1f}",
        )
    return theme


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "name": _line(MAX_NAME, required=True),
    "tagline": _line(255),
    "hero": _picture,
    "currency": _currency,
    "country": _country,
    "countries": _countries,
    "locale": _locale,
    "languages": _locales,
    "timezone": _timezone,
    "prices_include_tax": _yes_or_no,
    "tax_rounding": _one_of("line", "rate"),
    "shipping_tax": _one_of("goods", "main", "own"),
    "deduct_on": _one_of("shipment", "confirmation"),
    "return_days": _number(0, MAX_RETURN_DAYS),
    "terms_tick": _yes_or_no,
    "cart_days": _number(1, MAX_CART_DAYS),
    "low_stock_at": _number(0, MAX_LOW_STOCK),
    "order_code_format": _code_format,
    "seller": check_seller,
    "invoice_when": _one_of("off", "payment", "shipment"),
    "invoice_series": check_series,
    "credit_series": check_series,
    "invoice_note": _line(500),
    "mail_from": _email,
    "operations_email": _email,
    "theme": _theme,
    "max_products": _number(0, MAX_LIMIT, optional=True),
    "max_staff": _number(1, MAX_LIMIT, optional=True),
}
"""Column -> what makes a value right. What is not named cannot be changed here."""
