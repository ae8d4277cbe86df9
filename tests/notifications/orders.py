"""Orders that mails are about."""

import uuid
from datetime import UTC, datetime

from commerce.db import atomic, new_id
from commerce.event_handlers import make_relay
from commerce.events.outbox import SYSTEM, publish
from commerce.events.relay import DeliveredEvent
from commerce.notifications.mail_types import MAILS
from commerce.orders.queries import get_order
from commerce.orders.services import change_status
from commerce.settlement.manual_payments import record_receipt
from commerce.shipping.services import ship_order
from commerce.tenants.models import Shop
from tests.factories.checkout import make_order
from tests.factories.orders import BOB
from tests.factories.shop import Sold
from tests.notifications.outgoing import Post

SENT_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def happening(shop: Shop, name: str, order_id: uuid.UUID, **payload: object) -> DeliveredEvent:
    """An event that a mail follows from, as the worker hands it over; no event of the order's history."""
    facts = {**MAILS[name].trial, "currency": "USD", **payload}
    return DeliveredEvent(shop.id, new_id(), new_id(), MAILS[name].events[0], order_id, facts, SENT_AT)


def subjects(post: Post) -> list[str]:
    """What Ann was told, in order."""
    return [subject for to, subject in post.letters if to == "ann@example.com"]


def work() -> None:
    """Let the relay deliver all that has happened, as the worker does."""
    make_relay().run_until_idle()


def paid_order(tea: Sold, post: Post, quantity: int = 2, steps: tuple[str, ...] = ()) -> uuid.UUID:
    """Place and pay an order, lead it on, and forget the mails so far."""
    order = make_order((tea, quantity))
    record_receipt(order.id, BOB)
    for step in steps:
        if step == "ship":
            ship_order(order.id, BOB)
        else:
            change_status(order.id, step, BOB)
    work()
    for file in post.folder.glob("*"):
        file.unlink()
    return order.id


@atomic
def publish_of(order_id: uuid.UUID, kind: type, **facts: object) -> None:
    """Let an event of an order happen with these facts, without the step that it comes from."""
    order = get_order(order_id)
    publish(SYSTEM, kind(subject_id=order.id, subject_version=order.version, code=order.code, **facts))
