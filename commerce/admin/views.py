"""Everything under /admin/ on one blueprint; the modules imported here put their addresses on it."""

from __future__ import annotations

from werkzeug.wrappers import Response as BaseResponse

from commerce.admin import (
    account,
    api_clients,
    audit,
    coupons,
    customers,
    drafts,
    editing,
    events,
    holds,
    locations,
    mails,
    notes,
    orders,
    payment_methods,
    price_preview,
    products,
    promotions,
    receipts,
    returns,
    settings,
    shipments,
    shipping,
    staff,
    stock,
    stock_files,
    taxes,
    webhook_pages,
)
from commerce.admin.desk import blueprint, permit
from commerce.web import see_other

__all__ = [
    "account",
    "api_clients",
    "audit",
    "blueprint",
    "coupons",
    "customers",
    "drafts",
    "editing",
    "events",
    "holds",
    "locations",
    "mails",
    "notes",
    "orders",
    "payment_methods",
    "price_preview",
    "products",
    "promotions",
    "receipts",
    "returns",
    "settings",
    "shipments",
    "shipping",
    "staff",
    "stock",
    "stock_files",
    "taxes",
    "webhook_pages",
]


@blueprint.get("/")
@permit("orders.view")
def home() -> BaseResponse:
    """Begin with the orders: they are why people come here."""
    return see_other("/admin/orders")
