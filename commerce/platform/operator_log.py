"""The log of operators: written in the transaction of the deed; the database lets nobody change it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select

from commerce.accounts.audit import delete_refused_tries
from commerce.accounts.models import OperatorEntry
from commerce.db import atomic, db, with_audit

PAGE = 100


@contextmanager
def recorded(
    operator: str, action: str, subject: str = "", address: str = "", **changes: Any
) -> Generator[None]:
    """Write one entry in the first use case that is done meanwhile: both stand or fall."""
    pending = [
        OperatorEntry(operator=operator, action=action, subject=subject, changes=changes, address=address)
    ]

    def write() -> None:
        if pending:
            db.session.add(pending.pop())
            db.session.flush()

    with with_audit(write):
        yield


@atomic
def record_operator_entry(operator: str, action: str, address: str = "") -> None:
    """Write an entry about what changed nothing else, such as a sign-in that was refused."""
    db.session.add(OperatorEntry(operator=operator, action=action, address=address))
    db.session.flush()


@atomic
def purge_refused_operator_tries() -> int:
    """Delete the refused sign-ins of operators older than 90 days, and return how many."""
    return delete_refused_tries(OperatorEntry)


def newest_entries(page: int) -> Sequence[OperatorEntry]:
    """Return a page of the log, newest first; pages count from 1."""
    return db.session.scalars(
        select(OperatorEntry)
        .order_by(OperatorEntry.occurred_at.desc(), OperatorEntry.id.desc())
        .limit(PAGE + 1)
        .offset((page - 1) * PAGE),
        execution_options={"all_tenants": True},
    ).all()
