"""The report of an import as the rows of a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

HEADER = ("Kind", "Row", "Product", "SKU", "Field", "Before", "After", "Reason")


def report_rows(parts: Iterable[Mapping[str, Any]]) -> Iterator[tuple[object, ...]]:
    """Yield a line for each error, change and remark of the parts of a report (`ImportReport.as_json`)."""
    for part in parts:
        for error in part["errors"]:
            yield (
                "refused",
                error["row"],
                error["handle"],
                "",
                error["column"],
                "",
                error["value"],
                error["reason"],
            )
        for change in part["changes"]:
            yield (
                "changed",
                "",
                change["handle"],
                change["sku"],
                change["field"],
                change["before"],
                change["after"],
                "",
            )
        for note in part["notes"]:
            rows = " ".join(map(str, note["rows"]))
            yield ("note", rows, "", "", "", "", "; ".join(note["details"]), note["text"])
