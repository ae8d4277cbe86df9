"""The feed of events over JSON, for programs that ask instead of being called."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from commerce.api.cursors import close_cursor, open_cursor
from commerce.api.operation import Reply, operation
from commerce.api.schemas import MOST, Moment, QueryModel, ResponseModel
from commerce.errors import InvalidValue
from commerce.events.feed import read_feed
from commerce.events.models import Event
from commerce.tenants.scope import current_shop
from commerce.webhooks.payloads import EVENT_TYPES, body_of, message_id, types_of

FEED = "events"


class FeedQuery(QueryModel):
    """The part of the feed that is wanted."""

    after: str | None = Field(
        None,
        max_length=1000,
        description="`nextCursor` of the answer before; left out, the feed is read from its beginning.",
    )
    types: str | None = Field(
        None,
        max_length=1000,
        description="Kinds of events with commas between them; left out, all. They may change from page to page.",
        examples=["order.placed,order.paid"],
    )
    limit: int = Field(20, ge=1, le=MOST, description="Events of one page.")


class EventOut(ResponseModel):
    """An event as webhooks tell it; `id` is their `webhook-id`."""

    id: str = Field(examples=["msg_0197f1f0c3a57cc28fd15a2a3ff0a5b1"])
    type: str = Field(examples=["order.placed"])
    timestamp: Moment
    data: dict[str, Any] = Field(
        description="Facts by the kind of event; amounts are whole units of the `currency` beside them.",
        examples=[
            {"shop": "demo", "orderCode": "ORD-000001", "version": 1, "total": 59.98, "currency": "USD"}
        ],
    )


class EventFeedOut(ResponseModel):
    """A page of the feed, oldest first."""

    items: list[EventOut]
    next_cursor: str = Field(
        description="Always there: keep it, and send it as `after` the next time you ask."
    )


@operation("GET", "/events", scope="events:read", tag="Events", query=FeedQuery, answers={200: EventFeedOut})
def list_events(query: FeedQuery) -> Reply:
    """Read what happened, oldest first.

    Send `nextCursor` as `after` again and again: each event comes exactly once, however many orders are placed
    meanwhile, and those of one order in the order in which they happened. A page that is not full is the end for now.
    """
    types = types_of(_names(query.types))
    page = read_feed(_reached(query.after), types, query.limit)
    shop = current_shop().code
    return Reply(
        EventFeedOut(
            items=[_event_out(event, shop) for event in page.events],
            next_cursor=close_cursor(FEED, {}, page.position),
        )
    )


def _reached(after: str | None) -> int:
    try:
        return int(open_cursor(FEED, {}, after) or 0)
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
