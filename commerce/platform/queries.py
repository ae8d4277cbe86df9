"""What operators see: shops in numbers, and nothing of what is in their orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from commerce import clock
from commerce.accounts.models import StaffMember
from commerce.catalog.models import Product
from commerce.db import db
from commerce.orders.models import Order
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope


@dataclass(frozen=True, slots=True)
class ShopNumbers:
    """A shop as operators see it; `orders` are those placed since the month began on the shop's own clock."""

    shop: Shop
    products: int
    orders: int
    staff: int


def numbers_of(shops: Sequence[Shop]) -> list[ShopNumbers]:
    """Return the numbers of each shop. Each is entered for it: no statement of an operator's reads several."""
    return [_numbers(shop) for shop in shops]


def _numbers(shop: Shop) -> ShopNumbers:
    now = clock.now().astimezone(ZoneInfo(shop.timezone))
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
    with shop_scope(shop):
        counts = [
            select(func.count()).select_from(Product),
            select(func.count()).select_from(Order).where(Order.placed_at >= month),
            select(func.count()).select_from(StaffMember).where(StaffMember.active),
        ]
        return ShopNumbers(shop, *(db.session.scalar(count) or 0 for count in counts))
