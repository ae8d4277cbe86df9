"""The shop's events in one order that programs can follow by polling: nothing is missed, nothing comes twice.

An id is made before its transaction commits, so "id greater than the last one" would pass over whoever commits late.
Here an event gets its position after it was committed, by the reader who is the first to want it, under one lock.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite

from commerce.db import atomic, current_tenant_id, db, execute_many
from commerce.errors import InvalidValue
from commerce.events.models import Event, EventFeed

BATCH = 1000
"""Events that get their position in one transaction."""
MOST_BATCHES = 10
"""Batches that one reader numbers before going on with what there is: the next one does more."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Events in their order, and the position that was reached: what follows is after it."""

    events: Sequence[Event]
    position: int


def read_feed(after: int, types: Collection[str], limit: int) -> FeedPage:
    """Return the first `limit` events of these types after a position, each exactly once and in a lasting order.

    Where that is the end of what has positions, what was committed meanwhile gets its own first. Raises InvalidValue
    for a position that nothing has had yet: the database was put back, and what gets it now would be passed over.
    """
    page = _page(after, types, limit)
    for _ in range(MOST_BATCHES):
        if len(page.events) == limit or not _has_new_events():
            break
        _give_positions()
        page = _page(after, types, limit)
    return page


def _page(after: int, types: Collection[str], limit: int) -> FeedPage:
    """Events up to the counter alone: it was written with their positions, so all of them can be seen."""
    reached = db.session.scalar(select(EventFeed.position)) or 0
    if after > reached:
        raise InvalidValue("after", "feed_rewound")
    events = db.session.scalars(
        select(Event)
        .where(Event.position > after, Event.position <= reached, Event.type.in_(types))
        .order_by(Event.position)
        .limit(limit)
    ).all()
    return FeedPage(events, (events[-1].position or reached) if len(events) == limit else reached)


def _has_new_events() -> bool:
    """Look before taking a write lock: a program that polls an idle shop writes nothing."""
    return db.session.scalar(select(Event.id).where(Event.position.is_(None)).limit(1)) is not None


@atomic
def _give_positions() -> None:
    """Number a batch of what is committed. Whoever does the same waits, and finds it done."""
    insert = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    db.session.execute(
        insert(EventFeed)
        .values(tenant_id=current_tenant_id(), position=0)
        .on_conflict_do_nothing(index_elements=["tenant_id"])
    )
    feed = db.session.scalars(
        select(EventFeed).with_for_update().execution_options(populate_existing=True)
    ).one()
    found = db.session.execute(_new().order_by(Event.id).limit(BATCH)).all()
    if not found:
        return
    if len(found) == BATCH:
        # The clocks of two servers differ: what happened to a subject first may have the later id.
        subjects, ids = {row.subject_id for row in found}, {row.id for row in found}
        rest = db.session.execute(_new().where(Event.subject_id.in_(subjects)).order_by(Event.id)).all()
        found = [*found, *(row for row in rest if row.id not in ids)]
    table: Any = Event.__table__
    execute_many(
        update(table)
        .where(table.c.tenant_id == current_tenant_id(), table.c.id == bindparam("event"))
        .values(position=bindparam("place")),
        [
            {"event": event_id, "place": place}
            for place, event_id in enumerate(_in_order(found), start=feed.position + 1)
        ],
    )
    feed.position += len(found)
    db.session.flush()


def _new() -> Select[uuid.UUID, uuid.UUID, int]:
    return select(Event.id, Event.subject_id, Event.subject_version).where(Event.position.is_(None))


def _in_order(found: Sequence[Row[uuid.UUID, uuid.UUID, int]]) -> Iterator[uuid.UUID]:
    """Yield ids as they were made, but the events of one subject in the order of its versions."""
    of_subject: dict[uuid.UUID, list[tuple[int, uuid.UUID]]] = defaultdict(list)
    for row in found:
        of_subject[row.subject_id].append((row.subject_version, row.id))
    for events in of_subject.values():
        events.sort(reverse=True)
    for row in found:
        yield of_subject[row.subject_id].pop()[1]
