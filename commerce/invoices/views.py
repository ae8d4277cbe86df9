"""A customer's invoices and credit notes, behind the secret link of their order."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

from commerce.invoices.presentation import document_page
from commerce.invoices.queries import get_document, order_documents
from commerce.orders.views import order_of
from commerce.web import private

blueprint = Blueprint("invoices", __name__)


@blueprint.get("/orders/<token>/invoices")
def order_invoices(token: str) -> Response:
    """Show which documents an order has."""
    order = order_of(token)
    page = render_template("invoices/order_invoices.html", order=order, documents=order_documents(order.id))
    return private(make_response(page))


@blueprint.get("/orders/<token>/invoices/<code>")
def document(token: str, code: str) -> Response:
    """Show one document, as it is printed."""
    order = order_of(token)
    found = get_document(code, order_id=order.id)
    address = f"/orders/{order.token}"
    return private(make_response(document_page(found, back=address, addresses=f"{address}/invoices")))
