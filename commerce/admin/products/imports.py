"""Products from a CSV file: upload it, see what it would change, then let the worker do exactly that."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, current_staff, ensure_permission, requires_permission
from commerce.admin.csv_download import csv_stream
from commerce.admin.products.import_forms import (
    KINDS,
    MEANINGS,
    chosen_options,
    version_seen,
)
from commerce.admin.save import done
from commerce.error_messages import describe
from commerce.errors import CommerceError, Conflict, Rejected
from commerce.file_imports import queries, services
from commerce.file_imports.models import FileImport
from commerce.file_imports.report_file import HEADER, report_rows
from commerce.web import accepts_bytes, render_region, see_other, status_of

KIND = "products"
SHOWN = 100
"""Lines of a report that a page shows; the report to download has all of them."""


@blueprint.get("/products/import")
@requires_permission("products.change")
def product_import() -> BaseResponse:
    """Ask for a file, and list the latest imports."""
    return _ask(KIND)


@blueprint.post("/products/import")
@requires_permission("products.change")
@accepts_bytes(services.MAX_FILE + 2 * services.MB)
def product_import_upload() -> BaseResponse:
    """Keep the file and let the worker check it; nothing is written into the catalog."""
    return _upload(KIND)


@blueprint.get("/customers/import")
@requires_permission("customers.import")
def customer_import() -> BaseResponse:
    """Ask for a file of customers, and list the latest imports."""
    return _ask("customers")


@blueprint.post("/customers/import")
@requires_permission("customers.import")
@accepts_bytes(services.MAX_FILE + 2 * services.MB)
def customer_import_upload() -> BaseResponse:
    """Keep the file and let the worker check it; no customer is changed."""
    return _upload("customers")


@blueprint.get("/pricing/coupons/import")
@requires_permission("pricing.manage")
def coupon_import() -> BaseResponse:
    """Ask for a file of coupons, and list the latest imports."""
    return _ask("coupons")


@blueprint.post("/pricing/coupons/import")
@requires_permission("pricing.manage")
@accepts_bytes(services.MAX_FILE + 2 * services.MB)
def coupon_import_upload() -> BaseResponse:
    """Keep the file and let the worker check it; no coupon is changed."""
    return _upload("coupons")


@blueprint.get("/imports/<uuid:import_id>")
@requires_permission("account.own")
def import_page(import_id: UUID) -> BaseResponse:
    """Show how far an import is, what it would do, or what it has done."""
    return _show(import_id)


@blueprint.post("/imports/<uuid:import_id>/options")
@requires_permission("account.own")
def import_options(import_id: UUID) -> BaseResponse:
    """Read the file in another way; it is checked again."""
    row = _allowed(import_id)
    options = chosen_options(request.form, row.header.get("names", []))
    return _change(
        import_id, lambda: services.change_options(import_id, options, seen_version=version_seen())
    )


@blueprint.post("/imports/<uuid:import_id>/start")
@requires_permission("account.own")
def import_start(import_id: UUID) -> BaseResponse:
    """Import what the page showed."""
    _allowed(import_id)
    return _change(import_id, lambda: services.start_import(import_id, seen_version=version_seen()))


@blueprint.post("/imports/<uuid:import_id>/withdrawal")
@requires_permission("account.own")
def import_withdraw(import_id: UUID) -> BaseResponse:
    """Stop an import; what is imported stays."""
    _allowed(import_id)
    return _change(
        import_id,
        lambda: services.withdraw_import(import_id),
        _("The import was stopped. What had been imported by then stays."),
    )


@blueprint.get("/imports/<uuid:import_id>/report.csv")
@requires_permission("account.own")
def import_report(import_id: UUID) -> Response:
    """Download every error, change and remark of an import, or of its preview."""
    row = _allowed(import_id)
    preview = [row.preview] if row.preview and not row.started_at else []
    parts = queries.report_parts(import_id) if row.started_at else iter(preview)
    header = tuple(str(KINDS[row.kind].one) if name == "Product" else name for name in HEADER)
    return csv_stream("import-report.csv", header, report_rows(parts))


def _change(import_id: UUID, do: Any, said: str = "") -> BaseResponse:
    try:
        do()
    except (Conflict, Rejected) as error:
        return _show(import_id, error)
    address = f"/admin/imports/{import_id}"
    return done(said, address) if said else see_other(address)


def _allowed(import_id: UUID) -> FileImport:
    """Return an import that the signed-in staff may see and carry out. Raises NotFound, NotAllowed."""
    row = queries.get_import(import_id)
    ensure_permission(KINDS[row.kind].permission)
    return row


def _upload(kind: str) -> BaseResponse:
    upload = request.files.get("file")
    if not upload or not upload.filename:
        return _ask(kind, _("Please choose a CSV file."), 422)
    try:
        import_id = services.upload_file(
            upload.stream, kind=kind, file_name=upload.filename, by=current_staff().name
        )
    except Rejected as error:
        return _ask(kind, describe(error), status_of(error))
    return see_other(f"/admin/imports/{import_id}")


def _ask(kind: str, problem: str = "", status: int = 200) -> BaseResponse:
    return render_region(
        "admin/products/import.html",
        "admin/products/_import.html",
        status,
        words=KINDS[kind],
        imports=queries.list_imports(kind),
        megabytes=services.MAX_FILE // services.MB,
        problem=problem,
    )


def _show(import_id: UUID, problem: CommerceError | None = None) -> BaseResponse:
    row = _allowed(import_id)
    return render_region(
        "admin/products/import_run.html",
        "admin/products/_import_run.html",
        status_of(problem) if problem else 200,
        row=row,
        words=KINDS[row.kind],
        file=KINDS[row.kind].file(row),
        report=row.result or row.preview,
        meanings=MEANINGS,
        shown=SHOWN,
        problem=describe(problem) if problem else "",
    )
