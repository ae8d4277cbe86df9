"""Stock by CSV in the back office: first what a file would change, then exactly that; and the ledger as a file."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterable

from flask import Response, flash, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin import queries
from commerce.admin.auth import blueprint, current_staff, logged, requires_permission
from commerce.csv_files import UnreadableFile
from commerce.errors import Rejected
from commerce.inventory.stock_file import StockFileLine, StockPlan, apply_stock, plan_stock
from commerce.web import render_region, see_other

SHOWN = 500
"""Rows of a plan that a page shows; all of them are counted and done."""
MAX_BYTES = 400_000
"""Size of a file that travels through the form between look and deed: Flask takes 500 kB of form fields."""


@blueprint.get("/stock-import")
@requires_permission("stock.change")
def stock_import() -> BaseResponse:
    """Ask for a file."""
    return _page()


@blueprint.post("/stock-import")
@requires_permission("stock.change")
def stock_import_preview() -> BaseResponse:
    """Show what a file would change; nothing is written."""
    upload = request.files.get("file")
    name = (upload.filename or "")[:255] if upload else ""
    if not upload or not name:
        return _page(problem=_("Please choose a CSV file."), status=422)
    try:
        text = _decoded(upload.stream.read())
        plan = _planned(text)
    except Rejected as error:
        return _page(problem=error.detail, status=422)
    return _page(plan=plan, text=text, name=name)


@blueprint.post("/stock-import/changes")
@requires_permission("stock.change")
def stock_import_apply() -> BaseResponse:
    """Do what the page showed, if the shelves still are as they were."""
    text, name = request.form.get("text", ""), request.form.get("name", "")[:255]
    try:
        plan = _planned(text)
    except Rejected as error:
        return _page(problem=error.detail, status=422)
    if plan.seen != request.form.get("seen"):
        problem = _("Stock moved since you looked. This is what the file would change now.")
        return _page(plan=plan, text=text, name=name, problem=problem, status=409)
    results = apply_stock(plan, actor=current_staff().name, reference=name or "CSV")
    left = [line for line in results if line.problem]
    if left:
        problem = _("These rows were left alone, all others are done.")
        return _page(plan=StockPlan(tuple(left), ""), problem=problem, status=409)
    flash(_("%(count)s stock levels were changed.", count=len(results)), "good")
    return see_other("/admin/stock")


def _decoded(data: bytes) -> str:
    """Return the file as text, in whichever encoding it is; the reader knows them. Raises UnreadableFile."""
    for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if len(text.encode()) > MAX_BYTES:
            raise UnreadableFile(_("The file is too large for a page; use: flask stock import"))
        return text
    raise UnreadableFile(_("The file is no text. Save it as CSV (UTF-8)."))


def _planned(text: str) -> StockPlan:
    return plan_stock(io.BytesIO(text.encode()))


def _page(
    *, plan: StockPlan | None = None, text: str = "", name: str = "", problem: str = "", status: int = 200
) -> BaseResponse:
    lines: tuple[StockFileLine, ...] = (*plan.problems, *plan.changes)[:SHOWN] if plan else ()
    return render_region(
        "admin/stock/import.html",
        "admin/stock/_import.html",
        status,
        plan=plan,
        lines=lines,
        text=text,
        name=name,
        problem=problem,
    )


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
    body = to_csv(("at", "change", "on_hand", "cause", "actor", "reference"), rows)
    response = Response(body, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="ledger-{row.id}.csv"'
    return response


def to_csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return CSV; text that a spreadsheet would take for a formula is marked as text (CWE-1236)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([[_harmless(cell) for cell in row] for row in rows])
    return out.getvalue()


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
