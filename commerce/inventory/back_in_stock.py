"""Back-in-stock alerts: a subscription is one row, one event when units are in stock again, one mail, then deleted.

The events hold no address, so neither their history nor webhooks contain it. Only the mail's handler looks it up, and
deletes it when the mail is sent.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite

from commerce import clock
from commerce.catalog.models import Product, Variant
from commerce.db import atomic, current_tenant_id, database_now, db, dialect_name, every_shop, new_id
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.events.outbox import SYSTEM, publish
from commerce.inventory.events import BackInStock
from commerce.inventory.models import MOST_ALERTS, StockAlert, StockItem

BATCH = 100
"""Alerts sent in one transaction: a long list must not hold up a shop."""
_alerts = cast("Table", StockAlert.__table__)
_in_stock = exists().where(
    StockItem.tenant_id == StockAlert.tenant_id,
    StockItem.variant_id == StockAlert.variant_id,
    StockItem.on_hand > StockItem.reserved,
)
_sold = exists().where(
    Variant.tenant_id == StockAlert.tenant_id,
    Variant.id == StockAlert.variant_id,
    Variant.active,
    Product.tenant_id == Variant.tenant_id,
    Product.id == Variant.product_id,
    Product.status == "active",
)


# --- subscribing ------------------------------------------------------------------------------------


@atomic
def subscribe_back_in_stock(variant_id: uuid.UUID, email: str) -> None:
    """Subscribe `email` to the variant's return to stock. Subscribing twice changes nothing.

    Raises NotFound for what is not sold, InvalidValue when the address waits for MOST_ALERTS variants already,
    Conflict when it was asked for at the same moment too often.
    """
    email = email.lower()
    if not db.session.scalar(
        select(Variant.id)
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .where(Variant.id == variant_id, Variant.active, Product.status == "active")
    ):
        raise NotFound("not_for_sale")
    # Each lost attempt means that a place was filled, so after MOST_ALERTS of them none is left.
    for _try in range(MOST_ALERTS + 1):
        waiting = db.session.execute(
            select(StockAlert.variant_id, StockAlert.place).where(StockAlert.email == email)
        ).all()
        if any(row.variant_id == variant_id for row in waiting):
            return
        free = sorted(set(range(1, MOST_ALERTS + 1)) - {row.place for row in waiting})
        if not free:
            raise InvalidValue(
                "email",
                "too_many_stock_alerts",
                limit=MOST_ALERTS,
            )
        # Somebody else may take the place meanwhile; then this writes nothing and we look again.
        _take_place(variant_id, email, free[0])
    raise Conflict("alert_conflict")


def _take_place(variant_id: uuid.UUID, email: str, place: int) -> None:
    insert: Any = postgresql.insert if dialect_name() == "postgresql" else sqlite.insert
    row = {"tenant_id": current_tenant_id(), "id": new_id(), "variant_id": variant_id, "email": email}
    db.session.connection().execute(
        insert(_alerts).values(**row, place=place, created_at=clock.now()).on_conflict_do_nothing()
    )


# --- notifying --------------------------------------------------------------------------------------


@every_shop()
def find_back_in_stock(limit: int = 50) -> Sequence[tuple[uuid.UUID, uuid.UUID]]:
    """Return (shop, variant) over all shops with subscribers and stock. One statement."""
    rows = db.session.execute(
        select(StockAlert.tenant_id, StockAlert.variant_id)
        .where(StockAlert.told_at.is_(None), _in_stock, _sold)
        .distinct()
        .limit(limit),
        execution_options={"all_tenants": True},
    )
    return [(row.tenant_id, row.variant_id) for row in rows]


@atomic
def notify_subscribers(variant_id: uuid.UUID) -> int:
    """Publish one event for each of the oldest alerts of a variant that is in stock, and return how many.

    An alert is marked in the same transaction, so no event is written twice, by however many workers.
    """
    alerts = db.session.scalars(
        select(StockAlert.id)
        .where(StockAlert.variant_id == variant_id, StockAlert.told_at.is_(None), _in_stock, _sold)
        .order_by(StockAlert.id)
        .limit(BATCH)
        .with_for_update(of=StockAlert, skip_locked=True)
    ).all()
    if not alerts:
        return 0
    db.session.execute(
        update(StockAlert)
        .where(StockAlert.id.in_(alerts))
        .values(told_at=database_now())
        .execution_options(synchronize_session=False)
    )
    sku, options, title, slug = db.session.execute(
        select(Variant.sku, Variant.option_values, Product.title, Product.slug)
        .join(Product, (Product.tenant_id == Variant.tenant_id) & (Product.id == Variant.product_id))
        .where(Variant.id == variant_id)
    ).one()
    facts = {"sku": sku, "options": " / ".join(options), "title": title, "slug": slug}
    publish(SYSTEM, *(BackInStock(subject_id=alert, subject_version=1, **facts) for alert in alerts))
    return len(alerts)


def address_of(alert_id: uuid.UUID) -> str:
    """Return the subscriber's address, or '' when the mail was sent already."""
    return db.session.scalar(select(StockAlert.email).where(StockAlert.id == alert_id)) or ""


@atomic
def delete_alert(alert_id: uuid.UUID) -> None:
    """Delete an alert whose mail was sent. Repeating it changes nothing."""
    db.session.execute(
        delete(StockAlert).where(StockAlert.id == alert_id).execution_options(synchronize_session=False)
    )
