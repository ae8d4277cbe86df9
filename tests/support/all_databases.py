"""Rows of all shops, looked at from inside each of them: row security lets nobody look from outside."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row
from sqlalchemy.sql import Executable

from commerce.db import _as_tenant, db
from commerce.tenants.queries import list_shops
from commerce.tenants.scope import shop_scope


def everywhere(statement: Executable) -> Sequence[Row[Any]]:
    """Return what a statement finds in each shop, one after another, oldest shop first."""
    rows: list[Row[Any]] = []
    with _as_tenant(None, every=False):  # a shop that was entered does not see the others
        shops = list_shops()
    for shop in shops:
        with shop_scope(shop):
            rows += db.session.execute(statement).all()  # type: ignore[attr-defined]
    return rows
