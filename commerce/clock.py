"""The present moment, in one place: the database's clock decides it, so that no process whose clock is wrong does.

Deadlines are written by one process and read by another. `engine.py` measures the clock of PostgreSQL whenever it
connects, and again about once a minute, and this process then counts on by its monotonic clock, which nobody sets. On
SQLite, which runs in this process, the machine's clock is the database's.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

_ahead: float | None = None
"""Seconds since 1970 on the database's clock minus the monotonic clock of this process; None: not measured."""
_measured = float("-inf")


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC) if _ahead is None else datetime.fromtimestamp(time.monotonic() + _ahead, UTC)


def timestamp() -> float:
    """Return the present moment in seconds since 1970."""
    return time.time() if _ahead is None else time.monotonic() + _ahead


def synchronize(database: datetime, asked: float, answered: float) -> None:
    """Follow the database's clock: it showed `database` between two moments of this process's monotonic clock."""
    global _ahead, _measured
    _ahead, _measured = database.timestamp() - (asked + answered) / 2, answered


def age() -> float:
    """Return how many seconds ago the database's clock was measured; infinite before that."""
    return time.monotonic() - _measured


def use_own() -> None:
    """Go by the clock of this machine again, as before the first measurement."""
    global _ahead, _measured
    _ahead, _measured = None, float("-inf")
