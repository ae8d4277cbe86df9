"""Found a shop and change its rules."""

from __future__ import annotations

import re
import uuid
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute

from commerce import clock
from commerce.db import atomic, current_tenant_id, db, in_its_shop, new_id
from commerce.errors import InvalidValue, NotFound, Rejected
from commerce.money import exponent
from commerce.tenants.hosts import checked_host
from commerce.tenants.models import Shop, Tenant, TenantHost
from commerce.tenants.queries import get_shop, list_shops

_CODE = re.compile(r"[a-z][a-z0-9-]{0,38}")
MAX_NAME = 255
MAX_REASON = 500


def order_code_sequence(tenant_id: uuid.UUID) -> str:
    """Return the name of the PostgreSQL sequence that numbers a shop's orders."""
    return f"order_code_{tenant_id.hex}"


def create_tenant(
    *, code: str, name: str, currency: str, country: str, hosts: tuple[str, ...] = (), **settings: Any
) -> Shop:
    """Create a shop with its hosts (first = primary; default `<code>.localhost`) and return it.

    `settings` are further columns of Tenant (locale, theme, prices_include_tax...).
    Raises InvalidValue for a bad code, name, host, currency or country, Rejected when code or host is taken.
    """
    checked_code(code)
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        raise InvalidValue("name", "shop_name_length", maximum=MAX_NAME)
    if not re.fullmatch("[A-Z]{2}", country):
        raise InvalidValue("country", "not_a_country_code", value=country[:20])
    exponent(currency)
    hosts = tuple(dict.fromkeys(map(checked_host, hosts))) or (f"{code}.localhost",)
    refuse_taken_code(code)
    _refuse_taken(hosts)
    columns = {"code": code, "name": name, "currency": currency, "country": country, **settings}
    try:
        return _insert(new_id(), columns, hosts)
    except IntegrityError as error:
        raise Rejected("shop_code_or_host_taken", code=code) from error


@in_its_shop
@atomic
def _insert(tenant_id: uuid.UUID, columns: dict[str, Any], hosts: tuple[str, ...]) -> Shop:
    db.session.add(Tenant(id=tenant_id, **columns))
    db.session.flush()
    for index, host in enumerate(hosts):
        # Named by whoever runs the installation, who vouches for them.
        db.session.add(
            TenantHost(host=host, tenant_id=tenant_id, is_primary=index == 0, proven_at=clock.now())
        )
    number_orders(tenant_id)
    db.session.flush()
    return get_shop(tenant_id)


def checked_code(code: str) -> str:
    """Return a shop code that is well formed. Raises InvalidValue."""
    if not _CODE.fullmatch(code):
        raise InvalidValue("code", "shop_code_invalid")
    return code


def refuse_taken_code(code: str) -> None:
    """Raise Rejected when a shop has the code already. A step."""
    if any(shop.code == code for shop in list_shops()):
        raise Rejected("shop_code_taken", code=code)


def number_orders(tenant_id: uuid.UUID, *, after: int = 0) -> None:
    """Let a shop's orders be numbered, beginning with the number after `after`. A step.

    PostgreSQL: a sequence never makes two checkouts of one shop wait for each other; a counter row would.
    """
    if db.engine.dialect.name == "postgresql":
        # The role of the application may make no tables or sequences; a function of the owner's makes this one.
        db.session.connection().execute(select(func.create_order_code_sequence(tenant_id, after + 1)))


def _refuse_taken(hosts: tuple[str, ...]) -> None:
    for host in hosts:
        if db.session.get(TenantHost, host, execution_options={"all_tenants": True}):
            raise Rejected("host_taken", host=host)


def touch_rules() -> None:
    """Say that a tax, shipping or payment rule of the current shop changed. A step of the use case that changed it."""
    _raise(Tenant.rules_version)


def touch_catalogue() -> None:
    """Say that products, prices or pictures of the current shop changed. A step of the use case that changed them."""
    _raise(Tenant.catalogue_version)


def _raise(version: InstrumentedAttribute[int]) -> None:
    db.session.execute(
        update(Tenant)
        .where(Tenant.id == current_tenant_id())
        .values({version: version + 1})
        .execution_options(synchronize_session=False)
    )


@in_its_shop
@atomic
def suspend(tenant_id: uuid.UUID, because: str) -> None:
    """Close a shop to shoppers; its staff see why, and what is under way goes on. Raises NotFound, InvalidValue."""
    reason = because.strip()
    if not reason or len(reason) > MAX_REASON or not reason.isprintable():
        raise InvalidValue("reason", "suspension_reason_required", maximum=MAX_REASON)
    _set_status(tenant_id, "suspended", reason)


@in_its_shop
@atomic
def reopen(tenant_id: uuid.UUID) -> None:
    """Open a shop again that was suspended. Raises NotFound."""
    _set_status(tenant_id, "active", "")


def _set_status(tenant_id: uuid.UUID, status: str, because: str) -> None:
    tenant = db.session.get(Tenant, tenant_id, with_for_update=True, execution_options={"all_tenants": True})
    if tenant is None:
        raise NotFound("shop_not_found")
    tenant.status, tenant.suspended_because = status, because
    tenant.version += 1
    db.session.flush()
