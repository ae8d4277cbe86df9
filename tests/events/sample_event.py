"""Events and handlers for trials: bells that ring, and ears that remember what they heard or refuse to."""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, update

from commerce.db import _as_tenant, atomic, db, every_shop, new_id
from commerce.events.claims import Claim, Lane, claim
from commerce.events.models import Delivery, Event
from commerce.events.outbox import Actor, DomainEvent, publish
from commerce.events.relay import DeliveredEvent, Handler, Relay
from commerce.tenants.queries import get_shop
from commerce.tenants.scope import shop_scope

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ALL = {"all_tenants": True}
RINGER = Actor("staff", id="7", name="Bob", request_id="r-1")


@dataclass(frozen=True, kw_only=True)
class Rang(DomainEvent):
    """A bell rang."""

    tone: str = ""


class RangTwice(Rang):
    """A bell rang twice."""


class Stopped(DomainEvent):
    """A bell stopped; nobody listens."""


class Ear:
    """A handler that remembers the tones it heard, in their order, and fails as often as it is told to."""

    def __init__(
        self, name: str, fails: int = 0, then: Callable[[DeliveredEvent], None] | None = None
    ) -> None:
        self.__name__ = name
        self.heard: list[str] = []
        self.happenings: list[DeliveredEvent] = []
        self.fails = fails
        self._then = then

    def __call__(self, happening: DeliveredEvent) -> None:
        self.happenings.append(happening)
        if self._then is not None:
            self._then(happening)
        if self.fails:
            self.fails -= 1
            raise OSError("the line is dead")
        self.heard.append(happening.payload["tone"])


def relay(*ears: Handler) -> Relay:
    """Return a relay that tells every ear of every bell."""
    return Relay({Rang: list(ears)}, (Rang, RangTwice, Stopped), enter_shop)


def enter_shop(tenant_id: uuid.UUID) -> AbstractContextManager[None]:
    """Enter a shop as a worker does, which is in none before."""
    with _as_tenant(None, every=False):
        shop = get_shop(tenant_id)
    return shop_scope(shop)


def fan_out_to(name: str) -> int:
    """Fan out what is new to a handler of this name alone, whether there is one or not."""

    def nobody() -> None: ...

    nobody.__name__ = name
    return relay(nobody).fan_out()  # type: ignore[arg-type]


def claim_mails() -> list[Claim]:
    """Claim what is due, as a worker does that then dies."""
    return claim(Lane.MAILS)


@atomic
def ring(*tones: str, subject: uuid.UUID | None = None, version: int = 1) -> uuid.UUID:
    """Publish one event for each tone, with growing versions of one subject."""
    subject = subject or new_id()
    publish(
        RINGER,
        *(Rang(subject_id=subject, subject_version=version + n, tone=tone) for n, tone in enumerate(tones)),
    )
    return subject


@every_shop()
@atomic
def pauses_end() -> None:
    """Let every pause between two tries be over."""
    _set(due_at=LONG_AGO)


@every_shop()
@atomic
def leases_end() -> None:
    """Let a minute pass for whoever holds a delivery."""
    _set(leased_until=LONG_AGO)


def _set(**values: datetime) -> None:
    db.session.execute(
        update(Delivery)
        .where(Delivery.state == "waiting")
        .values(**values)
        .execution_options(synchronize_session=False, **ALL)
    )


@every_shop()
def deliveries() -> list[Delivery]:
    """Return all deliveries of all shops, oldest event first, as the database has them now."""
    return list(
        db.session.scalars(
            select(Delivery).order_by(Delivery.event_id, Delivery.handler), execution_options=ALL
        )
    )


@every_shop()
def events() -> list[Event]:
    """Return all events of all shops, oldest first, as the database has them now."""
    return list(db.session.scalars(select(Event).order_by(Event.id), execution_options=ALL))
