"""Bulk changes of orders: from the list, from tracking numbers, and packing slips of many orders."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import make_response, render_template, request
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_staff, one_line, requires_permission
from commerce.admin.bulk.views import ROOT, create, ticked
from commerce.admin.csv_upload import decoded
from commerce.admin.orders.filters import asked_in, read_filter
from commerce.admin.orders.slips import MOST_SLIPS, slips_of
from commerce.admin.save import done
from commerce.bulk.services import create_plan
from commerce.bulk.tracking_lines import MAX_LINES, TrackingNumbers, read_tracking
from commerce.error_messages import describe
from commerce.errors import Rejected
from commerce.orders.addresses import sender_lines
from commerce.orders.listing import chosen_orders, matching_orders
from commerce.shipping.carriers import CARRIERS
from commerce.tenants.scope import current_shop
from commerce.web import see_other

LIST = "/admin/orders"
SLIPS = f"{LIST}/packing-slips"
SHOWN = 100
"""Lines with a problem that a page shows."""


@blueprint.post("/orders/bulk-changes")
@requires_permission("orders.view")
def bulk_orders() -> BaseResponse:
    """Keep a change of the ticked orders, or of all that the list's filters find; nothing is changed yet.

    To print their packing slips changes nothing: it leads to the page with them.
    """
    search, asked = one_line(request.form.get("q", "")), asked_in(request.form)
    everything = request.form.get("everything") == "1"
    if request.form.get("kind") == "orders.slips":
        return _to_slips(search, asked, everything=everything)
    if everything:
        wanted = read_filter(asked, search)[0]
        scope = {"everything": True, "search": search, **asked}
        return create("orders", lambda: matching_orders(wanted), scope)
    return create("orders", chosen_orders(ticked()), {"everything": False})


# --- packing slips --------------------------------------------------------------------------------------


def _to_slips(search: str, asked: dict[str, str], *, everything: bool) -> BaseResponse:
    ids = ticked()
    if not everything and not ids:
        return done(_("Choose at least one row first."), LIST, "warn")
    pairs = [("q", search), *asked.items()] if everything else [("id", each.hex) for each in ids]
    return see_other(f"{SLIPS}?{urlencode([pair for pair in pairs if pair[1]])}")


@blueprint.get("/orders/packing-slips")
@requires_permission("orders.view")
def packing_slips() -> BaseResponse:
    """Show the packing slips of the orders that the address names, or whose filters find them, to print at once."""
    if "id" in request.args:
        chosen = chosen_orders(ticked(request.args))
    else:
        search = one_line(request.args.get("q", ""))
        chosen = matching_orders(read_filter(asked_in(request.args), search)[0])
    shop, locale = current_shop(), str(get_locale())
    slips, more = slips_of(chosen, locale)
    page = render_template(
        "admin/orders/packing_slips.html",
        slips=slips,
        sender=sender_lines(shop.seller, shop.name, locale),
        more=more,
        most=MOST_SLIPS,
    )
    return make_response(page)


# --- tracking numbers -----------------------------------------------------------------------------------


@blueprint.get("/orders/tracking-numbers")
@requires_permission("orders.ship")
def tracking_numbers() -> BaseResponse:
    """Ask for tracking numbers of many orders."""
    return _tracking_page()


@blueprint.post("/orders/tracking-numbers")
@requires_permission("orders.ship")
def tracking_preview() -> BaseResponse:
    """Keep the parcels of a file or of pasted lines as a bulk change with its preview; nothing is shipped yet."""
    text, staff = request.form.get("lines", ""), current_staff()
    upload = request.files.get("file")
    try:
        if upload and upload.filename:
            text = decoded(upload.stream.read())
        found = read_tracking(text)
        if found.problems:
            return _tracking_page(text, found, status=422)
        plan_id = create_plan(
            "orders.tracking",
            chosen_orders(list(found.details)),
            scope={"file": True},
            by=staff.name,
            staff_id=staff.id,
            details=found.details,
            given={},
        )
    except Rejected as error:
        return _tracking_page(text, problem=describe(error), status=422)
    return see_other(f"{ROOT}/{plan_id}")


def _tracking_page(
    text: str = "", found: TrackingNumbers | None = None, problem: str = "", status: int = 200
) -> BaseResponse:
    page = render_template(
        "admin/orders/tracking_numbers.html",
        text=text,
        problems=found.problems[:SHOWN] if found else (),
        count=len(found.problems) if found else 0,
        problem=problem,
        describe=describe,
        carriers=CARRIERS,
        most=MAX_LINES,
    )
    return make_response(page, status)
