"""Everything that the shop has of a customer, as one JSON document that a person can read and a program too."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, inspect, select

from commerce import clock
from commerce.accounts.members import get_member
from commerce.accounts.models import MemberAddress, MemberSession
from commerce.cart.models import Cart
from commerce.cart.queries import lines_of
from commerce.catalog.models import Variant
from commerce.customers.profiles import profile_facts
from commerce.db import db
from commerce.events.models import Event
from commerce.inventory.models import StockAlert
from commerce.invoices.models import InvoiceDocument
from commerce.members.customers import Customer
from commerce.orders.models import Credit, Order, OrderAdjustment, OrderLine, ReturnRequest
from commerce.payments.models import Payment, Refund
from commerce.shipping.models import Shipment
from commerce.tenants.scope import current_shop

OURS = frozenset({"tenant_id", "password_hash", "token_hash", "token", "version"})
"""Columns that are secrets, or only of use to us."""


def customer_data(customer: Customer) -> dict[str, Any]:
    """Return what there is of a customer. Amounts are minor units of the currency beside them, moments UTC."""
    orders = db.session.scalars(select(Order).where(customer.orders).order_by(Order.placed_at)).all()
    return {
        "shop": current_shop().name,
        "made_at": clock.now(),
        "email": customer.email,
        **(_account(customer.member_id) if customer.member_id else {}),
        "kept_by_staff": _kept(customer),
        "orders": [_order(order) for order in orders],
        "carts": [
            {
                **_plain(cart),
                "lines": [{"title": line.title, "quantity": line.quantity} for line in lines_of(cart.id)],
            }
            for cart in db.session.scalars(select(Cart).where(customer.carts, Cart.status == "open"))
        ],
        "waits_for": list(
            db.session.scalars(
                select(Variant.sku)
                .join(
                    StockAlert,
                    (StockAlert.tenant_id == Variant.tenant_id) & (StockAlert.variant_id == Variant.id),
                )
                .where(func.lower(StockAlert.email).in_(customer.emails))
            )
        ),
    }


def export_as_json(customer: Customer) -> str:
    """Return a customer's data as the text of a file."""
    return json.dumps(customer_data(customer), ensure_ascii=False, indent=2, default=str)


def _kept(customer: Customer) -> dict[str, Any]:
    """Return what staff keep of a customer: with the text of each note, which is about them, without its author."""
    facts = profile_facts(customer.key)
    return {
        "name": facts.name,
        "phone": facts.phone,
        "language": facts.locale,
        "tags": list(facts.tags),
        "groups": facts.group_names,
        "addresses": [each._asdict() for each in facts.addresses],
        "notes": [{"text": note.text, "at": note.created_at} for note in facts.notes],
        "merged_addresses": list(facts.merged),
    }


def _account(member_id: uuid.UUID) -> dict[str, Any]:
    return {
        "account": _plain(get_member(member_id)),
        "addresses": _rows(MemberAddress, MemberAddress.member_id == member_id),
        "sessions": _rows(MemberSession, MemberSession.member_id == member_id),
    }


def _order(order: Order) -> dict[str, Any]:
    return {
        **_plain(order),
        "lines": _rows(OrderLine, OrderLine.order_id == order.id),
        "adjustments": _rows(OrderAdjustment, OrderAdjustment.order_id == order.id),
        "payments": _rows(Payment, Payment.order_id == order.id),
        "refunds": _rows(Refund, Refund.order_id == order.id),
        "returns": _rows(ReturnRequest, ReturnRequest.order_id == order.id),
        "credits": _rows(Credit, Credit.order_id == order.id),
        "invoices": _rows(InvoiceDocument, InvoiceDocument.order_id == order.id),
        "parcels": _rows(Shipment, Shipment.order_id == order.id),
        "history": [
            {"what": event.type, "at": event.occurred_at, "by": event.actor_kind, "facts": event.payload}
            for event in db.session.scalars(
                select(Event).where(Event.subject_id == order.id).order_by(Event.subject_version, Event.id)
            )
            if event.type != "OrderNoteAdded" or event.payload.get("for_customer")
        ],
    }


def _rows(model: Any, condition: Any) -> Sequence[dict[str, Any]]:
    return [_plain(row) for row in db.session.scalars(select(model).where(condition).order_by(model.id))]


def _plain(row: Any) -> dict[str, Any]:
    return {
        column.key: getattr(row, column.key)
        for column in inspect(type(row)).columns
        if column.key not in OURS and getattr(column, "computed", None) is None
    }
