"""Keep the summaries of sales in step with the orders.

Whatever changes an order writes an event in the same transaction, so the events name the days that have to be summed up
again. Nothing is added to the transactions of shoppers: reports follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, delete, func, insert, select

from commerce import clock
from commerce.cart.models import Cart
from commerce.db import atomic, db
from commerce.events.models import Event
from commerce.orders.models import Credit, Order
from commerce.payments.models import Refund
from commerce.reports.days import bounds, day_of, id_bound
from commerce.reports.models import DIMENSIONS, SalesBy, SalesDay, SalesProgress
from commerce.reports.summaries import day_by, day_totals, has_anything
from commerce.tenants.scope import current_shop

OVERLAP = timedelta(seconds=60)
"""Ids are made before their transaction commits, which takes 15 s at most: so long an event may come behind."""
DAYS_AT_ONCE = 31
"""Days that are summed up in one transaction."""


def refresh_sales(*, whole: bool = False) -> bool:
    """Bring the summaries of the current shop up to date; tell whether all of its days are there.

    Of a shop that had orders before it had summaries, a month of older days is added per call, newest first; `whole`
    adds all of them.
    """
    now = clock.now()
    progress = _progress(now)
    changed = _changed_days(progress.seen_until - OVERLAP, now)
    days = sorted(day for day in changed if day >= progress.built_from)
    for start in range(0, len(days), DAYS_AT_ONCE):
        _sum_up(days[start : start + DAYS_AT_ONCE])
    # An order may come in that was placed before all others, from another system.
    first_day, built_from = min(progress.first_day, *changed), progress.built_from
    _note_progress(seen_until=now, first_day=first_day)
    while built_from > first_day:
        older = max(first_day, built_from - timedelta(days=DAYS_AT_ONCE))
        _sum_up([older + timedelta(days=number) for number in range((built_from - older).days)])
        _note_progress(built_from=older)
        built_from = older
        if not whole:
            break
    return built_from <= first_day


@atomic
def forget_sales() -> None:
    """Delete the summaries of the current shop; the next refresh makes them again from the orders."""
    for model in (SalesProgress, SalesBy, SalesDay):
        db.session.execute(delete(model))


def _progress(now: datetime) -> SalesProgress:
    """Return how far the summaries go. Those of another time zone are of other days, and begin again."""
    progress = db.session.scalar(select(SalesProgress))
    if progress is not None and progress.timezone != current_shop().timezone:
        forget_sales()
        progress = None
    return progress or _begin(now)


@atomic
def _begin(now: datetime) -> SalesProgress:
    progress = db.session.scalar(select(SalesProgress))
    if progress is None:
        oldest = db.session.scalar(select(func.min(Order.placed_at)))
        today = day_of(now)
        progress = SalesProgress(
            timezone=current_shop().timezone,
            seen_until=now,
            built_from=today,
            first_day=min(today, day_of(oldest)) if oldest else today,
        )
        db.session.add(progress)
        db.session.flush()
    return progress


def _changed_days(since: datetime, now: datetime) -> set[date]:
    """Return the days on which something counts that was changed since a moment.

    Today is one of them, and the day of that moment, because carts write no events.
    """
    changed = select(Event.subject_id).where(Event.id >= id_bound(since))
    ids = db.session.scalars(select(Order.id).where(Order.id.in_(changed))).all()
    days = {day_of(since), day_of(now)}
    if ids:
        reads: Sequence[Select[datetime]] = (
            select(Order.placed_at).where(Order.id.in_(changed)),
            select(Credit.created_at).where(Credit.order_id.in_(changed)),
            select(Refund.created_at).where(Refund.order_id.in_(changed)),
            select(Cart.created_at).where(
                Cart.id.in_(select(Order.cart_id).where(Order.id.in_(changed), Order.cart_id.is_not(None)))
            ),
        )
        days |= {day_of(moment) for read in reads for moment in db.session.scalars(read)}
    return days


@atomic
def _note_progress(
    *, seen_until: datetime | None = None, first_day: date | None = None, built_from: date | None = None
) -> None:
    """Go on from there the next time; a process that began earlier does not turn it back."""
    progress = db.session.scalar(
        select(SalesProgress).with_for_update().execution_options(populate_existing=True)
    )
    if progress is None:
        return
    if seen_until is not None:
        progress.seen_until = max(progress.seen_until, seen_until)
    if first_day is not None:
        progress.first_day = min(progress.first_day, first_day)
    if built_from is not None:
        progress.built_from = min(progress.built_from, built_from)


@atomic
def _sum_up(days: Sequence[date]) -> None:
    """Write the summaries of some days again. The row of progress is locked, so one process does it at a time."""
    if db.session.scalar(select(SalesProgress.timezone).with_for_update()) != current_shop().timezone:
        return
    for day in days:
        for model in (SalesBy, SalesDay):
            db.session.execute(delete(model).where(model.day == day))
        start, end = bounds(day, day)
        if not db.session.scalar(select(has_anything(start, end))):
            continue
        _write(SalesDay, day_totals(day, start, end))
        for dimension in DIMENSIONS:
            _write(SalesBy, day_by(dimension, day, start, end))


def _write(model: Any, rows: Select[Any]) -> None:
    names = [column.name for column in rows.selected_columns]
    db.session.connection().execute(insert(model.__table__).from_select(names, rows))
