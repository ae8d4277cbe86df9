"""What pages show to everybody is cached until anything at all changes in the database.

A visitor without cookies has no cart, no messages and no session, so a list page is the same for all of them, and it is
made of nothing but the database and its own address: the whole page is cached. For a visitor with cookies, and on the
product page, which holds a form of its own for each, the parts are cached that are the same for everybody.

Both databases can say cheaply whether any transaction has been committed since: while none has, making the page again
would give the same bytes. So a cached page is never older than a fresh one, and there is nothing to invalidate. In a
shop that is being written to, pages are simply made again. (The one thing that may be old is the total of a long list;
that is why nothing is cached longer than such a total.)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Response, current_app, g, make_response, request

from commerce.cache import BoundedCache
from commerce.db import db
from commerce.engine import database_state
from commerce.storefront.listings import TOTAL_SECONDS
from commerce.tenants.scope import current_shop
from commerce.web import public

P = ParamSpec("P")
T = TypeVar("T")

MAX_PAGES = 1024
"""Of about 15 kB each, in each process."""
MAX_PARTS = 512
"""The same."""

_pages: BoundedCache[str] = BoundedCache(MAX_PAGES, TOTAL_SECONDS)
_parts: BoundedCache[Any] = BoundedCache(MAX_PARTS, TOTAL_SECONDS)


def cache_for_anonymous(view: Callable[P, str]) -> Callable[P, Response]:
    """Make a view out of a function that renders a list page: cached for visitors without cookies, public for proxies.

    The function may look at the address and the database, and at nothing else of the request.
    """

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> Response:
        if request.cookies or current_app.debug:
            return public(make_response(view(*args, **kwargs)))
        reader, state = _database_state()
        key = (current_shop().id, reader, request.host_url, request.path, request.query_string)
        return public(make_response(_pages.get(key, lambda: view(*args, **kwargs), state=state)))

    return answer


def cached_part(name: str, key: Hashable, make: Callable[[], T]) -> T:
    """Return a part of a page that is the same for every visitor, cached by `name` and `key`.

    `make` may look at the shop, its host, the database and what is in `key`, and at nothing else of the request.
    """
    if current_app.debug:
        return make()
    reader, state = _database_state()
    part: T = _parts.get((name, current_shop().id, reader, request.host_url, key), make, state=state)
    return part


def _database_state() -> tuple[int, Hashable]:
    """Return `engine.database_state`; who only reads has it from when the shop was entered."""
    known: tuple[int, Hashable] | None = (
        g.get("database_state") if request.method in ("GET", "HEAD") else None
    )
    return known or database_state(db.session.connection())
