"""Read invoices and credit notes."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Uuid, literal, or_, select, tuple_
from sqlalchemy.orm import defer

from commerce.db import UtcDateTime, db
from commerce.errors import NotFound
from commerce.invoices.models import InvoiceDocument
from commerce.orders.models import Order
from commerce.orders.search import Wanted, matches
from commerce.paging import Cursor, CursorPage
from commerce.tenants.scope import current_shop

PAGE = 50


@dataclass(frozen=True, slots=True)
class ListedDocument:
    """A row of the list of documents. `total` is minor units of `currency`."""

    code: str
    kind: str
    issued_at: datetime
    order_code: str
    buyer: str
    currency: str
    total: int


def documents_of(order_id: uuid.UUID) -> Sequence[InvoiceDocument]:
    """Return the documents of an order, oldest first."""
    return db.session.scalars(
        select(InvoiceDocument).where(InvoiceDocument.order_id == order_id).order_by(InvoiceDocument.position)
    ).all()


def order_documents(order_id: uuid.UUID) -> Sequence[InvoiceDocument]:
    """Return the documents of an order without their content, oldest first."""
    return db.session.scalars(
        select(InvoiceDocument)
        .where(InvoiceDocument.order_id == order_id)
        .order_by(InvoiceDocument.position)
        .options(defer(InvoiceDocument.content, raiseload=True))
    ).all()


def get_document(code: str, *, order_id: uuid.UUID | None = None) -> InvoiceDocument:
    """Return a document by its number, of one order if it is given. Raises NotFound."""
    wanted = select(InvoiceDocument).where(InvoiceDocument.code == code)
    if order_id is not None:
        wanted = wanted.where(InvoiceDocument.order_id == order_id)
    found = db.session.scalar(wanted)
    if found is None:
        raise NotFound("document_not_found")
    return found


def document_codes(orders: ColumnElement[bool]) -> list[str]:
    """Return the numbers of the documents of all orders that meet a condition, oldest first."""
    found = select(Order.id).where(orders)
    return list(
        db.session.scalars(
            select(InvoiceDocument.code)
            .where(InvoiceDocument.order_id.in_(found))
            .order_by(InvoiceDocument.issued_at, InvoiceDocument.id)
        )
    )


def orders_with_documents(order_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of some orders that have any document. One statement."""
    return set(
        db.session.scalars(
            select(InvoiceDocument.order_id).where(InvoiceDocument.order_id.in_(order_ids)).distinct()
        )
    )


def list_documents(
    search: str = "", *, kind: str = "", before: Cursor | None = None
) -> CursorPage[ListedDocument]:
    """Return documents, newest first: the one with a number, or those of the orders that a search finds."""
    listed = (
        select(
            InvoiceDocument.id,
            InvoiceDocument.code,
            InvoiceDocument.kind,
            InvoiceDocument.issued_at,
            Order.code.label("order_code"),
            Order.name,
            InvoiceDocument.currency,
            InvoiceDocument.total,
        )
        .join(Order, (Order.tenant_id == InvoiceDocument.tenant_id) & (Order.id == InvoiceDocument.order_id))
        .order_by(InvoiceDocument.issued_at.desc(), InvoiceDocument.id.desc())
        .limit(PAGE + 1)
    )
    if kind:
        listed = listed.where(InvoiceDocument.kind == kind)
    if search.strip():
        listed = listed.where(_found_by(search.strip()))
    if before is not None:
        position = tuple_(InvoiceDocument.issued_at, InvoiceDocument.id)
        listed = listed.where(position < (literal(before.at, UtcDateTime()), literal(before.id, Uuid())))
    rows = db.session.execute(listed).all()
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return CursorPage(
        [ListedDocument(*row[1:]) for row in rows[:PAGE]], Cursor(last.issued_at, last.id) if last else None
    )


def _found_by(search: str) -> ColumnElement[bool]:
    """Return the condition of a search: a number, with or without its series, or the words of an order."""
    shop, text = current_shop(), search.upper()[:40]
    numbers = [text]
    if text.isascii() and text.isdigit():
        numbers += [document_code(series, int(text)) for series in (shop.invoice_series, shop.credit_series)]
    found = InvoiceDocument.code.in_(numbers)
    wanted = Wanted(search)
    if not wanted:
        return found
    return or_(found, InvoiceDocument.order_id.in_(select(Order.id).where(matches(wanted))))


def document_code(series: str, number: int) -> str:
    """Return what people call a document."""
    return f"{series}{number:04d}"
