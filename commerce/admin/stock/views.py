"""Stock in the back office: what is there, what is held, the ledger, and bookings by hand."""

from __future__ import annotations

import uuid
from urllib.parse import quote

from flask import flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin import queries
from commerce.admin.auth import blueprint, current_staff, page_number, requires_permission, search_text
from commerce.admin.orders.forms import CountForm, LimitForm, MovementForm
from commerce.admin.queries import StockRow
from commerce.admin.stock.chart import step_chart
from commerce.errors import CommerceError, Conflict, InvalidValue, NotFound
from commerce.inventory.adjustments import book_count, book_movement, set_backorder_limit
from commerce.inventory.locations import list_locations
from commerce.web import local_path, render_region, see_other, status_of, wants_region

FILTERS = ("", "low", "held", "promised")
MAX_SKU = 255


@blueprint.get("/stock")
@requires_permission("stock.view")
def stock_list() -> BaseResponse:
    """Show what is on the shelves, by SKU."""
    search, show = search_text(), request.args.get("show", "")
    if show not in FILTERS:
        show = ""
    page = queries.list_stock_rows(search=search, show=show, page=page_number())
    return render_region(
        "admin/stock/stock.html",
        "admin/stock/_stock.html",
        listing=page,
        forms={row.id: MovementForm(key=row.id.hex) for row in page.rows},
        search=search,
        show=show,
        counts=queries.count_stock_rows(),
        here=request.full_path.rstrip("?"),
    )


@blueprint.get("/stock/<path:sku>")
@requires_permission("stock.view")
def stock_page(sku: str) -> BaseResponse:
    """Show the ledger of one SKU at each location."""
    if len(sku) > MAX_SKU or not sku.isprintable():
        raise NotFound("There is no stock of this SKU.")
    return show_stock(queries.stock_of(sku))


@blueprint.post("/stock/<uuid:stock_item_id>/movements")
@requires_permission("stock.change")
def stock_movement(stock_item_id: uuid.UUID) -> BaseResponse:
    """Book units that came or went."""
    row = queries.get_stock(stock_item_id)
    form = MovementForm(request.form, key=row.id.hex)
    if not form.validate():
        return _movement_answer(row, form, 422)
    try:
        book_movement(
            row.id,
            form.delta,
            cause=form.cause.data,
            actor=current_staff().name,
            reference=(form.note.data or "").strip(),
        )
    except (Conflict, InvalidValue) as error:
        form.quantity.errors = [error.detail]
        return _movement_answer(queries.get_stock(row.id), form, status_of(error))
    row = queries.get_stock(row.id)
    said = _(
        "%(sku)s: %(change)+d, now %(count)d on hand.", sku=row.sku, change=form.delta, count=row.on_hand
    )
    if wants_region():
        return _row(row, MovementForm(key=row.id.hex), 200, said)
    flash(said, "good")
    return see_other(local_path(request.form.get("back"), _address(row)))


def _movement_answer(row: StockRow, form: MovementForm, status: int) -> BaseResponse:
    if wants_region():
        return _row(row, form, status)
    return show_stock(queries.stock_of(row.sku), status, movement=(row.id, form))


def _row(row: StockRow, form: MovementForm, status: int, said: str = "") -> BaseResponse:
    back = request.form.get("back", "/admin/stock")
    return render_region(
        "admin/stock/_stock_row.html", "admin/stock/_stock_row.html", status, row=row, form=form, here=back, said=said
    )


@blueprint.post("/stock/<uuid:stock_item_id>/count")
@requires_permission("stock.change")
def stock_count(stock_item_id: uuid.UUID) -> BaseResponse:
    """Set the units on hand to what was counted, unless stock moved since the page was opened."""
    row = queries.get_stock(stock_item_id)
    form = CountForm(request.form, key=row.id.hex)
    if not form.validate():
        return show_stock(queries.stock_of(row.sku), 422, count=(row.id, form))
    try:
        difference = book_count(
            row.id, form.counted.data, seen_version=form.version.data, actor=current_staff().name
        )
    except (Conflict, InvalidValue) as error:
        return show_stock(queries.stock_of(row.sku), status_of(error), count=(row.id, form), problem=error)
    if difference:
        flash(_("Booked a difference of %(change)+d.", change=difference), "good")
    else:
        flash(_("The count is what the books say; nothing was booked."), "good")
    return see_other(_address(row))


@blueprint.post("/stock/<uuid:stock_item_id>/backorder-limit")
@requires_permission("stock.change")
def stock_backorder_limit(stock_item_id: uuid.UUID) -> BaseResponse:
    """Say how many units may be promised beyond the stock, unless it moved since the page was opened."""
    row = queries.get_stock(stock_item_id)
    form = LimitForm(request.form, key=row.id.hex)
    if not form.validate():
        return show_stock(queries.stock_of(row.sku), 422, limit=(row.id, form))
    try:
        set_backorder_limit(row.id, form.limit.data, seen_version=form.version.data)
    except (Conflict, InvalidValue) as error:
        form.limit.errors = [error.detail]
        return show_stock(queries.stock_of(row.sku), status_of(error), limit=(row.id, form))
    flash(_("Saved."), "good")
    return see_other(_address(row))


def _address(row: StockRow) -> str:
    return f"/admin/stock/{quote(row.sku, safe='/')}"


def show_stock(
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

    `refused` is the shelf from which units could not be moved, and why.
    """
    ledgers = {row.id: queries.stock_ledger(row) for row in rows}
    movements = {row.id: MovementForm(key=row.id.hex) for row in rows} | dict([movement] if movement else [])
    counts = {row.id: CountForm(key=row.id.hex) for row in rows} | dict([count] if count else [])
    limits = {row.id: LimitForm(key=row.id.hex, limit=row.backorder_limit) for row in rows}
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
        limits=limits | dict([limit] if limit else []),
        counted=count[0] if count else None,
        problem=problem,
    )
