"""Sessions of whoever signs in: staff, members, operators. One way for all, distinguished by a `Kind`.

The browser has 256 random bits, the database their SHA-256. Everything here but `find` and `open_sessions` is a step.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import ColumnElement, CursorResult, Executable, delete, or_, select, update

from commerce import clock
from commerce.accounts.models import (
    Credentials,
    Member,
    MemberSession,
    Operator,
    OperatorSession,
    OperatorSignInThrottle,
    SecondFactor,
    Session,
    SignInThrottle,
    StaffMember,
    StaffSession,
)
from commerce.db import TenantOwned, db
from commerce.events.outbox import Actor

P = TypeVar("P", bound=Credentials)
S = TypeVar("S", bound=Session)

TOUCH_AFTER = timedelta(minutes=5)
"""How old the note of a session's last use may get: reading pages should hardly ever write."""
RECENT = timedelta(minutes=30)
"""For how long a password or code that was given counts as proof for what is dangerous."""


@dataclass(frozen=True)
class Kind(Generic[P, S]):
    """One kind of people who sign in: their two tables and the limits of their sessions.

    `idle` and `lifetime` end a session that is not used, or used for this long.
    """

    name: str
    person: type[P]
    session: type[S]
    idle: timedelta
    lifetime: timedelta
    owner: Any = field(repr=False)
    """The column of `session` with the person's id."""
    throttle: Any = field(repr=False)
    """The table of wrong tries."""

    @property
    def options(self) -> Mapping[str, Any]:
        """Execution options of every statement: people of no shop are looked for outside of the tenant net."""
        return {"synchronize_session": False, "all_tenants": not self.belongs_to_shop}

    @property
    def belongs_to_shop(self) -> bool:
        """Tell whether these people are those of one shop; operators are of none."""
        return issubclass(self.person, TenantOwned)

    @property
    def has_second_factor(self) -> bool:
        """Tell whether these people may have one-time codes."""
        return issubclass(self.person, SecondFactor)

    def person_id(self) -> Any:
        """Return the column of `person` with the id."""
        return cast("Any", self.person).id

    def session_id(self) -> Any:
        """Return the column of `session` with the id."""
        return cast("Any", self.session).id


STAFF = Kind(
    "staff",
    StaffMember,
    StaffSession,
    timedelta(hours=12),
    timedelta(days=7),
    StaffSession.staff_id,
    SignInThrottle,
)
MEMBER = Kind(
    "member",
    Member,
    MemberSession,
    timedelta(days=30),
    timedelta(days=90),
    MemberSession.member_id,
    SignInThrottle,
)
OPERATOR = Kind(
    "operator",
    Operator,
    OperatorSession,
    timedelta(hours=1),
    timedelta(hours=12),
    OperatorSession.operator_id,
    OperatorSignInThrottle,
)


@dataclass(frozen=True, slots=True)
class Device:
    """Where somebody signs in from: shown in the list of sessions. `mark` is that of a browser that did so before."""

    address: str = ""
    user_agent: str = ""
    mark: str = ""


def token_hash(token: str) -> str:
    """Return what is stored of a secret that was sent out: who reads the database cannot use it."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def new_token() -> str:
    """Return 256 random bits for a cookie or a link, as 43 characters that need no quoting."""
    return secrets.token_urlsafe(32)


def find(kind: Kind[P, S], token: str) -> tuple[P, S] | None:
    """Return whose session the token opens, with the session; None when it is unknown or over or the person left."""
    now = clock.now()
    row = db.session.execute(
        select(kind.person, kind.session)
        .join(kind.session, kind.owner == kind.person_id())
        .where(
            kind.session.token_hash == token_hash(token),
            kind.session.expires_at > now,
            kind.session.seen_at > now - kind.idle,
            kind.person.active,
        ),
        execution_options=kind.options,
    ).one_or_none()
    if row is None:
        return None
    person, session = row
    return person, session


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The person behind a request, as a plain value: a member of staff, a member or an operator.

    `role` is that of staff and `phone` that of members. `waits_for_code`: the password was given and the second factor
    is still missing, so nothing is open yet.
    """

    kind: str
    id: uuid.UUID
    name: str
    email: str
    session_id: uuid.UUID
    seen_at: datetime
    proven_at: datetime
    role: str = ""
    phone: str = ""
    has_second_factor: bool = False
    waits_for_code: bool = False

    @property
    def recently_proven(self) -> bool:
        """Tell whether password or code were given recently enough for sensitive actions."""
        return is_recent(self.proven_at)

    def actor(self, request_id: str = "") -> Actor:
        """Return the person as histories name people: members by id alone, since their names may be erased."""
        name = "" if self.kind == MEMBER.name else self.name
        return Actor(self.kind, id=str(self.id), name=name, request_id=request_id)


def find_signed_in(kind: Kind[P, S], token: str) -> SignedIn | None:
    """Return the person whose session the token opens; None for an unknown or ended session or inactive person."""
    found = find(kind, token) if token else None
    if found is None:
        return None
    person, session = cast("tuple[Any, Any]", found)
    has_second_factor = kind.has_second_factor and person.totp_since is not None
    return SignedIn(
        kind=kind.name,
        id=person.id,
        name=person.name,
        email=person.email,
        session_id=session.id,
        seen_at=session.seen_at,
        proven_at=session.proven_at,
        role=getattr(person, "role", ""),
        phone=getattr(person, "phone", ""),
        has_second_factor=has_second_factor,
        waits_for_code=has_second_factor and not session.second_factor,
    )


def open_sessions(kind: Kind[P, S], person_id: uuid.UUID) -> list[S]:
    """Return the sessions of a person that are not over, the one used last first."""
    now = clock.now()
    return list(
        db.session.scalars(
            select(kind.session)
            .where(
                kind.owner == person_id,
                kind.session.expires_at > now,
                kind.session.seen_at > now - kind.idle,
            )
            .order_by(kind.session.seen_at.desc(), kind.session_id().desc()),
            execution_options=kind.options,
        )
    )


def is_recent(proven_at: datetime) -> bool:
    """Tell whether a proof given at `proven_at` still counts for what is dangerous."""
    return clock.now() - proven_at < RECENT


# --- steps -----------------------------------------------------------------------------------------


def session_options(kind: Kind[P, S], statement: Executable) -> int:
    """Run a statement that changes rows of these people and return how many it hit. A step."""
    result = db.session.execute(statement, execution_options=kind.options)
    return cast("CursorResult[Any]", result).rowcount


def begin(
    kind: Kind[P, S], person_id: uuid.UUID, device: Device, *, replaces: str = "", **values: Any
) -> str:
    """Open a session and return its token; that of the token `replaces` ends, and so do those that are over. A step.

    `values` are further columns, such as `second_factor`.
    """
    now = clock.now()
    _delete(
        kind,
        or_(
            kind.session.token_hash == token_hash(replaces),
            (kind.owner == person_id)
            & or_(kind.session.expires_at <= now, kind.session.seen_at <= now - kind.idle),
        ),
    )
    token = new_token()
    made = cast("Any", kind.session)(
        token_hash=token_hash(token),
        address=device.address[:45],
        user_agent=device.user_agent[:255],
        expires_at=now + kind.lifetime,
        **{kind.owner.key: person_id},
        **values,
    )
    db.session.add(made)
    db.session.flush()
    return token


def rotate(kind: Kind[P, S], session_id: uuid.UUID, **values: Any) -> str:
    """Give a session a new token, now that it may do more than before, and return it; '' when it has ended. A step."""
    token = new_token()
    changed = session_options(
        kind,
        update(kind.session)
        .where(kind.session_id() == session_id)
        .values(token_hash=token_hash(token), proven_at=clock.now(), **values),
    )
    return token if changed else ""


def note_proof(kind: Kind[P, S], session_id: uuid.UUID) -> None:
    """Note that the person behind a session has just confirmed their identity. A step."""
    session_options(
        kind,
        update(kind.session).where(kind.session_id() == session_id).values(proven_at=clock.now()),
    )


def touch(kind: Kind[P, S], session_id: uuid.UUID) -> None:
    """Note that a session is in use. A step."""
    session_options(
        kind,
        update(kind.session).where(kind.session_id() == session_id).values(seen_at=clock.now()),
    )


def end_by_token(kind: Kind[P, S], token: str) -> None:
    """End the session of a token; an unknown one changes nothing. A step."""
    _delete(kind, kind.session.token_hash == token_hash(token))


def end_one(kind: Kind[P, S], person_id: uuid.UUID, session_id: uuid.UUID) -> bool:
    """End one session of this person; False when it is not theirs or has ended. A step."""
    return _delete(kind, (kind.owner == person_id) & (kind.session_id() == session_id)) == 1


def end_all(kind: Kind[P, S], person_id: uuid.UUID, *, but: uuid.UUID | None = None) -> int:
    """End every session of a person, except `but`, and return how many. A step."""
    whose = kind.owner == person_id
    return _delete(kind, whose if but is None else whose & (kind.session_id() != but))


def _delete(kind: Kind[P, S], condition: ColumnElement[bool]) -> int:
    return session_options(kind, delete(kind.session).where(condition))
