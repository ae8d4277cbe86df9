"""Every address of the API: importing this puts them all on the blueprint."""

from commerce.api import (
    checkout,
    document,
    events,
    order_events,
    order_status,
    orders,
    payments,
    refunds,
    returns,
    shipments,
)
from commerce.api.door import blueprint

__all__ = [
    "blueprint",
    "checkout",
    "document",
    "events",
    "order_events",
    "order_status",
    "orders",
    "payments",
    "refunds",
    "returns",
    "shipments",
]
