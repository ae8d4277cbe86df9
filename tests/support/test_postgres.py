"""The PostgreSQL that tests bring along: it starts for any user, survives a crash, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support import child, postgres
from tests.support.postgres import Databases, PostgresServer

ROOT = Path(__file__).resolve().parents[2]


def ask(address: str, statement: str) -> object:
    with psycopg.connect(address.replace("+psycopg", ""), autocommit=True) as connection:
        answer = connection.execute(statement)
        return answer.fetchall()[0][0] if answer.description else None


def is_running(pid: int) -> bool:
    """Tell whether a process does anything yet; one that ended and was not waited for (a zombie) does not."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(") ")[2][0] not in "ZX"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


def test_the_server_is_new_enough_and_its_role_is_an_ordinary_one(server: PostgresServer) -> None:
    address = server.url("postgres")
    assert int(str(ask(address, "SHOW server_version_num"))) >= 150000
    assert ask(address, "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user") is False


def test_nobody_gets_in_without_the_password(server: PostgresServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{server.port}/postgres")


def test_a_database_is_made_again_and_dropped_although_someone_is_connected(server: PostgresServer) -> None:
    databases = Databases(server.url("postgres"))
    address = databases.create("anew")
    ask(address, "CREATE TABLE leftover ()")
    with psycopg.connect(address.replace("+psycopg", "")):
        databases.create("anew")
        assert ask(address, "SELECT count(*) FROM pg_tables WHERE tablename = 'leftover'") == 0
    databases.drop("anew")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        ask(address, "SELECT 1")


@pytest.mark.durable
def test_a_durable_server_keeps_what_was_committed_before_a_crash() -> None:
    with PostgresServer(durable=True) as server:
        address = Databases(server.url("postgres")).create("crash")
        ask(address, "CREATE TABLE kept AS SELECT 7 AS n")
        assert ask(address, "SHOW fsync") == "on"
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            ask(address, "SELECT 1")
        server.restart()
        assert ask(address, "SELECT n FROM kept") == 7


def test_stopping_leaves_no_process_and_no_folder() -> None:
    server = PostgresServer()
    server.start()
    pid, home = server.pid, server.home
    assert home.exists()
    server.stop()
    assert not is_running(pid)
    assert not home.exists()


def test_binaries_that_the_server_user_may_not_read_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_anyone_may_read", lambda _program: False)
    monkeypatch.setattr(
        postgres, "_unprivileged_user", lambda: (os.geteuid() or 65534, os.getegid() or 65534)
    )
    if os.geteuid() != 0:
        monkeypatch.setattr(child, "command", lambda program, *_: list(program))
    with PostgresServer() as server:
        assert (server.home / "server").is_dir()
        assert ask(server.url("postgres"), "SELECT 1") == 1


def test_the_server_ends_with_a_test_run_that_was_killed() -> None:
    code = (
        "from tests.support.postgres import PostgresServer; import time; server = PostgresServer(); server.start();"
        "print(server.pid, server.home, flush=True); time.sleep(60)"
    )
    run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    pid, home = run.stdout.readline().split()
    try:
        assert is_running(int(pid))
        run.send_signal(signal.SIGKILL)
        run.wait()
        deadline = time.monotonic() + 10
        while is_running(int(pid)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not is_running(int(pid))
    finally:
        run.kill()
        run.wait()
        run.stdout.close()
        subprocess.run(["rm", "-rf", home], check=True)


def test_a_command_gets_an_empty_database_and_its_exit_code_is_passed_on() -> None:
    code = "import os, sys; print(os.environ['DATABASE_URL']); sys.exit(3)"
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.postgres", "--", sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout.startswith("postgresql+psycopg://")
