"""The timeline of an order: each event with actor, reason, change of status, stock movements and deliveries."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _

from commerce.events.models import Delivery, Event
from commerce.money import format_money
from commerce.orders.models import Credit, Order
from commerce.orders.queries import OrderMovement
from commerce.shipping.queries import ShippedParcel
from commerce.webhooks.queries import PREFIX, list_endpoints

SENTENCES = {
    "OrderPlaced": _("%(who)s placed the order for %(amount)s"),
    "PaymentReceived": _("%(who)s recorded a payment of %(amount)s"),
    "PaymentFailed": _("A payment failed"),
    "PaymentUnknown": _("The payment provider did not answer"),
    "PaymentNeedsReview": _("A payment needs attention"),
    "LatePaymentRefunded": _("A payment that came too late goes back"),
    "InventoryReservationFailed": _("Stock could not be committed"),
    "ParcelSent": _("%(who)s sent parcel %(number)s%(units)s"),
    "OrderCredited": _("%(who)s refunded %(amount)s%(units)s"),
    "OrderEdited": _("%(who)s edited the order"),
    "OrderNoteAdded": _("%(who)s added a note"),
    "RefundQueued": _("A refund of %(amount)s is being paid out"),
    "RefundSettled": _("The refund was paid out"),
    "OrderLinkWanted": _("%(who)s asked for the link to the order"),
}
"""What each event of an order says, but for changes of the status and requests."""
SPECIAL = {
    "PaymentReceived by nobody": _("A payment of %(amount)s arrived"),
    "OrderCredited without money": _("%(who)s credited %(credited)s%(units)s, which lowers what is due"),
    "OrderNoteAdded for the customer": _("%(who)s wrote a note for the customer"),
    "RefundSettled in vain": _("The refund failed"),
    "OrderLinkWanted by staff": _("%(who)s sent the customer the link to the order"),
}
ACTIONS = {
    "pay": (_("%(who)s marked the order as paid"), _("The order is paid")),
    "confirm": (_("%(who)s confirmed the order"), _("The order was confirmed")),
    "process": (_("%(who)s started processing the order"), _("Processing has started")),
    "ship": (_("%(who)s shipped the order"), _("The order was shipped")),
    "deliver": (_("%(who)s marked the order as delivered"), _("The order was delivered")),
    "complete": (_("%(who)s completed the order"), _("The order was completed")),
    "cancel": (_("%(who)s canceled the order"), _("The order was canceled")),
    "reopen": (_("%(who)s reopened the order"), _("The order was reopened")),
    "request_refund": (_("%(who)s asked for a refund"), _("A refund was asked for")),
    "decline_refund": (_("%(who)s declined the refund"), _("The refund was declined")),
    "refund": (_("%(who)s refunded the order"), _("The order was refunded")),
}
"""What each change of the status says: done by a person or a program, and by nobody."""
ASKED = {
    "refund": _("%(who)s asked for a refund of a part"),
    "return": _("%(who)s asked to return items"),
}
ANSWERED = {
    "approved": _("%(who)s approved the return"),
    "declined": _("%(who)s declined the request"),
    "received": _("%(who)s received the returned items"),
    "withdrawn": _("%(who)s withdrew the request"),
    "closed": _("%(who)s closed the request"),
}
NOBODY = ("system", "gateway", "carrier")
"""Kinds of actors of which a sentence names none: what they do, happens."""
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
    """One line of the history: a sentence, what somebody wrote with it, and the machinery behind it.

    `before` and `after` are statuses, `name` is what the event is called in the code.
    """

    sentence: str
    detail: str
    before: str
    after: str
    actor: str
    actor_kind: str
    name: str
    request_id: str
    at: datetime
    version: int
    deliveries: tuple[DeliveryStatus, ...]
    kind: str = "event"

    @property
    def is_troubled(self) -> bool:
        """Whether something that should have gone out with it did not."""
        return any(each.again for each in self.deliveries)


def units_of(
    order: Order, credits_: Sequence[Credit] = (), parcels: Sequence[ShippedParcel] = ()
) -> dict[str, str]:
    """Return what was in each credit (by its id) and each parcel (by its number), such as "1 × Mug"."""
    titles = {line.id: f"{line.title} {line.options}".strip() for line in order.lines}

    def listed(units: Mapping[uuid.UUID, int]) -> str:
        return ", ".join(f"{count} × {titles[line]}" for line, count in units.items() if line in titles)

    found = {str(each.number): listed(each.units) for each in parcels}
    for credit in credits_:
        lines = listed({line.order_line_id: line.quantity for line in credit.lines})
        shipping = gettext("shipping") if credit.shipping_amount else ""
        found[str(credit.id)] = ", ".join(part for part in (lines, shipping) if part)
    return found


def history(
    events: Sequence[Event],
    deliveries: Sequence[Delivery],
    movements: Sequence[OrderMovement] = (),
    hosts: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> list[TimelineEntry]:
    """Return the history of an order, newest first.

    `hosts` names the places that webhooks go to, by handler; `units` is what `units_of` has found.
    """
    by_event: dict[uuid.UUID, list[DeliveryStatus]] = defaultdict(list)
    for each in deliveries:
        again = each.state == "parked" or (each.state == "waiting" and bool(each.error))
        name = (hosts or {}).get(each.handler) or each.handler.replace("_", " ")
        by_event[each.event_id].append(DeliveryStatus(each, name, again))
    entries = [_entry(event, tuple(by_event[event.id]), units or {}) for event in events]
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


def _entry(event: Event, deliveries: tuple[DeliveryStatus, ...], units: Mapping[str, str]) -> TimelineEntry:
    facts = event.payload
    return TimelineEntry(
        sentence=_sentence(event, units),
        detail=" ".join(str(facts[key]) for key in DETAILS if facts.get(key)),
        before=str(facts.get("from_status", "")),
        after=str(facts.get("to_status", "")),
        actor=event.actor_name,
        actor_kind=event.actor_kind,
        name=event.type,
        request_id=event.request_id,
        at=event.occurred_at,
        version=event.subject_version,
        deliveries=deliveries,
        kind="note" if event.type == "OrderNoteAdded" else "event",
    )


def _sentence(event: Event, units: Mapping[str, str]) -> str:
    facts = event.payload
    inside = units.get(str(facts.get("credit_id") or facts.get("number") or ""), "")
    words = {
        "who": _who(event),
        "number": facts.get("number", ""),
        "amount": _money(facts.get("amount", facts.get("total")), facts),
        "credited": _money(facts.get("credited"), facts),
        "units": _contents(event.type, inside),
    }
    return str(_text(event)) % words


def _contents(kind: str, inside: str) -> str:
    if not inside:
        return ""
    if kind == "ParcelSent":
        return str(gettext(" with %(units)s", units=inside))
    return str(gettext(" for %(units)s", units=inside))


def _text(event: Event) -> Any:
    """Return the sentence of an event, with its facts to be filled in; the name of one that has none."""
    kind, facts, nobody = event.type, event.payload, event.actor_kind in NOBODY
    if kind == "ReturnRequested":
        return ASKED.get(str(facts.get("kind")), kind)
    if kind == "ReturnAnswered":
        return ANSWERED.get(str(facts.get("state")), kind)
    if action := ACTIONS.get(str(facts.get("action", ""))):
        return action[nobody]
    special = {
        "PaymentReceived by nobody": nobody,
        "OrderCredited without money": not facts.get("amount"),
        "OrderNoteAdded for the customer": facts.get("for_customer"),
        "RefundSettled in vain": not facts.get("succeeded", True),
        "OrderLinkWanted by staff": event.actor_kind == "staff",
    }
    for name, holds in special.items():
        if holds and name.split()[0] == kind:
            return SPECIAL[name]
    return SENTENCES.get(kind, kind)


def _who(event: Event) -> str:
    if event.actor_kind in ("guest", "member"):
        return str(gettext("The customer"))
    if event.actor_kind == "api":
        return str(gettext("%(name)s (API)", name=event.actor_name))
    return event.actor_name or str(gettext("Somebody"))


def _money(amount: Any, facts: Mapping[str, Any]) -> str:
    currency = str(facts.get("currency", ""))
    return format_money(amount, currency, str(get_locale())) if isinstance(amount, int) and currency else ""


def _moved(movement: OrderMovement) -> TimelineEntry:
    facts = {
        "units": f"{abs(movement.delta)} × {movement.sku}",
        "cause": CAUSES.get(movement.cause, movement.cause),
    }
    text = gettext("%(units)s left the stock: %(cause)s", **facts)
    if movement.delta > 0:
        text = gettext("%(units)s came back into stock: %(cause)s", **facts)
    return TimelineEntry(
        sentence=text,
        detail="",
        before="",
        after="",
        actor=movement.actor,
        actor_kind="",
        name="",
        request_id="",
        at=movement.occurred_at,
        version=0,
        deliveries=(),
        kind="stock",
    )
