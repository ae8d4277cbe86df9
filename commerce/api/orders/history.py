"""The history of one order over JSON: who did what, from where to where, and why."""

from __future__ import annotations

import uuid
from typing import Any

from pydantic import Field

from commerce.api.cursors import decode_cursor, encode_cursor
from commerce.api.operation import Reply, operation
from commerce.api.orders.views import TAG
from commerce.api.schemas import Amount, Moment, PageQuery, ResponseModel, amount
from commerce.events.models import Event
from commerce.orders.queries import get_order_by_code, timeline
from commerce.webhooks.payloads import message_id, public_name

HISTORY_ONLY = {
    "PaymentUnknown": "payment.unknown",
    "OrderNoteAdded": "order.note_added",
    "OrderLinkWanted": "order.link_wanted",
}
"""Names of what is told to nobody by itself, and yet belongs to the history."""
WORDS = ("failure", "problem", "error", "answer", "summary", "text")
"""Facts of an event that explain it beside its reason."""


class ActorOut(ResponseModel):
    """Who did it: `kind` is staff, member, guest, api, gateway, carrier or system."""

    kind: str = Field(examples=["staff"])
    name: str = Field(examples=["Bob"])


class OrderEventOut(ResponseModel):
    """Something that happened to an order. `id` and `type` are those of webhooks and of the feed."""

    id: str = Field(examples=["msg_0197f1f0c3a57cc28fd15a2a3ff0a5b1"])
    type: str = Field(examples=["order.confirmed"])
    version: int = Field(description="The order's version after it.")
    action: str = Field(description="Of a change of status: what was done.", examples=["confirm"])
    from_status: str = Field(examples=["paid"])
    to_status: str = Field(examples=["confirmed"])
    reason: str
    detail: str = Field(description="What else was said of it.")
    amount: Amount | None = Field(description="The money that it is about.")
    currency: str
    actor: ActorOut
    request_id: str
    occurred_at: Moment


class OrderEventList(ResponseModel):
    """A page of an order's history, oldest first."""

    items: list[OrderEventOut]
    next_cursor: str | None


@operation(
    "GET",
    "/orders/<code>/events",
    scope="orders:read",
    tag=TAG,
    query=PageQuery,
    responses={200: OrderEventList},
)
def list_order_events(code: str, query: PageQuery) -> Reply:
    """Show what happened to an order, oldest first: who did it, from which status to which, why, in which request."""
    order = get_order_by_code(code)
    listing = f"orders/{order.id}/events"
    reached = decode_cursor(listing, {}, query.cursor)
    after = (int(reached[0]), uuid.UUID(reached[1])) if reached is not None else None
    found = timeline(order.id, after=after, limit=query.limit + 1)
    page = found[: query.limit]
    more = len(found) > query.limit
    return Reply(
        OrderEventList(
            items=[_entry(each) for each in page],
            next_cursor=encode_cursor(listing, {}, (page[-1].subject_version, page[-1].id)) if more else None,
        )
    )


def _entry(event: Event) -> OrderEventOut:
    facts, money = event.payload, event.payload.get("amount", event.payload.get("total"))
    currency = str(facts.get("currency", ""))
    return OrderEventOut(
        id=message_id(event.id),
        type=name_of(event.type),
        version=event.subject_version,
        action=_word(facts, "action"),
        from_status=_word(facts, "from_status"),
        to_status=_word(facts, "to_status"),
        reason=_word(facts, "reason"),
        detail=" ".join(filter(None, (_word(facts, name) for name in WORDS))),
        amount=None if money is None else amount(money, currency),
        currency=currency,
        actor=ActorOut(kind=event.actor_kind, name=event.actor_name),
        request_id=event.request_id,
        occurred_at=event.occurred_at,
    )


def name_of(event_type: str) -> str:
    """Return what an event of an order is called in its history."""
    return public_name(event_type) or HISTORY_ONLY[event_type]


def _word(facts: Any, name: str) -> str:
    return str(facts.get(name) or "")
