"""Publish products whose time has come."""

from __future__ import annotations

from sqlalchemy import select

from commerce import clock
from commerce.accounts import audit
from commerce.catalog.models import Product
from commerce.catalog.update_product import catalogue_changed
from commerce.db import atomic, db
from commerce.events.outbox import SYSTEM

BATCH = 50


@atomic
def publish_scheduled_products() -> int:
    """Make drafts of the current shop active whose time has come, at most BATCH of them; return how many."""
    now = clock.now()
    due = db.session.scalars(
        select(Product)
        .where(Product.publish_at <= now)
        .order_by(Product.publish_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for product in due:
        if product.status == "draft":
            product.status, product.published_at = "active", now
        product.publish_at = None
        catalogue_changed(product)
        audit.record(SYSTEM, "publish_product", product.slug)
    return len(due)
