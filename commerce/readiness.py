"""Can anything be written now? A database that only answers is of no use to somebody who orders.

A full disk shows itself where the next block is to be taken, so the probe takes some and gives them back.
"""

from __future__ import annotations

import errno
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from commerce.db import db
from commerce.engine import writing

KEPT = 2.0
"""Seconds for which an answer is good: whoever asks more often makes the database write no more."""
PROBE_BYTES = 256 * 1024
READ_ONLY, DISK_FULL, REFUSED = "read_only", "disk_full", "write_refused"

stopping = threading.Event()
"""Set when this process has been asked to stop: it still answers, and a load balancer should choose another."""

_lock = threading.Lock()
_answers: dict[str, tuple[float, str]] = {}


def write_problem() -> str:
    """Return why nothing can be written, '' when something can: READ_ONLY, DISK_FULL or REFUSED.

    Raises SQLAlchemyError when the database does not answer.
    """
    key = str(db.engine.url)
    with _lock:
        asked, answer = _answers.get(key, (float("-inf"), ""))
        if time.monotonic() - asked < KEPT and not answer:
            return answer
    answer = _probe()
    with _lock:
        _answers[key] = time.monotonic(), answer
    return answer


def _probe() -> str:
    token = writing.set(True)
    try:
        with db.engine.connect() as connection:
            return _sqlite(connection) if connection.dialect.name == "sqlite" else _postgresql(connection)
    finally:
        writing.reset(token)


def _postgresql(connection: Connection) -> str:
    """Ask for blocks of the disk (a small result that does not fit into memory), and for one record in the log."""
    try:
        if connection.execute(text("SHOW transaction_read_only")).scalar_one() == "on":
            return READ_ONLY
        connection.execute(text("SET LOCAL work_mem = '64kB'"))
        connection.execute(
            text(
                "SELECT count(*), pg_logical_emit_message(true, 'lockstep', 'ready')"
                " FROM generate_series(1, :rows)"
            ),
            {"rows": PROBE_BYTES // 16},
        )
        connection.commit()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise
        if isinstance(error.orig, psycopg.errors.ReadOnlySqlTransaction):
            return READ_ONLY
        return DISK_FULL if isinstance(error.orig, psycopg.errors.DiskFull) else REFUSED
    return ""


def _sqlite(connection: Connection) -> str:
    """Take the write lock, and some blocks beside the file: that is where its log grows. Being busy is being well."""
    raw: Any = connection.connection.driver_connection
    (patience,) = raw.execute("PRAGMA busy_timeout").fetchone()
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        # Taken back at once: a file that only reads takes the lock and refuses the first change.
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        connection.rollback()
    except DBAPIError as error:
        if "readonly" in str(error.orig):
            return READ_ONLY
        if "locked" not in str(error.orig):
            return REFUSED
    finally:
        raw.execute(f"PRAGMA busy_timeout = {int(patience)}")
    file = raw.execute("PRAGMA database_list").fetchone()[2]
    return _disk_problem(Path(file).parent) if file else ""


def _disk_problem(folder: Path) -> str:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(PROBE_BYTES))
    except OSError as error:
        return {errno.ENOSPC: DISK_FULL, errno.EDQUOT: DISK_FULL, errno.EROFS: READ_ONLY}.get(
            error.errno or 0, REFUSED
        )
    return ""
