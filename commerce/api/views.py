"""Every address of the API: importing this puts them all on the blueprint."""

from commerce.api import (
    carts,
    checkout,
    coupons,
    document,
    events,
    inventory,
    order_events,
    order_status,
    orders,
    payments,
    products,
    refunds,
    returns,
    shipments,
    variants,
    webhook_endpoints,
)
from commerce.api.door import blueprint

__all__ = [
    "blueprint",
    "carts",
    "checkout",
    "coupons",
    "document",
    "events",
    "inventory",
    "order_events",
    "order_status",
    "orders",
    "payments",
    "products",
    "refunds",
    "returns",
    "shipments",
    "variants",
    "webhook_endpoints",
]
