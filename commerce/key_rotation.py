"""Encrypt every stored secret again under the current SECRET_KEY, so that a former key can be dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, select, update

from commerce.db import Base, atomic, db
from commerce.encryption import DecryptionError, seal
from commerce.tenants.queries import list_shops
from commerce.tenants.scope import shop_scope


@dataclass(slots=True)
class RotatedColumn:
    """How many secrets were encrypted again, and which could not be decrypted ("table.column id")."""

    renewed: int = 0
    lost: list[str] = field(default_factory=list)


def encrypted_columns() -> dict[str, list[str]]:
    """Return the columns that hold sealed text, by table: those whose name says so, and second factors."""
    found = {
        name: [
            each.name
            for each in table.columns
            if each.name.startswith("sealed_") or each.name == "totp_secret"
        ]
        for name, table in sorted(Base.metadata.tables.items())
    }
    return {name: columns for name, columns in found.items() if columns}


def rotate_secrets() -> RotatedColumn:
    """Encrypt all secrets again, one transaction for each shop and table; what cannot be decrypted stays as it is."""
    done = RotatedColumn()
    for shop in list_shops():
        with shop_scope(shop):
            for name in encrypted_columns():
                if "tenant_id" in Base.metadata.tables[name].columns:
                    _rotate_table(name, shop.id, done)
    for name in encrypted_columns():
        if "tenant_id" not in Base.metadata.tables[name].columns:
            _rotate_table(name, None, done)
    return done


def _rotate_table(name: str, tenant_id: Any, done: RotatedColumn) -> None:
    # A retried transaction must not be counted twice, so the numbers come out of it.
    renewed, lost = _renew_rows(name, tenant_id)
    done.renewed += renewed
    done.lost += lost


@atomic
def _renew_rows(name: str, tenant_id: Any) -> tuple[int, list[str]]:
    table, renewed, lost = Base.metadata.tables[name], 0, []
    own = table.c.tenant_id == tenant_id if tenant_id is not None else table.c.id.is_not(None)
    connection = db.session.connection()
    for column in encrypted_columns()[name]:
        for row_id, text in connection.execute(select(table.c.id, table.c[column]).where(own)).all():
            if not text:
                continue
            try:
                fresh = seal().renew(text)
            except DecryptionError:
                lost.append(f"{name}.{column} {row_id}")
                continue
            renewed += connection.execute(_change(table, column, own, row_id, text, fresh)).rowcount
    return renewed, lost


def _change(table: Table, column: str, own: Any, row_id: Any, seen: str, fresh: str) -> Any:
    # Only over what was read: somebody may just have set another secret.
    return update(table).where(own, table.c.id == row_id, table.c[column] == seen).values({column: fresh})
