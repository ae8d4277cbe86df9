"""Invoices and credit notes, and the counters that number them. Amounts are integer minor units, never negative.

Rows of `invoice_documents` are added and read: triggers refuse to change or delete them, whoever asks.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from commerce.db import Base, TenantOwned, TenantRow

INVOICE, CREDIT_NOTE = "invoice", "credit_note"


class InvoiceSeries(TenantOwned, Base):
    """The last number of a series. Its row is locked by whoever makes a document, until that is committed.

    A sequence of the database would leave a gap for each transaction that is rolled back.
    """

    __tablename__ = "invoice_series"
    __table_args__ = (ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),)

    series: Mapped[str] = mapped_column(String(20), primary_key=True)
    last_number: Mapped[int] = mapped_column(default=0)
    last_issued_at: Mapped[datetime | None]


class InvoiceDocument(TenantRow, Base):
    """An invoice, or a credit note that corrects one.

    `code` is what people call it: series and `number`. `position` counts the documents of an order. `basis` is when
    this order is invoiced, by what the shop had set for its first document. `cause` is the event that it was made for,
    `event_id` that event: one document of a kind for each. `corrects_id` is the invoice that a credit note corrects,
    the newest one where it corrects several. `content` is everything that the document says; see `content.py`.
    """

    __tablename__ = "invoice_documents"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "order_id"], ["orders.tenant_id", "orders.id"]),
        ForeignKeyConstraint(
            ["tenant_id", "corrects_id"], ["invoice_documents.tenant_id", "invoice_documents.id"]
        ),
        UniqueConstraint("tenant_id", "series", "number"),
        UniqueConstraint("tenant_id", "code"),
        UniqueConstraint("tenant_id", "order_id", "position"),
        UniqueConstraint("tenant_id", "order_id", "event_id", "kind"),
        CheckConstraint("kind IN ('invoice', 'credit_note')", name="kind"),
        CheckConstraint("(kind = 'credit_note') = (corrects_id IS NOT NULL)", name="corrects"),
        CheckConstraint("basis IN ('payment', 'shipment')", name="basis"),
        CheckConstraint("number > 0 AND total >= 0", name="numbers"),
        Index("ix_invoice_documents_newest", "tenant_id", "issued_at", "id"),
    )

    kind: Mapped[str] = mapped_column(String(20))
    series: Mapped[str] = mapped_column(String(20))
    number: Mapped[int]
    code: Mapped[str] = mapped_column(String(40))
    order_id: Mapped[uuid.UUID]
    position: Mapped[int]
    corrects_id: Mapped[uuid.UUID | None]
    basis: Mapped[str] = mapped_column(String(10))
    cause: Mapped[str] = mapped_column(String(60))
    event_id: Mapped[uuid.UUID]
    issued_at: Mapped[datetime]
    currency: Mapped[str] = mapped_column(String(3))
    tax_amount: Mapped[int]
    total: Mapped[int]
    content: Mapped[dict[str, Any]]

    @property
    def sign(self) -> int:
        """1 for an invoice, -1 for a credit note."""
        return 1 if self.kind == INVOICE else -1
