"""Slow down guessing without locking the owner of an account out.

Wrong passwords and wrong codes are counted per account and per source, which is where a try comes from:

- a browser that signed in to this account before and shows the mark of it, or a session that is still open;
- otherwise the network address (IPv6: the /64).

After four wrong tries from one source, this source waits for 2 seconds, doubling to 5 minutes; the others do not. All
addresses together have 100 wrong tries in a day, then they wait, too: guessing that is spread over many addresses stays
bounded. Known browsers and open sessions never wait for what others do, so whoever guesses from elsewhere keeps nobody
out who has signed in on this browser before. A mailed link or a colleague's reset begins the counting again.

Tries are counted by the address that was typed, whether it has an account or not, so both do the same work.

Sources: OWASP Authentication Cheat Sheet, "Account Lockout", and OWASP "Slow Down Online Guessing Attacks with Device
Cookies"; NIST SP 800-63B, 5.2.2 (at most 100 failed tries in a row).
"""

from __future__ import annotations

import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import CursorResult, delete, update
from sqlalchemy.dialects import postgresql, sqlite

from commerce import clock
from commerce.accounts.models import OperatorSignInThrottle
from commerce.accounts.sessions import Device, Kind, P, S
from commerce.db import atomic, current_tenant_id, db, new_id
from commerce.encryption import DecryptionError, seal
from commerce.limits import household

PASSWORD, CODE = "password", "code"
"""What is guessed. They are counted apart: wrong passwords, which anybody can type, never delay a right code."""
FREE_TRIES = 4
"""Wrong tries of one source that cost nothing; everybody mistypes."""
FREE_TRIES_OF_ALL = 100
"""Wrong tries of all addresses together, in a day, that cost nothing."""
FIRST_DELAY = timedelta(seconds=2)
LONGEST_DELAY = timedelta(minutes=5)
WINDOW = timedelta(days=1)
"""For how long a wrong try counts."""
MARK_LIFETIME = timedelta(days=365)
_ADDRESS, _DEVICE, _SESSION = "address", "device", "session"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a try comes from. `known` sources wait only for what they did themselves."""

    key: str
    known: bool


def subject_of(kind: Kind[P, S], factor: str, email: str) -> str:
    """Return the name under which tries at an account are counted; the address itself is not stored."""
    return hashlib.sha256(f"{kind.name}:{factor}:{email}".encode("utf-8", "replace")).hexdigest()


def source_of(
    kind: Kind[P, S], factor: str, origin: Device | uuid.UUID, person_id: uuid.UUID | None
) -> Source:
    """Return the source of a try: `origin` is the id of an open session, or the device of somebody who signs in."""
    if isinstance(origin, uuid.UUID):
        return Source(f"{_SESSION}:{origin}", known=True)
    # Read for every try, so that an unknown account costs the same.
    mark = _open_mark(kind, origin.mark)
    if mark is not None and mark.person_id == person_id and (mark.gave_code or factor != CODE):
        return Source(f"{_DEVICE}:{mark.nonce}", known=True)
    address = hashlib.sha256(household(origin.address).encode()).hexdigest()[:24]
    return Source(f"{_ADDRESS}:{address}", known=False)


def delay_after(failures: int, free: int = FREE_TRIES) -> timedelta:
    """Return the delay after so many wrong tries: 2 s after the first that is not free, doubling to 5 min."""
    if failures <= free:
        return timedelta(0)
    return min(LONGEST_DELAY, FIRST_DELAY * (1 << min(failures - free - 1, 16)))


# --- steps ---------------------------------------------------------------------------------------------


def count_try(kind: Kind[P, S], subject: str, source: Source, *, never_wait: bool = False) -> bool:
    """Count a try as if it failed, and return whether it may be checked; one that has to wait is not counted. A step.

    `never_wait` is for secrets that are too long to be guessed.
    """
    sources, paused_until = _lock(kind, subject)
    now = clock.now()
    recent = {key: each for key, each in sources.items() if each.last > (now - WINDOW).timestamp()}
    own = recent.get(source.key, Failures())
    waits = own.until > now.timestamp() or (
        not source.known and paused_until is not None and paused_until > now
    )
    if waits and not never_wait:
        return False
    own_delay = delay_after(own.tries + 1)
    recent[source.key] = Failures(
        own.tries + 1,
        now.timestamp(),
        (now + own_delay).timestamp() if own_delay else 0.0,
    )
    if not source.known:
        delay = delay_after(_of_addresses(recent), FREE_TRIES_OF_ALL)
        paused_until = now + delay if delay else None
    _store(kind, subject, recent, paused_until)
    return True


def forgive(kind: Kind[P, S], subject: str, source: Source) -> None:
    """Forget the wrong tries of a source that was right; those of other sources still count. A step."""
    sources, paused_until = _lock(kind, subject)
    sources.pop(source.key, None)
    _store(kind, subject, sources, paused_until if _of_addresses(sources) > FREE_TRIES_OF_ALL else None)


def clear_throttle(kind: Kind[P, S], email: str, *factors: str) -> None:
    """Forget every wrong try at an account: its owner has shown in another way who they are. A step."""
    table = kind.throttle
    subjects = [subject_of(kind, factor, email) for factor in factors or (PASSWORD, CODE)]
    db.session.execute(delete(table).where(table.subject.in_(subjects)), execution_options=kind.options)


@atomic
def purge_throttles(kind: Kind[P, S], before: datetime) -> int:
    """Delete the counts of the current shop that nobody added to since `before`, and return how many.

    Those of members and staff are in one table; for operators no shop is entered.
    """
    table = kind.throttle
    done = db.session.execute(delete(table).where(table.updated_at < before), execution_options=kind.options)
    return cast("CursorResult[Any]", done).rowcount


class Failures(NamedTuple):
    """Wrong tries, and the moments of the last one and of the end of the delay as Unix time (0: no delay)."""

    tries: int = 0
    last: float = 0.0
    until: float = 0.0


def _lock(kind: Kind[P, S], subject: str) -> tuple[dict[str, Failures], datetime | None]:
    """Return the counts of a subject, created when missing, and lock them until the transaction ends."""
    insert: Any = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    table = kind.throttle
    owner = {} if table is OperatorSignInThrottle else {"tenant_id": current_tenant_id()}
    made = insert(table).values(id=new_id(), subject=subject, sources={}, updated_at=clock.now(), **owner)
    row = db.session.execute(
        made.on_conflict_do_update(
            index_elements=[*owner, "subject"], set_={"updated_at": made.excluded.updated_at}
        ).returning(table.sources, table.paused_until),
        execution_options=kind.options,
    ).one()
    return {key: Failures(*each) for key, each in row.sources.items()}, row.paused_until


def _store(
    kind: Kind[P, S], subject: str, sources: dict[str, Failures], paused_until: datetime | None
) -> None:
    table = kind.throttle
    db.session.execute(
        update(table)
        .where(table.subject == subject)
        .values(sources={key: list(each) for key, each in sources.items()}, paused_until=paused_until),
        execution_options=kind.options,
    )


def _of_addresses(sources: dict[str, Failures]) -> int:
    return sum(each.tries for key, each in sources.items() if key.startswith(f"{_ADDRESS}:"))


# --- the mark of a browser that has signed in ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mark:
    """What the cookie of a known browser says. `gave_code`: the sign-in had a second factor."""

    person_id: uuid.UUID
    nonce: str
    gave_code: bool


def make_mark(kind: Kind[P, S], person_id: uuid.UUID, former: str, *, gave_code: bool) -> str:
    """Return the mark of a browser in which a person has just signed in, sealed; `former` is the one that it has.

    The nonce stays, so that signing in again and again gives no new counts.
    """
    known = _open_mark(kind, former)
    if known is None or known.person_id != person_id:
        known = Mark(person_id, secrets.token_urlsafe(12), gave_code=False)
    facts = [kind.name, str(person_id), known.nonce, gave_code or known.gave_code, clock.now().timestamp()]
    return seal().close(json.dumps(facts))


def _open_mark(kind: Kind[P, S], sealed: str) -> Mark | None:
    try:
        name, person_id, nonce, gave_code, made_at = json.loads(seal().open(sealed))
        fresh = datetime.fromtimestamp(made_at, UTC) > clock.now() - MARK_LIFETIME
        mark = Mark(uuid.UUID(person_id), str(nonce), bool(gave_code))
    except (DecryptionError, ValueError, TypeError):
        return None
    return mark if fresh and name == kind.name else None
