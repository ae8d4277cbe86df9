"""Everything under /admin/ on one blueprint; the modules imported here put their addresses on it."""

from __future__ import annotations

from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.drafts import views as drafts
from commerce.admin.integrations import api_clients, deliveries, webhooks
from commerce.admin.orders import edit, notes, payments, returns, shipments
from commerce.admin.orders import views as orders
from commerce.admin.people import account, activity_log, customers, staff
from commerce.admin.pricing import coupons, price_preview, promotions
from commerce.admin.products import views as products
from commerce.admin.settings import mails, payment_methods, shipping, taxes
from commerce.admin.settings import views as settings
from commerce.admin.stock import files, locations, reservations
from commerce.admin.stock import views as stock
from commerce.web import see_other

__all__ = [
    "account",
    "activity_log",
    "api_clients",
    "blueprint",
    "coupons",
    "customers",
    "deliveries",
    "drafts",
    "edit",
    "files",
    "locations",
    "mails",
    "notes",
    "orders",
    "payment_methods",
    "payments",
    "price_preview",
    "products",
    "promotions",
    "reservations",
    "returns",
    "settings",
    "shipments",
    "shipping",
    "staff",
    "stock",
    "taxes",
    "webhooks",
]


@blueprint.get("/")
@requires_permission("orders.view")
def home() -> BaseResponse:
    """Begin with the orders: they are why people come here."""
    return see_other("/admin/orders")
