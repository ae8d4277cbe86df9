"""All tables, imported in one place so that migrations and tests know every one."""

from commerce import form_submissions
from commerce.accounts import models as accounts
from commerce.api import models as api
from commerce.bulk import models as bulk
from commerce.cart import models as cart
from commerce.catalog import models as catalog
from commerce.content import models as content
from commerce.customers import models as customers
from commerce.events import models as events
from commerce.file_imports import models as file_imports
from commerce.inventory import models as inventory
from commerce.invoices import models as invoices
from commerce.notifications import models as notifications
from commerce.orders import models as orders
from commerce.payments import models as payments
from commerce.pricing import models as pricing
from commerce.redirects import models as redirects
from commerce.reports import models as reports
from commerce.shipping import models as shipping
from commerce.tenants import models as tenants
from commerce.webhooks import models as webhooks

__all__ = [
    "accounts",
    "api",
    "bulk",
    "cart",
    "catalog",
    "content",
    "customers",
    "events",
    "file_imports",
    "form_submissions",
    "inventory",
    "invoices",
    "notifications",
    "orders",
    "payments",
    "pricing",
    "redirects",
    "reports",
    "shipping",
    "tenants",
    "webhooks",
]
