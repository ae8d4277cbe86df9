"""The list of orders in the back office: filters in its address, tabs with counts, saved views."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
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
from commerce.admin.fields import country_names
from commerce.admin.orders.filters import (
    ASKED,
    FULFILLMENT_NAMES,
    LIST,
    asked_in,
    filter_text,
    read_filter,
)
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
from commerce.tenants.settings import countries
from commerce.web import render_region

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
    asked = asked_in(request.args)
    wanted, problems = read_filter(asked, search)
    sort = request.args.get("sort", "newest")
    sort = sort if sort in SORTS else "newest"
    before = Cursor.parse(request.args.get("before", ""))
    tabs, total = _tabs(asked, wanted, sort, staff.id)
    with_form = bool(request.args.get("filters"))
    return render_region(
        "admin/orders/orders.html",
        "admin/orders/_orders.html",
        listing=list_filtered(wanted, sort=sort, before=before),
        tabs=tabs,
        total=total,
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


def _tabs(
    asked: dict[str, str], wanted: OrderFilter, sort: str, staff_id: uuid.UUID
) -> tuple[list[Tab], int]:
    """Return the views, and how many orders the filter finds, bounded."""
    search = wanted.search
    built_in = {str(number): parse_filter(values) for number, (_label, values) in enumerate(TABS)}
    counts = count_filtered(search, {**built_in, "": wanted.without("search")})
    tabs = [
        Tab(label, _address(values, search, sort), values == asked, counts[str(number)])
        for number, (label, values) in enumerate(TABS)
    ]
    here = sorted(_pairs(asked, search, sort))
    for view in views_for(staff_id):
        current = sorted(parse_qsl(view.query)) == here and bool(here)
        tabs.append(Tab(view.name, f"{LIST}?{view.query}", current, saved=view))
    return tabs, counts[""]


def _chips(asked: dict[str, str], search: str, sort: str) -> list[Chip]:
    found = []
    for name, value in asked.items():
        rest = {each: text for each, text in asked.items() if each != name}
        found.append(Chip(filter_text(name, value), _address(rest, search, sort)))
    return found


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
