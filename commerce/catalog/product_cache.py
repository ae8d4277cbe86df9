"""COMMERCE_MODE=sport: what a shop says of its products comes from a cache; what can be had, and a price paid, never.

A key carries the number of the shop's catalogue, which every change raises in its own transaction and every request
reads with its shop: whatever process or machine made the change, the next request looks under another key. So there
is nothing to delete, and an entry that was read just before a change is found by nobody after it. Stock is read from
its rows each time, and an order is priced from the rows inside its transaction, whatever any page has shown.

Values are JSON, so that a cache server cannot make this process run anything.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from dogpile.cache import CacheRegion, make_region
from dogpile.cache.util import sha1_mangle_key

from commerce.tenants.scope import current_shop

log = logging.getLogger("commerce.catalog")
SECONDS = 300
"""How long an entry may serve without a change: a bound for what a cache server keeps."""
PAUSE = 5.0
"""Seconds for which a cache server that did not answer is left alone."""
SOCKET_SECONDS = 0.25


class ProductCache:
    """The cache of this process, or none. `url` names a server (valkey:// or redis://), '' is this process's memory."""

    def __init__(self, url: str) -> None:
        self._region = _region(url)
        self._away_until = 0.0

    def get(self, kind: str, name: str, load: Callable[[], Any]) -> Any:
        """Return what `load()` returns (JSON values), kept by shop, catalogue version, kind and name."""
        if time.monotonic() < self._away_until:
            return load()
        shop = current_shop()
        key = f"{shop.id}:{shop.catalogue_version}:{kind}:{name}"
        loaded: list[Any] = []

        def create() -> Any:
            loaded.append(load())
            return loaded[0]

        try:
            return self._region.get_or_create(key, create)
        except _away():
            # A shop without its cache is slower, never closed.
            log.warning("the cache does not answer; going on without it for %s seconds", PAUSE)
            self._away_until = time.monotonic() + PAUSE
            return loaded[0] if loaded else load()


def _region(url: str) -> CacheRegion:
    region = make_region(
        key_mangler=sha1_mangle_key,
        serializer=lambda value: json.dumps(value, separators=(",", ":")).encode(),
        deserializer=json.loads,
    )
    if not url:
        return region.configure(
            "dogpile.cache.memory", expiration_time=SECONDS, arguments={"cache_dict": _Bounded()}
        )
    return region.configure(
        "dogpile.cache.valkey",
        expiration_time=SECONDS,
        arguments={
            "url": url.replace("redis", "valkey", 1) if url.startswith("redis") else url,
            "valkey_expiration_time": 2 * SECONDS,
            "socket_timeout": SOCKET_SECONDS,
            "distributed_lock": False,
        },
    )


def _away() -> tuple[type[Exception], ...]:
    from valkey.exceptions import ValkeyError

    return (ValkeyError, OSError)


class _Bounded(dict[str, Any]):
    """A memory that forgets everything before it grows without end."""

    _most = 20_000
    _lock = threading.Lock()

    def __setitem__(self, key: str, value: Any) -> None:
        with self._lock:
            if len(self) >= self._most:
                self.clear()
            super().__setitem__(key, value)


_facts: list[ProductCache | None] = [None]


def configure_product_cache(mode: str, url: str) -> None:
    """Choose where facts come from: 'standard' reads rows, 'sport' a cache; called once by `create_app`."""
    _facts[0] = ProductCache(url) if mode == "sport" else None


def cached(kind: str, name: str, load: Callable[[], Any]) -> Any:
    """Return what `load()` returns: from the cache in sport mode, else always fresh."""
    facts = _facts[0]
    return facts.get(kind, name, load) if facts else load()


def cache_enabled() -> bool:
    """Tell whether facts come from a cache."""
    return _facts[0] is not None
