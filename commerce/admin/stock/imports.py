"""Stock from a CSV file: first what it would change, then exactly that."""

from __future__ import annotations

import io

from flask import request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_staff, requires_permission
from commerce.admin.csv_upload import decoded
from commerce.admin.save import done
from commerce.error_messages import describe
from commerce.errors import Rejected
from commerce.inventory.stock_file import StockFileLine, StockPlan, apply_stock, plan_stock
from commerce.web import render_region

SHOWN = 500
"""Rows of a plan that a page shows; all of them are counted and done."""


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
        text = decoded(upload.stream.read())
        plan = _planned(text)
    except Rejected as error:
        return _page(problem=describe(error), status=422)
    return _page(plan=plan, text=text, name=name)


@blueprint.post("/stock-import/changes")
@requires_permission("stock.change")
def stock_import_apply() -> BaseResponse:
    """Do what the page showed, if stock levels still are as they were."""
    text, name = request.form.get("text", ""), request.form.get("name", "")[:255]
    try:
        plan = _planned(text)
    except Rejected as error:
        return _page(problem=describe(error), status=422)
    if plan.seen != request.form.get("seen"):
        problem = _("Stock changed since you opened the page. Please review the updated changes.")
        return _page(plan=plan, text=text, name=name, problem=problem, status=409)
    results = apply_stock(plan, actor=current_staff().name, reference=name or "CSV")
    left = [line for line in results if line.problem]
    if left:
        problem = _("These rows were skipped. All others were imported.")
        return _page(plan=StockPlan(tuple(left), ""), problem=problem, status=409)
    return done(_("%(count)s stock levels updated.", count=len(results)), "/admin/stock")


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
