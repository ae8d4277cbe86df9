"""Everything under /admin/ on one blueprint; the modules imported here put their addresses on it."""

from __future__ import annotations

from werkzeug.wrappers import Response as BaseResponse

from commerce.admin.auth import blueprint, requires_permission
from commerce.admin.categories import views as categories
from commerce.admin.drafts import views as drafts
from commerce.admin.integrations import views as integrations
from commerce.admin.orders import edit, listing, payments, returns, shipping
from commerce.admin.orders import views as orders
from commerce.admin.people import views as people
from commerce.admin.pricing import views as pricing
from commerce.admin.products import imports as product_imports
from commerce.admin.products import new_product
from commerce.admin.products import views as products
from commerce.admin.search import views as search
from commerce.admin.settings import mails
from commerce.admin.settings import views as settings
from commerce.admin.stock import imports
from commerce.admin.stock import views as stock
from commerce.web import see_other

__all__ = [
    "blueprint",
    "categories",
    "drafts",
    "edit",
    "imports",
    "integrations",
    "listing",
    "mails",
    "new_product",
    "orders",
    "payments",
    "people",
    "pricing",
    "product_imports",
    "products",
    "returns",
    "search",
    "settings",
    "shipping",
    "stock",
]


@blueprint.get("/")
@requires_permission("orders.view")
def home() -> BaseResponse:
    """Begin with the orders: they are why people come here."""
    return see_other("/admin/orders")
