"""Tell other programs what happened: who listens, and one signed call per event and endpoint."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from flask import current_app

from commerce import clock
from commerce.config import Config
from commerce.db import new_id
from commerce.errors import NotFound
from commerce.events.relay import DeliveredEvent, GiveUp
from commerce.tenants.scope import current_shop
from commerce.webhooks.http_post import DestinationRules, HttpAnswer, post
from commerce.webhooks.payloads import PING, body_of, message_id, ping_body, public_name
from commerce.webhooks.queries import PREFIX, Destination, find_destination, listeners
from commerce.webhooks.services import GONE, WebhookCall, record_call
from commerce.webhooks.signing import signed_headers


class DeliveryRefused(Exception):
    """The other side did not take the message; it will be tried again."""


class Webhooks:
    """The endpoints of all shops, as the relay sees them."""

    prefix = PREFIX

    def names_for(self, events: Sequence[tuple[uuid.UUID, str]]) -> Mapping[tuple[uuid.UUID, str], list[str]]:
        """Return the enabled endpoints that listen to each (shop, event type). A step."""
        public = {event: name for event in events if (name := public_name(event[1])) is not None}
        if not public:
            return {}
        found = listeners(sorted({tenant_id for tenant_id, _type in public}))
        return {
            event: [handler for handler, types in found.get(event[0], ()) if not types or name in types]
            for event, name in public.items()
        }

    def tell(self, name: str, happening: DeliveredEvent) -> None:
        """Call one endpoint. Raises NotTaken for another try, GiveUp when it is disabled or wants no more."""
        destination = find_destination(uuid.UUID(name.removeprefix(PREFIX)))
        if destination is None:
            return  # deleted: nothing left to deliver to
        if destination.state != "enabled":
            raise GiveUp("The webhook is disabled. Enable it, then run this again.")
        answer = _call(
            destination,
            body_of(happening, current_shop().code),
            message_id(happening.event_id),
            delivery_id=happening.delivery_id,
            subject=str(happening.payload.get("code", "")),
        )
        if answer.status == GONE:
            raise GiveUp("410 Gone: the other side wants no more, so the webhook was disabled.")
        if not answer.good:
            raise DeliveryRefused(answer.error or f"HTTP {answer.status}")


def ping(endpoint_id: uuid.UUID) -> HttpAnswer:
    """Send a signed test message now, also to a disabled endpoint, and return what came of it. Raises NotFound."""
    destination = find_destination(endpoint_id)
    if destination is None:
        raise NotFound("webhook_not_found")
    body = ping_body(current_shop().code, clock.now())
    return _call(destination, body, f"msg_{new_id().hex}", delivery_id=None, subject="")


def sending_rules() -> DestinationRules:
    """Return which addresses this installation may call."""
    config: Config = current_app.config["LOCKSTEP"]
    live = config.production
    return DestinationRules(private=config.webhook_allow_private and not live, plain=not live)


def _call(
    destination: Destination, body: dict[str, Any], key: str, *, delivery_id: uuid.UUID | None, subject: str
) -> HttpAnswer:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    now = clock.now()
    answer = post(
        destination.url,
        text.encode(),
        signed_headers(key, now, text, destination.secrets),
        rules=sending_rules(),
    )
    record_call(
        WebhookCall(
            endpoint_id=destination.id,
            delivery_id=delivery_id,
            message_id=key,
            event_type=body["type"] if delivery_id else PING,
            subject=subject,
            started_at=now,
            duration_ms=answer.duration_ms,
            status=answer.status,
            answer=answer.text,
            error=answer.error,
        )
    )
    return answer
