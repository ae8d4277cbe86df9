"""Tell handlers what happened: fan out, claim with a lease, run outside of any transaction, note the result.

At least once, in order per subject and handler, with growing pauses by the database's clock; what keeps failing is
parked where staff see it. Nothing is ever found by "id greater than the last one": a transaction that began earlier
may commit later.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol

from sqlalchemy import ColumnElement, CursorResult, and_, exists, insert, or_, select, true, tuple_, update
from sqlalchemy.orm import aliased

from commerce.db import atomic, database_now, db, every_shop, new_id
from commerce.events.models import Delivery, Event
from commerce.events.outbox import DomainEvent
from commerce.events.queries import ALL, WAITING, blocked

log = logging.getLogger("commerce.events")

BATCH = 20
LEASE = timedelta(seconds=60)
PAUSES = (5, 30, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Seconds before each further try, three days in all (after the example of Standard Webhooks 1.0)."""


class GiveUp(Exception):
    """A handler says that another try is of no use: the delivery is parked at once, with this text as its error."""


@dataclass(frozen=True, slots=True)
class DeliveredEvent:
    """An event as a handler sees it: plain values, and the delivery's id as the key of the handler's effect."""

    tenant_id: uuid.UUID
    event_id: uuid.UUID
    delivery_id: uuid.UUID
    type: str
    subject_id: uuid.UUID
    payload: dict[str, Any]
    occurred_at: datetime
    subject_version: int = 0


Handler = Callable[[DeliveredEvent], None]
Handlers = Mapping[type[DomainEvent], Sequence[Handler]]
EnterShop = Callable[[uuid.UUID], AbstractContextManager[Any]]


class Subscribers(Protocol):
    """Listeners that are rows instead of functions, such as webhooks. Their deliveries are named `<prefix><id>`."""

    prefix: str

    def names_for(self, events: Sequence[tuple[uuid.UUID, str]]) -> Mapping[tuple[uuid.UUID, str], list[str]]:
        """Return who listens to each (shop, event type), over all shops, in one look. A step."""
        ...

    def tell(self, name: str, happening: DeliveredEvent) -> None:
        """Tell one of them; raise for another try, GiveUp for none."""
        ...


class Lane(Enum):
    """Which deliveries a worker makes: a stranger's slow server must not keep our own mails waiting."""

    ALL = "all"
    OWN = "own"
    STRANGERS = "strangers"


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours to make, under a lease; `tries` counts this one too."""

    happening: DeliveredEvent
    handler: str
    lease: uuid.UUID
    tries: int


Spread = Callable[[Callable[[Claim], bool], Sequence[Claim]], Iterable[bool]]


def handler_names(handlers: Handlers, kinds: Mapping[str, type[DomainEvent]], event_type: str) -> list[str]:
    """Return the names of the handlers that listen to an event type or to one of its bases."""
    kind = kinds.get(event_type)
    if kind is None:
        return []
    return [handler.__name__ for base in kind.__mro__ for handler in handlers.get(base, ())]


class Relay:
    """Delivers events to `handlers` and `subscribers`. `enter_shop` opens the scope of a shop; all come from above."""

    def __init__(
        self,
        handlers: Handlers,
        kinds: Sequence[type[DomainEvent]],
        enter_shop: EnterShop,
        subscribers: Subscribers | None = None,
    ) -> None:
        self._handlers = handlers
        self._kinds = {kind.type(): kind for kind in kinds}
        self._by_name = {each.__name__: each for group in handlers.values() for each in group}
        self._enter_shop = enter_shop
        self._subscribers = subscribers

    def run_once(self, lane: Lane = Lane.ALL, spread: Spread = map) -> int:
        """Fan out what is new, deliver what is due, and return how many deliveries were tried.

        No two deliveries of one batch depend on each other, so `spread` may be the `map` of a pool of threads.
        """
        chosen = self._chosen(lane)
        if not _anything_due(chosen):
            return 0
        while _fan_out(self._names_for, self._subscribers) == BATCH:
            pass
        claimed, until = _claim(chosen), time.monotonic() + LEASE.total_seconds() / 2

        def make(claim: Claim) -> bool:
            if time.monotonic() > until:
                # Handlers were slow: what is left must not begin under a lease that may run out meanwhile.
                with self._enter_shop(claim.happening.tenant_id):
                    _release_claim(claim)
                return False
            self._deliver(claim)
            return True

        return sum(spread(make, claimed))

    def run_until_idle(self) -> int:
        """Deliver until nothing is due and return how many deliveries were tried; for tests and commands."""
        total = 0
        while count := self.run_once():
            total += count
        return total

    def _names_for(self, event_type: str) -> list[str]:
        return handler_names(self._handlers, self._kinds, event_type)

    def _chosen(self, lane: Lane) -> ColumnElement[bool]:
        if lane is Lane.ALL or self._subscribers is None:
            return true()
        strangers = Delivery.handler.startswith(self._subscribers.prefix, autoescape=True)
        return strangers if lane is Lane.STRANGERS else ~strangers

    def _deliver(self, claim: Claim) -> None:
        with self._enter_shop(claim.happening.tenant_id):
            if claim.tries > len(PAUSES) + 1:
                _park(claim, "Given up: whoever tried this never came back to say how it went.")
                return
            try:
                self._tell(claim.handler, claim.happening)
            except GiveUp as reason:
                _park(claim, str(reason))
            except Exception as error:
                log.warning("%s failed for %s: %s", claim.handler, claim.happening.type, error, exc_info=True)
                _fail(claim, f"{type(error).__name__}: {error}")
            else:
                _finish(claim)

    def _tell(self, name: str, happening: DeliveredEvent) -> None:
        if self._subscribers is not None and name.startswith(self._subscribers.prefix):
            self._subscribers.tell(name, happening)
        else:
            self._by_name[name](happening)


@every_shop()
def _anything_due(chosen: ColumnElement[bool]) -> bool:
    """Look before taking a write lock: an idle worker must not disturb a shop."""
    fresh = select(Event.id).where(~Event.fanned_out).limit(1)
    due = (
        select(Delivery.id)
        .where(Delivery.state == WAITING, Delivery.due_at <= database_now(), chosen)
        .limit(1)
    )
    found = any(db.session.execute(each, execution_options=ALL).first() for each in (fresh, due))
    db.session.close()
    return found


@every_shop()
@atomic
def _fan_out(names_for: Callable[[str], list[str]], subscribers: Subscribers | None = None) -> int:
    """Make one delivery per event and listener. Unique rows make a repetition harmless."""
    events = db.session.execute(
        select(Event.tenant_id, Event.id, Event.type, Event.subject_id, Event.subject_version)
        .where(~Event.fanned_out)
        .order_by(Event.occurred_at, Event.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True),
        execution_options=ALL,
    ).all()
    if not events:
        return 0
    kinds = {(event.tenant_id, event.type) for event in events}
    listening = subscribers.names_for(sorted(kinds)) if subscribers else {}
    now = db.session.execute(select(database_now()), execution_options=ALL).scalar_one()
    rows = [
        {
            "tenant_id": event.tenant_id,
            "id": new_id(),
            "event_id": event.id,
            "handler": name,
            "subject_id": event.subject_id,
            "subject_version": event.subject_version,
            "due_at": now,
        }
        for event in events
        for name in [*names_for(event.type), *listening.get((event.tenant_id, event.type), ())]
    ]
    connection = db.session.connection()
    if rows:
        connection.execute(insert(Delivery.__table__), rows)  # type: ignore[arg-type]
    table = Event.__table__
    connection.execute(
        update(table)  # type: ignore[arg-type]
        .where(tuple_(table.c.tenant_id, table.c.id).in_([(event.tenant_id, event.id) for event in events]))
        .values(fanned_out=True)
    )
    return len(events)


@every_shop()
@atomic
def _claim(chosen: ColumnElement[bool] | None = None) -> list[Claim]:
    """Lease due deliveries whose predecessors (same subject and handler) are done or parked.

    One that somebody began and never came back from is tried alone: if it is what kills workers, it takes no others
    along.
    """
    now = db.session.execute(select(database_now()), execution_options=ALL).scalar_one()
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
        select(
            Delivery.tenant_id, Delivery.id, Delivery.handler, Delivery.tries, Delivery.leased_until, Event
        )
        .join(Event, (Event.tenant_id == Delivery.tenant_id) & (Event.id == Delivery.event_id))
        .where(
            Delivery.state == WAITING,
            Delivery.due_at <= now,
            or_(Delivery.leased_until.is_(None), Delivery.leased_until < now),
            ~blocked(),
            ~overtaken,
            true() if chosen is None else chosen,
        )
        .order_by(Delivery.due_at, Delivery.id)
        .limit(BATCH)
        .with_for_update(skip_locked=True, of=Delivery),
        execution_options=ALL,
    ).all()
    suspicious = bool(rows) and rows[0].leased_until is not None
    rows = rows[:1] if suspicious else [row for row in rows if row.leased_until is None]
    lease = new_id()
    if rows:
        table = Delivery.__table__
        db.session.connection().execute(
            update(table)  # type: ignore[arg-type]
            .where(tuple_(table.c.tenant_id, table.c.id).in_([(row[0], row[1]) for row in rows]))
            .values(lease=lease, leased_until=now + LEASE, tries=table.c.tries + 1)
        )
    return [
        Claim(
            DeliveredEvent(
                tenant_id,
                event.id,
                delivery_id,
                event.type,
                event.subject_id,
                event.payload,
                event.occurred_at,
                event.subject_version,
            ),
            handler,
            lease,
            tries + 1,
        )
        for tenant_id, delivery_id, handler, tries, _leased_until, event in rows
    ]


def _finish(claim: Claim) -> None:
    _settle(claim, lambda now: {"state": "done", "done_at": now, "error": "", "lease": None})


def _park(claim: Claim, error: str) -> None:
    _settle(claim, lambda _now: {"state": "parked", "error": error[:2000], "lease": None})


def _fail(claim: Claim, error: str) -> None:
    """Wait longer each time; after the last pause, park it."""
    if claim.tries > len(PAUSES):
        _park(claim, error)
        return
    pause = timedelta(seconds=PAUSES[claim.tries - 1] * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
    _settle(
        claim,
        lambda now: {"due_at": now + pause, "error": error[:2000], "lease": None, "leased_until": None},
    )


def _release_claim(claim: Claim) -> None:
    """Let somebody else make a delivery that was not begun."""
    _settle(claim, lambda _now: {"tries": claim.tries - 1, "lease": None, "leased_until": None})


@atomic
def _settle(claim: Claim, result: Callable[[datetime], dict[str, Any]]) -> bool:
    """Note a result, if the lease is still ours; a worker that was too slow has lost it and says nothing.

    `result` gets the database's time: a worker whose clock is wrong must not decide when the next try is due.
    """
    now = db.session.execute(select(database_now()), execution_options=ALL).scalar_one()
    changed: CursorResult[Any] = db.session.execute(  # type: ignore[assignment]
        update(Delivery)
        .where(
            Delivery.id == claim.happening.delivery_id,
            Delivery.lease == claim.lease,
            Delivery.state == "waiting",
        )
        .values(**result(now))
        .execution_options(synchronize_session=False)
    )
    return changed.rowcount == 1
