"""The shop that dies of its first order over JSON: `python -m tests.faults.kill_points before|after`.

`before` the commit, when order and answer are written and not kept yet; `after` it, before the answer is sent. Only
the first order kills, whichever process takes it: VAR_DIR has a file from then on.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask.cli import main as flask

from commerce.api import idempotency
from commerce.api.orders import checkout

TRAPS: dict[str, tuple[Any, str]] = {
    "before": (idempotency._Claim, "keep"),
    "after": (checkout, "run_idempotent"),
}


def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let this process die with SIGKILL when the function has done its work for the first time."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        died = Path(os.environ["VAR_DIR"]) / "died"
        if not died.exists():
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


if __name__ == "__main__":
    owner, name = TRAPS[sys.argv[1]]
    setattr(owner, name, deadly(getattr(owner, name)))
    sys.argv = ["flask", "--app", "app", "serve"]
    flask()
