"""Write all of a shop into one file: its rows as they are at one moment, then its pictures."""

from __future__ import annotations

import base64
import os
import secrets
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Table, func, select, text

from commerce import clock
from commerce.accounts.models import ApiKey
from commerce.db import db
from commerce.engine import patience
from commerce.events.models import Delivery
from commerce.schema_state import head
from commerce.tenant_transfer.archive import PICTURE, Writer
from commerce.tenant_transfer.comparison import Books, totals_of
from commerce.tenant_transfer.secrets import Carrier, carrier
from commerce.tenant_transfer.tables import LEFT_OUT, shop_column, shop_tables, stored_columns, writers
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope

BATCH = 500
HOUR = 3600.0
Progress = Callable[[str, int], None]


@dataclass(slots=True)
class Exported:
    """What was written. `secrets_left` were not: without a passphrase they would be useless or in the open.

    `keys_left` are the keys of programs that are not revoked. `waiting` are deliveries (mails, webhooks) that were
    still to be made.
    """

    shop: str
    rows: dict[str, int] = field(default_factory=dict)
    pictures: int = 0
    books: Books = field(default_factory=dict)
    secrets_left: int = 0
    keys_left: int = 0
    waiting: int = 0


def export_shop(
    shop: Shop,
    target: IO[bytes],
    media: Path,
    *,
    passphrase: str = "",
    progress: Progress = lambda _table, _rows: None,
) -> Exported:
    """Write `shop` into `target` as it is at one moment, in bounded memory; it may go on selling meanwhile.

    `progress` gets each table and its number of rows. Raises Rejected for a passphrase that is too short.
    """
    salt = secrets.token_bytes(16)
    packer = carrier(passphrase, salt)
    result = Exported(shop.code)
    with Writer(target, _facts(shop, passphrase, salt)) as writer:
        with shop_scope(shop), _moment() as connection:
            for table in shop_tables():
                rows = _rows(connection, table, shop.id, packer)
                result.rows[table.name] = writer.add_table(table.name, _names(table), rows)
                progress(table.name, result.rows[table.name])
            result.books = writer.manifest["books"] = totals_of(connection, shop.id)
            result.keys_left = _keys(connection, shop.id)
            result.waiting = _waiting(connection, shop.id)
        for picture in sorted((media / str(shop.id)).glob("*.webp")):
            if PICTURE.fullmatch(picture.name):
                writer.add_picture(picture)
                result.pictures += 1
    result.secrets_left = packer.left
    return result


def export_to_file(shop: Shop, path: Path, media: Path, **options: Any) -> Exported:
    """Write `shop` into a new file that only its owner can read: customers' names are in it. Raises FileExistsError."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:  # noqa: PTH123
        try:
            return export_shop(shop, target, media, **options)
        except BaseException:
            path.unlink()
            raise


def _facts(shop: Shop, passphrase: str, salt: bytes) -> dict[str, Any]:
    return {
        "schema": head(),
        "shop": {"id": str(shop.id), "code": shop.code, "name": shop.name},
        "written_at": clock.now().isoformat(timespec="seconds"),
        "secrets": {"salt": base64.b64encode(salt).decode()} if passphrase else None,
        "left_out": LEFT_OUT,
    }


@contextmanager
def _moment() -> Generator[Connection]:
    """Read everything as it is at one moment, however long the reading takes."""
    with db.engine.connect() as connection, connection.begin(), patience(connection, HOUR):
        if connection.dialect.name == "postgresql":
            # First of all: the moment is that of the first statement that reads.
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        yield connection


def _rows(connection: Connection, table: Table, tenant_id: uuid.UUID, packer: Carrier) -> Iterator[list[Any]]:
    convert = list(zip(_names(table), writers(table), strict=True))
    statement = (
        select(*stored_columns(table)).where(shop_column(table) == tenant_id).order_by(*table.primary_key)
    )
    for found in connection.execute(statement, execution_options={"yield_per": BATCH}).mappings():
        row = dict(found)
        if packer.pack(table.name, row):
            yield [None if row[name] is None else write(row[name]) for name, write in convert]


def _names(table: Table) -> list[str]:
    return [column.name for column in stored_columns(table)]


def _keys(connection: Connection, tenant_id: uuid.UUID) -> int:
    statement = select(func.count()).where(ApiKey.tenant_id == tenant_id, ApiKey.revoked_at.is_(None))
    return int(connection.execute(statement).scalar() or 0)


def _waiting(connection: Connection, tenant_id: uuid.UUID) -> int:
    statement = select(func.count()).where(Delivery.tenant_id == tenant_id, Delivery.state == "waiting")
    return int(connection.execute(statement).scalar() or 0)
