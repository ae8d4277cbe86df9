"""A process that has imported the product and forks servers: `python -m tests.support.spawn`.

Starting Python and importing everything takes a second, and some hundred tests want a server of their own. A forked
child becomes exactly what `python -m flask --app app serve` is: own session, own environment, the module's own entry.

One JSON object per line. In: {"start": {environment}, "log": path, "program": [module, argument, ...]} or
{"poll": pid}. Out: {"pid": 7} or {"code": 0}, null while it runs.
"""

import json
import os
import runpy
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.support import child
from tests.support.compiled import keep_compiled_templates

ROOT = Path(__file__).resolve().parents[2]
SERVE = ("flask", "--app", "app", "serve")
"""The module, with its arguments, that is the product's own server."""


class Nursery:
    """The other side of the pipe. Used by one test at a time. `compiled` is a folder for what templates become."""

    def __init__(self, compiled: Path) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            child.command([sys.executable, "-m", "tests.support.spawn", str(compiled)]),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self, environment: Mapping[str, str], log: Path, program: Sequence[str] = SERVE) -> int:
        """Fork a server with this whole environment, its output appended to `log`; return its process id."""
        order = {"start": dict(environment), "log": str(log), "program": list(program)}
        return int(self._ask(order)["pid"])

    def poll(self, pid: int) -> int | None:
        """Return the exit code of a server (negative: the signal that ended it), None while it runs."""
        code: int | None = self._ask({"poll": pid})["code"]
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.communicate()

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def main() -> None:
    """Serve orders until the other side closes the pipe."""
    import app  # noqa: F401 - every child needs it and all that it imports

    keep_compiled_templates(Path(sys.argv[1]))
    ended: dict[int, int] = {}
    for line in sys.stdin:
        order = json.loads(line)
        answer = {"code": _poll(order["poll"], ended)} if "poll" in order else {"pid": _fork(order)}
        print(json.dumps(answer), flush=True)


def _poll(pid: int, ended: dict[int, int]) -> int | None:
    if pid not in ended:
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            return None
        ended[pid] = os.waitstatus_to_exitcode(status)
    return ended[pid]


def _fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.setsid()
        child.die_with_parent()
        _redirect(order["log"])
        os.environ.clear()
        os.environ.update(order["start"])
        code = _serve(order["program"])
    except BaseException:  # noqa: BLE001 - nothing may come back into the nursery's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _redirect(log: str) -> None:
    for source, flags, targets in (
        (os.devnull, os.O_RDONLY, (0,)),
        (log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, (1, 2)),
    ):
        opened = os.open(source, flags, 0o644)
        for target in targets:
            os.dup2(opened, target)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - the command's own standard streams
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115


def _serve(program: list[str]) -> int:
    sys.argv = program
    try:
        runpy.run_module(program[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    main()
