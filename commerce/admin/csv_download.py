"""Lists as CSV files to download."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask import Flask, Response, current_app

from commerce.csv_files import csv_lines, to_csv
from commerce.tenants.models import Shop
from commerce.tenants.scope import current_shop, shop_scope


def csv_download(name: str, header: Iterable[str], rows: Iterable[Iterable[object]]) -> Response:
    """Answer with a CSV file of this name."""
    return _as_file(to_csv(header, rows), name)


def csv_stream(
    name: str,
    header: Iterable[str],
    rows: Iterable[Iterable[object]],
    *,
    excel: bool = True,
    delimiter: str = ",",
) -> Response:
    """Answer with a CSV file of any length, whose rows are read while it is sent.

    `excel`: as spreadsheets want it. `rows` must keep no transaction open between two rows that it reads.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    lines = csv_lines(header, rows, excel=excel, delimiter=delimiter)
    return _as_file(_in_its_shop(lines, app, current_shop()), name)


def _in_its_shop(lines: Iterator[str], app: Flask, shop: Shop) -> Iterator[str]:
    """Read each piece in the shop of the request, which is over when the answer is sent."""
    while True:
        with app.app_context(), shop_scope(shop):
            piece = next(lines, None)
        if piece is None:
            return
        yield piece


def _as_file(body: str | Iterator[str], name: str) -> Response:
    response = Response(body, mimetype="text/csv")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
