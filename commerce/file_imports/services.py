"""Upload a file, decide how to read it, start its import or withdraw it; and the steps of whoever runs it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import IO, Any

from sqlalchemy import CursorResult, delete, func, or_, select, update

from commerce import clock
from commerce.db import atomic, db, insert_rows, lock
from commerce.db import check_version as check
from commerce.errors import Conflict, NotFound, Refusal, Rejected
from commerce.file_imports.models import FileImport, FileImportChunk, FileImportPart
from commerce.file_imports.queries import AT_WORK

MB = 1024 * 1024
MAX_FILE = 50 * MB
CHUNK = 256 * 1024
MAX_OPEN = 20
"""Imports of a shop that are not over: each keeps its file."""
LEASE = timedelta(seconds=60)
"""How long a run that says nothing is taken to be alive."""
MAX_TRIES = 5
KEPT = timedelta(days=60)
OPEN_FOR = timedelta(days=7)
"""An import that nobody has started by then is withdrawn."""
PERSONAL = ("customers",)
"""Kinds of files about people: once an import is over, what it shows of their rows goes with the file."""
OPEN = ("checking", "checked", "importing", "failed")


class UploadRefused(Rejected):
    """A file that is not accepted, whatever is in it."""

    code = "upload_refused"


class ImportOver(Conflict):
    """The import cannot do this any more, or not yet."""

    code = "import_over"


class ImportLost(Exception):
    """The import was withdrawn, or somebody else runs it."""


@atomic
def upload_file(stream: IO[bytes], *, kind: str, file_name: str, by: str) -> uuid.UUID:
    """Keep an uploaded file; the worker checks it next. Raises UploadRefused when it is empty or too large."""
    open_imports = db.session.scalar(
        select(func.count()).select_from(FileImport).where(FileImport.status.in_(OPEN))
    )
    if (open_imports or 0) >= MAX_OPEN:
        raise UploadRefused("imports_too_many", limit=MAX_OPEN)
    stream.seek(0)
    size = 0
    row = FileImport(kind=kind, file_name=file_name[:255], size=0, created_by=by[:255])
    db.session.add(row)
    db.session.flush()
    position = 0
    while data := stream.read(CHUNK):
        size += len(data)
        if size > MAX_FILE:
            raise UploadRefused("upload_too_large", megabytes=MAX_FILE // MB)
        insert_rows(FileImportChunk, [{"import_id": row.id, "position": position, "data": data}])
        position += 1
    if not size:
        raise UploadRefused("file_empty")
    row.size = size
    return row.id


@atomic
def change_options(import_id: uuid.UUID, options: Mapping[str, Any], *, seen_version: int) -> None:
    """Read the file in another way: it is checked again. Raises NotFound, StaleVersion, ImportOver."""
    row = _lock(import_id)
    check("import", seen_version, row.version)
    if row.status not in ("checked", "failed") or row.started_at is not None:
        raise ImportOver("import_not_open")
    row.options = dict(options)
    row.version += 1
    _begin(row, "checking")


@atomic
def start_import(import_id: uuid.UUID, *, seen_version: int) -> None:
    """Import what the preview showed. Raises NotFound, StaleVersion, ImportOver."""
    row = _lock(import_id)
    check("import", seen_version, row.version)
    if row.status != "checked":
        raise ImportOver("import_not_open")
    row.started_at = clock.now()
    _begin(row, "importing")


@atomic
def withdraw_import(import_id: uuid.UUID) -> None:
    """Stop an import: rows that are in stay, no other is taken in. Raises NotFound, ImportOver."""
    row = _lock(import_id)
    if row.status not in OPEN:
        raise ImportOver("import_is_over")
    _finish(row, "withdrawn")


# --- the run -----------------------------------------------------------------------------------------


@atomic
def claim_import(import_id: uuid.UUID) -> FileImport | None:
    """Take an import that nobody is running, None when somebody does or it keeps failing."""
    now = clock.now()
    row = db.session.scalar(
        select(FileImport)
        .where(
            FileImport.id == import_id,
            FileImport.status.in_(AT_WORK),
            or_(FileImport.claimed_until.is_(None), FileImport.claimed_until <= now),
        )
        .with_for_update(skip_locked=True)
        .execution_options(populate_existing=True)
    )
    if row is None:
        return None
    if row.tries >= MAX_TRIES:
        why = Refusal("import_keeps_failing", {"tries": MAX_TRIES})
        row.error = {"reason": why.reason, "facts": dict(why.facts)}
        _finish(row, "failed")
        return None
    row.tries += 1
    row.claim, row.claimed_until = uuid.uuid4().hex, now + LEASE
    return row


def note_progress(import_id: uuid.UUID, claim: str, values: Mapping[str, Any]) -> None:
    """Set columns of an import that is being run, and hold it for longer. A step.

    Raises ImportLost when it was withdrawn, or when somebody else runs it by now.
    """
    result: Any = db.session.execute(
        update(FileImport)
        .where(FileImport.id == import_id, FileImport.claim == claim, FileImport.status.in_(AT_WORK))
        .values(tries=0, claimed_until=clock.now() + LEASE, **values)
        .execution_options(synchronize_session=False)
    )
    found: CursorResult[Any] = result
    if not found.rowcount:
        raise ImportLost


def record_part(import_id: uuid.UUID, claim: str, done: int, rows: int, report: Mapping[str, Any]) -> None:
    """Note what came of some rows, in the transaction that took them in. A step. Raises ImportLost."""
    note_progress(import_id, claim, {"products_done": done, "rows_done": FileImport.rows_done + rows})
    insert_rows(FileImportPart, [{"import_id": import_id, "position": done, "report": report}])


@atomic
def end_run(import_id: uuid.UUID, claim: str, status: str, **values: Any) -> None:
    """Write down what a run came to; one that was withdrawn meanwhile stays so."""
    row = _lock(import_id)
    if row.claim != claim or row.status not in AT_WORK:
        return
    for name, value in values.items():
        setattr(row, name, value)
    row.claim, row.claimed_until, row.tries = "", None, 0
    if status in ("done", "failed"):
        _finish(row, status)
    else:
        row.status = status


@atomic
def let_go(import_id: uuid.UUID, claim: str) -> None:
    """Leave an import to whoever runs next: this process stops."""
    db.session.execute(
        update(FileImport)
        .where(FileImport.id == import_id, FileImport.claim == claim)
        .values(claim="", claimed_until=None, tries=0)
        .execution_options(synchronize_session=False)
    )


@atomic
def purge_imports() -> int:
    """Delete imports of long ago and withdraw those that nobody has started; return how many."""
    now = clock.now()
    left = db.session.scalars(
        select(FileImport)
        .where(FileImport.status.in_(("checked", "failed")), FileImport.created_at <= now - OPEN_FOR)
        .limit(100)
        .with_for_update(skip_locked=True)
    ).all()
    for row in left:
        _finish(row, "withdrawn")
    old: Any = db.session.execute(
        delete(FileImport)
        .where(FileImport.status.in_(("done", "withdrawn")), FileImport.created_at <= now - KEPT)
        .execution_options(synchronize_session=False)
    )
    return len(left) + int(old.rowcount)


def _lock(import_id: uuid.UUID) -> FileImport:
    return lock(FileImport, import_id, missing=NotFound("file_import_not_found"))


def _begin(row: FileImport, status: str) -> None:
    row.status, row.error = status, {}
    row.rows_done = row.products_done = row.tries = 0
    row.claim, row.claimed_until = "", None


def _finish(row: FileImport, status: str) -> None:
    """End an import. One that failed before it began can still be read in another way, so it keeps its file."""
    row.status, row.claim, row.claimed_until = status, "", None
    row.finished_at = clock.now()
    if status == "failed" and row.started_at is None:
        return
    if row.kind in PERSONAL:
        row.preview, row.header = {}, {}
    db.session.flush()
    db.session.execute(
        delete(FileImportChunk)
        .where(FileImportChunk.import_id == row.id)
        .execution_options(synchronize_session=False)
    )


def began_at(row: FileImport) -> datetime:
    """Return when an import was started, for one that is running."""
    return row.started_at or row.created_at
