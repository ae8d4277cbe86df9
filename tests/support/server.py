"""The real server as a child process: the same command that `make run` starts, on a free port of 127.0.0.1."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import urllib3

from tests.support import child
from tests.support.postgres import free_port
from tests.support.spawn import SERVE, Nursery

ROOT = Path(__file__).resolve().parents[2]
START_ATTEMPTS = 3
START_SECONDS = 30
STOP_SECONDS = 15


class ServerFailed(RuntimeError):
    """The server did not come up; the message ends with what it said last."""


class LiveServer:
    """A running `flask serve`. Its group of processes is stopped by `terminate`, or as by a crash with `kill`.

    With a `nursery` it is forked from a process that has imported everything; without, it is the bare command.
    `program` is a module that serves in another way, with its arguments.
    """

    def __init__(
        self,
        database_url: str,
        var: Path,
        nursery: Nursery | None = None,
        program: Sequence[str] = SERVE,
        **environment: str,
    ) -> None:
        self._var = var
        self._program = program
        self._nursery = nursery
        self._environment = {
            "DATABASE_URL": database_url,
            "VAR_DIR": str(var),
            "SECRET_KEY": "only-for-tests-0123456789abcdef0123456789abcdef",
            "HOST": "127.0.0.1",
            "DEMO": "0",
            **environment,
        }
        self._process: subprocess.Popen[bytes] | _Forked | None = None
        self.port = 0

    @property
    def pid(self) -> int:
        """The process id of the server's first process."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def address(self) -> str:
        """Where plain HTTP clients connect; they name the shop in the Host header (see `host`)."""
        return f"http://127.0.0.1:{self.port}"

    def host(self, shop: str = "demo") -> str:
        """Return the Host header that leads to `shop`."""
        return f"{shop}.localhost:{self.port}"

    def url(self, path: str = "/", shop: str = "demo") -> str:
        """Return the address that a browser opens; browsers resolve every name under `localhost` to this machine."""
        return f"http://{self.host(shop)}{path}"

    @property
    def media(self) -> Path:
        """The folder of its pictures."""
        return self._var / "media"

    @property
    def output(self) -> str:
        """Everything that the server has printed so far, over all its starts."""
        log = self._var / "server.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def start(self) -> Self:
        """Start and wait until /healthz answers. Raises ServerFailed with the server's last words."""
        self._var.mkdir(parents=True, exist_ok=True)
        wanted = self.port  # a restart keeps the port, so that clients find it again
        for _ in range(START_ATTEMPTS):
            self.port = wanted or free_port()
            if self._run():
                return self
            if wanted or not _answers(self.port):
                break  # another try helps only against somebody who took the port in between
        raise ServerFailed(f"the server did not answer on port {self.port}: {self.output[-2000:]}")

    def terminate(self) -> int:
        """Stop as an operator does (SIGTERM to the first process) and return the exit code; harmless when stopped."""
        return self._stop(signal.SIGTERM, whole_group=False)

    def interrupt(self) -> int:
        """Stop as Ctrl-C does: SIGINT to every process of the group; returns the exit code."""
        return self._stop(signal.SIGINT)

    def kill(self) -> None:
        """Kill every process of the server at once (SIGKILL), as a power cut would."""
        self._stop(signal.SIGKILL)

    def web_processes(self) -> list[int]:
        """Return the processes that answer requests (Linux: read from /proc)."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def _run(self) -> bool:
        taken = _answers(self.port)  # then its /healthz is not ours, and we wait for the refusal instead
        environment = os.environ | self._environment | {"PORT": str(self.port), "PYTHONUNBUFFERED": "1"}
        log = self._var / "server.log"
        self._process = (
            _Forked(self._nursery, self._program, environment, log)
            if self._nursery
            else _spawn(self._program, environment, log)
        )
        deadline = time.monotonic() + START_SECONDS
        with urllib3.PoolManager(retries=False, timeout=2.0) as http:
            while time.monotonic() < deadline and self._process.poll() is None:
                try:
                    if not taken and http.request("GET", f"{self.address}/healthz").status == 200:
                        return True
                except urllib3.exceptions.HTTPError:
                    pass  # not listening yet
                time.sleep(0.05)
        self._stop(signal.SIGKILL)
        return False

    def _stop(self, number: signal.Signals, *, whole_group: bool = True) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if whole_group:
            _signal_group(process.pid, number)
        else:
            process.send_signal(number)
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()
            raise ServerFailed(f"the server ignored {number.name}: {self.output[-2000:]}") from None
        _signal_group(process.pid, signal.SIGKILL)  # what the first process left behind dies with the test
        _wait_for_the_end_of(process.pid)
        return code


def _spawn(program: Sequence[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            child.command([sys.executable, "-m", *program]),
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # a group of its own, so that all of it can be signalled
        )


class _Forked:
    """A child of the nursery, with what is needed of a Popen."""

    def __init__(
        self, nursery: Nursery, program: Sequence[str], environment: dict[str, str], log: Path
    ) -> None:
        self._nursery = nursery
        self.pid = nursery.start(environment, log, program)

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        return self._nursery.poll(self.pid)

    def send_signal(self, number: signal.Signals) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout: float = 3600) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("flask serve", timeout)
            time.sleep(0.01)
        return code


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def children_of(group: int) -> list[int]:
    """Return the processes of a group that still run (Linux: read from /proc)."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(") ")[2].split()
        except OSError:
            continue  # it ended while we looked
        if int(fields[2]) == group and fields[0] not in "ZX":
            found.append(int(stat.parent.name))
    return found


def _wait_for_the_end_of(group: int) -> None:
    """A killed process takes a moment to go, and only the first one is our child, which can be waited for."""
    deadline = time.monotonic() + STOP_SECONDS
    while children_of(group):
        if time.monotonic() > deadline:
            raise ServerFailed(f"processes {children_of(group)} outlive SIGKILL")
        time.sleep(0.01)


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return  # every process of the group has ended
