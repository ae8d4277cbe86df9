"""Lists as CSV files to download."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Response

from commerce.csv_files import to_csv


def csv_download(name: str, header: Iterable[str], rows: Iterable[Iterable[object]]) -> Response:
    """Answer with a CSV file of this name."""
    response = Response(to_csv(header, rows), mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
