"""Shops that make invoices, and the steps that lead to documents."""

import uuid
from typing import Any

from sqlalchemy import select

from commerce.db import db
from commerce.invoices.models import InvoiceDocument
from commerce.invoices.queries import documents_of
from commerce.invoices.services import follow_documents
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop
from commerce.tenants.settings import change_settings

SELLER = {
    "legal_name": "Alice & Daughters GmbH",
    "street": "Lindenstr. 1",
    "postcode": "10969",
    "city": "Berlin",
    "country": "DE",
    "vat_id": "DE123456789",
    "tax_number": "12/345/67890",
    "email": "hello@alice.example",
    "phone": "+49 30 123456",
    "register": "Amtsgericht Charlottenburg HRB 1",
    "representative": "Alice Ahorn",
}


def making_invoices(shop: Shop, when: str = "payment", **changes: Any) -> Shop:
    """Turn invoices on and return the shop as it is then: enter it again."""
    values = {"seller": SELLER, "invoice_when": when, **changes}
    change_settings(shop.id, values, seen_version=get_shop(shop.id).version)
    db.session.close()
    return get_shop(shop.id)


def follow(order_id: uuid.UUID, cause: str = "PaymentSucceeded") -> list[str]:
    """Do what the worker does after an event, and return the numbers of new documents."""
    return follow_documents(order_id, uuid.uuid4(), cause)


def documents(order_id: uuid.UUID) -> list[InvoiceDocument]:
    """Return the documents of an order as the database has them."""
    db.session.close()
    found = list(documents_of(order_id))
    db.session.close()
    return found


def numbers(series: str = "INV-") -> list[int]:
    """Return all numbers of a series in the order of their moments."""
    db.session.close()
    found = list(
        db.session.scalars(
            select(InvoiceDocument.number)
            .where(InvoiceDocument.series == series)
            .order_by(InvoiceDocument.issued_at, InvoiceDocument.number)
        )
    )
    db.session.close()
    return found
