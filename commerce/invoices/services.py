"""Make the documents that an order's state asks for: numbered without gap, in order of time, and each of them once.

The worker comes through here after every event that may change what is charged. Nothing of it is part of placing an
order. The order's row is locked, so two workers see each other's documents; then the counter of the series, last of
all locks, and its number is only taken if the document is committed with it.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite

from commerce import clock
from commerce.db import atomic, current_tenant_id, db, insert_rows, new_id
from commerce.events.relay import DeliveredEvent
from commerce.invoices.content import Moment, content_of, documented
from commerce.invoices.ledger import Ledger, difference, split_by_kind, to_document
from commerce.invoices.models import CREDIT_NOTE, INVOICE, InvoiceDocument, InvoiceSeries
from commerce.invoices.queries import document_code, documents_of, orders_with_documents
from commerce.orders.balance import balance_of
from commerce.orders.models import Credit, Order
from commerce.orders.services import lock_order
from commerce.payments.queries import payment_method, payments_of
from commerce.pricing.queries import list_tax_rates
from commerce.shipping.queries import shipments_of
from commerce.tenants.models import Shop
from commerce.tenants.scope import current_shop

NEVER, AT_PAYMENT, AT_SHIPMENT = "off", "payment", "shipment"


@atomic
def follow_documents(order_id: uuid.UUID, event_id: uuid.UUID, cause: str) -> list[str]:
    """Make the invoice or credit note that an order's present state asks for, and return the numbers that were given.

    Repeating it makes nothing more. Raises NotFound.
    """
    shop, order = current_shop(), lock_order(order_id)
    earlier = documents_of(order.id)
    balance = balance_of(order, payments_of(order.id))
    sent = [each.shipped_at for each in shipments_of(order.id)]
    basis = earlier[0].basis if earlier else shop.invoice_when
    if not earlier and not _begins(order, shop, paid=not balance.due, sent=sent):
        return []
    credited_tax = db.session.scalar(
        select(func.coalesce(func.sum(Credit.tax_amount), 0)).where(Credit.order_id == order.id)
    )
    target = to_document(
        order,
        int(credited_tax or 0),
        {str(rate.id): rate.rate_ppm for rate in list_tax_rates()},
        by_parcel=basis == AT_SHIPMENT,
    )
    method = payment_method(order.payment_method)
    by_hand = method is not None and method.gateway == "manual"
    moment = Moment(
        paid=not balance.due and bool(balance.paid or not order.total),
        instructions=method.instructions if method is not None and by_hand else "",
        shipped=sent,
    )
    parts = split_by_kind(difference(target, documented(earlier)), first=not earlier)
    return [
        _add_document(order, [*earlier], part, sign, shop, moment, basis, event_id, cause, number)
        for number, (sign, part) in enumerate(parts, start=len(earlier) + 1)
    ]


def orders_to_document(happenings: Sequence[DeliveredEvent]) -> dict[uuid.UUID, bool]:
    """Return by event id whether its order may need a document. One statement at most."""
    makes = current_shop().invoice_when != NEVER
    known = set() if makes else orders_with_documents({each.subject_id for each in happenings})
    return {each.event_id: makes or each.subject_id in known for each in happenings}


def _begins(order: Order, shop: Shop, *, paid: bool, sent: Sequence[datetime]) -> bool:
    """Tell whether the first invoice of an order is due: it was paid, or a parcel was sent, while the shop made any.

    Where customers pay after delivery, an invoice "at payment" would come too late: goods that leave ask for it too.
    """
    since = shop.invoices_since
    if shop.invoice_when == NEVER or since is None:
        return False
    moments = sent[:1]
    if shop.invoice_when == AT_PAYMENT and paid and order.paid_at is not None:
        moments = [min([order.paid_at, *moments])]
    return any(moment >= since for moment in moments)


def _add_document(
    order: Order,
    earlier: Sequence[InvoiceDocument],
    parts: Ledger,
    sign: int,
    shop: Shop,
    moment: Moment,
    basis: str,
    event_id: uuid.UUID,
    cause: str,
    position: int,
) -> str:
    """Insert one document with the next number of its series. A step; its lock is held until the commit."""
    content = content_of(order, parts, earlier, shop, moment, sign=sign)
    corrects = None
    if sign < 0:
        corrects = next(each.id for each in reversed(earlier) if each.code in content["corrects"])
    series = shop.invoice_series if sign > 0 else shop.credit_series
    number, issued_at = _next_number(series)
    code = document_code(series, number)
    insert_rows(
        InvoiceDocument,
        [
            {
                "id": new_id(),
                "kind": INVOICE if sign > 0 else CREDIT_NOTE,
                "series": series,
                "number": number,
                "code": code,
                "order_id": order.id,
                "position": position,
                "corrects_id": corrects,
                "basis": basis,
                "cause": cause,
                "event_id": event_id,
                "issued_at": issued_at,
                "currency": order.currency,
                "tax_amount": content["tax"],
                "total": content["total"],
                "content": content,
            }
        ],
    )
    return code


def _next_number(series: str) -> tuple[int, datetime]:
    """Lock the counter of a series and return its next number and a moment that is not before its last one. A step."""
    tenant_id = current_tenant_id()
    dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
    row = {"tenant_id": tenant_id, "series": series, "last_number": 0}
    db.session.connection().execute(
        dialect.insert(InvoiceSeries.__table__).values(row).on_conflict_do_nothing()
    )
    counter = db.session.scalars(
        select(InvoiceSeries)
        .where(InvoiceSeries.series == series)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    now = clock.now()
    counter.last_number += 1
    counter.last_issued_at = max(now, counter.last_issued_at or now)
    db.session.flush()
    return counter.last_number, counter.last_issued_at
