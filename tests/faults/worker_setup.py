"""A house for accidents: orders come in, workers die, and the mails and webhooks that leave are counted."""

import asyncio
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.parser import BytesParser
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller
from sqlalchemy import func, or_, update
from sqlalchemy import select as select_rows

from commerce.config import ROOT
from commerce.db import atomic, db, every_shop
from commerce.events.models import Delivery, Event
from tests.support import child
from tests.support.all_databases import everywhere
from tests.support.postgres import free_port

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ALL = {"all_tenants": True}
PATIENCE = 240.0
"""Seconds after which a test gives up: for one that fails, since none that passes waits for a time."""
SECRET_KEY = "only-for-tests-0123456789abcdef0123456789abcdef"


class Postman:
    """A mail server that counts what it took by Message-ID, and can be told to wait or to refuse."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.subjects: dict[str, str] = {}
        self.refused: set[str] = set()
        self.holding = threading.Event()
        self.release = threading.Event()
        self.release.set()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        mail = BytesParser().parsebytes(envelope.content)
        while not self.release.is_set():
            self.holding.set()
            await asyncio.sleep(0.01)
        if mail["To"] in self.refused:
            return "550 no such mailbox"
        self.taken[mail["Message-ID"]] += 1
        self.subjects[mail["Message-ID"]] = str(mail["Subject"])
        return "250 taken"


@contextmanager
def post_office() -> Iterator[tuple[Postman, str]]:
    """Run a mail server; yields it and its MAIL_URL."""
    postman = Postman()
    controller = Controller(postman, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield postman, f"smtp://127.0.0.1:{controller.port}"
    finally:
        postman.release.set()
        controller.stop()


class Nursery:
    """Workers on the test's database; see `tests/faults/worker_spawner.py`."""

    def __init__(self, database_url: str, var: Path, mail_url: str) -> None:
        var.mkdir(parents=True, exist_ok=True)
        self._log = (var / "workers.log").open("ab")
        self._stop = var / "stop"
        self._process = subprocess.Popen(
            child.command([sys.executable, "-m", "tests.faults.worker_spawner"]),
            cwd=ROOT,
            env=os.environ
            | {
                "DATABASE_URL": database_url,
                "VAR_DIR": str(var),
                "SECRET_KEY": SECRET_KEY,
                "MAIL_URL": mail_url,
                "WEBHOOK_ALLOW_PRIVATE": "1",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._answer() == {"ready": True}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def work(self, at: str, when: str, nth: int) -> bool:
        """Run one worker until it is killed by its trap or has nothing left to do; tell whether it was killed."""
        self.begin(at, when, nth)
        wait_until(lambda: self._has_ended() or due_now() == 0, "the worker neither works nor ends")
        return self.stop()

    def work_for(self, seconds: float) -> bool:
        """Run one worker that is killed after so many seconds, wherever it is; tell whether it was."""
        self.begin("any time", seconds=seconds)
        return self.end()

    def begin(self, at: str = "", when: str = "", nth: int = 1, seconds: float = PATIENCE) -> None:
        """Start a worker; `end` waits for it, `stop` stops it."""
        assert self._process.stdin is not None
        self._stop.unlink(missing_ok=True)
        order = {"at": at, "when": when, "nth": nth, "seconds": seconds, "stop": str(self._stop)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def stop(self) -> bool:
        """Stop the worker that was begun, in order; tell whether it was killed instead."""
        self._stop.touch()
        return self.end()

    def end(self) -> bool:
        """Wait for the worker that was begun."""
        return bool(self._answer()["killed"])

    def _has_ended(self) -> bool:
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery died; its log says why"
        return json.loads(line)


# --- a look into the outbox --------------------------------------------------------------------------


def count(statement: Any) -> int:
    """Return a count over all shops, as the database has it now."""
    return sum(int(row[0]) for row in everywhere(statement))


def left_to_do() -> int:
    """Return how many events and deliveries wait."""
    return count(select_rows(func.count()).select_from(Event).where(~Event.fanned_out)) + count(
        select_rows(func.count()).select_from(Delivery).where(Delivery.state == "waiting")
    )


def due_now() -> int:
    """Return how much a worker could do at this moment or is doing; not what waits for a later try."""
    busy = or_(Delivery.due_at <= datetime.now(UTC), Delivery.leased_until > datetime.now(UTC))
    return count(select_rows(func.count()).select_from(Event).where(~Event.fanned_out)) + count(
        select_rows(func.count()).select_from(Delivery).where(Delivery.state == "waiting", busy)
    )


@every_shop()
@atomic
def time_passes() -> None:
    """Let every lease and every pause be over."""
    db.session.execute(
        update(Delivery)
        .where(Delivery.state == "waiting", Delivery.leased_until.is_not(None))
        .values(leased_until=LONG_AGO)
        .execution_options(synchronize_session=False, **ALL)
    )
    db.session.execute(
        update(Delivery)
        # What waits behind a failure has stepped back as far as its next try.
        .where(Delivery.state == "waiting", or_(Delivery.error != "", Delivery.due_at > datetime.now(UTC)))
        .values(due_at=LONG_AGO)
        .execution_options(synchronize_session=False, **ALL)
    )


def wait_until(true: Callable[[], bool], otherwise: str, seconds: float = PATIENCE) -> None:
    """Look again and again; the time limit is only for a test that fails."""
    waiting, deadline = threading.Event(), time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, otherwise
        waiting.wait(0.02)
