"""Store the outcomes of deliveries, many in one transaction, and always before the next effect that cannot be undone.

A worker that dies forgets what it has not noted, and its deliveries are made again. For what handlers write into this
database that does no harm: they are idempotent. A mail would arrive twice; so whatever has an outside effect calls
`before_effect()`, and at most one effect is ever unnoted.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import update

from commerce.db import atomic, database_now, db, every_shop, in_transaction
from commerce.events.claims import Claim, among, database_time
from commerce.events.models import Delivery
from commerce.events.queries import WAITING

UNNOTED = 0.5
"""Seconds after which outcomes are noted although nothing asks for it."""
ERROR = 2000
"""Characters of an error that are kept."""


class _Change(NamedTuple):
    claim: Claim
    state: str
    error: str | None
    tries: int
    pause: timedelta | None


class Outcomes:
    """Outcomes of the deliveries of one thread that are not stored yet."""

    def __init__(self) -> None:
        self._done: list[Claim] = []
        self._changed: list[_Change] = []
        self._since = time.monotonic()

    def finish(self, claim: Claim) -> None:
        """It is made."""
        self._done.append(claim)
        self._note_in_time()

    def park(self, claim: Claim, error: str) -> None:
        """It is given up until staff run it again."""
        self._change(_Change(claim, "parked", error[:ERROR], claim.tries, None))

    def retry(self, claim: Claim, error: str, pause: timedelta) -> None:
        """It has failed and is tried again after a pause."""
        self._change(_Change(claim, "waiting", error[:ERROR], claim.tries, pause))

    def hand_back(self, claim: Claim) -> None:
        """It was not begun: somebody else may make it."""
        self._change(_Change(claim, "waiting", None, claim.tries - 1, None))

    def note(self) -> None:
        """Write down what is not noted yet; if that fails it stays so."""
        if self._done or self._changed:
            _write(tuple(self._done), tuple(self._changed))
            self._done.clear()
            self._changed.clear()
        self._since = time.monotonic()

    def _change(self, change: _Change) -> None:
        self._changed.append(change)
        self._note_in_time()

    def _note_in_time(self) -> None:
        if time.monotonic() - self._since > UNNOTED:
            self.note()


_collected: ContextVar[Outcomes | None] = ContextVar("outcomes", default=None)


@contextmanager
def collected_outcomes() -> Generator[Outcomes]:
    """Collect the outcomes of the deliveries that are made meanwhile, and note the rest in the end."""
    outcomes = Outcomes()
    token = _collected.set(outcomes)
    try:
        yield outcomes
    finally:
        _collected.reset(token)
        outcomes.note()


def before_effect(what: str) -> None:
    """Call this right before an outside effect: a mail, a webhook, a call to a gateway.

    Raises RuntimeError inside a transaction: the network is slow, and a rollback would not take back what it did. A
    worker notes what it has done before, and holds no connection to the database while it waits for others.
    """
    if in_transaction():
        raise RuntimeError(f"{what} inside a transaction")
    outcomes = _collected.get()
    if outcomes is not None:
        outcomes.note()
        db.session.close()


@every_shop()
@atomic
def _write(done: Sequence[Claim], changed: Sequence[_Change]) -> None:
    """Note outcomes as far as the leases are still ours; a worker that was too slow has lost them and says nothing.

    The database's time decides when the next try is due: a worker's clock may be wrong.
    """
    table: Any = Delivery.__table__
    if done:
        db.session.connection().execute(
            update(table)
            .where(
                among(table, [(claim.tenant_id, claim.delivery_id) for claim in done]),
                table.c.state == WAITING,
                table.c.lease.in_({claim.lease for claim in done}),
            )
            .values(state="done", done_at=database_now(), error="", lease=None)
        )
    now = database_time() if changed else None
    for change in changed:
        values: dict[str, Any] = {"state": change.state, "tries": change.tries, "lease": None}
        if change.state == "waiting":
            values["leased_until"] = None
        if change.error is not None:
            values["error"] = change.error
        if change.pause is not None and now is not None:
            values["due_at"] = now + change.pause
        db.session.connection().execute(
            update(table)
            .where(
                table.c.tenant_id == change.claim.tenant_id,
                table.c.id == change.claim.delivery_id,
                table.c.state == WAITING,
                table.c.lease == change.claim.lease,
            )
            .values(**values)
        )
