"""Look at the outbox."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, case, func, literal_column, or_, select, tuple_

from commerce import clock
from commerce.db import database_now, db, every_shop
from commerce.events.models import Delivery, Event
from commerce.paging import Page, uncounted_page

ALL = {"all_tenants": True}
# Written into statements: a value bound later would keep PostgreSQL from using the index of what is due.
WAITING: ColumnElement[str] = literal_column("'waiting'")
LANES = ("orders", "mails", "webhooks")
"""The lanes in which deliveries wait: money and stock, mails, webhooks."""
VIEWS = ("troubled", "waiting", "parked", "done")
"""What the list can show: trouble is what is parked, and what has failed and will be tried again."""
PAGE = 50


PARKED: ColumnElement[str] = literal_column("'parked'")


def previous_in_chain(here: Any) -> ColumnElement[uuid.UUID | None]:
    """Return the id of the waiting delivery next before one: same handler, same subject. `here` has its columns.

    One step in an index, and a form that no planner can turn into a comparison of all that waits with itself.
    """
    earlier: Any = Delivery.__table__.alias()
    return (
        select(earlier.c.id)
        .where(
            earlier.c.state == WAITING,
            earlier.c.tenant_id == here.tenant_id,
            earlier.c.handler == here.handler,
            earlier.c.subject_id == here.subject_id,
            tuple_(earlier.c.subject_version, earlier.c.event_id)
            < tuple_(here.subject_version, here.event_id),
        )
        .order_by(earlier.c.subject_version.desc(), earlier.c.event_id.desc())
        .limit(literal_column("1"))
        .scalar_subquery()
    )


def blocked() -> ColumnElement[bool]:
    """Return the condition that a delivery must wait for an earlier one."""
    return previous_in_chain(Delivery).is_not(None)


def _at_rest(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Nobody is just making this delivery; or somebody began and never came back."""
    return or_(Delivery.leased_until.is_(None), Delivery.leased_until < now)


@every_shop()
def outbox_lag_seconds() -> float:
    """Return for how long the workers are behind, over all shops: 0 when everything due is delivered.

    It is the age of the oldest event that no worker has taken up, or of the oldest delivery that is due, not being made
    and not held back by an earlier one.
    """
    unheard = select(Event.occurred_at).where(~Event.fanned_out).order_by(Event.occurred_at, Event.id)
    due = select(Delivery.due_at).where(
        Delivery.state == WAITING, Delivery.due_at <= database_now(), _at_rest(database_now()), ~blocked()
    )
    # Lane by lane, as the index of what is due has it: the oldest is found at once, whatever waits behind it.
    lanes = [
        due.where(Delivery.lane == literal_column(f"'{lane}'")).order_by(Delivery.due_at, Delivery.id)
        for lane in LANES
    ]
    oldest: list[datetime | None] = [
        db.session.execute(each.limit(1), execution_options=ALL).scalar() for each in (unheard, *lanes)
    ]
    now = _now()
    return max((now - each).total_seconds() if each is not None and each < now else 0.0 for each in oldest)


def _now() -> datetime:
    moment: datetime = db.session.execute(select(database_now()), execution_options=ALL).scalar_one()
    return moment


def list_deliveries(view: str = "troubled", handler: str = "", page: int = 1) -> Page[Row[Delivery, Event]]:
    """Return a page of (Delivery, Event), newest first; `view` is one of VIEWS."""
    wanted = _listed(view, handler)
    return uncounted_page(
        page, PAGE, lambda limit, offset: db.session.execute(wanted.limit(limit).offset(offset)).all()
    )


def _listed(view: str, handler: str) -> Select[Delivery, Event]:
    if view == "troubled":
        chosen = or_(Delivery.state == PARKED, and_(Delivery.state == WAITING, Delivery.error != ""))
    else:
        chosen = Delivery.state == literal_column(f"'{VIEWS[VIEWS.index(view)]}'")
    statement = (
        select(Delivery, Event)
        .join(Event, and_(Event.tenant_id == Delivery.tenant_id, Event.id == Delivery.event_id))
        .where(chosen)
        .order_by(Delivery.id.desc())
    )
    return statement.where(Delivery.handler == handler) if handler else statement


@dataclass(frozen=True, slots=True)
class Backlog:
    """Pending deliveries of one handler: `due` can run now, `failed` will be tried again."""

    handler: str
    waiting: int
    due: int
    failed: int
    parked: int


def backlog() -> list[Backlog]:
    """Return the shop's pending deliveries by handler."""
    now = _now()

    def count(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.sum(case((condition, 1), else_=0))

    rows = db.session.execute(
        select(
            Delivery.handler,
            count(Delivery.state == "waiting"),
            count(and_(Delivery.state == "waiting", Delivery.due_at <= now, ~blocked())),
            count(and_(Delivery.state == "waiting", Delivery.error != "")),
            count(Delivery.state == "parked"),
        )
        .where(or_(Delivery.state == WAITING, Delivery.state == PARKED))
        .group_by(Delivery.handler)
        .order_by(Delivery.handler)
    )
    return [Backlog(handler, *(int(each) for each in counts)) for handler, *counts in rows]


def deliveries_of(subject_id: uuid.UUID) -> Sequence[Delivery]:
    """Return the deliveries of one order's events, oldest first."""
    # By way of the events: they have an index of what happened to an order, and of deliveries only what waits has one.
    return db.session.scalars(
        select(Delivery)
        .join(Event, and_(Event.tenant_id == Delivery.tenant_id, Event.id == Delivery.event_id))
        .where(Event.subject_id == subject_id)
        .order_by(Delivery.subject_version, Delivery.id)
    ).all()


def waiting_events() -> tuple[int, int]:
    """Return how many of the shop's events the worker has not taken up yet, and the age of the oldest in seconds."""
    count, oldest = db.session.execute(
        select(func.count(Event.id), func.min(Event.occurred_at)).where(~Event.fanned_out)
    ).one()
    return count, max(0, round((clock.now() - oldest).total_seconds())) if count else 0
