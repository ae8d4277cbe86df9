"""The table of transitions as a document with a Mermaid picture, made from the table so that it cannot lag behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from commerce.config import ROOT
from commerce.orders.transitions import REMEMBERED, STATUSES, TRANSITIONS, Transition

PATH = ROOT / "docs" / "order-status.md"


def document() -> str:
    """Return the table of transitions as Markdown."""
    return (
        "# The statuses of an order\n\n"
        "Made from `commerce/orders/transitions.py`; after a change of the table run "
        "`python -m commerce.orders.status_document`.\n\n"
        f"```mermaid\n{picture()}```\n\n"
        "| action | from | to | who | reason | effect |\n|---|---|---|---|---|---|\n"
    ) + "".join(_table_row(row) for row in TRANSITIONS)


def picture() -> str:
    """Return the statuses and what leads from one to another as a Mermaid state diagram."""
    names = (f"  {status} : {_words(status)}\n" for status in STATUSES if _words(status) != status)
    return "stateDiagram-v2\n" + "".join(names) + "".join(_arrows())


def _arrows() -> Iterator[str]:
    yield f"  [*] --> {STATUSES[0]}\n"
    for row in TRANSITIONS:
        if row.target == REMEMBERED:
            # It leads back to where it came from; an arrow to each of these statuses would hide the others.
            yield f"  note right of {row.sources[0]} : {_words(row.action)} leads back to the status before\n"
            continue
        for source in row.sources:
            yield f"  {source} --> {row.target} : {_words(row.action)}\n"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _table_row(row: Transition) -> str:
    target = "the status before the request" if row.target == REMEMBERED else _words(row.target)
    who = ", ".join(row.actors)
    if row.shopper_sources and row.shopper_sources != row.sources:
        who += f" (shopper while {' or '.join(map(_words, row.shopper_sources))})"
    cells = (
        _words(row.action),
        ", ".join(map(_words, row.sources)),
        target,
        who,
        "required" if row.reason_required else "",
        str(row.effect),
    )
    return f"| {' | '.join(cells)} |\n"


def write_document(path: Path = PATH) -> Path:
    """Write the document to `path` and return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document(), encoding="utf-8")
    return path


if __name__ == "__main__":
    write_document()
