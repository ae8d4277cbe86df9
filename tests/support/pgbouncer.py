"""A PgBouncer of our own in front of a test's PostgreSQL, in transaction mode: as many shops have it.

`require_pgbouncer` returns the program; root on Debian or Ubuntu installs the package. Elsewhere a test without it is
skipped, except in continuous integration, where a test that does not run proves nothing.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import psycopg
import pytest
from sqlalchemy import make_url

from tests.support import child
from tests.support.browser import install_package
from tests.support.postgres import free_port

START_SECONDS = 20
PLACES = ("/usr/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer")


def require_pgbouncer() -> str:
    """Return the path of PgBouncer. Skips the test where it cannot be had, and fails it in continuous integration."""
    if _found() is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install_package("pgbouncer")
    program = _found()
    if program is None:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say("this test needs PgBouncer: sudo apt-get install pgbouncer")
    return program


def _found() -> str | None:
    return shutil.which("pgbouncer") or next((place for place in PLACES if Path(place).exists()), None)


class PgBouncer:
    """A running PgBouncer in front of one database; use as a context manager."""

    def __init__(self, url: str, *, servers: int = 3, **settings: str) -> None:
        """Take the address of the database, and how many connections to it may be open at once."""
        self._behind = make_url(url)
        self._settings = {
            "listen_addr": "127.0.0.1",
            "auth_type": "scram-sha-256",
            "pool_mode": "transaction",
            "default_pool_size": str(servers),
            "max_client_conn": "200",
            "unix_socket_dir": "",
            **settings,
        }
        self._home = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The address of the same database through PgBouncer."""
        return self._behind.set(port=self.port).render_as_string(hide_password=False)

    def __enter__(self) -> Self:
        program = require_pgbouncer()
        self._home = Path(tempfile.mkdtemp(prefix="lockstep-pgbouncer-"))
        self.port = free_port()
        users, settings = self._home / "users", self._home / "pgbouncer.ini"
        users.write_text(f'"{self._behind.username}" "{self._behind.password}"\n')
        lines = {**self._settings, "listen_port": str(self.port), "auth_file": str(users)}
        settings.write_text(
            f"[databases]\n* = host={self._behind.host} port={self._behind.port}\n[pgbouncer]\n"
            + "".join(f"{name} = {value}\n" for name, value in lines.items())
        )
        user = []
        if os.geteuid() == 0:
            # It refuses to run as root, and becomes somebody else by itself.
            user = ["-u", "nobody"]
            for path in (self._home, users, settings):
                shutil.chown(path, "nobody")
        with (self._home / "log").open("wb") as log:
            self._process = subprocess.Popen(
                child.command([program, *user, str(settings)]), stdout=log, stderr=log, start_new_session=True
            )
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """Return a connection of somebody else through the same pool."""
        return psycopg.connect(self.url.replace("+psycopg", ""), autocommit=True, prepare_threshold=None)

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError):
                self.connect().close()
                return
            time.sleep(0.05)
        said = (self._home / "log").read_text(errors="replace")[-1000:]
        self.__exit__()
        raise RuntimeError(f"PgBouncer did not start: {said}")
