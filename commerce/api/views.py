"""All views of the API. Importing this module registers them on the blueprint."""

from commerce.api.auth import blueprint
from commerce.api.carts import views as carts
from commerce.api.collections import views as collections
from commerce.api.coupons import views as coupons
from commerce.api.events import views as events
from commerce.api.inventory import views as inventory
from commerce.api.openapi import views as document
from commerce.api.orders import checkout, history, payments, refunds, returns, shipments
from commerce.api.orders import status as order_status
from commerce.api.orders import views as orders
from commerce.api.products import picture_views as pictures
from commerce.api.products import views as products
from commerce.api.webhooks import views as webhook_endpoints

__all__ = [
    "blueprint",
    "carts",
    "checkout",
    "collections",
    "coupons",
    "document",
    "events",
    "history",
    "inventory",
    "order_status",
    "orders",
    "payments",
    "pictures",
    "products",
    "refunds",
    "returns",
    "shipments",
    "webhook_endpoints",
]
