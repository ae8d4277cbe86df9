"""Take a moved shop in: all of it in one transaction, or nothing."""

from __future__ import annotations

import base64
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, insert, select
from sqlalchemy.exc import DataError, IntegrityError

from commerce import clock
from commerce.catalog.models import Product
from commerce.catalog.search import index_products
from commerce.db import atomic, db, tenant_scope
from commerce.errors import InvalidValue, Rejected
from commerce.orders.models import Order
from commerce.orders.search import index_orders
from commerce.schema_state import head
from commerce.tenant_transfer.archive import Reader
from commerce.tenant_transfer.comparison import Books, totals_of
from commerce.tenant_transfer.secrets import Carrier, carrier
from commerce.tenant_transfer.tables import readers, shop_tables, stored_columns
from commerce.tenant_transfer.validation import checked_row
from commerce.tenants.hosts import checked_host, is_local, refuse_taken_host
from commerce.tenants.models import Shop, Tenant
from commerce.tenants.queries import get_shop
from commerce.tenants.services import checked_code, number_orders, refuse_taken_code

BATCH = 500
Progress = Callable[[str, int], None]


@dataclass(slots=True)
class Imported:
    """Result of an import; `secrets_left` is how many secrets are missing and have to be entered again."""

    shop: Shop
    rows: dict[str, int] = field(default_factory=dict)
    pictures: int = 0
    books: Books = field(default_factory=dict)
    secrets_left: int = 0


def import_shop(
    source: Path,
    media: Path,
    *,
    code: str = "",
    hosts: Sequence[str] = (),
    passphrase: str = "",
    progress: Progress = lambda _table, _rows: None,
) -> Imported:
    """Take in the shop of a file, with a new code or other host names if they are given; ids stay what they were.

    Numbers of rows, sums of money and the stock of every SKU are compared with those of the file before anything is
    kept. Raises Rejected when the shop, its code or a host is here already, when the file is damaged or of another
    version of this program, or the passphrase is wrong; InvalidValue for a bad code or host.
    """
    reader = Reader(source)
    try:
        tenant_id = _check(reader.manifest)
        _refuse_taken_names(reader, tenant_id, code, hosts)
        pictures = _Pictures(media / str(tenant_id))
        try:
            with tenant_scope(tenant_id):
                result = _insert_shop(reader, tenant_id, code, tuple(hosts), passphrase, progress, pictures)
        except BaseException:
            pictures.undo()
            raise
        return result
    finally:
        reader.close()


def _check(manifest: dict[str, Any]) -> uuid.UUID:
    """Return the id of the shop in a manifest that fits this installation. Raises Rejected."""
    if manifest.get("schema") != head():
        raise Rejected("archive_other_version", theirs=manifest.get("schema"), ours=head())
    expected = {table.name: {column.name for column in stored_columns(table)} for table in shop_tables()}
    found = {name: set(facts["columns"]) for name, facts in manifest["tables"].items()}
    if expected != found:
        raise Rejected("archive_other_tables")
    return uuid.UUID(manifest["shop"]["id"])


@atomic
def _insert_shop(
    reader: Reader,
    tenant_id: uuid.UUID,
    code: str,
    hosts: tuple[str, ...],
    passphrase: str,
    progress: Progress,
    pictures: _Pictures,
) -> Imported:
    manifest = reader.manifest
    unpacker = carrier(passphrase, base64.b64decode((manifest["secrets"] or {}).get("salt", "")))
    _refuse_present(tenant_id)
    counts: dict[str, int] = {}
    pictures.seen = 0  # the transaction may be tried again
    for table in shop_tables():
        rows = _rows(reader, table, tenant_id, unpacker)
        if table.name == "tenants":
            rows = _renamed(rows, code)
        if table.name == "tenant_hosts":
            rows = _rehosted(rows, tenant_id, hosts)
        counts[table.name] = _insert(table, rows)
        progress(table.name, counts[table.name])
    index_products(db.session.scalars(select(Product.id)).all())
    index_orders(db.session.scalars(select(Order.id).order_by(Order.number)).all())
    number_orders(tenant_id, after=db.session.scalar(select(func.max(Order.number))) or 0)
    for name, data in reader.pictures():
        pictures.add(name, data)
    books = totals_of(db.session.connection(), tenant_id)
    _compare(manifest, counts, books, replaced_hosts=bool(hosts))
    return Imported(get_shop(tenant_id), counts, pictures.seen, books, unpacker.left)


def _refuse_taken_names(reader: Reader, tenant_id: uuid.UUID, code: str, hosts: Sequence[str]) -> None:
    """Raise Rejected when the shop, its code or a host is here: from inside of the new shop no other is seen."""
    _refuse_present(tenant_id)
    refuse_taken_code(checked_code(code or str(reader.manifest["shop"]["code"])))
    for host in hosts or [str(row["host"]) for row in reader.rows("tenant_hosts")]:
        try:
            refuse_taken_host(checked_host(host))
        except InvalidValue as error:
            raise Rejected("import_host_refused", host=host[:80]) from error


def _refuse_present(tenant_id: uuid.UUID) -> None:
    if db.session.get(Tenant, tenant_id, execution_options={"all_tenants": True}):
        raise Rejected("shop_exists")


def _rows(reader: Reader, table: Table, tenant_id: uuid.UUID, unpacker: Carrier) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table as the database wants them; each has to be of the shop that the file is of."""
    convert = readers(table)
    owner = "id" if table.name == "tenants" else "tenant_id"
    for number, row in enumerate(reader.rows(table.name), start=1):
        try:
            made = {name: None if row[name] is None else read(row[name]) for name, read in convert.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise Rejected("archive_row_unreadable", table=table.name, error=str(error)) from error
        if made[owner] != tenant_id:
            raise Rejected("archive_row_of_other_shop", table=table.name)
        unpacker.unpack(table.name, made)
        yield checked_row(table, made, number)


def _renamed(rows: Iterator[dict[str, Any]], code: str) -> Iterator[dict[str, Any]]:
    for row in rows:
        row["code"] = checked_code(code or row["code"])
        refuse_taken_code(row["code"])
        yield row


def _rehosted(
    rows: Iterator[dict[str, Any]], tenant_id: uuid.UUID, hosts: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    """Yield the host names, those that are given instead of those of the file. Raises InvalidValue for a taken one.

    Whoever imports vouches for the names that they give and for the primary one; others have to be proven here again.
    """
    known = list(rows)
    names = list(dict.fromkeys(map(checked_host, hosts)))
    if names:
        known = [{"host": name, "tenant_id": tenant_id, "is_primary": name == names[0]} for name in names]
    for row in known:
        try:
            refuse_taken_host(checked_host(row["host"]))
        except InvalidValue as error:
            raise Rejected("import_host_refused", host=str(row["host"])[:80]) from error
        vouched = names or row["is_primary"] or is_local(row["host"])
        yield {**row, "proven_at": (row.get("proven_at") or clock.now()) if vouched else None}


def _insert(table: Table, rows: Iterator[dict[str, Any]]) -> int:
    count = 0
    while batch := list(islice(rows, BATCH)):
        try:
            db.session.connection().execute(insert(table), batch)
        except (IntegrityError, DataError) as error:
            raise Rejected(
                "archive_rows_refused", table=table.name, error=type(error.orig).__name__
            ) from error
        count += len(batch)
    return count


def _compare(manifest: dict[str, Any], counts: dict[str, int], books: Books, *, replaced_hosts: bool) -> None:
    """Raise Rejected unless everything is as it was written."""
    wanted = {name: facts["rows"] for name, facts in manifest["tables"].items()}
    if replaced_hosts:
        wanted["tenant_hosts"] = counts["tenant_hosts"]
    differing = [name for name in wanted if wanted[name] != counts.get(name)]
    differing += [name for name in books if books[name] != manifest["books"].get(name)]
    if differing:
        raise Rejected("import_differs", names=list(differing))


class _Pictures:
    """The pictures that a move has written, to be taken away when it fails. Their names are made of their content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._written: list[Path] = []
        self.seen = 0

    def add(self, name: str, data: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self.seen += 1
        path = self._folder / name
        if path.exists():
            return
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as file:
            self._written.append(Path(file.name))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(0o644)
        self._written[-1] = Path(file.name).rename(path)

    def undo(self) -> None:
        for path in self._written:
            path.unlink(missing_ok=True)
        if self._folder.exists() and not any(self._folder.iterdir()):
            self._folder.rmdir()
