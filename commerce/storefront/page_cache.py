"""Pages for visitors without cookies are cached until anything at all changes in the database.

Such a visitor has no cart, no messages and no session, so a list page is the same for all of them, and it is made of
nothing but the database and its own address. Both databases can say cheaply whether any transaction has been committed
since: while none has, making the page again would give the same bytes. So a cached page is never older than a fresh
one, and there is nothing to invalidate. In a shop that is being written to, pages are simply made again. (The one
thing that may be old is the total of a long list; that is why a page is not cached longer than such a total.)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Response, current_app, g, make_response, request

from commerce.cache import BoundedCache
from commerce.db import db
from commerce.engine import database_state
from commerce.storefront.listings import TOTAL_SECONDS
from commerce.tenants.scope import current_shop
from commerce.web import public

P = ParamSpec("P")

MAX_PAGES = 1024
"""Of about 15 kB each, in each process."""

_pages: BoundedCache[str] = BoundedCache(MAX_PAGES, TOTAL_SECONDS)


def cache_for_anonymous(view: Callable[P, str]) -> Callable[P, Response]:
    """Make a view out of a function that renders a list page: cached for visitors without cookies, public for proxies.

    The function may look at the address and the database, and at nothing else of the request.
    """

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> Response:
        if request.cookies or current_app.debug:
            return public(make_response(view(*args, **kwargs)))
        reader, state = g.get("database_state") or database_state(db.session.connection())
        key = (current_shop().id, reader, request.host_url, request.path, request.query_string)
        return public(make_response(_pages.get(key, lambda: view(*args, **kwargs), state=state)))

    return answer
