"""What the things are called that the activity log is about. The log itself keeps ids, codes and addresses."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Select, String, Uuid, cast, literal, null, select, union_all

from commerce.accounts.models import ApiClient, StaffMember
from commerce.bulk.models import BulkPlan
from commerce.catalog.models import Category, Collection, Product, Variant
from commerce.content.models import ContentPage
from commerce.db import db
from commerce.file_imports.models import FileImport
from commerce.inventory.models import Location, StockItem
from commerce.orders.models import Order, OrderLine
from commerce.payments.models import PaymentMethod
from commerce.pricing.models import Coupon, Promotion, TaxRate
from commerce.redirects.models import Redirect
from commerce.shipping.models import ShippingMethod
from commerce.webhooks.models import WebhookEndpoint


class SubjectKey(NamedTuple):
    """A thing as the log names it: by its kind, and by an id, a code or an address."""

    thing: str
    key: str


class NamedSubject(NamedTuple):
    """A thing that is there. `key` is what the address of its page ends in, `currency` that of an order."""

    key: str
    label: str
    currency: str = ""


_BY_ID: dict[str, tuple[Any, Any]] = {
    "category": (Category.id, Category.name),
    "collection": (Collection.id, Collection.title),
    "promotion": (Promotion.id, Promotion.label),
    "coupon": (Coupon.id, Coupon.code),
    "tax_rate": (TaxRate.id, TaxRate.label),
    "shipping_method": (ShippingMethod.id, ShippingMethod.name),
    "location": (Location.id, Location.name),
    "page": (ContentPage.id, ContentPage.title),
    "redirect": (Redirect.id, Redirect.path),
    "api_client": (ApiClient.id, ApiClient.name),
    "webhook": (WebhookEndpoint.id, WebhookEndpoint.url),
    "staff": (StaffMember.id, StaffMember.name),
    "plan": (BulkPlan.id, BulkPlan.kind),
    "import": (FileImport.id, FileImport.file_name),
    "order_line": (OrderLine.id, OrderLine.title),
}
_BY_TEXT: dict[str, tuple[Any, Any]] = {
    "product": (Product.slug, Product.title),
    "variant": (Variant.sku, Variant.sku),
    "payment_method": (PaymentMethod.code, PaymentMethod.name),
}


def names_of(keys: Iterable[SubjectKey]) -> dict[SubjectKey, NamedSubject]:
    """Return those of some things that are there. One statement for all of them, none when nothing has a name."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for thing, key in keys:
        wanted[thing].add(key)
    parts = [part for thing, some in sorted(wanted.items()) if (part := _statement(thing, some)) is not None]
    if not parts:
        return {}
    rows = db.session.execute(parts[0] if len(parts) == 1 else union_all(*parts))
    found: dict[SubjectKey, NamedSubject] = {}
    for thing, by_id, by_text, label, more in rows:
        key = str(by_id) if by_id is not None else by_text
        address = more if thing == "stock_item" else key
        found[SubjectKey(thing, key)] = NamedSubject(address, label, more if thing == "order" else "")
    return found


def _statement(thing: str, keys: set[str]) -> Select[Any] | None:
    """Return the statement for the names of things of one kind, as (kind, id, key, label, more)."""
    if thing == "order":
        return _row(thing, None, Order.code, Order.code, Order.currency).where(Order.code.in_(keys))
    if thing in _BY_TEXT:
        key, label = _BY_TEXT[thing]
        return _row(thing, None, key, label, literal("")).where(key.in_(keys))
    ids = [found for key in keys if (found := _uuid(key)) is not None]
    if not ids:
        return None
    if thing == "stock_item":
        held = (StockItem.tenant_id == Variant.tenant_id) & (StockItem.variant_id == Variant.id)
        rows = _row(thing, StockItem.id, None, Variant.sku, Variant.sku)
        return rows.join_from(StockItem, Variant, held).where(StockItem.id.in_(ids))
    if thing in _BY_ID:
        key, label = _BY_ID[thing]
        return _row(thing, key, None, label, literal("")).where(key.in_(ids))
    return None


def _row(thing: str, by_id: Any, by_text: Any, label: Any, more: Any) -> Select[Any]:
    # Ids stay ids: how a database writes one as text differs.
    return select(
        literal(thing).label("thing"),
        (cast(null(), Uuid()) if by_id is None else by_id).label("by_id"),
        (cast(null(), String()) if by_text is None else by_text).label("by_text"),
        label.label("label"),
        more.label("more"),
    )


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
