"""Lists as CSV files to download."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from flask import Response


def csv_download(name: str, header: Iterable[str], rows: Iterable[Iterable[object]]) -> Response:
    """Answer with a CSV file; text that a spreadsheet would take for a formula is marked as text (CWE-1236)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([[_harmless(cell) for cell in row] for row in rows])
    response = Response(out.getvalue(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
