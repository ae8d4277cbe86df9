"""Reports as pages and as files."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask import Response, render_template
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, logged, requires_permission
from commerce.admin.csv_download import csv_download
from commerce.admin.fields import country_names, percent_text
from commerce.admin.reports.chart import bar_chart
from commerce.admin.reports.period import USUAL, chosen_period
from commerce.admin.reports.queries import ON_A_PAGE, REPORTS, Column, Report, file_rows
from commerce.errors import NotFound
from commerce.money import to_decimal
from commerce.reports.queries import sales_by_day
from commerce.reports.services import refresh_sales
from commerce.tenants.scope import current_shop
from commerce.web import see_other


@blueprint.context_processor
def _words() -> dict[str, Any]:
    return {
        "percent": percent_text,
        "country": lambda code: country_names((code,)) if code else "–",
    }


@blueprint.get("/reports")
@requires_permission("reports.view")
def report_list() -> BaseResponse:
    """Begin with the sales by day."""
    return see_other("/admin/reports/days")


@blueprint.get("/reports/<name>")
@requires_permission("reports.view")
def report_page(name: str) -> str:
    """Show a report; of a long one its first rows."""
    report = _report(name)
    whole = refresh_sales()
    chosen = chosen_period()
    rows = report.rows(chosen.period, ON_A_PAGE + 1)
    days = sales_by_day(chosen.period) if name == "days" else {}
    return render_template(
        "admin/reports/report.html",
        name=name,
        report=report,
        reports=REPORTS,
        rows=rows[:ON_A_PAGE],
        more=len(rows) > ON_A_PAGE,
        chosen=chosen,
        usual=USUAL,
        whole=whole,
        chart=bar_chart({day: sales.net for day, sales in days.items()}) if days else None,
    )


@blueprint.get("/reports/<name>.csv")
@requires_permission("reports.view")
@logged
def report_file(name: str) -> Response:
    """Answer with all rows of a report as CSV."""
    report = _report(name)
    refresh_sales()
    chosen = chosen_period()
    header = [column.name for column in report.columns]
    return csv_download(f"{name}.csv", header, file_rows(report, chosen.period, _in_file))


def _report(name: str) -> Report:
    report = REPORTS.get(name)
    if report is None:
        raise NotFound("report_not_found")
    return report


def _in_file(column: Column, value: Any) -> object:
    """Amounts in whole units of the shop's currency and shares in percent, both with a point."""
    if value is None:
        return ""
    if column.kind == "money":
        return f"{to_decimal(value, current_shop().currency):f}"
    if column.kind == "percent":
        return f"{Decimal(value).scaleb(-4).normalize():f}"
    if column.kind == "count":
        return value
    return str(value)
