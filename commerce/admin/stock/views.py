"""Stock in the back office: levels, the ledger of a SKU, adjustments, reservations and locations."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

from flask import Response, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import (
    asked_page,
    blueprint,
    current_staff,
    logged,
    requires_permission,
    search_text,
)
from commerce.admin.csv_download import csv_download
from commerce.admin.save import done, save
from commerce.admin.stock import queries
from commerce.admin.stock.chart import step_chart
from commerce.admin.stock.forms import CountForm, LimitForm, LocationForm, MovementForm
from commerce.admin.stock.queries import StockRow
from commerce.error_messages import describe
from commerce.errors import CommerceError, Conflict, InvalidValue, NotFound, Rejected
from commerce.inventory.adjustments import book_count, book_movement, set_backorder_limit
from commerce.inventory.backorders import backorder_queues
from commerce.inventory.locations import change_location, create_location, list_locations, transfer
from commerce.web import local_path, render_region, wants_region

MAX_SKU = 255
LOCATIONS = "/admin/locations"


@blueprint.get("/stock")
@requires_permission("stock.view")
def stock_list() -> BaseResponse:
    """Show stock levels by SKU."""
    search, show = search_text(), request.args.get("show", "")
    if show not in queries.FILTERS:
        show = ""
    found = queries.search_stock(search)
    page = queries.list_stock_rows(found, show=show, page=asked_page())
    return render_region(
        "admin/stock/stock.html",
        "admin/stock/_stock.html",
        listing=page,
        forms={row.id: MovementForm(key=row.id.hex) for row in page.rows},
        search=search,
        show=show,
        counts=queries.count_stock_rows(found),
        here=request.full_path.rstrip("?"),
    )


@blueprint.get("/stock/<path:sku>")
@requires_permission("stock.view")
def stock_page(sku: str) -> BaseResponse:
    """Show the ledger of one SKU at each location."""
    if len(sku) > MAX_SKU or not sku.isprintable():
        raise NotFound("stock_of_sku_not_found")
    return _show(queries.stock_of(sku))


@blueprint.get("/ledgers/<uuid:stock_item_id>.csv")
@requires_permission("stock.view")
@logged
def stock_ledger(stock_item_id: uuid.UUID) -> Response:
    """Return every movement of a stock item as CSV, oldest first, with the running account."""
    row = queries.get_stock(stock_item_id)
    rows = (
        (
            line.at.isoformat(timespec="seconds"),
            line.delta,
            line.balance,
            line.cause,
            line.actor,
            line.reference,
        )
        for line in reversed(queries.stock_ledger(row, limit=None))
    )
    header = ("at", "change", "on_hand", "cause", "actor", "reference")
    return csv_download(f"ledger-{row.id}.csv", header, rows)


# --- adjustments ------------------------------------------------------------------------------------


@blueprint.post("/stock/<uuid:stock_item_id>/movements")
@requires_permission("stock.change")
def stock_movement(stock_item_id: uuid.UUID) -> BaseResponse:
    """Add or remove units."""
    row = queries.get_stock(stock_item_id)
    form = MovementForm(request.form, key=row.id.hex)

    def show(status: int) -> BaseResponse:
        if wants_region():
            return _row(queries.get_stock(row.id), form, status)
        return _show(queries.stock_of(row.sku), status, movement=(row.id, form))

    return save(
        form,
        lambda: book_movement(
            row.id,
            form.delta,
            cause=form.cause.data,
            actor=current_staff().name,
            reference=(form.note.data or "").strip(),
        ),
        show=show,
        then=lambda _result: _moved(queries.get_stock(row.id), form.delta),
        shown_at={Rejected: "quantity", Conflict: "quantity"},
    )


def _moved(row: StockRow, delta: int) -> BaseResponse:
    said = _("%(sku)s: %(change)+d, now %(count)d on hand.", sku=row.sku, change=delta, count=row.on_hand)
    if wants_region():
        return _row(row, MovementForm(key=row.id.hex), 200, said)
    return done(said, local_path(request.form.get("back"), _address(row)))


def _row(row: StockRow, form: MovementForm, status: int, said: str = "") -> BaseResponse:
    back = request.form.get("back", "/admin/stock")
    part = "admin/stock/_stock_row.html"
    return render_region(part, part, status, row=row, form=form, here=back, said=said)


@blueprint.post("/stock/<uuid:stock_item_id>/count")
@requires_permission("stock.change")
def stock_count(stock_item_id: uuid.UUID) -> BaseResponse:
    """Set the units on hand to what was counted, unless stock moved since the page was opened."""
    row = queries.get_stock(stock_item_id)
    form = CountForm(request.form, key=row.id.hex)

    def then(difference: int) -> BaseResponse:
        text = _("Stock adjusted by %(change)+d.", change=difference)
        return done(
            text if difference else _("The count matches the stock on hand. Nothing was changed."),
            _address(row),
        )

    return save(
        form,
        lambda: book_count(
            row.id, form.counted.data, seen_version=form.version.data, actor=current_staff().name
        ),
        show=lambda status, problem=None: _show(
            queries.stock_of(row.sku), status, count=(row.id, form), problem=problem
        ),
        then=then,
    )


@blueprint.post("/stock/<uuid:stock_item_id>/backorder-limit")
@requires_permission("stock.change")
def stock_backorder_limit(stock_item_id: uuid.UUID) -> BaseResponse:
    """Set how many units may be sold beyond the stock, unless it moved since the page was opened."""
    row = queries.get_stock(stock_item_id)
    form = LimitForm(request.form, key=row.id.hex)
    return save(
        form,
        lambda: set_backorder_limit(row.id, form.limit.data, seen_version=form.version.data),
        show=lambda status: _show(queries.stock_of(row.sku), status, limit=(row.id, form)),
        then=lambda _result: done(_("Saved."), _address(row)),
        shown_at={Rejected: "limit", Conflict: "limit"},
    )


@blueprint.post("/stock/<uuid:stock_item_id>/transfers")
@requires_permission("stock.change")
def stock_transfer(stock_item_id: uuid.UUID) -> BaseResponse:
    """Move free units to another location."""
    row = queries.get_stock(stock_item_id)

    def do() -> None:
        location, units = request.form.get("location", ""), request.form.get("units", "")
        transfer(row.id, _chosen_location(location), _units(units), actor=current_staff().name)

    return save(
        None,
        do,
        show=lambda status, problem: _show(
            queries.stock_of(row.sku), status, refused=(row.id, describe(problem))
        ),
        then=lambda _result: done(_("Units transferred."), _address(row)),
    )


def _units(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise InvalidValue("units", "transfer_units_required")
    return int(text)


def _chosen_location(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise InvalidValue("location", "location_required") from error


def _address(row: StockRow) -> str:
    return f"/admin/stock/{quote(row.sku, safe='/')}"


def _show(
    rows: list[StockRow],
    status: int = 200,
    *,
    movement: tuple[uuid.UUID, MovementForm] | None = None,
    count: tuple[uuid.UUID, CountForm] | None = None,
    limit: tuple[uuid.UUID, LimitForm] | None = None,
    problem: CommerceError | None = None,
    refused: tuple[uuid.UUID, str] | None = None,
) -> BaseResponse:
    """Answer with the page of a SKU; a form that was refused is shown again with what was typed.

    `refused` is the stock item from which units could not be moved, and why.
    """
    ledgers = {row.id: queries.stock_ledger(row) for row in rows}
    movements: dict[uuid.UUID, Any] = {row.id: MovementForm(key=row.id.hex) for row in rows}
    counts: dict[uuid.UUID, Any] = {row.id: CountForm(key=row.id.hex) for row in rows}
    limits: dict[uuid.UUID, Any] = {
        row.id: LimitForm(key=row.id.hex, limit=row.backorder_limit) for row in rows
    }
    for forms, sent in ((movements, movement), (counts, count), (limits, limit)):
        forms.update([sent] if sent else [])
    return render_region(
        "admin/stock/stock_item.html",
        "admin/stock/_stock_item.html",
        status,
        rows=rows,
        ledgers=ledgers,
        charts={
            key: step_chart([(line.at, line.balance) for line in reversed(lines)])
            for key, lines in ledgers.items()
        },
        locations=list_locations(),
        refused=refused,
        movements=movements,
        counts=counts,
        limits=limits,
        counted=count[0] if count else None,
        problem=problem,
    )


# --- reservations -----------------------------------------------------------------------------------


@blueprint.get("/holds")
@requires_permission("stock.view")
def hold_list() -> BaseResponse:
    """Show units that are reserved for unpaid orders, the soonest to expire first."""
    search = search_text()
    listing = queries.list_reservations(search, asked_page())
    # A queue may be long, and nobody waits in one where as much is in stock as is reserved.
    items = {row.stock_item_id for row in listing.rows if row.short}
    return render_region(
        "admin/stock/reservations.html",
        "admin/stock/_reservations.html",
        listing=listing,
        waiting={each.reservation_id: each.units - each.covered for each in backorder_queues(items)}
        if items
        else {},
        search=search,
    )


# --- locations --------------------------------------------------------------------------------------


@blueprint.get("/locations")
@requires_permission("stock.view")
def location_list() -> BaseResponse:
    """Show the warehouses in the order in which orders take from them."""
    return _show_locations(LocationForm(position=0))


@blueprint.post("/locations")
@requires_permission("stock.locations")
def location_create() -> BaseResponse:
    """Add a warehouse."""
    form = LocationForm(request.form)
    form.position.data = 0
    return save(
        form,
        lambda: create_location(form.code.data or "", form.name.data or ""),
        show=lambda status: _show_locations(form, status),
        then=lambda _location: done(_("Location added."), LOCATIONS),
    )


@blueprint.post("/locations/<uuid:location_id>")
@requires_permission("stock.locations")
def location_change(location_id: uuid.UUID) -> BaseResponse:
    """Rename a warehouse, or move it up or down in the order."""
    form = LocationForm(request.form)
    wrong = _("Please enter a name and a whole number as priority.")
    return save(
        form,
        lambda: change_location(location_id, name=form.name.data or "", position=form.position.data),
        show=lambda status: _show_locations(LocationForm(position=0), status, problem=wrong),
        then=lambda _location: done(_("Location updated."), LOCATIONS),
    )


def _show_locations(form: LocationForm, status: int = 200, problem: str = "") -> BaseResponse:
    return render_region(
        "admin/stock/locations.html",
        "admin/stock/_locations.html",
        status,
        rows=list_locations(),
        form=form,
        problem=problem,
    )
