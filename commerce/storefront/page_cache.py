"""Pages for visitors without cookies are kept until anything at all changes in the database.

Such a visitor has no cart, no messages and no session, so a list page is the same for all of them, and it is made of
nothing but the database and its own address. Both databases can say cheaply whether any transaction has been committed
since: while none has, making the page again would give the same bytes. So a kept page is never older than a fresh one,
and there is nothing to invalidate. In a shop that is being written to, pages are simply made again. (The one thing
that may be old is the total of a long list; that is why a page is not kept longer than such a total.)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

from flask import Response, current_app, g, make_response, request

from commerce.db import db
from commerce.engine import database_state
from commerce.storefront.listings import TOTAL_SECONDS
from commerce.tenants.scope import current_shop
from commerce.web import public

P = ParamSpec("P")

MAX_PAGES = 1024
"""Of about 15 kB each, in each process."""

_pages: dict[tuple[Any, ...], tuple[Any, float, str]] = {}


def cache_for_anonymous(view: Callable[P, str]) -> Callable[P, Response]:
    """Make a view out of a function that renders a list page: kept for visitors without cookies, public for proxies.

    The function may look at the address and the database, and at nothing else of the request.
    """

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> Response:
        if request.cookies or current_app.debug:
            return public(make_response(view(*args, **kwargs)))
        reader, state = g.get("database_state") or database_state(db.session.connection())
        key = (current_shop().id, reader, request.host_url, request.path, request.query_string)
        kept = _pages.get(key)
        now = time.monotonic()
        if kept is not None and kept[0] == state and now < kept[1]:
            return public(make_response(kept[2]))
        html = view(*args, **kwargs)
        if len(_pages) >= MAX_PAGES:
            _pages.clear()
        # The state was read before the rows: a change in between makes the page newer than its state, never older.
        _pages[key] = state, now + TOTAL_SECONDS, html
        return public(make_response(html))

    return answer
