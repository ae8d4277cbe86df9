"""Read imports: the list, one of them, its file and its report."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.orm import defer

from commerce.db import db, every_shop
from commerce.errors import NotFound
from commerce.file_imports.models import FileImport, FileImportChunk, FileImportPart

AT_WORK = ("checking", "importing")
"""Statuses in which the worker has something to do."""
LISTED = 20


class WaitingImport(NamedTuple):
    """An import that nobody is running."""

    tenant_id: uuid.UUID
    id: uuid.UUID


@every_shop()
def find_waiting(now: datetime, limit: int = 20) -> list[WaitingImport]:
    """Return imports of all shops that wait to be run or whose run was cut off, the oldest first."""
    rows = db.session.execute(
        select(FileImport.tenant_id, FileImport.id)
        .where(
            FileImport.status.in_(AT_WORK),
            or_(FileImport.claimed_until.is_(None), FileImport.claimed_until <= now),
        )
        .order_by(FileImport.id)
        .limit(limit),
        execution_options={"all_tenants": True},
    ).all()
    return [WaitingImport(row.tenant_id, row.id) for row in rows]


def list_imports(kind: str) -> Sequence[FileImport]:
    """Return the latest imports of a kind."""
    return db.session.scalars(
        select(FileImport)
        .where(FileImport.kind == kind)
        .order_by(FileImport.id.desc())
        .limit(LISTED)
        .options(defer(FileImport.preview), defer(FileImport.result), defer(FileImport.header))
    ).all()


def get_import(import_id: uuid.UUID) -> FileImport:
    """Return an import. Raises NotFound."""
    found = db.session.scalar(
        select(FileImport).where(FileImport.id == import_id).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("file_import_not_found")
    return found


def file_chunks(import_id: uuid.UUID) -> Iterator[bytes]:
    """Yield the file piece by piece."""
    position = 0
    while True:
        data = db.session.scalar(
            select(FileImportChunk.data).where(
                FileImportChunk.import_id == import_id, FileImportChunk.position == position
            )
        )
        db.session.rollback()
        if data is None:
            return
        yield data
        position += 1


def report_parts(import_id: uuid.UUID) -> Iterator[dict[str, Any]]:
    """Yield the parts of an import's report in the order of the file, one at a time."""
    after = 0
    while True:
        row = db.session.execute(
            select(FileImportPart.position, FileImportPart.report)
            .where(FileImportPart.import_id == import_id, FileImportPart.position > after)
            .order_by(FileImportPart.position)
            .limit(1)
        ).one_or_none()
        db.session.rollback()
        if row is None:
            return
        yield row.report
        after = row.position
