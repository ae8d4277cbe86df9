"""How many products the plan of a shop has room for."""

from __future__ import annotations

from sqlalchemy import func, select

from commerce.catalog.models import Product
from commerce.db import current_tenant_id, db
from commerce.errors import Rejected
from commerce.tenants.models import Tenant


class ProductLimitReached(Rejected):
    """The plan allows no more products. `limit` is how many."""

    code = "plan_full"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__("product_limit_reached", limit=limit)


def enforce_product_limit(*, beyond: int = 0) -> None:
    """Go on if the products that there are now, new ones included, are within the plan. A step. Raises CatalogueFull.

    `beyond` are products that a dry run has undone again.
    The shop's row is locked until the end, so that two who add at once are counted one after the other.
    """
    limit = db.session.scalars(
        select(Tenant.max_products).where(Tenant.id == current_tenant_id()).with_for_update(key_share=True)
    ).one()
    if (
        limit is not None
        and (db.session.scalar(select(func.count()).select_from(Product)) or 0) + beyond > limit
    ):
        raise ProductLimitReached(limit)
