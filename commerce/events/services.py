"""What staff can do with deliveries that failed."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, exists, or_, select, update

from commerce.db import atomic, database_now, db, every_shop, lock
from commerce.errors import IllegalTransition, NotFound
from commerce.events.models import Delivery, Event
from commerce.events.queries import PARKED, WAITING


@atomic
def replay(delivery_id: uuid.UUID, *, even_done: bool = False) -> None:
    """Run a failed or parked delivery again soon, with a fresh schedule.

    `even_done` is for handlers whose other side may have lost a delivery, and recognizes repetitions by their id.
    Raises NotFound, IllegalTransition when it is done.
    """
    delivery = lock(Delivery, delivery_id, missing=NotFound("delivery_not_found"))
    if delivery.state == "done" and not even_done:
        raise IllegalTransition("done", "replay", "delivery_done")
    delivery.state, delivery.tries, delivery.lease, delivery.leased_until = "waiting", 0, None, None
    delivery.done_at = None
    delivery.due_at = now = db.session.execute(
        select(database_now()), execution_options={"all_tenants": True}
    ).scalar_one()
    db.session.flush()
    # What comes after it in its chain had stepped back as far as its next try.
    _change(
        update(Delivery)
        .where(
            Delivery.state == WAITING,
            Delivery.handler == delivery.handler,
            Delivery.subject_id == delivery.subject_id,
            Delivery.error == "",
            Delivery.due_at > now,
        )
        .values(due_at=now)
    )


@atomic
def replay_parked(handler: str) -> int:
    """Run everything again that was given up for one handler, and return how many deliveries that are."""
    return _change(
        update(Delivery)
        .where(Delivery.state == PARKED, Delivery.handler == handler)
        .values(state="waiting", tries=0, lease=None, leased_until=None, due_at=database_now())
    )


@every_shop()
@atomic
def make_all_due() -> int:
    """Let whatever waits, in all shops, be delivered at once with a fresh schedule; return how many that are.

    Only while no worker runs: the leases of deliveries that are being made are taken away.
    """
    return _change(
        update(Delivery)
        .where(Delivery.state == "waiting")
        .values(tries=0, lease=None, leased_until=None, due_at=database_now())
        .execution_options(all_tenants=True)
    )


def forget_handler(handler: str) -> int:
    """Delete the pending deliveries of a removed handler and return how many there were. A step."""
    return _change(
        delete(Delivery).where(
            or_(Delivery.state == WAITING, Delivery.state == PARKED), Delivery.handler == handler
        )
    )


def _change(statement: Any) -> int:
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", result).rowcount


# --- retention ------------------------------------------------------------------------------------------


@atomic
def sweep_deliveries(before: datetime, limit: int = 1000) -> int:
    """Delete deliveries of before a moment that are done, oldest first; return how many.

    Their ids begin with the time, so the key itself finds them.
    """
    old = db.session.scalars(
        select(Delivery.id)
        .where(Delivery.id < first_id_of(before), Delivery.state == "done")
        .order_by(Delivery.id)
        .limit(limit)
    ).all()
    if old:
        _change(delete(Delivery).where(Delivery.id.in_(old)))
    return len(old)


@atomic
def sweep_events(
    types: Collection[str], before: datetime, after: uuid.UUID | None = None, looked_at: int = 5000
) -> tuple[int, uuid.UUID | None]:
    """Delete events of these types of before a moment of which nothing is left to deliver, among so many of all types.

    The others are lines of the orders' timelines. Returns how many were deleted, and the event behind which to go on;
    None at the end.
    """
    old = Event.id < first_id_of(before)
    page = select(Event.id).where(old).order_by(Event.id).limit(looked_at)
    if after is not None:
        page = page.where(Event.id > after)
    ids = db.session.scalars(page).all()
    if not ids:
        return 0, None
    left = exists().where(Delivery.tenant_id == Event.tenant_id, Delivery.event_id == Event.id)
    deleted = _change(
        delete(Event).where(
            Event.id >= ids[0], Event.id <= ids[-1], Event.type.in_(types), Event.fanned_out, ~left
        )
    )
    return deleted, ids[-1] if len(ids) == looked_at else None


def first_id_of(moment: datetime) -> uuid.UUID:
    """Return the smallest id (UUIDv7) that can have been made at a moment."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
