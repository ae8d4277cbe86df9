"""The shop that the present request, command or delivery works for."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from threading import Lock
from typing import TypeVar

from commerce.db import NoTenant, tenant_scope
from commerce.tenants.models import Shop

T = TypeVar("T")

_shop: ContextVar[Shop | None] = ContextVar("shop", default=None)


def current_shop() -> Shop:
    """Return the shop that was entered. Raises NoTenant outside of any."""
    shop = _shop.get()
    if shop is None:
        raise NoTenant("no shop entered")
    return shop


def entered_shop() -> Shop | None:
    """Return the shop that was entered, or None outside of any."""
    return _shop.get()


@contextmanager
def shop_scope(shop: Shop) -> Generator[Shop]:
    """Enter `shop`: its rows, its settings, and nobody else's."""
    with tenant_scope(shop.id):
        token = _shop.set(shop)
        try:
            yield shop
        finally:
            _shop.reset(token)


def rules_cache(load: Callable[[], T]) -> Callable[[], T]:
    """Keep what `load()` reads from a shop's rule tables (tax, shipping, payment) until the shop changes a rule.

    Every change of a rule raises `tenants.rules_version` in its own transaction, and the version is read with
    the shop at the start of each request, so this never serves rules older than the request. Placement compares
    once more inside
    its transaction.
    """
    kept: dict[uuid.UUID, tuple[int, T]] = {}
    lock = Lock()

    @wraps(load)
    def cached() -> T:
        shop = current_shop()
        hit = kept.get(shop.id)
        if hit is not None and hit[0] == shop.rules_version:
            return hit[1]
        value = load()
        with lock:
            kept[shop.id] = (shop.rules_version, value)
        return value

    return cached
