"""The filters of the list of orders as its address and its forms carry them, and as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from commerce.accounts.staff import list_staff
from commerce.admin.fields import country_names, typed_amount
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.orders.listing import OrderFilter, parse_filter
from commerce.tenants.scope import current_shop
from commerce.tenants.settings import countries

LIST = "/admin/orders"
ASKED = (
    "status",
    "payment",
    "fulfillment",
    "attention",
    "since",
    "until",
    "method",
    "country",
    "tag",
    "coupon",
    "sku",
    "least",
    "most",
    "assignee",
)
"""Names of filters in an address, in the order in which they are shown."""
LABELS = {
    "status": _l("Status"),
    "payment": _l("Payment"),
    "fulfillment": _l("Fulfillment"),
    "attention": _l("Needs attention"),
    "since": _l("From"),
    "until": _l("Until"),
    "method": _l("Payment method"),
    "country": _l("Country"),
    "tag": _l("Tag"),
    "coupon": _l("Coupon"),
    "sku": _l("SKU"),
    "least": _l("Total from"),
    "most": _l("Total to"),
    "assignee": _l("Assigned to"),
}
FULFILLMENT_NAMES = {
    "unshipped": _l("Nothing shipped yet"),
    "partly": _l("Partly shipped"),
    "shipped": _l("Shipped"),
}


def asked_in(sent: Mapping[str, str]) -> dict[str, str]:
    """Return the filters that an address or a form names."""
    return {name: sent.get(name, "").strip()[:200] for name in ASKED if sent.get(name)}


def read_filter(asked: Mapping[str, str], search: str) -> tuple[OrderFilter, list[str]]:
    """Return the filter of an address, and what in it could not be understood."""
    wanted, problems = parse_filter(asked, search=search), []
    amounts: dict[str, int | None] = {}
    for name in ("least", "most"):
        try:
            amounts[name] = typed_amount(asked[name], current_shop().currency) if asked.get(name) else None
        except InvalidValue as error:
            problems.append(f"{LABELS[name]}: {describe(error)}")
    problems += [
        f"{LABELS[name]}: {_('This is not a date.')}"
        for name in ("since", "until")
        if asked.get(name) and getattr(wanted, name) is None
    ]
    return replace(wanted, least=amounts.get("least"), most=amounts.get("most")), problems


def filter_text(name: str, value: str) -> str:
    """Return a filter that is on, in words."""
    return str(LABELS[name]) if name == "attention" else f"{LABELS[name]}: {_shown(name, value)}"


def filter_parts(scope: Mapping[str, Any]) -> list[str]:
    """Return in words what a kept filter narrows to."""
    parts = [filter_text(name, scope[name]) for name in ASKED if scope.get(name)]
    if scope.get("search"):
        parts.append(str(_("search “%(search)s”", search=scope["search"])))
    return parts


def _shown(name: str, value: str) -> str:
    if name == "assignee":
        return next((person.name or person.email for person in list_staff() if str(person.id) == value), "–")
    if name == "country":
        return country_names((value.upper(),)) if value.upper() in countries() else value
    if name == "fulfillment":
        return str(FULFILLMENT_NAMES.get(value, value))
    if name in ("status", "payment"):
        return value.replace("_", " ").capitalize()
    return value
