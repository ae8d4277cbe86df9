"""Days of a shop's time zone, periods of them, and the period before. Pure but for the present day."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from commerce import clock
from commerce.errors import InvalidValue
from commerce.tenants.scope import current_shop

LONGEST = timedelta(days=3 * 366)
"""The longest period that a report covers."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """The period of the same length right before it."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1))

    def each(self) -> Iterator[date]:
        """Yield its days, oldest first."""
        for number in range(self.days):
            yield self.first + timedelta(days=number)


def last_days(count: int) -> Period:
    """Return the period of `count` days that ends today, in the shop's time zone."""
    today = day_of(clock.now())
    return Period(today - timedelta(days=count - 1), today)


def own_period(first: date, last: date) -> Period:
    """Return the period from one day to another.

    Raises InvalidValue when it ends before it begins or is longer than LONGEST.
    """
    if last < first:
        raise InvalidValue("until", "period_ends_before_it_begins")
    if last - first > LONGEST:
        raise InvalidValue("until", "period_too_long", days=LONGEST.days)
    return Period(first, last)


def day_of(moment: datetime) -> date:
    """Return the day of a moment in the shop's time zone."""
    return moment.astimezone(ZoneInfo(current_shop().timezone)).date()


def bounds(first: date, last: date) -> tuple[datetime, datetime]:
    """Return when `first` begins and when the day after `last` begins, in UTC: 23 or 25 hours where clocks change."""
    zone = ZoneInfo(current_shop().timezone)
    return (
        datetime.combine(first, time(), zone).astimezone(UTC),
        datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC),
    )


def id_bound(moment: datetime) -> uuid.UUID:
    """Return the id below which all ids made before `moment` are (UUIDv7, RFC 9562: milliseconds come first)."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
