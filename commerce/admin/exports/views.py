"""Export lists as CSV files, for spreadsheets or for other programs."""

from __future__ import annotations

from flask import Response, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, ensure_permission, logged, may, requires_permission
from commerce.admin.csv_download import csv_stream
from commerce.admin.exports.queries import EXPORTS
from commerce.errors import NotFound
from commerce.web import render_region

SEPARATORS = {"comma": ",", "semicolon": ";", "tab": "\t"}


@blueprint.get("/exports")
@requires_permission("products.view")
def exports() -> BaseResponse:
    """Offer every file that the signed-in staff may have."""
    return render_region(
        "admin/exports/exports.html",
        "admin/exports/_exports.html",
        exports=[(name, each.label) for name, each in EXPORTS.items() if may(each.permission)],
    )


@blueprint.get("/exports/file.csv")
@requires_permission("products.view")
@logged
def export_file() -> Response:
    """Send a file, row by row: `table` is which, `format` excel or plain, `separator` what stands between cells."""
    name = request.args.get("table", "")
    export = EXPORTS.get(name)
    if export is None:
        raise NotFound("export_not_found")
    ensure_permission(export.permission)
    return csv_stream(
        f"{name}.csv",
        export.header,
        export.rows(),
        excel=request.args.get("format") != "plain",
        delimiter=SEPARATORS.get(request.args.get("separator", ""), ","),
    )
