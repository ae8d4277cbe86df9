"""Which tables are a shop's, and how their rows are written down so that any database can take them in.

The tables are found from the models: one that is added later moves too, without anybody having to remember it here.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import Column, Date, Table, Uuid

from commerce import models
from commerce.db import Base, UtcDateTime

LEFT_OUT = {
    "staff_sessions": "sessions end, people sign in again",
    "member_sessions": "sessions end, people sign in again",
    "email_proofs": "mailed links lead to the old installation and are short-lived",
    "staff_invitations": "mailed links lead to the old installation",
    "form_submissions": "pages that are open belong to the old installation",
    "bulk_plans": "a plan goes on where it was begun",
    "bulk_rows": "a plan goes on where it was begun",
    "file_imports": "an import goes on where its file was uploaded",
    "file_import_chunks": "an import goes on where its file was uploaded",
    "file_import_parts": "an import goes on where its file was uploaded",
    "api_keys": "their hashes would let programs in at both installations: an owner makes new ones",
    "sign_in_throttles": "wrong passwords are counted where they are typed",
    "operator_sign_in_throttles": "they run the installation, not the shop",
    "sales_days": "the new installation sums up the orders itself",
    "sales_by": "the new installation sums up the orders itself",
    "sales_progress": "the new installation sums up the orders itself",
    "operator_form_submissions": "they run the installation, not the shop",
    "operators": "they run the installation, not the shop",
    "operator_sessions": "they run the installation, not the shop",
    "operator_entries": "they run the installation, not the shop",
}
"""Table -> why it does not move with a shop."""

SEALED = {
    "payment_methods": ("sealed_secrets",),
    "webhook_endpoints": ("sealed_secret", "sealed_previous"),
    "staff_members": ("totp_secret",),
    "idempotency_keys": ("sealed_outcome",),
}
"""Table -> columns that are sealed under the installation's key, so that another one could not open them."""

NOTHING_WITHOUT = frozenset({"idempotency_keys"})
"""Tables of which a row is nothing without what is sealed in it: an answer that cannot be given again."""


def shop_tables() -> list[Table]:
    """Return the tables that move with a shop, each after those that it refers to; `tenants` is the first."""
    assert models.tenants.Tenant.__table__ in Base.metadata.sorted_tables
    rest = [t for t in Base.metadata.sorted_tables if t.name not in LEFT_OUT and t.name != "tenants"]
    return [Base.metadata.tables["tenants"], *rest]


def shop_column(table: Table) -> Column[Any]:
    """Return the column of a table that says whose a row is."""
    return table.c.id if table.name == "tenants" else table.c.tenant_id


def stored_columns(table: Table) -> list[Column[Any]]:
    """Return the columns whose values are written; others the database computes itself."""
    return [column for column in table.columns if column.computed is None]


Codec = tuple[Callable[[Any], Any], Callable[[Any], Any]]


def _as_is(value: Any) -> Any:
    return value


def _codec(column: Column[Any]) -> Codec:
    if isinstance(column.type, Uuid):
        return str, uuid.UUID
    if isinstance(column.type, UtcDateTime):
        return datetime.isoformat, datetime.fromisoformat
    if isinstance(column.type, Date):
        return date.isoformat, date.fromisoformat
    return _as_is, _as_is


def writers(table: Table) -> list[Callable[[Any], Any]]:
    """Return for each stored column what makes JSON of its values (None stays None)."""
    return [_codec(column)[0] for column in stored_columns(table)]


def readers(table: Table) -> Mapping[str, Callable[[Any], Any]]:
    """Return by column what makes its values of JSON (None stays None)."""
    return {column.name: _codec(column)[1] for column in stored_columns(table)}
