"""Tell handlers what happened: fan out, claim with a lease, run outside of any transaction, note the result.

At least once, in order per subject and handler, with growing pauses; what keeps failing is parked where staff
see it. Nothing is ever found by "id greater than the last one": a transaction that began earlier may commit
later.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    and_,
    exists,
    insert,
    literal_column,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import aliased

from commerce import clock
from commerce.db import atomic, database_now, db, new_id
from commerce.events.models import Delivery, Event
from commerce.events.outbox import DomainEvent

log = logging.getLogger("commerce.events")

BATCH = 20
LEASE = timedelta(seconds=60)
PAUSES = (5, 30, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Seconds before each further try, three days in all (after the example of Standard Webhooks 1.0)."""
ALL = {"all_tenants": True}
# Written into statements: a value bound later would keep PostgreSQL from using the index of what is due.
_WAITING: ColumnElement[str] = literal_column("'waiting'")


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as a handler sees it: plain values, and the delivery's id as the key of the handler's effect."""

    tenant_id: uuid.UUID
    event_id: uuid.UUID
    delivery_id: uuid.UUID
    type: str
    subject_id: uuid.UUID
    payload: dict[str, Any]
    occurred_at: datetime


Handler = Callable[[Happening], None]
Handlers = Mapping[type[DomainEvent], Sequence[Handler]]
EnterShop = Callable[[uuid.UUID], AbstractContextManager[Any]]


def handler_names(handlers: Handlers, kinds: Mapping[str, type[DomainEvent]], event_type: str) -> list[str]:
    """Return the names of the handlers that listen to an event type or to one of its bases."""
    kind = kinds.get(event_type)
    if kind is None:
        return []
    return [handler.__name__ for base in kind.__mro__ for handler in handlers.get(base, ())]


class Relay:
    """Delivers events to `handlers`. `enter_shop` opens the scope of a shop; both are handed in from above."""

    def __init__(self, handlers: Handlers, kinds: Sequence[type[DomainEvent]], enter_shop: EnterShop) -> None:
        self._handlers = handlers
        self._kinds = {kind.type(): kind for kind in kinds}
        self._by_name = {each.__name__: each for group in handlers.values() for each in group}
        self._enter_shop = enter_shop

    def run_once(self) -> int:
        """Fan out what is new, deliver what is due, and return how many deliveries were tried."""
        if not _anything_due():
            return 0
        while _fan_out(self._names_for) == BATCH:
            pass
        claimed, until = _claim(), time.monotonic() + LEASE.total_seconds() / 2
        for tried, (happening, handler_name, lease, tries) in enumerate(claimed):
            if time.monotonic() > until:
                # Handlers were slow: what is left must not begin under a lease that may run out meanwhile.
                return tried
            self._deliver(happening, handler_name, lease, tries)
        return len(claimed)

    def run_until_idle(self) -> int:
        """Deliver until nothing is due and return how many deliveries were tried; for tests and commands."""
        total = 0
        while count := self.run_once():
            total += count
        return total

    def _names_for(self, event_type: str) -> list[str]:
        return handler_names(self._handlers, self._kinds, event_type)

    def _deliver(self, happening: Happening, handler_name: str, lease: uuid.UUID, tries: int) -> None:
        with self._enter_shop(happening.tenant_id):
            if tries > len(PAUSES) + 1:
                _fail(
                    happening,
                    lease,
                    tries,
                    "Given up: whoever tried this never came back to say how it went.",
                )
                return
            try:
                self._by_name[handler_name](happening)
            except Exception as error:
                log.warning("%s failed for %s: %s", handler_name, happening.type, error, exc_info=True)
                _fail(happening, lease, tries, f"{type(error).__name__}: {error}")
            else:
                _finish(happening, lease)


def _anything_due() -> bool:
    """Look before taking a write lock: an idle worker must not disturb a shop."""
    fresh = select(Event.id).where(~Event.fanned_out).limit(1)
    due = select(Delivery.id).where(Delivery.state == _WAITING, Delivery.due_at <= database_now()).limit(1)
    found = any(db.session.execute(each, execution_options=ALL).first() for each in (fresh, due))
    db.session.close()
    return found


@atomic
def _fan_out(names_for: Callable[[str], list[str]]) -> int:
    """Make one delivery per event and handler. Unique rows make a repetition harmless."""
    events = db.session.execute(
        select(Event.tenant_id, Event.id, Event.type, Event.subject_id, Event.subject_version)
        .where(~Event.fanned_out)
        .order_by(Event.occurred_at, Event.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True),
        execution_options=ALL,
    ).all()
    rows = [
        {
            "tenant_id": event.tenant_id,
            "id": new_id(),
            "event_id": event.id,
            "handler": name,
            "subject_id": event.subject_id,
            "subject_version": event.subject_version,
        }
        for event in events
        for name in names_for(event.type)
    ]
    connection = db.session.connection()
    if rows:
        connection.execute(insert(Delivery.__table__), rows)  # type: ignore[arg-type]
    if events:
        table = Event.__table__
        connection.execute(
            update(table)  # type: ignore[arg-type]
            .where(
                tuple_(table.c.tenant_id, table.c.id).in_([(event.tenant_id, event.id) for event in events])
            )
            .values(fanned_out=True)
        )
    return len(events)


@atomic
def _claim() -> list[tuple[Happening, str, uuid.UUID, int]]:
    """Lease due deliveries whose predecessors (same subject and handler) are done or parked."""
    now = db.session.execute(select(database_now()), execution_options=ALL).scalar_one()
    earlier = aliased(Delivery)
    blocked = exists().where(
        earlier.tenant_id == Delivery.tenant_id,
        earlier.handler == Delivery.handler,
        earlier.subject_id == Delivery.subject_id,
        earlier.state == _WAITING,
        or_(
            earlier.subject_version < Delivery.subject_version,
            and_(earlier.subject_version == Delivery.subject_version, earlier.event_id < Delivery.event_id),
        ),
    )
    # An earlier event may have no delivery yet: another worker has locked it and is just fanning it out.
    unheard = aliased(Event)
    overtaken = exists().where(
        unheard.tenant_id == Delivery.tenant_id,
        unheard.subject_id == Delivery.subject_id,
        ~unheard.fanned_out,
        or_(
            unheard.subject_version < Delivery.subject_version,
            and_(unheard.subject_version == Delivery.subject_version, unheard.id < Delivery.event_id),
        ),
    )
    rows = db.session.execute(
        select(Delivery.tenant_id, Delivery.id, Delivery.handler, Delivery.tries, Event)
        .join(Event, (Event.tenant_id == Delivery.tenant_id) & (Event.id == Delivery.event_id))
        .where(
            Delivery.state == _WAITING,
            Delivery.due_at <= now,
            or_(Delivery.leased_until.is_(None), Delivery.leased_until < now),
            ~blocked,
            ~overtaken,
        )
        .order_by(Delivery.due_at, Delivery.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=Delivery),
        execution_options=ALL,
    ).all()
    lease = new_id()
    if rows:
        table = Delivery.__table__
        db.session.connection().execute(
            update(table)  # type: ignore[arg-type]
            .where(tuple_(table.c.tenant_id, table.c.id).in_([(row[0], row[1]) for row in rows]))
            .values(lease=lease, leased_until=now + LEASE, tries=table.c.tries + 1)
        )
    return [
        (
            Happening(
                tenant_id,
                event.id,
                delivery_id,
                event.type,
                event.subject_id,
                event.payload,
                event.occurred_at,
            ),
            handler,
            lease,
            tries + 1,
        )
        for tenant_id, delivery_id, handler, tries, event in rows
    ]


def _finish(happening: Happening, lease: uuid.UUID) -> None:
    _settle(happening, lease, {"state": "done", "done_at": clock.now(), "error": "", "lease": None})


def _fail(happening: Happening, lease: uuid.UUID, tries: int, error: str) -> None:
    """Wait longer each time; after the last pause, park it."""
    if tries > len(PAUSES):
        _settle(happening, lease, {"state": "parked", "error": error[:2000], "lease": None})
        return
    pause = PAUSES[tries - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - jitter needs no secrecy
    _settle(
        happening,
        lease,
        {
            "due_at": clock.now() + timedelta(seconds=pause),
            "error": error[:2000],
            "lease": None,
            "leased_until": None,
        },
    )


@atomic
def _settle(happening: Happening, lease: uuid.UUID, values: dict[str, Any]) -> bool:
    """Note a result, if the lease is still ours; a worker that was too slow has lost it and says nothing."""
    result: CursorResult[Any] = db.session.execute(  # type: ignore[assignment]
        update(Delivery)
        .where(Delivery.id == happening.delivery_id, Delivery.lease == lease, Delivery.state == "waiting")
        .values(**values)
        .execution_options(synchronize_session=False)
    )
    return result.rowcount == 1
