"""Find shops by host, code or id. These are the only reads that span shops."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Select, bindparam, select

from commerce.db import db, fetch_unscoped
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


def find_shop_by_host(host: str) -> Shop | None:
    """Return the shop that answers at `host` (lower case, no port), or None."""
    rows = fetch_unscoped(_AT_HOST, host=host)
    return Shop(*rows[0]) if rows else None


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
