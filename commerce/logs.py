"""What is logged cannot be made to look like something else.

Paths, names and messages of others are logged. A line break in one of them would begin a line that looks like another
entry (CWE-117), an escape sequence would rewrite the terminal of who reads it (CWE-150).
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import traceback
from typing import Any

INDENT = "    "


def visible(text: str) -> str:
    """Return `text` with everything that is not printable written out: a line break as \\n."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text
    )


QUIET = 60.0
"""Seconds in which the trace of one fault is written once: while a database is away every request meets the same."""
MAX_FAULTS = 256


class _Faults:
    """Which faults were written down lately: by their kind and the line that raised them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, int]] = {}

    def count(self, fault: str) -> int:
        """Return how often a fault has been met since its trace was written; 0 means that it is to be written now."""
        now = time.monotonic()
        with self._lock:
            since, times = self._seen.get(fault, (float("-inf"), 0))
            if now - since < QUIET:
                self._seen[fault] = since, times + 1
                return times + 1
            if len(self._seen) >= MAX_FAULTS:
                self._seen.clear()
            self._seen[fault] = now, 0
            return 0

    def forget(self) -> None:
        """Write every trace again."""
        with self._lock:
            self._seen.clear()


faults = _Faults()


def _kind_of(error: BaseException) -> str:
    """Return by what two faults are the same: an error of the database by its own kind, wherever it was met.

    Any other one by the last line of ours that it went through, however deep in a library it arose.
    """
    cause = getattr(error, "orig", None)
    if isinstance(cause, BaseException):
        return f"{type(error)} {type(cause)}"
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    ours = [frame for frame in frames if "site-packages" not in frame[0]] or frames
    return f"{type(error)} {ours[-1:]}"


class OneLine(logging.LogRecord):
    """A record whose message is one line; the lines of a traceback are indented, so none looks like an entry.

    Of a fault that comes again and again the trace is written once a minute; in between it is one line each, with the
    same eight characters, by which the trace is found.
    """

    fault = ""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.exc_info and self.exc_info[1] is not None:
            kind, error, trace = self.exc_info
            digest = hashlib.sha256(_kind_of(error).encode()).hexdigest()[:8]
            times = faults.count(digest)
            if times:
                self.fault = f" [{type(error).__name__}, trace {digest}, {times} more]"
                self.exc_info = None
                return
            self.fault = f" [trace {digest}]"
            whole = "".join(traceback.format_exception(kind, error, trace))
            self.exc_text = "\n".join(INDENT + visible(line) for line in whole.rstrip("\n").split("\n"))

    def getMessage(self) -> str:  # noqa: N802 - the name of the standard library
        """Return the message on one line."""
        return visible(super().getMessage()) + self.fault


def log_in_lines() -> None:
    """Make every logger of this process write such records, also those of libraries, with the time in UTC."""
    logging.setLogRecordFactory(OneLine)
    if not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
        logging.getLogger().addHandler(handler)
