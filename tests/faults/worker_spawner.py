"""A process that raises workers quickly and tells how they ended: `python -m tests.faults.worker_spawner`.

Starting Python and importing the product takes a second; a hundred kills would take minutes. So this process imports
everything once and forks; each child then runs the command `flask worker` as it is. What makes a child die is hung
around the functions of the product here, so that the product itself has no hooks for tests.

One JSON object per line. In: {"at": "mail", "when": "after", "nth": 2, "seconds": 5}; "at" is one of POINTS, "" for a
healthy worker, or "any time" for a kill from outside after `seconds`. Out, when the child has ended: {"killed": true}.
A healthy worker is stopped by SIGTERM after `seconds`, or as soon as there is a file named `stop`.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask_sqlalchemy.session import Session

from app import create_app
from commerce import event_handlers
from commerce.events import claims
from commerce.notifications.mailer import SmtpMailer
from commerce.webhooks import delivery

OWN = ("confirm_order_paid_later", "send_queued_refund")
PLACES: dict[str, tuple[Any, str]] = {
    "commit": (Session, "commit"),
    "claim": (claims, "claim"),
    "mail": (SmtpMailer, "send"),
    "webhook": (delivery, "post"),
}
POINTS = (*PLACES, *OWN)
OTHERS = ("document_order",)
"""Handlers that have a test of their own."""


def main() -> None:
    """Serve orders until the other side closes the pipe."""
    app = create_app()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _lay_the_trap(order)
            _silence()
            app.cli.main(["worker"], "flask", standalone_mode=False, obj=_script_info(app))
            os._exit(0)
        print(json.dumps({"killed": _wait(pid, order)}), flush=True)


def _script_info(app: Any) -> Any:
    from flask.cli import ScriptInfo

    return ScriptInfo(create_app=lambda: app)


def _silence() -> None:
    """The pipe is for answers; what the worker says goes where errors go."""
    os.dup2(2, 1)


def _wait(pid: int, order: dict[str, Any]) -> bool:
    """Wait for the end of a child, help it along when its time is over, and tell whether it was killed."""
    number = signal.SIGKILL if order["at"] == "any time" else signal.SIGTERM
    deadline = time.monotonic() + float(order["seconds"])
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        if time.monotonic() > deadline or Path(order["stop"]).exists():
            os.kill(pid, number)
            deadline = float("inf")
            Path(order["stop"]).unlink(missing_ok=True)
        time.sleep(0.002)


def _lay_the_trap(order: dict[str, Any]) -> None:
    """Let this process die with SIGKILL right before or after the nth time that something is done."""
    at, when = order["at"], order.get("when")
    left = [int(order.get("nth", 1))]
    lock = threading.Lock()

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with lock:
                left[0] -= 1
                now = left[0] == 0
            if now and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*args, **kwargs)
            if now:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        wrapped.__name__ = getattr(function, "__name__", "wrapped")
        return wrapped

    if at in PLACES:
        owner, name = PLACES[at]
        setattr(owner, name, deadly(getattr(owner, name)))
    elif at in (*OWN, *OTHERS):
        table: dict[Any, Any] = event_handlers.EVENT_HANDLERS  # type: ignore[assignment]
        for kind, group in table.items():
            table[kind] = [deadly(each) if each.__name__ == at else each for each in group]


if __name__ == "__main__":
    main()
