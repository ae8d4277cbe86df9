"""Counts SQL statements, for tests that hold a page or a use case to a budget."""

import contextlib
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine, event

# SQLite begins by a statement, PostgreSQL's driver inside the first one: not counted, so that both have one budget.
NOT_COUNTED = ("BEGIN", "PRAGMA", "SAVEPOINT", "RELEASE")


class Statements(list[str]):
    """The statements that were sent, in order; printing it on a failed assertion shows them all."""

    def __repr__(self) -> str:
        return f"{len(self)} statements:\n" + "\n".join(
            f"  {' '.join(statement.split())}" for statement in self
        )


@contextlib.contextmanager
def count_statements() -> Iterator[Statements]:
    """Yield a list that grows with every statement sent to any database inside the `with` block.

    A statement run for many rows at once (executemany) is one entry: it is one round trip.
    """
    seen = Statements()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(NOT_COUNTED):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)
