"""What the handlers of a batch are going to ask for, read for all of them in a few statements.

A reader takes the events of one shop and returns, by event id, what a handler would otherwise read about each alone.
It is read right before the handlers run, and serves each of them once; one that finds nothing reads for itself, so
that a batch never depends on it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
Reader = Callable[[Sequence[Any]], Mapping[uuid.UUID, T]]

log = logging.getLogger("commerce.events")
_kept: ContextVar[tuple[Any, dict[uuid.UUID, Any]] | None] = ContextVar("read_ahead", default=None)


@contextmanager
def reading_ahead(reader: Reader[Any] | None, events: Sequence[Any]) -> Generator[None]:
    """Keep what `reader` returns about `events` for the handlers that are called meanwhile."""
    if reader is None or len(events) < 2:  # one reads for itself
        yield
        return
    try:
        found = dict(reader(events))
    except Exception:
        log.warning("reading ahead failed; each handler reads for itself", exc_info=True)
        found = {}
    token = _kept.set((reader, found))
    try:
        yield
    finally:
        _kept.reset(token)


def read_already(reader: Reader[T], event_id: uuid.UUID) -> T | None:
    """Return what `reader` has read about an event for this handler, None when nothing was."""
    kept = _kept.get()
    return kept[1].pop(event_id, None) if kept is not None and kept[0] is reader else None
