"""Run uploaded imports in the background: a dry run first, the import itself once somebody has said so.

Each batch of rows is written in one transaction together with its part of the report and how far the import got, so a
process that is killed leaves nothing half done and the next one goes on behind the last batch.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast

from commerce import clock
from commerce.catalog_import.report import ImportReport
from commerce.catalog_import.services import import_catalogue
from commerce.csv_files import CsvTable
from commerce.db import atomic
from commerce.errors import Rejected
from commerce.file_imports.coupon_file import CouponFile
from commerce.file_imports.customer_file import CustomerFile
from commerce.file_imports.models import FileImport
from commerce.file_imports.queries import file_chunks, find_waiting, report_parts
from commerce.file_imports.row_files import RowFile, import_rows
from commerce.file_imports.services import (
    MB,
    ImportLost,
    began_at,
    claim_import,
    end_run,
    let_go,
    note_progress,
    purge_imports,
    record_part,
)
from commerce.inventory.adjustments import CatalogueStock
from commerce.tenants.models import Shop
from commerce.tenants.queries import get_shop, list_shops
from commerce.tenants.scope import shop_scope

log = logging.getLogger("commerce.file_imports")
ROW_FILES: Mapping[str, type[RowFile]] = {"coupons": CouponFile, "customers": CustomerFile}
"""Kinds of files in which each row stands for itself; the others are products."""
MAX_COLUMNS = 200
MAX_SAMPLE = 60
KEPT_ERRORS = 1000
KEPT_CHANGES = 500
"""Lines of a report that its page can show; the report to download has all of them."""


class Interrupted(Exception):
    """The process is asked to stop."""


@dataclass
class _Run:
    """An import that this process holds; the journal of `import_catalogue`."""

    id: uuid.UUID
    claim: str
    started: datetime
    done: int
    stop: Callable[[], bool]

    def parts(self) -> Iterator[ImportReport]:
        """Yield what came of the rows that earlier runs have finished."""
        yield from map(ImportReport.from_json, report_parts(self.id))

    def record(self, done: int, part: ImportReport) -> None:
        """Note how far the import got. A step."""
        record_part(self.id, self.claim, done, part.rows_read, part.as_json())

    @atomic
    def progress(self, **values: Any) -> None:
        """Note how far the dry run got, and that it is alive."""
        note_progress(self.id, self.claim, values)

    def look_up(self) -> None:
        """Raise Interrupted when the process is asked to stop."""
        if self.stop():
            raise Interrupted


def run_file_imports(address_of: Callable[[Shop], str], stop: Callable[[], bool] = lambda: False) -> int:
    """Run what waits, one import after the other; return how many were looked at.

    `address_of` tells where a shop is, `stop` whether the process is asked to end.
    """
    count = 0
    for waiting in find_waiting(clock.now()):
        if stop():
            break
        with shop_scope(get_shop(waiting.tenant_id)) as shop:
            row = claim_import(waiting.id)
            if row is not None:
                _run(row, address_of(shop), stop)
                count += 1
    return count


def purge_file_imports() -> int:
    """Delete what is left of imports of long ago; return how many."""
    count = 0
    for shop in list_shops():
        with shop_scope(shop):
            count += purge_imports()
    return count


def _run(row: FileImport, address: str, stop: Callable[[], bool]) -> None:
    run = _Run(row.id, row.claim, began_at(row), row.products_done, stop)
    try:
        with closing(SpooledTemporaryFile(max_size=MB)) as file:
            for chunk in file_chunks(row.id):
                file.write(chunk)
            stream = cast("BinaryIO", file)
            if row.status == "checking":
                _check(row, run, stream, address)
            else:
                _import(row, run, stream, address)
    except ImportLost:
        log.info("import %s goes on elsewhere or was withdrawn", row.id)
    except Interrupted:
        let_go(row.id, row.claim)
    except Rejected as error:
        end_run(row.id, row.claim, "failed", error={"reason": error.reason, "facts": dict(error.facts)})
    except Exception:
        log.exception("import %s was cut off and will be tried again", row.id)


def _check(row: FileImport, run: _Run, stream: BinaryIO, address: str) -> None:
    table = CsvTable(stream)
    first = next(islice(table.rows(), 1), (0, []))[1]
    header = {
        "names": [name[:255] for name in table.header[:MAX_COLUMNS]],
        "first": [cell[:MAX_SAMPLE] for cell in first[:MAX_COLUMNS]],
    }
    run.progress(header=header, rows_done=0)
    done = 0

    def on_rows(rows: int) -> None:
        nonlocal done
        done += rows
        run.progress(rows_done=done)
        run.look_up()

    report = _read(row, run, stream, address, on_rows, dry_run=True)
    end_run(row.id, row.claim, "checked", preview=summary(report))


def _import(row: FileImport, run: _Run, stream: BinaryIO, address: str) -> None:
    def on_rows(_rows: int) -> None:
        run.look_up()

    report = _read(row, run, stream, address, on_rows, dry_run=False)
    end_run(row.id, row.claim, "done", result=summary(report))


def _read(
    row: FileImport,
    run: _Run,
    stream: BinaryIO,
    address: str,
    on_rows: Callable[[int], None],
    *,
    dry_run: bool,
) -> ImportReport:
    """Read the file as its kind is read; a dry run keeps no journal."""
    how: dict[str, Any] = {
        "file_name": row.file_name,
        "dry_run": dry_run,
        "journal": None if dry_run else run,
        "on_start": lambda rows: run.progress(rows_total=rows),
        "on_rows": on_rows,
    }
    if row.kind in ROW_FILES:
        return import_rows(stream, ROW_FILES[row.kind](), **how)
    stock = CatalogueStock()
    return import_catalogue(stream, stock=stock, actor=row.created_by, base=address, **how, **row.options)


def summary(report: ImportReport) -> dict[str, Any]:
    """Return what the page of an import shows: all figures, and as many lines as a page can have."""
    found = report.as_json()
    return found | {
        "errors": found["errors"][:KEPT_ERRORS],
        "errorCount": len(found["errors"]),
        "changes": found["changes"][:KEPT_CHANGES],
        "changeCount": len(found["changes"]),
    }
