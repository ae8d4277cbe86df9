"""API operation that lists the history of an order."""

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
"""Event class -> public name, for events that are in the history but not in webhooks and the feed."""
DETAILS = ("failure", "problem", "error", "answer", "summary", "text")
"""Payload fields that explain an event beside its reason."""


class ActorOut(ResponseModel):
    """Who caused an event. `kind` is staff, member, guest, api, gateway or system."""

    kind: str = Field(examples=["staff"])
    name: str = Field(examples=["Bob"])


class OrderEventOut(ResponseModel):
    """An event of an order. `id` and `type` are the same in webhooks and in the event feed."""

    id: str = Field(examples=["msg_0197f1f0c3a57cc28fd15a2a3ff0a5b1"])
    type: str = Field(examples=["order.confirmed"])
    version: int = Field(description="Version of the order after the event.")
    action: str = Field(description="The action that changed the status.", examples=["confirm"])
    from_status: str = Field(examples=["paid"])
    to_status: str = Field(examples=["confirmed"])
    reason: str
    detail: str = Field(description="Further explanation.")
    amount: Amount | None = Field(description="Amount of money, if the event is about one.")
    currency: str
    actor: ActorOut
    request_id: str
    occurred_at: Moment


class OrderEventList(ResponseModel):
    """A page of the events of an order, oldest first."""

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
    """List the events of an order, oldest first."""
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
        action=_text(facts, "action"),
        from_status=_text(facts, "from_status"),
        to_status=_text(facts, "to_status"),
        reason=_text(facts, "reason"),
        detail=" ".join(filter(None, (_text(facts, name) for name in DETAILS))),
        amount=None if money is None else amount(money, currency),
        currency=currency,
        actor=ActorOut(kind=event.actor_kind, name=event.actor_name),
        request_id=event.request_id,
        occurred_at=event.occurred_at,
    )


def name_of(event_type: str) -> str:
    """Return the public name of an event in the history of an order."""
    return public_name(event_type) or HISTORY_ONLY[event_type]


def _text(facts: Any, name: str) -> str:
    return str(facts.get(name) or "")
