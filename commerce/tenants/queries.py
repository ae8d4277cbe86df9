"""Find shops by host, code or id. These are the only reads that span shops."""

from __future__ import annotations

import uuid
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, String, bindparam, func, literal_column, select
from sqlalchemy.orm import aliased

from commerce.db import db, dialect_name, fetch_unscoped
from commerce.engine import POSTGRESQL_READER
from commerce.errors import NotFound
from commerce.tenants.models import Shop, Tenant, TenantHost

_COLUMNS = [getattr(Tenant, name) for name in Shop.__dataclass_fields__ if name != "host"]


def _shops(condition: Any) -> Select[Any]:
    return (
        select(*_COLUMNS, TenantHost.host)
        .join(TenantHost, (TenantHost.tenant_id == Tenant.id) & TenantHost.is_primary)
        .where(condition)
        .execution_options(all_tenants=True)
    )


_AT_HOST = _shops(
    Tenant.id == select(TenantHost.tenant_id).where(TenantHost.host == bindparam("host")).scalar_subquery()
)


# PostgreSQL names the transaction that wrote a row, so a row is as it was read as long as that is the same.
_ROW_VERSIONS = func.concat_ws(
    " ", *(literal_column(f"{table}.xmin::text") for table in ("tenants", "tenant_hosts", "asked"))
)
_asked = aliased(TenantHost, name="asked")


def _with_versions(*columns: Any) -> Select[Any]:
    return (
        select(_ROW_VERSIONS.label("row_versions"), *columns)
        .select_from(Tenant)
        .join(TenantHost, (TenantHost.tenant_id == Tenant.id) & TenantHost.is_primary)
        .join(_asked, _asked.tenant_id == Tenant.id)
        .where(_asked.host == bindparam("host"))
        .execution_options(all_tenants=True)
    )


_AT_HOST_WITH_VERSIONS = _with_versions(*_COLUMNS, TenantHost.host)
# With the state of the database (see `engine.database_state`), for what is cached of pages.
_VERSIONS_AT_HOST = _with_versions(
    Tenant.id, func.pg_current_snapshot(type_=String()).cast(String()).label("snapshot")
)


def find_shop_by_host(host: str) -> Shop | None:
    """Return the shop that answers at `host` (lower case, no port), or None."""
    rows = fetch_unscoped(_AT_HOST, host=host)
    return Shop(*rows[0]) if rows else None


@dataclass(frozen=True, slots=True)
class KnownShop:
    """A shop with the versions of the rows that it was read from, by which it is found out whether it still is so."""

    shop: Shop
    row_versions: str

    def current_state(self, host: str) -> tuple[int, Hashable] | None:
        """Return the database's state if the shop is as it was read and answers at `host`. One small statement."""
        rows = fetch_unscoped(_VERSIONS_AT_HOST, host=host)
        if not rows or (rows[0].row_versions, rows[0].id) != (self.row_versions, self.shop.id):
            return None
        return POSTGRESQL_READER, rows[0].snapshot


def find_known_shop(host: str) -> KnownShop | None:
    """Return the shop at `host` with the versions of its rows; None also where rows have none, which is on SQLite."""
    rows = fetch_unscoped(_AT_HOST_WITH_VERSIONS, host=host) if dialect_name() == "postgresql" else []
    return KnownShop(Shop(*rows[0][1:]), rows[0].row_versions) if rows else None


def get_shop(tenant_id: uuid.UUID) -> Shop:
    """Return a shop by id. Raises NotFound."""
    row = db.session.execute(_shops(Tenant.id == tenant_id)).one_or_none()
    if row is None:
        raise NotFound("shop_not_found")
    return Shop(*row)


def get_shop_by_code(code: str) -> Shop:
    """Return a shop by its code. Raises NotFound."""
    row = db.session.execute(_shops(Tenant.code == code)).one_or_none()
    if row is None:
        raise NotFound("shop_code_not_found", code=code[:60])
    return Shop(*row)


def list_shops() -> list[Shop]:
    """Return all shops, oldest first."""
    rows = db.session.execute(_shops(Tenant.id.is_not(None)).order_by(Tenant.created_at, Tenant.id))
    return [Shop(*row) for row in rows]
