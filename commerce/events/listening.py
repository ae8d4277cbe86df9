"""Wake a worker that sleeps when an event is committed: PostgreSQL says so, by NOTIFY, to whoever listens."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger("commerce.events")

CHANNEL = "lockstep_events"
AGAIN = 5.0
"""Seconds before a lost connection is replaced."""
LOOK = 1.0
"""Seconds between two looks whether to stop."""


class Listener:
    """Listens on a connection of its own, in a thread. On SQLite and behind a pooler of transactions nobody speaks."""

    def __init__(self, engine: Engine, heard: Callable[[], None], stop: threading.Event) -> None:
        self._engine = engine
        self._heard = heard
        self._stop = stop
        self.listening = False

    def start(self) -> threading.Thread:
        """Begin to listen; where that is of no use the thread ends at once."""
        thread = threading.Thread(target=self._run, name="listener", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        while self._engine.dialect.name == "postgresql" and not self._stop.is_set():
            try:
                self._listen()
            except (psycopg.Error, SQLAlchemyError) as error:
                log.warning("not woken by PostgreSQL until it answers again: %s", error)
            finally:
                self.listening = False
            self._stop.wait(AGAIN)

    def _listen(self) -> None:
        pooled = self._engine.raw_connection()
        connection: Any = pooled.driver_connection
        # It is kept for good, and the pool has room for those that are given back.
        pooled.detach()
        try:
            connection.execute(f"LISTEN {CHANNEL}")
            self.listening = True
            # What was committed before sends no notification.
            self._heard()
            while not self._stop.is_set():
                for _ in connection.notifies(timeout=LOOK, stop_after=1):
                    self._heard()
        finally:
            connection.close()
