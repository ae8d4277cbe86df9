"""What a process keeps between requests: values with a bound, and rendered fragments.

Nothing here needs to be invalidated. A `BoundedCache` entry is good for a state of the database or a few seconds; a
fragment is kept by everything that it shows. (Product facts of `COMMERCE_MODE=sport`, which a cache server may hold
for several processes, are in `catalog/product_cache.py`.)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Generic, TypeVar

from flask import current_app

from commerce.markup import Markup, rendered

T = TypeVar("T")

FRAGMENTS = 4096


class BoundedCache(Generic[T]):
    """At most `size` values, each good for `seconds` (None: no limit) and for the `state` in which it was made.

    Give a state that was read before the value is made (such as `engine.database_state`): a change in between makes
    the value newer than its state, never older.
    """

    def __init__(self, size: int, seconds: float | None = None) -> None:
        self._size = size
        self._seconds = seconds
        self._entries: dict[Hashable, tuple[Hashable, float, T]] = {}

    def get(self, key: Hashable, make: Callable[[], T], *, state: Hashable = None, fresh: bool = False) -> T:
        """Return the value kept under `key`, or what `make()` returns. `fresh` makes it in any case, and keeps it."""
        now = time.monotonic()
        kept = None if fresh else self._entries.get(key)
        if kept is not None and kept[0] == state and (self._seconds is None or now < kept[1] + self._seconds):
            return kept[2]
        value = make()
        if len(self._entries) >= self._size and key not in self._entries:
            # Anybody may ask for any address, so what is kept of them is bounded.
            self._entries.clear()
        self._entries[key] = state, now, value
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()


@lru_cache(maxsize=FRAGMENTS)
def render_cached(template: str, locale: str, **facts: object) -> Markup:
    """Render a part of a page once for each combination of what it shows.

    Everything that it shows is among the arguments, which must be hashable, so what is kept is never out of date. The
    template is rendered without the request's variables, so it cannot show anything else.
    """
    part = current_app.jinja_env.get_template(template)
    return rendered(part.render(locale=locale, **facts))
