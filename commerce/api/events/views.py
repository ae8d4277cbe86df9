"""The event feed, for API clients that poll instead of receiving webhooks."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from commerce.api.cursors import decode_cursor, encode_cursor
from commerce.api.operation import Reply, operation
from commerce.api.schemas import MAX_PAGE, Moment, QueryModel, ResponseModel
from commerce.errors import InvalidValue
from commerce.events.feed import read_feed
from commerce.events.models import Event
from commerce.tenants.scope import current_shop
from commerce.webhooks.payloads import EVENT_TYPES, body_of, message_id, types_of

FEED = "events"


class EventQuery(QueryModel):
    """Pagination and filter of the event feed."""

    after: str | None = Field(
        None,
        max_length=1000,
        description="`nextCursor` of the previous response. Omit it to start with the first event.",
    )
    types: str | None = Field(
        None,
        max_length=1000,
        description="Comma-separated event types; all types if omitted. Can differ from page to page.",
        examples=["order.placed,order.paid"],
    )
    limit: int = Field(20, ge=1, le=MAX_PAGE, description="Maximum number of events to return.")


class EventOut(ResponseModel):
    """An event as webhooks deliver it. `id` is the `webhook-id` header."""

    id: str = Field(examples=["msg_0197f1f0c3a57cc28fd15a2a3ff0a5b1"])
    type: str = Field(examples=["order.placed"])
    timestamp: Moment
    data: dict[str, Any] = Field(
        description="Depends on the event type. Amounts are in whole units of `currency`.",
        examples=[
            {"shop": "demo", "orderCode": "ORD-000001", "version": 1, "total": 59.98, "currency": "USD"}
        ],
    )


class EventList(ResponseModel):
    """A page of events, oldest first."""

    items: list[EventOut]
    next_cursor: str = Field(description="Never null. Send it as `after` with the next request.")


@operation("GET", "/events", scope="events:read", tag="Events", query=EventQuery, responses={200: EventList})
def list_events(query: EventQuery) -> Reply:
    """List events, oldest first.

    Poll with `nextCursor` as `after`. Each event is returned exactly once, and events of an order in the order in which
    they happened. A page with fewer than `limit` events is the last one for now.
    """
    types = types_of(_names(query.types))
    page = read_feed(_reached(query.after), types, query.limit)
    shop = current_shop().code
    return Reply(
        EventList(
            items=[_event_out(event, shop) for event in page.events],
            next_cursor=encode_cursor(FEED, {}, page.position),
        )
    )


def _reached(after: str | None) -> int:
    try:
        return int(decode_cursor(FEED, {}, after) or 0)
    except InvalidValue as error:
        raise InvalidValue("after", "feed_cursor_invalid") from error


def _names(sent: str | None) -> set[str]:
    if sent is None:
        return set(EVENT_TYPES)
    names = {name.strip() for name in sent.split(",")}
    unknown = sorted(names - EVENT_TYPES.keys())
    if unknown:
        raise InvalidValue("types", "unknown_event_types", types=[name[:60] for name in unknown[:5]])
    return names


def _event_out(event: Event, shop_code: str) -> EventOut:
    body = body_of(event, shop_code)
    return EventOut(
        id=message_id(event.id),
        type=body["type"],
        timestamp=event.occurred_at,
        data=body["data"],
    )
