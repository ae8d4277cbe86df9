"""The period that a page of figures is about: a few usual ones, or days of one's own, in the address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from flask import request

from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.reports.days import Period, last_days, own_period

USUAL = (1, 7, 30, 90)
"""Days up to today that can be chosen with one click."""
DEFAULT = 30


@dataclass(frozen=True, slots=True)
class ChosenPeriod:
    """A period, which of the usual ones it is (0: days of one's own), and what is wrong with what was asked for."""

    period: Period
    days: int
    problem: str = ""

    @property
    def query(self) -> dict[str, str]:
        """What the address of another page of the same period says."""
        if self.days:
            return {"days": str(self.days)}
        return {"since": self.period.first.isoformat(), "until": self.period.last.isoformat()}


def chosen_period() -> ChosenPeriod:
    """Return the period of the query string; what cannot be read is said, and the usual period shown."""
    since, until = request.args.get("since", ""), request.args.get("until", "")
    if since or until:
        try:
            today = last_days(1).last
            last = _day(until, "until") if until else today
            first = _day(since, "since") if since else last
            return ChosenPeriod(own_period(first, last), 0)
        except InvalidValue as error:
            return ChosenPeriod(last_days(DEFAULT), DEFAULT, describe(error))
    days = request.args.get("days", "")
    count = int(days) if days in {str(each) for each in USUAL} else DEFAULT
    return ChosenPeriod(last_days(count), count)


def _day(text: str, field: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidValue(field, "date_unreadable") from error
    if not 1970 <= day.year < 9990:
        raise InvalidValue(field, "date_unreadable")
    return day
