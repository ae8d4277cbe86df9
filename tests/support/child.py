"""Run a program that must not outlive the test run, optionally as another user.

`python child.py [--uid N --gid N] -- PROGRAM ARG...` asks the kernel to send SIGINT to this process when its parent
dies, then becomes PROGRAM. A test run that is killed with SIGKILL runs no clean-up code; without this its PostgreSQL
and its web servers would stay behind. A launcher is used instead of `preexec_fn`, which is unsafe (and from Python
3.12 a warning) in a process with threads, as pytest-xdist has.

The kernel forgets the request when a process changes its user, so the user is changed first. Only Linux has the call;
elsewhere the program is started without it. SIGINT because both PostgreSQL ("fast shutdown") and gunicorn stop on it
at once and take their own children with them.
"""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1


def command(program: Sequence[str], uid: int | None = None, gid: int | None = None) -> list[str]:
    """Return the argument list that runs `program` through this launcher.

    Isolated mode keeps the launcher itself from importing anything of the project.
    """
    user = [] if uid is None else ["--uid", str(uid), "--gid", str(uid if gid is None else gid)]
    return [sys.executable, "-I", str(Path(__file__).resolve()), *user, "--", *program]


def die_with_parent() -> None:
    """Ask the kernel to send SIGINT to this process when its parent dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def main() -> None:
    """Change the user if asked, tie this process to its parent, and become the program."""
    parser = argparse.ArgumentParser(description="Run a program that dies with its parent.")
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("program", nargs="+")
    options = parser.parse_args()
    if options.uid is not None:
        os.setgroups([])
        os.setgid(options.gid)
        os.setuid(options.uid)
    die_with_parent()
    os.execvp(options.program[0], options.program)  # noqa: S606 - becoming the given program is the purpose


if __name__ == "__main__":
    main()
