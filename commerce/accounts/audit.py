"""The log of the back office: who did what, from where. Rows are added and read; the database refuses the rest.

An entry is written in the transaction of the deed (`db.witnessed`), so that it is there exactly when the deed was
done. It can never be taken back, so nothing of a customer may get into it but the code of an order, and no secret.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Row, Select, delete, func, select

from commerce import clock
from commerce.accounts.models import AuditEntry, OperatorEntry
from commerce.db import atomic, db, insert_rows, with_audit
from commerce.events.outbox import Actor
from commerce.paging import Page, uncounted_page

PAGE = 50
REFUSED = ("sign_in_refused", "code_refused", "proof_refused")
REFUSED_KEPT = timedelta(days=90)
"""For how long refused sign-ins are kept: anybody can cause any number of them."""
MOST_IN_A_FILE = 20_000
"""Entries that one download holds; who needs more names dates."""
COLUMNS = (
    "occurred_at",
    "actor_kind",
    "actor_name",
    "actor_id",
    "action",
    "subject",
    "changes",
    "address",
    "request_id",
)
LONGEST = 120
"""Characters of a value that are kept; longer ones are texts, and of these only the names are."""
MOST_FIELDS = 60
_SECRET = re.compile(r"pass|secret|token|key|otp|proof|kept|iban|instructions", re.IGNORECASE)
_SAYS_NOTHING = {"csrf_token", "form_id", "next"}
_OF_ORDERS = re.compile(
    r"(version|other|shown_\w+|amount|shown_amount|restock\S*|units\S*|quantity\S*|status|state|step|do|fee|discount_amount"
    r"|discount_percent|shipping|returned|refund|price_shipping|for_customer|country_code|(shipping|payment)_method)"
)
"""Fields of forms about orders whose values are numbers and choices; all others may hold what a customer is called."""


def audited_changes(fields: Iterable[tuple[str, str]], *, about_customers: bool) -> dict[str, Any]:
    """Return of a form's fields what the log may keep: no secrets, no long texts, nothing personal of customers.

    A field whose value is left out is still named, with '…'.
    """
    kept: dict[str, Any] = {}
    for field, value in fields:
        name = _readable_changes(field)[:LONGEST]
        if name in _SAYS_NOTHING or not value:
            continue
        hidden = (
            _SECRET.search(name)
            or len(value) > LONGEST
            or (about_customers and not _OF_ORDERS.fullmatch(name))
        )
        shown = "…" if hidden else _readable_changes(value)
        kept[name] = f"{kept[name]}, {shown}"[: 2 * LONGEST] if name in kept else shown
        if len(kept) == MOST_FIELDS:
            break
    return kept


def _readable_changes(text: str) -> str:
    """Return a text without signs that cannot be seen; some of them PostgreSQL could not even store."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def record(
    actor: Actor,
    action: str,
    subject: str = "",
    changes: Mapping[str, Any] | None = None,
    *,
    address: str = "",
) -> None:
    """Write an entry into the current shop's log. A step."""
    insert_rows(
        AuditEntry,
        [
            {
                "actor_kind": actor.kind,
                "actor_id": actor.id,
                "actor_name": _readable_changes(actor.name)[:255],
                "action": action[:60],
                "subject": _readable_changes(subject)[:255],
                "changes": dict(changes or {}),
                "address": address[:45],
                "request_id": actor.request_id,
            }
        ],
    )


@atomic
def record_alone(actor: Actor, action: str, subject: str = "", *, address: str = "") -> None:
    """Write an entry about what changes nothing else: a download, a sign-in that was refused."""
    record(actor, action, subject, address=address)


@atomic
def purge_refused_tries() -> int:
    """Delete from the current shop's log the refused sign-ins older than 90 days, and return how many.

    Everything else stays for ever, and the database refuses to delete it.
    """
    return delete_refused_tries(AuditEntry)


def delete_refused_tries(log: type[AuditEntry | OperatorEntry]) -> int:
    """Delete the refused sign-ins of a log that are older than 90 days, and return how many. A step."""
    if db.engine.dialect.name == "postgresql":
        # The role of the application may delete nothing there; a function of the owner's deletes these and no others.
        purge = select(func.purge_refused_sign_ins(log.__tablename__))
        return int(db.session.scalar(purge, execution_options={"all_tenants": True}) or 0)
    old = (log.action.in_(REFUSED)) & (log.occurred_at < clock.now() - REFUSED_KEPT)
    done = db.session.execute(
        delete(log).where(old),
        execution_options={"synchronize_session": False, "all_tenants": log is OperatorEntry},
    )
    return cast("CursorResult[Any]", done).rowcount


def at_the_terminal() -> Actor:
    """Return who runs a command: the account of the system under which it runs."""
    try:
        return Actor("cli", name=getpass.getuser())
    except (OSError, KeyError):  # a container's user without a name
        return Actor("cli", name="?")


@contextmanager
def by_command(action: str, subject: str = "") -> Generator[None]:
    """Write down what a command of the terminal does in the shop that it has entered."""
    actor = at_the_terminal()
    with with_audit(lambda: record(actor, action, subject)):
        yield


# --- reading -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are wanted: of one person (`actor_id`), one action, from `since` until before `until`.

    With `actions` only those; an empty one is no filter.
    """

    actor_id: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    actions: Sequence[str] = ()


def entries(wanted: Filter, page: int) -> Page[AuditEntry]:
    """Return a page of the log, newest first."""
    keys = _select(wanted).with_only_columns(AuditEntry.id)

    def fetch(limit: int, offset: int) -> Sequence[AuditEntry]:
        # The entries before the page are counted off by their keys alone.
        ids = keys.offset(offset).limit(limit).subquery()
        return db.session.scalars(
            _newest_first(select(AuditEntry).where(AuditEntry.id.in_(select(ids))))
        ).all()

    return uncounted_page(page, PAGE, fetch)


def all_entries(wanted: Filter) -> Sequence[Row[Any]]:
    """Return the newest entries for a file, as plain rows of `COLUMNS`: there may be many."""
    columns = (getattr(AuditEntry, name) for name in COLUMNS)
    return db.session.execute(_select(wanted).with_only_columns(*columns).limit(MOST_IN_A_FILE)).all()


def _select(wanted: Filter) -> Select[AuditEntry]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.actor_id:
        conditions.append(AuditEntry.actor_id == wanted.actor_id)
    if wanted.action:
        conditions.append(AuditEntry.action == wanted.action)
    if wanted.actions:
        conditions.append(AuditEntry.action.in_(wanted.actions))
    if wanted.since is not None:
        conditions.append(AuditEntry.occurred_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(AuditEntry.occurred_at < wanted.until)
    return _newest_first(select(AuditEntry).where(*conditions))


def _newest_first(statement: Select[AuditEntry]) -> Select[AuditEntry]:
    return statement.order_by(AuditEntry.occurred_at.desc(), AuditEntry.id.desc())
