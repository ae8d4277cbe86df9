"""Invoices and credit notes for staff: all of the shop, and one as the customer sees it."""

from __future__ import annotations

from flask import make_response, request
from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.invoices.models import CREDIT_NOTE, INVOICE
from commerce.invoices.presentation import document_page
from commerce.invoices.queries import get_document, list_documents
from commerce.orders.queries import get_order
from commerce.paging import Cursor
from commerce.tenants.scope import current_shop
from commerce.web import render_region

MAX_SEARCH = 200


@blueprint.get("/invoices")
@requires_permission("orders.view")
def invoice_list() -> BaseResponse:
    """Show documents, newest first: all of them, or those that a search finds."""
    search = request.args.get("q", "")[:MAX_SEARCH]
    kind = request.args.get("kind", "")
    if kind not in (INVOICE, CREDIT_NOTE):
        kind = ""
    return render_region(
        "admin/orders/invoices.html",
        "admin/orders/_invoices.html",
        listing=list_documents(search, kind=kind, before=Cursor.parse(request.args.get("before", ""))),
        search=search,
        kind=kind,
        off=current_shop().invoice_when == "off",
    )


@blueprint.get("/invoices/<code>")
@requires_permission("orders.view")
def invoice_page(code: str) -> BaseResponse:
    """Show one document, as it is printed."""
    found = get_document(code)
    back = f"/admin/orders/{get_order(found.order_id).code}"
    return make_response(document_page(found, back=back, addresses="/admin/invoices"))
