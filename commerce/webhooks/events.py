"""Events about webhooks themselves; staff are alerted, webhooks do not carry them."""

from __future__ import annotations

from dataclasses import dataclass

from commerce.events.outbox import DomainEvent


@dataclass(frozen=True, kw_only=True)
class WebhookDisabled(DomainEvent):
    """An address is not called any more: it asked for that, or failed for days. `subject_id` is the endpoint's id."""

    url: str
    reason: str
