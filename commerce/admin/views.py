"""Everything under /admin/ on one blueprint; the modules imported here put their addresses on it."""

from __future__ import annotations

from commerce.admin.auth import blueprint
from commerce.admin.bulk import customer_views as bulk_customers
from commerce.admin.bulk import list_views as bulk_lists
from commerce.admin.bulk import order_views as bulk_orders
from commerce.admin.bulk import views as bulk
from commerce.admin.categories import views as categories
from commerce.admin.collections import views as collections
from commerce.admin.content import home_page, menus, redirects
from commerce.admin.content import views as content
from commerce.admin.drafts import views as drafts
from commerce.admin.exports import views as exports
from commerce.admin.home import views as home
from commerce.admin.integrations import views as integrations
from commerce.admin.orders import edit, invoices, listing, payments, returns, shipping
from commerce.admin.orders import views as orders
from commerce.admin.people import activity_views, customer_groups, customer_merge, customers
from commerce.admin.people import views as people
from commerce.admin.pricing import views as pricing
from commerce.admin.products import actions as product_actions
from commerce.admin.products import imports as product_imports
from commerce.admin.products import new_product, option_views, variant_views
from commerce.admin.products import views as products
from commerce.admin.reports import views as reports
from commerce.admin.search import views as search
from commerce.admin.settings import mails
from commerce.admin.settings import views as settings
from commerce.admin.stock import imports
from commerce.admin.stock import views as stock

__all__ = [
    "activity_views",
    "blueprint",
    "bulk",
    "bulk_customers",
    "bulk_lists",
    "bulk_orders",
    "categories",
    "collections",
    "content",
    "customer_groups",
    "customer_merge",
    "customers",
    "drafts",
    "edit",
    "exports",
    "home",
    "home_page",
    "imports",
    "integrations",
    "invoices",
    "listing",
    "mails",
    "menus",
    "new_product",
    "option_views",
    "orders",
    "payments",
    "people",
    "pricing",
    "product_actions",
    "product_imports",
    "products",
    "redirects",
    "reports",
    "returns",
    "search",
    "settings",
    "shipping",
    "stock",
    "variant_views",
]
