"""Things that happen in a shop, and a program that listens to them."""

import uuid
from typing import Any

import standardwebhooks
from sqlalchemy import update

from commerce.db import atomic, db, new_id
from commerce.event_handlers import EVENT_HANDLERS, EVENT_KINDS
from commerce.events.outbox import SYSTEM, DomainEvent, publish
from commerce.events.relay import Relay
from commerce.orders import events as order_events
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope
from commerce.webhooks import services
from commerce.webhooks.delivery import Webhooks
from commerce.webhooks.events import WebhookDisabled
from commerce.webhooks.models import WebhookEndpoint
from commerce.webhooks.queries import PREFIX, get_endpoint
from tests.events.sample_event import deliveries
from tests.webhooks.receiver import Message


@atomic
def happen(
    *kinds: type[DomainEvent], code: str = "ORD-000001", subject: uuid.UUID | None = None
) -> uuid.UUID:
    """Let something happen to an order, in this order."""
    subject = subject or new_id()
    for version, kind in enumerate(kinds, start=1):
        facts: dict[str, Any] = {"subject_id": subject, "subject_version": version, "code": code}
        if issubclass(kind, order_events.OrderStatusChanged):
            facts |= {"action": "x", "from_status": "paid", "to_status": "confirmed", "reason": "Why not"}
        elif kind is order_events.OrderPlaced:
            facts |= {"total": 2500, "currency": "USD", "pay_later": False}
        elif kind is order_events.OrderNoteAdded:
            facts |= {"text": "He sounds cross"}
        publish(SYSTEM, kind(**facts))
    return subject


def listen(url: str, *event_types: str) -> tuple[uuid.UUID, str]:
    return services.create_endpoint(url=url, description="Books", event_types=event_types)


def told() -> list[tuple[str, str]]:
    """Return (state, error) of the deliveries to other programs, oldest first."""
    return [(each.state, each.error) for each in deliveries() if each.handler.startswith(PREFIX)]


def work() -> None:
    """Run the relay of the shop, without the mails about orders: these have none behind them."""
    own = {WebhookDisabled: EVENT_HANDLERS[WebhookDisabled]}
    Relay(own, EVENT_KINDS, lambda tenant_id: shop_scope(get_shop(tenant_id)), Webhooks()).run_until_idle()


def verify(secret: str, message: Message) -> Any:
    return standardwebhooks.Webhook(secret).verify(message.body, message.headers)


@atomic
def set_endpoint(endpoint_id: uuid.UUID, **values: object) -> None:
    db.session.execute(
        update(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )


def endpoint(endpoint_id: uuid.UUID) -> WebhookEndpoint:
    db.session.close()
    found = get_endpoint(endpoint_id)
    db.session.close()
    return found
