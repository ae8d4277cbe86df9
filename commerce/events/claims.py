"""Find work in the outbox, at a cost that does not grow with what waits: look, fan out, claim.

Deliveries wait in lanes, and in each lane in queues: one for each shop, one for each endpoint of a webhook. A claim
looks at the heads of some queues, goes on from there the next time, and takes a share of each, so that no shop's
backlog holds up another. It asks nothing that PostgreSQL could answer by comparing all that waits: every part is a walk
along an index with a limit, whatever the statistics say.
"""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Protocol

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    Interval,
    Row,
    Select,
    Uuid,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    update,
)

from commerce import clock
from commerce.db import UtcDateTime, atomic, database_now, db, every_shop, execute_many, new_id
from commerce.events.models import Delivery, Event
from commerce.events.queries import ALL, WAITING, previous_in_chain

EVENTS_AT_ONCE = 500
"""Events that are fanned out in one transaction."""
CLAIMED_AT_ONCE = 100
"""Deliveries of one claim, unless the caller says how many it can make in good time."""
QUEUES_AT_ONCE = 64
"""Queues whose heads one claim compares."""
MOST_LOOKS = 10
"""How often one claim goes on to the next queues when nothing is due in those it looked at."""
LEASE = timedelta(seconds=60)
HELD = timedelta(seconds=1)
"""How long a delivery steps back that stood in the way of others without being able to run."""


class Lane(Enum):
    """Which deliveries wait for each other. Each lane has workers of its own, and claims are made in this order."""

    ORDERS = "orders"
    """Payments, refunds, cancellations, stock."""
    MAILS = "mails"
    WEBHOOKS = "webhooks"


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do now: whether events are not fanned out yet, and in which lanes deliveries are due."""

    events: bool
    lanes: frozenset[Lane]

    def __bool__(self) -> bool:
        return self.events or bool(self.lanes)


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that is ours to make under a lease, with its event. `tries` counts this one too.

    `begin_before` is a moment of the monotonic clock: what begins later could be begun by somebody else meanwhile.
    """

    tenant_id: uuid.UUID
    delivery_id: uuid.UUID
    handler: str
    lane: Lane
    queue_id: uuid.UUID
    lease: uuid.UUID
    tries: int
    begin_before: float
    event_id: uuid.UUID
    type: str
    subject_id: uuid.UUID
    subject_version: int
    payload: dict[str, Any]
    occurred_at: datetime

    @property
    def chain(self) -> tuple[uuid.UUID, str, uuid.UUID]:
        """Deliveries of one chain are made one after the other, in the order of their events."""
        return self.tenant_id, self.handler, self.subject_id


class Listeners(Protocol):
    """A handler of an event, and the lane in which its deliveries wait."""

    def names_for(self, event_type: str, payload: Mapping[str, Any]) -> Sequence[str]:
        """Return the handlers that have something to do about an event."""
        ...

    def subscribed(
        self, events: Sequence[tuple[uuid.UUID, str]]
    ) -> Mapping[tuple[uuid.UUID, str], Sequence[str]]:
        """Return the subscribers of each (shop, event type). A step."""
        ...

    def place_of(self, name: str, tenant_id: uuid.UUID) -> tuple[Lane, uuid.UUID]:
        """Return the lane and the queue of a handler's deliveries."""
        ...


# --- look ----------------------------------------------------------------------------------------------


@every_shop()
def look() -> Work:
    """Return what there is to do, in one statement that takes no lock: an idle worker must not disturb a shop."""
    # In order, although any would do: the order is what makes PostgreSQL take the index without knowing the table.
    oldest = [
        select(Event.id).where(~Event.fanned_out).order_by(Event.occurred_at, Event.id),
        *(
            select(Delivery.id)
            .where(*_due(Delivery, lane, database_now()))
            .order_by(Delivery.due_at, Delivery.id)
            for lane in Lane
        ),
    ]
    event, *found = db.session.execute(
        select(*(each.limit(literal_column("1")).scalar_subquery() for each in oldest)), execution_options=ALL
    ).one()
    lanes = zip(Lane, found, strict=True)
    return Work(event is not None, frozenset(lane for lane, delivery in lanes if delivery is not None))


def _due(table: Any, lane: Lane, now: ColumnElement[datetime]) -> tuple[ColumnElement[bool], ...]:
    """Nobody is just making such a delivery; or somebody began and never came back."""
    return (
        table.state == WAITING,
        table.lane == _word(lane),
        table.due_at <= now,
        or_(table.leased_until.is_(None), table.leased_until < now),
    )


# --- fan out -------------------------------------------------------------------------------------------


@every_shop()
@atomic
def fan_out(listeners: Listeners) -> int:
    """Make one delivery per event and listener, oldest events first; return how many events that were.

    Unique rows make a repetition harmless. A delivery is due since its event happened, so the oldest come first however
    late they are fanned out.
    """
    events = db.session.execute(
        select(
            Event.tenant_id,
            Event.id,
            Event.type,
            Event.subject_id,
            Event.subject_version,
            Event.payload,
            Event.occurred_at,
        )
        .where(~Event.fanned_out)
        .order_by(Event.occurred_at, Event.id)
        .limit(EVENTS_AT_ONCE)
        .with_for_update(skip_locked=True),
        execution_options=ALL,
    ).all()
    if not events:
        return 0
    subscribed = listeners.subscribed(sorted({(event.tenant_id, event.type) for event in events}))
    now = database_time()
    rows = []
    for event in events:
        own = listeners.names_for(event.type, event.payload)
        for name in (*own, *subscribed.get((event.tenant_id, event.type), ())):
            lane, queue_id = listeners.place_of(name, event.tenant_id)
            rows.append(
                {
                    "tenant_id": event.tenant_id,
                    "id": new_id(),
                    "event_id": event.id,
                    "handler": name,
                    "lane": lane.value,
                    "queue_id": queue_id,
                    "subject_id": event.subject_id,
                    "subject_version": event.subject_version,
                    "due_at": min(event.occurred_at, now),
                }
            )
    deliveries, table = _table(Delivery), _table(Event)
    connection = db.session.connection()
    if rows:
        # RETURNING makes SQLAlchemy send many rows in one INSERT.
        connection.execute(insert(deliveries).returning(deliveries.c.tenant_id), rows).all()
    connection.execute(
        update(table)
        .where(among(table, [(event.tenant_id, event.id) for event in events]))
        .values(fanned_out=True)
    )
    return len(events)


# --- claim ---------------------------------------------------------------------------------------------


class Turns:
    """Whose turn it is in each lane: a worker goes on with the queues after those that it looked at last."""

    def __init__(self) -> None:
        self._after = dict.fromkeys(Lane, uuid.UUID(int=0))

    def after(self, lane: Lane) -> uuid.UUID:
        """Return the last queue that was looked at."""
        return self._after[lane]

    def go_on(self, lane: Lane, queue_id: uuid.UUID | None) -> None:
        """Remember the last queue that was looked at; None: that was all, begin again."""
        self._after[lane] = queue_id or uuid.UUID(int=0)


@every_shop()
@atomic
def claim(
    lane: Lane,
    limit: int = CLAIMED_AT_ONCE,
    turns: Turns | None = None,
    busy: Collection[uuid.UUID] = (),
    queues: int = QUEUES_AT_ONCE,
) -> list[Claim]:
    """Lease up to `limit` due deliveries of a lane, of at most so many queues, none of them `busy`.

    A delivery is taken only together with, or after, all earlier ones of its chain. One that somebody began and never
    came back from is taken alone: if it is what kills workers, it takes no others along.
    """
    chosen = _choose_queues(lane, turns or Turns(), busy)[:queues]
    if not chosen:
        return []
    rows = _pick(lane, chosen, max(1, limit // len(chosen)))
    free, held = _sort_out(rows)
    if held:
        _step_back(held, clogging=2 * len(held) > len(rows))
    if free and free[0].leased_until is not None:
        free = free[:1]
    else:
        free, _held = _sort_out([row for row in rows if row.leased_until is None])
    if not free:
        return []
    lease, table = new_id(), _table(Delivery)
    db.session.connection().execute(
        update(table)
        .where(among(table, [(row.tenant_id, row.id) for row in free]))
        .values(lease=lease, leased_until=after_now(LEASE), tries=table.c.tries + 1)
    )
    begin_before = time.monotonic() + LEASE.total_seconds() / 2
    return [
        Claim(
            row.tenant_id,
            row.id,
            row.handler,
            lane,
            row.queue_id,
            lease,
            row.tries + 1,
            begin_before,
            row.event_id,
            row.type,
            row.subject_id,
            row.subject_version,
            row.payload,
            row.occurred_at,
        )
        for row in free
    ]


def _choose_queues(lane: Lane, turns: Turns, busy: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Return queues in which something is due, the one that waits longest first."""
    wrapped = False
    for _ in range(MOST_LOOKS):
        begin = turns.after(lane)
        heads = db.session.execute(
            _heads(lane, _on_postgresql()), _at(after=begin), execution_options=ALL
        ).all()
        found = [row for row in heads if row.queue_id is not None]
        whole = len(found) < QUEUES_AT_ONCE
        turns.go_on(lane, None if whole else found[-1].queue_id)
        due = sorted((row.due_at, row.queue_id) for row in found if row.due_at and row.queue_id not in busy)
        if due:
            return [queue_id for _due_at, queue_id in due]
        if whole and (wrapped or not begin.int):
            break
        wrapped = wrapped or whole
    return []


@functools.cache
def _heads(lane: Lane, on_postgresql: bool) -> Select[Any]:
    """Walk from queue to queue, one step in the index for each: DISTINCT would read all that waits."""

    def next_after(place: ColumnElement[Any]) -> Any:
        table = _table(Delivery).alias()
        return (
            select(table.c.queue_id)
            .where(table.c.state == WAITING, table.c.lane == _word(lane), table.c.queue_id > place)
            .order_by(table.c.queue_id)
            .limit(literal_column("1"))
            .scalar_subquery()
        )

    first = select(
        next_after(bindparam("after", type_=Uuid())).label("queue_id"), literal_column("1").label("number")
    ).cte("queues", recursive=True)
    queues = first.union_all(
        select(next_after(first.c.queue_id), first.c.number + literal_column("1")).where(
            first.c.queue_id.is_not(None), first.c.number < literal_column(str(QUEUES_AT_ONCE))
        )
    )
    table = _table(Delivery).alias()
    head = (
        select(table.c.due_at)
        .where(*_due(table.c, lane, _now(on_postgresql=on_postgresql)))
        .where(*_of_queue(table.c, queues.c.queue_id, on_postgresql=on_postgresql))
        .order_by(*_in_turn(table.c, on_postgresql=on_postgresql))
        .limit(literal_column("1"))
        .scalar_subquery()
    )
    return select(queues.c.queue_id, head.label("due_at"))


def _pick(lane: Lane, chosen: Sequence[uuid.UUID], share: int) -> list[Row[Any]]:
    """Lock the oldest due deliveries of each queue, with their events and what comes before them in their chains."""
    if _on_postgresql():
        values = _at(queues=list(chosen), share=share)
        return list(db.session.execute(_pick_of_all(lane), values, execution_options=ALL))
    return [
        row
        for queue_id in chosen
        for row in db.session.execute(
            _pick_of_one(lane), _at(queue_id=queue_id, share=share), execution_options=ALL
        )
    ]


@functools.cache
def _pick_of_all(lane: Lane) -> Select[Any]:
    queues = (
        func.unnest(bindparam("queues", type_=ARRAY(Uuid())))
        .table_valued("queue_id", name="queues")
        .render_derived()
    )
    table, events = _table(Delivery).alias("picked_from"), _table(Event).alias("its_event")
    picked = (
        select(*table.c)
        .where(*_due(table.c, lane, _now(on_postgresql=True)))
        .where(*_of_queue(table.c, queues.c.queue_id, on_postgresql=True))
        .order_by(*_in_turn(table.c, on_postgresql=True))
        .limit(bindparam("share", type_=Integer()))
        .with_for_update(skip_locked=True)
        .lateral("picked")
    )
    # The limit keeps PostgreSQL from joining the two tables in another way than row by row.
    event = (
        select(events.c.type, events.c.payload, events.c.occurred_at)
        .where(events.c.tenant_id == picked.c.tenant_id, events.c.id == picked.c.event_id)
        .limit(literal_column("1"))
        .lateral("event")
    )
    return (
        select(*picked.c, *event.c, *_before(picked.c))
        .select_from(queues)
        .join(picked, true())
        .join(event, true())
    )


@functools.cache
def _pick_of_one(lane: Lane) -> Select[Any]:
    table, events = _table(Delivery).alias("picked"), _table(Event).alias("its_event")
    return (
        select(*table.c, events.c.type, events.c.payload, events.c.occurred_at, *_before(table.c))
        .join(events, and_(events.c.tenant_id == table.c.tenant_id, events.c.id == table.c.event_id))
        .where(
            *_due(table.c, lane, _now(on_postgresql=False)),
            table.c.queue_id == bindparam("queue_id", type_=Uuid()),
        )
        .order_by(table.c.due_at, table.c.id)
        .limit(bindparam("share", type_=Integer()))
    )


def _before(picked: Any) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return what comes before a delivery in its chain: the waiting one next to it, and whether an event has none yet.

    The latter: another worker has locked it and is just fanning it out.
    """
    event = _table(Event).alias("unheard")
    overtaken = exists().where(
        ~event.c.fanned_out,
        event.c.tenant_id == picked.tenant_id,
        event.c.subject_id == picked.subject_id,
        tuple_(event.c.subject_version, event.c.id) < tuple_(picked.subject_version, picked.event_id),
    )
    return previous_in_chain(picked).label("previous"), overtaken.label("overtaken")


def _sort_out(rows: Sequence[Row[Any]]) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """Part what can run from what must wait for something that is not among `rows`.

    What can run: the chain that waits longest first, and each chain in the order of its events.
    """
    free: dict[uuid.UUID, Row[Any]] = {}
    held: list[Row[Any]] = []
    since: dict[tuple[uuid.UUID, str, uuid.UUID], tuple[datetime, uuid.UUID]] = {}
    for row in sorted(rows, key=lambda row: (row.subject_version, row.event_id)):
        if row.overtaken or (row.previous is not None and row.previous not in free):
            held.append(row)
            continue
        free[row.id] = row
        chain = (row.tenant_id, row.handler, row.subject_id)
        since[chain] = min(since.get(chain, (row.due_at, row.id)), (row.due_at, row.id))
    in_turn = sorted(free.values(), key=lambda row: since[row.tenant_id, row.handler, row.subject_id])
    return in_turn, held


def _step_back(held: Sequence[Row[Any]], *, clogging: bool) -> None:
    """Let deliveries that cannot run wait as long as what they wait for, and for a moment if they clog their queue.

    Else the same ones would be found again and again, and one day nothing but them.
    """
    table = _table(Delivery)
    pairs = [(row.tenant_id, row.previous) for row in held if row.previous is not None]
    found = db.session.execute(
        select(table.c.id, table.c.due_at).where(among(table, pairs), table.c.state == WAITING),
        execution_options=ALL,
    )
    due = {row.id: row.due_at for row in found}
    now, changed = database_time(), []
    for row in held:
        until = due.get(row.previous, now)
        if until <= now and clogging:
            until = now + HELD
        if until > now:
            due[row.id] = until
            changed.append({"tenant": row.tenant_id, "delivery": row.id, "until": until})
    if changed:
        execute_many(
            update(table)
            .where(table.c.tenant_id == bindparam("tenant"), table.c.id == bindparam("delivery"))
            .values(due_at=bindparam("until")),
            changed,
        )


# --- the database's words ------------------------------------------------------------------------------


def among(table: Any, pairs: Sequence[tuple[uuid.UUID, uuid.UUID]]) -> ColumnElement[bool]:
    """Return the condition that a row is one of these (shop, id). PostgreSQL gets two values for all of them."""
    key = tuple_(table.c.tenant_id, table.c.id)
    if not _on_postgresql():
        # SQLite looks up single values in an index, and reads the whole table for pairs.
        return and_(
            table.c.tenant_id.in_({tenant_id for tenant_id, _id in pairs}),
            table.c.id.in_([row_id for _tenant_id, row_id in pairs]),
            key.in_(pairs),
        )
    tenants, ids = [tenant_id for tenant_id, _id in pairs], [row_id for _tenant_id, row_id in pairs]
    return key.in_(
        select(
            func.unnest(literal(tenants, ARRAY(Uuid()))),
            func.unnest(literal(ids, ARRAY(Uuid()))),
        )
    )


def after_now(pause: timedelta) -> ColumnElement[Any]:
    """Return a moment after now, by the database's clock."""
    if db.engine.dialect.name == "sqlite":
        return literal(clock.now() + pause, UtcDateTime())
    return database_now() + literal(pause, Interval())


def database_time() -> datetime:
    """Return the database's time. A step."""
    moment: datetime = db.session.execute(select(database_now()), execution_options=ALL).scalar_one()
    return moment


def _of_queue(table: Any, queue_id: Any, *, on_postgresql: bool) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a delivery waits in a queue, for an order by `_in_turn`.

    PostgreSQL gets the queue as a range. With one value it may assume that the index of all that is due in
    the lane does as well, which reads whatever waits in other queues.
    """
    if not on_postgresql:
        return (table.queue_id == queue_id,)
    here = tuple_(table.queue_id, table.due_at)
    return (
        here >= tuple_(queue_id, literal_column("'-infinity'::timestamptz")),
        here <= tuple_(queue_id, func.now()),
    )


def _in_turn(table: Any, *, on_postgresql: bool) -> tuple[Any, ...]:
    return (table.queue_id, table.due_at, table.id) if on_postgresql else (table.due_at, table.id)


def _on_postgresql() -> bool:
    return db.engine.dialect.name == "postgresql"


def _now(*, on_postgresql: bool) -> ColumnElement[datetime]:
    """Return the database's time for a statement that is kept: on SQLite it is a value of `_at`."""
    return func.now(type_=UtcDateTime()) if on_postgresql else bindparam("now", type_=UtcDateTime())


def _at(**values: Any) -> dict[str, Any]:
    return {**values, "now": clock.now()}


def _word(lane: Lane) -> ColumnElement[str]:
    """Written into statements: a value bound later would keep PostgreSQL from seeing that an index fits."""
    return literal_column(f"'{lane.value}'")


def _table(model: Any) -> Any:
    return model.__table__
