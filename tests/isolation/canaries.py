"""A shop with a row in every table, and a word in every text that must never be seen outside of it."""

import hashlib
import re
import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Date,
    LargeBinary,
    String,
    Table,
    Text,
    Uuid,
    insert,
    select,
)
from sqlalchemy.sql.schema import Column

from commerce import clock
from commerce.db import Base, UtcDateTime, atomic, db, new_id
from commerce.tenants.scope import current_shop

CANARY = "canary"
"""Small letters, so that it is found in slugs, emails and folded search words too."""
SHORTEST = 24
"""Texts with less room hold a code, such as a country; a word would not fit."""
ONE_OF = re.compile(r"(\w+) IN \(('[^)]*')\)")

Ids = Mapping[str, uuid.UUID]
"""The id of the row in each table."""


def shops_tables() -> list[Table]:
    """Return the tables that belong to a shop, parents first."""
    return [
        table
        for table in Base.metadata.sorted_tables
        if "tenant_id" in table.c and table.name not in ("tenants", "tenant_hosts")
    ]


def token_of(table: str) -> str:
    """Return the secret that opens the row of a table: what is stored is its SHA-256, as for any other."""
    return f"{CANARY}-secret-of-{table}"


@atomic
def fill_shop() -> dict[str, uuid.UUID]:
    """Put a row into each table of the shop that is entered and return their ids by table."""
    ids: dict[str, uuid.UUID] = {}
    for table in shops_tables():
        values = {
            column.name: _value(table, column, ids) for column in table.columns if column.computed is None
        }
        db.session.connection().execute(insert(table).values(**values))
        if "id" in table.c:
            ids[table.name] = values["id"]
    return ids


def rows_of_shop() -> dict[str, list[tuple[Any, ...]]]:
    """Return everything that the entered shop has, to see whether anything was changed."""
    own = current_shop().id
    return {
        table.name: sorted(
            (
                tuple(map(repr, row))
                for row in db.session.execute(select(table).where(table.c.tenant_id == own))
            ),
        )
        for table in shops_tables()
    }


def _value(table: Table, column: Column[Any], ids: Ids) -> Any:
    if column.name == "tenant_id":
        return current_shop().id
    parent = _parent(table, column)
    if parent:
        # A row cannot be its own parent here, and those of the installation are not ours to point at.
        return ids.get(parent)
    allowed = _allowed(table).get(column.name)
    if allowed:
        return allowed
    return _filling(table, column)


def _filling(table: Table, column: Column[Any]) -> Any:
    kind = column.type
    if isinstance(kind, Uuid):
        return new_id()
    if isinstance(kind, UtcDateTime):
        return clock.now()
    if isinstance(kind, Date):
        return date(2030, 1, 1)
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, LargeBinary):
        return _word(table, column).encode()
    if isinstance(kind, BigInteger):
        return _number(column)
    if isinstance(kind, String | Text):
        return _text(table, column)
    return {"words": _word(table, column)}


def _number(column: Column[Any]) -> int:
    default = column.default.arg if column.default is not None and column.default.is_scalar else None
    return default if isinstance(default, int) else 1


def _text(table: Table, column: Column[Any]) -> str:
    if column.name.endswith("_hash") and column.name != "password_hash":
        return hashlib.sha256(token_of(table.name).encode()).hexdigest()
    room = getattr(column.type, "length", None) or 255
    if room < SHORTEST:
        return {"currency": "JPY", "locale": "en"}.get(column.name, "JP"[:room])
    if column.name == "email" or column.name.endswith("_email"):
        return f"{_word(table, column)}@other.test".replace(" ", "")
    return _word(table, column)[:room]


def _word(table: Table, column: Column[Any]) -> str:
    return f"{CANARY}-{table.name}-{column.name}".replace("_", "-")


def _parent(table: Table, column: Column[Any]) -> str:
    """Return the table that a column points at beside the tenant."""
    for constraint in table.foreign_key_constraints:
        for key, element in zip(constraint.column_keys, constraint.elements, strict=True):
            if key == column.name and element.column.name != "tenant_id":
                return str(element.column.table.name)
    return ""


def _allowed(table: Table) -> dict[str, str]:
    """Return the first value that a check allows, for each column that has such a check."""
    found = {}
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            for name, values in ONE_OF.findall(str(constraint.sqltext)):
                found[name] = values.split("'")[1]
    return found
