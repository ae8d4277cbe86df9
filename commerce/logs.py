"""What is logged cannot be made to look like something else.

Paths, names and messages of others are logged. A line break in one of them would begin a line that looks like another
entry (CWE-117), an escape sequence would rewrite the terminal of who reads it (CWE-150).
"""

from __future__ import annotations

import logging
import time
import traceback
from typing import Any

INDENT = "    "


def visible(text: str) -> str:
    """Return `text` with everything that is not printable written out: a line break as \\n."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text
    )


class OneLine(logging.LogRecord):
    """A record whose message is one line; the lines of a traceback are indented, so none looks like an entry."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.exc_info and self.exc_info[0] is not None:
            whole = "".join(traceback.format_exception(*self.exc_info))
            self.exc_text = "\n".join(INDENT + visible(line) for line in whole.rstrip("\n").split("\n"))

    def getMessage(self) -> str:  # noqa: N802 - the name of the standard library
        """Return the message on one line."""
        return visible(super().getMessage())


def log_in_lines() -> None:
    """Make every logger of this process write such records, also those of libraries, with the time in UTC."""
    logging.setLogRecordFactory(OneLine)
    if not logging.getLogger().handlers:
        handler = logging.StreamHandler()
        formatter = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        formatter.converter = time.gmtime
        handler.setFormatter(formatter)
        logging.getLogger().addHandler(handler)
