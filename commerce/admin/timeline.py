"""The history of an order in words: each event with who, why, from and to, and what became of telling others."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import lazy_gettext as _

from commerce.events.models import Delivery, Event

TITLES = {
    "OrderPlaced": _("Order placed"),
    "PaymentReceived": _("Payment received"),
    "PaymentFailed": _("Payment failed"),
    "PaymentUnknown": _("The payment provider did not answer"),
    "PaymentNeedsReview": _("Payment needs a look"),
    "LatePaymentRefunded": _("Late payment sent back"),
    "InventoryReservationFailed": _("Stock could not be committed"),
    "RefundQueued": _("Refund on its way"),
    "RefundSettled": _("Refund settled"),
}
ACTIONS = {
    "pay": _("Paid"),
    "confirm": _("Confirmed"),
    "process": _("Processing started"),
    "ship": _("Shipped"),
    "deliver": _("Delivered"),
    "complete": _("Completed"),
    "cancel": _("Cancelled"),
    "reopen": _("Reopened"),
    "request_refund": _("Refund requested"),
    "decline_refund": _("Refund declined"),
    "refund": _("Refunded"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history. `amount` is minor units of `currency`, None when no money is meant."""

    title: str
    before: str
    after: str
    detail: str
    amount: int | None
    currency: str
    actor: str
    actor_kind: str
    request_id: str
    at: datetime
    version: int
    deliveries: tuple[Delivery, ...]


def history(events: Sequence[Event], deliveries: Sequence[Delivery]) -> list[Entry]:
    """Return the history of an order, newest first."""
    told: dict[uuid.UUID, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        told[delivery.event_id].append(delivery)
    return [_entry(event, tuple(told[event.id])) for event in reversed(events)]


def since(entries: Sequence[Entry], version: int) -> list[Entry]:
    """Return what happened after the order had `version`, newest first."""
    return [entry for entry in entries if entry.version > version]


def _entry(event: Event, deliveries: tuple[Delivery, ...]) -> Entry:
    facts = event.payload
    title = ACTIONS.get(str(facts.get("action", ""))) or TITLES.get(event.type, event.type)
    amount = facts.get("amount", facts.get("total"))
    return Entry(
        title=str(title),
        before=str(facts.get("from_status", "")),
        after=str(facts.get("to_status", "")),
        detail=" ".join(
            str(facts[key]) for key in ("reason", "failure", "problem", "error") if facts.get(key)
        ),
        amount=amount if isinstance(amount, int) else None,
        currency=str(facts.get("currency", "")),
        actor=event.actor_name,
        actor_kind=event.actor_kind,
        request_id=event.request_id,
        at=event.occurred_at,
        version=event.subject_version,
        deliveries=deliveries,
    )
