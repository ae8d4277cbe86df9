"""`publish()`: write down what happened, in the same transaction that made it happen."""

from __future__ import annotations

import dataclasses
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from commerce.db import insert_rows, new_id
from commerce.events.models import Event


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it: staff, member, guest (link), api, gateway, carrier or system; and in which request."""

    kind: str
    id: str = ""
    name: str = ""
    request_id: str = ""

    @property
    def works_here(self) -> bool:
        """Whether it is somebody of the shop's own: staff, or a program with a key of the shop."""
        return self.kind in ("staff", "api")


SYSTEM = Actor("system", name="Lockstep")


@dataclass(frozen=True, kw_only=True)
class DomainEvent:
    """Base of all events: facts as plain values. `subject_version` orders the events of one subject."""

    subject_id: uuid.UUID
    subject_version: int

    @classmethod
    def type(cls) -> str:
        """Return the name under which handlers and webhooks know this event."""
        return cls.__name__

    def payload(self) -> dict[str, Any]:
        """Return the facts as JSON values."""
        facts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: _plain(value) for name, value in facts.items() if not name.startswith("subject_")}


def _plain(value: Any) -> Any:
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def publish(actor: Actor, *events: DomainEvent) -> None:
    """Insert `events` in the caller's transaction. The worker tells their handlers after the commit."""
    insert_rows(
        Event,
        [
            {
                "id": new_id(),
                "type": event.type(),
                "subject_id": event.subject_id,
                "subject_version": event.subject_version,
                "payload": event.payload(),
                "actor_kind": actor.kind,
                "actor_id": actor.id,
                "actor_name": actor.name,
                "request_id": actor.request_id,
            }
            for event in events
        ],
    )
