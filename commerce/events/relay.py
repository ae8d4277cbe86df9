"""Tell handlers what happened: fan out, claim with a lease, run outside of any transaction, note the result.

At least once, in order per subject and handler, with growing pauses by the database's clock; what keeps failing is
parked where staff see it. Nothing is ever found by "id greater than the last one": a transaction that began earlier
may commit later.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, groupby
from typing import Any, Protocol

from commerce.db import db
from commerce.events import claims
from commerce.events.claims import CLAIMED_AT_ONCE, QUEUES_AT_ONCE, Claim, Lane, Turns, Work
from commerce.events.outbox import DomainEvent
from commerce.events.outcomes import Outcomes, collected_outcomes
from commerce.events.read_ahead import Reader, reading_ahead

log = logging.getLogger("commerce.events")

PAUSES = (5, 30, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Seconds before each further try, three days in all (after the example of Standard Webhooks 1.0)."""


READ_AHEAD = 50
"""Deliveries for whose handlers is read together: few enough that the last one still tells of the present."""


class GiveUp(Exception):
    """A handler says that another try is of no use: the delivery is parked at once, with this text as its error."""


@dataclass(frozen=True, slots=True)
class DeliveredEvent:
    """An event as a handler sees it: plain values, and the delivery's id as the key of the handler's effect."""

    tenant_id: uuid.UUID
    event_id: uuid.UUID
    delivery_id: uuid.UUID
    type: str
    subject_id: uuid.UUID
    payload: dict[str, Any]
    occurred_at: datetime
    subject_version: int = 0


Handler = Callable[[DeliveredEvent], None]
Handlers = Mapping[type[DomainEvent], Sequence[Handler]]
Condition = Callable[[Mapping[str, Any]], bool]
EnterShop = Callable[[uuid.UUID], AbstractContextManager[Any]]


class Subscribers(Protocol):
    """Listeners that are rows instead of functions, such as webhooks. Their deliveries are named `<prefix><id>`."""

    prefix: str

    def names_for(self, events: Sequence[tuple[uuid.UUID, str]]) -> Mapping[tuple[uuid.UUID, str], list[str]]:
        """Return who listens to each (shop, event type), over all shops, in one look. A step."""
        ...

    def tell(self, name: str, happening: DeliveredEvent) -> None:
        """Tell one of them; raise for another try, GiveUp for none."""
        ...


def handler_names(handlers: Handlers, kinds: Mapping[str, type[DomainEvent]], event_type: str) -> list[str]:
    """Return the names of the handlers that listen to an event type or to one of its bases."""
    kind = kinds.get(event_type)
    if kind is None:
        return []
    return [handler.__name__ for base in kind.__mro__ for handler in handlers.get(base, ())]


class Relay:
    """Delivers events to `handlers` and `subscribers`. `enter_shop` opens the scope of a shop; all come from above.

    `lanes` says which handlers wait in another lane than the mails', `conditions` which have nothing to do about some
    events: by the event's facts, so that no delivery is made for them at all. `readers` read for a batch of deliveries
    what their handlers would read one by one.
    """

    def __init__(
        self,
        handlers: Handlers,
        kinds: Sequence[type[DomainEvent]],
        enter_shop: EnterShop,
        subscribers: Subscribers | None = None,
        *,
        lanes: Mapping[str, Lane] | None = None,
        conditions: Mapping[str, Condition] | None = None,
        readers: Mapping[str, Reader[Any]] | None = None,
    ) -> None:
        self._handlers = handlers
        self._kinds = {kind.type(): kind for kind in kinds}
        self._by_name = {each.__name__: each for group in handlers.values() for each in group}
        self._enter_shop = enter_shop
        self._subscribers = subscribers
        self._lanes = lanes or {}
        self._conditions = conditions or {}
        self._readers = readers or {}
        self._turns = Turns()

    def run_once(self) -> int:
        """Fan out a batch of what is new, deliver a batch of each lane, and return how many deliveries were tried."""
        return self._turn()[1]

    def run_until_idle(self) -> int:
        """Deliver until nothing is due and return how many deliveries were tried; for tests and commands."""
        total = 0
        while any(done := self._turn()):
            total += done[1]
        return total

    def _turn(self) -> tuple[int, int]:
        """Return how many events were fanned out, and how many deliveries were tried."""
        work = self.look()
        fanned_out = self.fan_out() if work.events else 0
        tried = sum(self.deliver(self.claim(lane)) for lane in Lane if fanned_out or lane in work.lanes)
        return fanned_out, tried

    def look(self) -> Work:
        """Return what there is to do."""
        return claims.look()

    def fan_out(self) -> int:
        """Fan out a batch of events and return how many there were."""
        return claims.fan_out(self)

    def claim(
        self,
        lane: Lane,
        limit: int = CLAIMED_AT_ONCE,
        busy: Collection[uuid.UUID] = (),
        queues: int = QUEUES_AT_ONCE,
    ) -> list[Claim]:
        """Lease due deliveries of a lane, those of one chain in their order; see `claims.claim`."""
        return claims.claim(lane, limit, self._turns, busy, queues)

    def deliver(self, claimed: Sequence[Claim], go_on: Callable[[], bool] = lambda: True) -> int:
        """Make deliveries one after the other and return how many were tried; outcomes are noted in batches.

        What is left is handed back when `go_on` says no, when its lease may run out before it is made, and when an
        earlier one of its chain has failed.
        """
        tried, broken = 0, set()
        with collected_outcomes() as outcomes:
            for tenant_id, group in groupby(_by_shop(claimed), key=lambda claim: claim.tenant_id):
                with self._enter_shop(tenant_id):
                    for reader, batch in self._batches(list(group)):
                        with reading_ahead(reader, [_event_of(claim) for claim in batch]):
                            db.session.close()
                            for claim in batch:
                                if (
                                    claim.chain in broken
                                    or time.monotonic() > claim.begin_before
                                    or not go_on()
                                ):
                                    broken.add(claim.chain)
                                    outcomes.hand_back(claim)
                                    continue
                                tried += 1
                                if not self._deliver(claim, outcomes):
                                    broken.add(claim.chain)
                                db.session.close()
        return tried

    def _batches(self, claimed: Sequence[Claim]) -> Iterator[tuple[Reader[Any] | None, Sequence[Claim]]]:
        """Yield a shop's deliveries by what is read for them, first those that may change what the others read."""
        by_reader: dict[Reader[Any] | None, list[Claim]] = {None: []}
        for claim in claimed:
            by_reader.setdefault(self._readers.get(claim.handler), []).append(claim)
        for reader, claims_ in by_reader.items():
            size = READ_AHEAD if reader else max(1, len(claims_))
            yield from ((reader, claims_[at : at + size]) for at in range(0, len(claims_), size))

    # --- what `claims.fan_out` asks ---

    def names_for(self, event_type: str, payload: Mapping[str, Any]) -> list[str]:
        """Return the handlers that have something to do about an event."""
        names = handler_names(self._handlers, self._kinds, event_type)
        return [name for name in names if self._concerns(name, payload)]

    def subscribed(
        self, events: Sequence[tuple[uuid.UUID, str]]
    ) -> Mapping[tuple[uuid.UUID, str], list[str]]:
        """Return the subscribers of each (shop, event type). A step."""
        return self._subscribers.names_for(events) if self._subscribers else {}

    def place_of(self, name: str, tenant_id: uuid.UUID) -> tuple[Lane, uuid.UUID]:
        """Return the lane and the queue of a handler's deliveries: its shop's, or its own if it is a subscriber."""
        if self._subscribers is not None and name.startswith(self._subscribers.prefix):
            return Lane.WEBHOOKS, uuid.UUID(name.removeprefix(self._subscribers.prefix))
        return self._lanes.get(name, Lane.MAILS), tenant_id

    def _concerns(self, name: str, payload: Mapping[str, Any]) -> bool:
        condition = self._conditions.get(name)
        try:
            return condition is None or condition(payload)
        except (KeyError, TypeError, AttributeError):
            # An event of another version. Its handler will say what is wrong, where staff see it.
            return True

    # --- making one ---

    def _deliver(self, claim: Claim, outcomes: Outcomes) -> bool:
        """Make one delivery and tell whether what comes after it may be made."""
        if claim.tries > len(PAUSES) + 1:
            outcomes.park(claim, "Given up: whoever tried this never came back to say how it went.")
            return True
        try:
            self._tell(claim)
        except GiveUp as reason:
            outcomes.park(claim, str(reason))
        except Exception as error:
            log.warning("%s failed for %s: %s", claim.handler, claim.type, error, exc_info=True)
            return _fail(claim, f"{type(error).__name__}: {error}", outcomes)
        else:
            outcomes.finish(claim)
        return True

    def _tell(self, claim: Claim) -> None:
        happening = _event_of(claim)
        if self._subscribers is not None and claim.handler.startswith(self._subscribers.prefix):
            self._subscribers.tell(claim.handler, happening)
        else:
            self._by_name[claim.handler](happening)


def _event_of(claim: Claim) -> DeliveredEvent:
    return DeliveredEvent(
        claim.tenant_id,
        claim.event_id,
        claim.delivery_id,
        claim.type,
        claim.subject_id,
        claim.payload,
        claim.occurred_at,
        claim.subject_version,
    )


def _by_shop(claimed: Sequence[Claim]) -> Iterator[Claim]:
    """Yield the deliveries of each shop one after the other, so that it is entered once; else in their order."""
    shops: dict[uuid.UUID, list[Claim]] = {}
    for claim in claimed:
        shops.setdefault(claim.tenant_id, []).append(claim)
    return chain.from_iterable(shops.values())


def _fail(claim: Claim, error: str, outcomes: Outcomes) -> bool:
    """Wait longer each time; after the last pause, park it. Tells whether what comes after it may be made."""
    if claim.tries > len(PAUSES):
        outcomes.park(claim, error)
        return True
    pause = PAUSES[claim.tries - 1] * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
    outcomes.retry(claim, error, timedelta(seconds=pause))
    return False
