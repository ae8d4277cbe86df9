"""What happens to stock."""

from __future__ import annotations

from dataclasses import dataclass

from commerce.events.outbox import DomainEvent


@dataclass(frozen=True, kw_only=True)
class StockLow(DomainEvent):
    """Few units of a variant are left to sell. `subject_id` is the variant's; `code` is the order that took them."""

    sku: str
    title: str
    options: str
    available: int
    low_at: int
    code: str


@dataclass(frozen=True, kw_only=True)
class BackInStock(DomainEvent):
    """A variant that a subscriber waits for is in stock. `subject_id` is the alert's id, which knows the address."""

    sku: str
    title: str
    options: str
    slug: str
