"""The inbox: each message of a gateway once, however often it is sent, and whether we have done what it asks."""

from __future__ import annotations

import uuid

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite

from commerce import clock
from commerce.db import atomic, current_tenant_id, db, new_id
from commerce.payments.gateways.base import GatewayMessage
from commerce.payments.models import GatewayEvent


@atomic
def receive_message(message: GatewayMessage) -> tuple[uuid.UUID, str]:
    """Write a message down, unless it is there already, and return the id and state of its row.

    'received' has still to be processed: it is new, or its process died in between.
    """
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    values = {
        "tenant_id": current_tenant_id(),
        "id": new_id(),
        "provider": message.provider,
        "account": message.account,
        "event_key": message.key[:255],
        "type": message.type[:255],
        "state": "received",
        "note": "",
        "received_at": clock.now(),
    }
    db.session.execute(
        insert(GatewayEvent)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["tenant_id", "provider", "account", "event_key"])
    )
    row = db.session.execute(
        select(GatewayEvent.id, GatewayEvent.state).where(
            GatewayEvent.provider == message.provider,
            GatewayEvent.account == message.account,
            GatewayEvent.event_key == message.key[:255],
        )
    ).one()
    return row.id, row.state


def close_message(
    message_id: uuid.UUID | None, payment_id: uuid.UUID | None, *, state: str = "processed", note: str = ""
) -> None:
    """Note in the transaction of its effects that a message is done with. A step; None is no message."""
    if message_id is None:
        return
    db.session.execute(
        update(GatewayEvent)
        .where(GatewayEvent.id == message_id, GatewayEvent.state == "received")
        .values(state=state, note=note[:500], payment_id=payment_id, processed_at=clock.now())
        .execution_options(synchronize_session=False)
    )


@atomic
def ignore_message(message_id: uuid.UUID, note: str) -> None:
    """Note why nothing was done about a message."""
    close_message(message_id, None, state="ignored", note=note)
