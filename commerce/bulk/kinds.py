"""Every kind of change that can be planned, by its name. What comes before the dot is the list that offers it."""

from __future__ import annotations

from collections.abc import Mapping

from commerce.bulk.changes import BulkChange
from commerce.bulk.customer_changes import ChangeCustomerGroups, ChangeCustomerTags
from commerce.bulk.order_changes import (
    AssignOrders,
    ChangeOrderTags,
    ShipOrders,
    ShipWithTracking,
    StartProcessing,
)
from commerce.bulk.pricing_changes import EndPromotions, SwitchCoupons, SwitchPromotions
from commerce.bulk.product_changes import ChangeCategories, ChangePrice, ChangeStatus, ChangeTags
from commerce.bulk.stock_changes import AdjustStock
from commerce.errors import NotFound

KINDS: Mapping[str, BulkChange] = {
    "customers.tags": ChangeCustomerTags(),
    "customers.groups": ChangeCustomerGroups(),
    "products.price": ChangePrice(),
    "products.status": ChangeStatus(),
    "products.tags": ChangeTags(),
    "products.categories": ChangeCategories(),
    "orders.process": StartProcessing(),
    "orders.ship": ShipOrders(),
    "orders.tracking": ShipWithTracking(),
    "orders.tags": ChangeOrderTags(),
    "orders.assign": AssignOrders(),
    "stock.adjust": AdjustStock(),
    "coupons.status": SwitchCoupons(),
    "promotions.status": SwitchPromotions(),
    "promotions.end": EndPromotions(),
}


def kind_of(name: str) -> BulkChange:
    """Return a kind of change. Raises NotFound."""
    kind = KINDS.get(name)
    if kind is None:
        raise NotFound("bulk_kind_not_found")
    return kind
