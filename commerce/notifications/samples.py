"""A made-up order of the shop's own products, to try out mails on. Its rows are in no session: nothing is written."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from commerce import clock
from commerce.catalog.models import Product, Variant
from commerce.db import db, new_id
from commerce.events.models import Event
from commerce.events.relay import DeliveredEvent
from commerce.notifications.context import MailContext, MailParcel, MailUnits, mail_context
from commerce.notifications.mail_types import MailType
from commerce.orders.masking import without_token
from commerce.orders.models import Order, OrderAdjustment, OrderLine
from commerce.orders.queries import get_order_by_code, timeline
from commerce.payments.queries import Method, payment_methods
from commerce.shipping.queries import shipping_offers
from commerce.tenants.scope import current_shop

NOWHERE = {
    "company_name": "",
    "street_address": "1 Example Street",
    "city": "Exampleton",
    "city_area": "",
    "country_area": "",
    "postal_code": "",
    "sorting_code": "",
}
PRICE = 1500
"""Minor units, where a shop has nothing to sell yet."""


def sample_context(mail: MailType, code: str = "") -> MailContext:
    """Return what `mail` would tell of an order, or of a made-up one; nothing is written. Raises NotFound.

    The customer's link is masked, as the mail is looked at by staff.

    Of an order it tells the last event that the mail follows from, or what such an event could be.
    """
    if not code:
        return _sample(mail)
    order = get_order_by_code(code)
    event = next((e for e in reversed(timeline(order.id)) if e.type in mail.events and _fits(mail, e)), None)
    facts = {**_trial(mail, order), "code": code} if event is None else event.payload
    happening = DeliveredEvent(
        current_shop().id,
        event.id if event else new_id(),
        new_id(),
        event.type if event else mail.events[0],
        order.id,
        dict(facts),
        event.occurred_at if event else clock.now(),
    )
    found = mail_context(happening)
    # Only the customer's own mail has the link that opens the order.
    return replace(found, order=without_token(found.order))


def _fits(mail: MailType, event: Event) -> bool:
    """Tell whether an event that several mails follow from is one of this mail's."""
    return "state" not in event.payload or event.payload["state"] == mail.trial.get("state")


def _trial(mail: MailType, order: Order) -> Mapping[str, Any]:
    """Return a mail's trial facts, with what depends on the order."""
    line = order.lines[0]
    filled = {"currency": order.currency, "sku": line.sku, "title": line.title, "options": line.options}
    return {name: filled.get(name, value) if value == "" else value for name, value in mail.trial.items()}


def _sample(mail: MailType) -> MailContext:
    order = sample_order()
    units = tuple(MailUnits(line.title, line.options, line.quantity) for line in order.lines)
    owing = mail.name in ("order_received", "payment_received", "payment_failed", "order_edited")
    method = _transfer()
    return MailContext(
        order=order,
        facts=_trial(mail, order),
        received=0 if owing else order.total,
        owed=order.total if owing else 0,
        going_back=0 if owing else int(mail.trial.get("amount", order.total)),
        instructions=method.instructions if method else "",
        parcel=MailParcel("", 1, "Example Post", "EX123456789", units[:1]),
        rest=mail.name == "parcel_sent",
        asked=units[:1],
    )


def _transfer() -> Method | None:
    """Return the way to pay that needs instructions, if the shop has one."""
    return next((each for each in payment_methods() if each.gateway == "manual"), None)


def sample_order() -> Order:
    """Return an order of two of the shop's products that exists only in memory."""
    shop, now = current_shop(), clock.now()
    lines = _lines()
    subtotal = sum(line.amount for line in lines)
    discount = subtotal // 10
    offers = shipping_offers(country=shop.country, subtotal=subtotal, weight_grams=0)
    shipping, label = (offers[0].price, offers[0].name) if offers else (0, "MailParcel")
    method = _transfer()
    order = Order(
        id=new_id(),
        code="ORD-000000",
        token="sample",  # noqa: S106 - it opens nothing
        status="confirmed",
        payment_status="unpaid",
        attention="",
        email="sample@shop.invalid",
        name="Sam Sample",
        phone="",
        note="",
        locale=shop.locale,
        shipping_address={**NOWHERE, "country_code": shop.country},
        shipping_method="",
        shipping_label=label,
        payment_method=method.code if method else "",
        payment_label=method.name if method else "",
        pay_later=False,
        currency=shop.currency,
        prices_include_tax=shop.prices_include_tax,
        subtotal=subtotal,
        discount_amount=discount,
        shipping_amount=shipping,
        fee_amount=0,
        tax_amount=0,
        total=subtotal - discount + shipping,
        credited_shipping=0,
        placed_at=now,
        hold_expires_at=now + timedelta(days=7),
    )
    order.lines = lines
    order.adjustments = [
        OrderAdjustment(
            position=0, source_type="promotion", label="WELCOME", amount=-discount, included=False
        ),
        OrderAdjustment(position=1, source_type="shipping", label=label, amount=shipping, included=False),
    ]
    return order


def _lines() -> list[OrderLine]:
    rows = db.session.execute(
        select(Product.title, Variant.option_values, Variant.sku, Variant.price)
        .join(Variant, (Variant.tenant_id == Product.tenant_id) & (Variant.product_id == Product.id))
        .where(Product.status == "active", Variant.active, Variant.position == 0)
        .order_by(Product.published_at.desc(), Product.id)
        .limit(2)
    ).all()
    found = [(title, " / ".join(options), sku, price) for title, options, sku, price in rows] or [
        ("Sample product", "", "SKU-1", PRICE)
    ]
    return [_line(index, *row) for index, row in enumerate(found)]


def _line(position: int, title: str, options: str, sku: str, price: int) -> OrderLine:
    quantity = 2 if position == 0 else 1
    return OrderLine(
        id=uuid.UUID(int=position + 1),
        position=position,
        sku=sku,
        title=title,
        options=options,
        slug="",
        image="",
        quantity=quantity,
        shipped=0,
        cancelled=0,
        credited=0,
        credited_amount=0,
        credited_tax=0,
        unit_price=price,
        amount=price * quantity,
        discount_amount=0,
        tax_rate_ppm=0,
        tax_amount=0,
    )
