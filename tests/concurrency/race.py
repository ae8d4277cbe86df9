"""Let many callers loose in one instant, each with its own connection and real commits."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flask import Flask

from commerce.db import db
from commerce.tenants.models import Shop
from commerce.tenants.scope import shop_scope


def race(app: Flask, shop: Shop, calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run every call in a thread of its own, released together, and return results or exceptions in their order."""
    # On SQLite an open read would go on seeing the state from before the race.
    db.session.close()
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        with app.app_context(), shop_scope(shop):
            barrier.wait(timeout=30)
            try:
                return call()
            except Exception as error:  # noqa: BLE001 - what a racer gets is the test's material
                return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def kinds(results: Sequence[Any]) -> dict[str, int]:
    """Count results by the name of their type."""
    counted: dict[str, int] = {}
    for result in results:
        name = type(result).__name__
        counted[name] = counted.get(name, 0) + 1
    return counted
