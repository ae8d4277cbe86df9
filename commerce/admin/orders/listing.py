"""The list of orders in the back office: filters in its address, tabs with counts, saved views."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from flask import request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as BaseResponse

from commerce.accounts.models import SavedView
from commerce.accounts.saved_views import delete_view, save_view, views_for
from commerce.accounts.staff import list_staff
from commerce.admin.auth import blueprint, current_staff, may, requires_permission, search_text
from commerce.admin.fields import country_names, typed_amount
from commerce.admin.save import done
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.orders.listing import (
    FULFILLMENTS,
    SORTS,
    OrderFilter,
    count_filtered,
    known_tags,
    list_filtered,
    parse_filter,
)
from commerce.orders.transitions import PAYMENT_STATUSES, STATUSES
from commerce.paging import Cursor
from commerce.payments.methods import list_methods
from commerce.tenants.scope import current_shop
from commerce.tenants.settings import countries
from commerce.web import render_region

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
SORT_NAMES = {
    "newest": _l("Newest first"),
    "oldest": _l("Oldest first"),
    "highest": _l("Highest total first"),
    "lowest": _l("Lowest total first"),
}
TABS: tuple[tuple[Any, dict[str, str]], ...] = (
    (_l("All"), {}),
    (_l("Unpaid"), {"status": "pending"}),
    (_l("To confirm"), {"status": "paid"}),
    (_l("To ship"), {"fulfillment": "unshipped"}),
    (_l("Partly shipped"), {"fulfillment": "partly"}),
    (_l("Shipped"), {"status": "shipped"}),
    (_l("Refund requested"), {"status": "refund_requested"}),
    (_l("Needs attention"), {"attention": "1"}),
)
"""Views that every shop has."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A view of the list. `count` is None for one that is not counted; `saved` is a saved view."""

    label: Any
    address: str
    current: bool
    count: int | None = None
    saved: SavedView | None = None


class Chip(NamedTuple):
    """A filter that is on, and the address without it."""

    text: str
    address: str


@blueprint.get("/orders")
@requires_permission("orders.view")
def order_list() -> BaseResponse:
    """Show the orders that the address asks for."""
    search, staff = search_text(), current_staff()
    asked = {name: request.args.get(name, "").strip()[:200] for name in ASKED if request.args.get(name)}
    wanted, problems = _filter(asked, search)
    sort = request.args.get("sort", "newest")
    sort = sort if sort in SORTS else "newest"
    before = Cursor.parse(request.args.get("before", ""))
    with_form = bool(request.args.get("filters"))
    return render_region(
        "admin/orders/orders.html",
        "admin/orders/_orders.html",
        listing=list_filtered(wanted, sort=sort, before=before),
        tabs=_tabs(asked, search, sort, staff.id),
        chips=_chips(asked, search, sort),
        search=search,
        asked=asked,
        sort=sort,
        sorts=SORT_NAMES,
        problems=problems,
        narrowed=wanted.narrows,
        filters_address=_address({**asked, "filters": "1"}, search, sort),
        choices=_choices() if with_form else None,
        query=urlencode(_pairs(asked, search, sort)),
    )


def _filter(asked: dict[str, str], search: str) -> tuple[OrderFilter, list[str]]:
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


def _tabs(asked: dict[str, str], search: str, sort: str, staff_id: uuid.UUID) -> list[Tab]:
    built_in = {str(number): parse_filter(values) for number, (_label, values) in enumerate(TABS)}
    counts = count_filtered(search, built_in)
    tabs = [
        Tab(label, _address(values, search, sort), values == asked, counts[str(number)])
        for number, (label, values) in enumerate(TABS)
    ]
    here = sorted(_pairs(asked, search, sort))
    for view in views_for(staff_id):
        current = sorted(parse_qsl(view.query)) == here and bool(here)
        tabs.append(Tab(view.name, f"{LIST}?{view.query}", current, saved=view))
    return tabs


def _chips(asked: dict[str, str], search: str, sort: str) -> list[Chip]:
    found = []
    for name, value in asked.items():
        rest = {each: text for each, text in asked.items() if each != name}
        text = str(LABELS[name]) if name == "attention" else f"{LABELS[name]}: {_shown(name, value)}"
        found.append(Chip(text, _address(rest, search, sort)))
    return found


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


def _choices() -> dict[str, Any]:
    """Return what the filters offer to choose from."""
    named = sorted(
        ((country_names((code,)), code) for code in countries()), key=lambda pair: pair[0].casefold()
    )
    return {
        "statuses": STATUSES,
        "payments": PAYMENT_STATUSES,
        "fulfillments": {name: FULFILLMENT_NAMES[name] for name in FULFILLMENTS},
        "methods": list_methods(),
        "countries": named,
        "tags": known_tags(),
        "staff": [person for person in list_staff() if person.active],
    }


def _pairs(asked: dict[str, str], search: str, sort: str) -> Sequence[tuple[str, str]]:
    beside = {"q": search, "sort": sort if sort != "newest" else ""}
    return [(name, value) for name, value in {**asked, **beside}.items() if value]


def _address(asked: dict[str, str], search: str, sort: str) -> str:
    query = urlencode(_pairs(asked, search, sort))
    return f"{LIST}?{query}" if query else LIST


# --- saved views --------------------------------------------------------------------------------------


@blueprint.post("/views")
@requires_permission("account.own")
def view_save() -> BaseResponse:
    """Keep the filters of the list under a name."""
    known = [
        (name, value)
        for name, value in parse_qsl(request.form.get("query", "")[:2000])
        if name in (*ASKED, "q", "sort")
    ]
    query = urlencode(known)
    page = f"{LIST}?{query}" if query else LIST
    shared = request.form.get("shared") == "1" and may("orders.note")
    try:
        save_view(current_staff().id, request.form.get("name", ""), query, shared=shared)
    except InvalidValue as error:
        return done(describe(error), page, "bad")
    return done(_("View saved."), page)


@blueprint.post("/views/<uuid:view_id>/deletion")
@requires_permission("account.own")
def view_delete(view_id: uuid.UUID) -> BaseResponse:
    """Delete one of one's own views."""
    delete_view(current_staff().id, view_id)
    return done(_("View deleted."), LIST)
