"""How a benchmark says what it measured: one table, or JSON for programs."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
BUSY = 2.5
"""Load average above which other programs ran beside a benchmark."""


def arguments(description: str, seconds: float) -> argparse.ArgumentParser:
    """Return a parser with the options of every benchmark."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument(
        "--seconds", type=float, default=seconds, help="for each measurement (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    return parser


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of `values` do not exceed; 0 when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def note(text: str) -> None:
    """Tell a waiting person what happens; never part of the result."""
    print(f"   {text}", file=sys.stderr, flush=True)


def publish(
    title: str, rows: Sequence[Row], claims: Mapping[str, bool], *, as_json: bool, counts: Sequence[str] = ()
) -> int:
    """Print the table and the promises; return 1 when one is not kept.

    `counts` names columns of things that were counted. One that is missing or 0 was not counted, so it fails too.
    """
    claims = {**claims, **{f"{name}: counted": _is_counted(rows, name) for name in counts}}
    if as_json:
        print(json.dumps({"title": title, "machine": machine(), "rows": rows, "claims": claims}, indent=1))
    else:
        print(f"\n{title}\n{machine()}\n")
        _print_table(rows)
        print()
        for claim, kept in claims.items():
            print(f"  {'kept  ' if kept else 'MISSED'}  {claim}")
        print()
    return 0 if all(claims.values()) else 1


def _is_counted(rows: Sequence[Row], name: str) -> bool:
    found = [row[name] for row in rows if row.get(name, "") != ""]
    return bool(found) and all(value > 0 for value in found)


def machine() -> str:
    """Return what the figures depend on and a reader cannot see."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    busy = " (NOT IDLE: other programs take part of these figures)" if load > BUSY else ""
    return f"{os.cpu_count()} cores shared by load, server and database; load average now {load:.1f}{busy}"


def _print_table(rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[_cell(row.get(name, "")) for name in names] for row in rows]
    widths = [max(len(name), *(len(line[index]) for line in cells)) for index, name in enumerate(names)]
    for line in (names, ["-" * width for width in widths], *cells):
        first = line[0].ljust(widths[0])
        print(
            "  ".join([first, *(text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=True))])
        )


def _cell(value: Any) -> str:
    if isinstance(value, float):
        digits = 0 if value >= 100 else 2 if value >= 0.1 else 4
        text = f"{value:,.{digits}f}"
        return text.rstrip("0").rstrip(".") if digits else text
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
