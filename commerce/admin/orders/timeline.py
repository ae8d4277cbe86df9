"""The timeline of an order: each event with actor, reason, change of status, stock movements and deliveries."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext
from flask_babel import lazy_gettext as _

from commerce.events.models import Delivery, Event
from commerce.orders.queries import OrderMovement
from commerce.webhooks.queries import PREFIX, list_endpoints

TITLES = {
    "OrderPlaced": _("Order placed"),
    "PaymentReceived": _("Payment received"),
    "PaymentFailed": _("Payment failed"),
    "PaymentUnknown": _("The payment provider did not answer"),
    "PaymentNeedsReview": _("Payment needs attention"),
    "LatePaymentRefunded": _("Late payment refunded"),
    "InventoryReservationFailed": _("Stock could not be committed"),
    "ParcelSent": _("Parcel sent"),
    "OrderCredited": _("Refunded"),
    "OrderEdited": _("Order edited"),
    "OrderNoteAdded": _("Note"),
    "RefundQueued": _("Refund pending"),
    "RefundSettled": _("Refund completed"),
    "OrderLinkWanted": _("Order link requested"),
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
ASKED = {"refund": _("Partial refund requested"), "return": _("Return requested")}
ANSWERED = {
    "approved": _("Return approved"),
    "declined": _("Request declined"),
    "received": _("Returned goods received"),
    "withdrawn": _("Request withdrawn"),
    "closed": _("Request closed"),
}
CAUSES = {
    "shipped": _("shipped"),
    "sale": _("sold"),
    "cancelled": _("cancelled"),
    "returned": _("returned"),
}
DETAILS = ("reason", "failure", "problem", "error", "answer", "summary", "text")
"""Facts of an event that somebody wrote, or that explain it."""


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """The delivery of an event to one handler; `name` is for people, `again` tells whether it can be retried."""

    delivery: Delivery
    name: str
    again: bool


@dataclass(frozen=True, slots=True)
class TimelineEntry:
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
    deliveries: tuple[DeliveryStatus, ...]
    kind: str = "event"


def history(
    events: Sequence[Event],
    deliveries: Sequence[Delivery],
    movements: Sequence[OrderMovement] = (),
    hosts: Mapping[str, str] | None = None,
) -> list[TimelineEntry]:
    """Return the history of an order, newest first; `hosts` names the places that webhooks go to, by handler."""
    by_event: dict[uuid.UUID, list[DeliveryStatus]] = defaultdict(list)
    for each in deliveries:
        again = each.state == "parked" or (each.state == "waiting" and bool(each.error))
        name = (hosts or {}).get(each.handler) or each.handler.replace("_", " ")
        by_event[each.event_id].append(DeliveryStatus(each, name, again))
    entries = [_entry(event, tuple(by_event[event.id])) for event in events]
    # A movement is the last thing that its transaction did, so at the same moment it comes after the events.
    entries = sorted([*entries, *map(_moved, movements)], key=lambda entry: entry.at)
    return entries[::-1]


def since(entries: Sequence[TimelineEntry], version: int) -> list[TimelineEntry]:
    """Return what happened after the order had `version`, newest first."""
    return [entry for entry in entries if entry.version > version]


def endpoint_hosts(deliveries: Sequence[Delivery]) -> dict[str, str]:
    """Return where the webhooks among deliveries go, as "webhook to example.com" by handler."""
    handlers = {each.handler for each in deliveries if each.handler.startswith(PREFIX)}
    if not handlers:
        return {}
    found = {handler: gettext("a webhook that was deleted") for handler in handlers}
    for endpoint in list_endpoints():
        host = urlsplit(endpoint.url).hostname or endpoint.url
        found[f"{PREFIX}{endpoint.id}"] = gettext("webhook to %(host)s", host=host)
    return found


def _entry(event: Event, deliveries: tuple[DeliveryStatus, ...]) -> TimelineEntry:
    facts = event.payload
    amount = facts.get("amount", facts.get("total"))
    return TimelineEntry(
        title=_title(event.type, facts),
        before=str(facts.get("from_status", "")),
        after=str(facts.get("to_status", "")),
        detail=" ".join(str(facts[key]) for key in DETAILS if facts.get(key)),
        amount=amount if isinstance(amount, int) else None,
        currency=str(facts.get("currency", "")),
        actor=event.actor_name,
        actor_kind=event.actor_kind,
        request_id=event.request_id,
        at=event.occurred_at,
        version=event.subject_version,
        deliveries=deliveries,
        kind="note" if event.type == "OrderNoteAdded" else "event",
    )


def _title(kind: str, facts: Mapping[str, Any]) -> str:
    if kind == "ReturnRequested":
        return str(ASKED.get(str(facts.get("kind")), kind))
    if kind == "ReturnAnswered":
        return str(ANSWERED.get(str(facts.get("state")), kind))
    if kind == "OrderNoteAdded" and facts.get("for_customer"):
        return str(gettext("Note for the customer"))
    if kind == "ParcelSent":
        return str(gettext("Parcel %(number)s sent", number=facts.get("number", "")))
    if kind == "RefundSettled" and not facts.get("succeeded", True):
        return str(gettext("Refund failed"))
    return str(ACTIONS.get(str(facts.get("action", ""))) or TITLES.get(kind, kind))


def _moved(movement: OrderMovement) -> TimelineEntry:
    units = f"{movement.delta:+d}".replace("-", "\N{MINUS SIGN}")
    return TimelineEntry(
        title=gettext("Stock of %(sku)s: %(units)s", sku=movement.sku, units=units),
        before="",
        after="",
        detail=str(CAUSES.get(movement.cause, movement.cause)).capitalize(),
        amount=None,
        currency="",
        actor=movement.actor,
        actor_kind="",
        request_id="",
        at=movement.occurred_at,
        version=0,
        deliveries=(),
        kind="stock",
    )
