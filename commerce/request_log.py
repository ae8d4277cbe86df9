"""One line for each request: its id, the shop, the route, the status and the time that it took.

The route is that of the map (`/orders/<token>`), never the address: there are secrets in addresses.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from flask import Flask, Response, g

from commerce.web import request_id, route

log = logging.getLogger("commerce.requests")


def name_routes(app: Flask) -> None:
    """Let what nobody expected be logged with its route and the request's id, instead of the address."""

    def write(error: Any) -> None:
        app.logger.error("a bug at %s, request %s", route(), request_id(), exc_info=error)

    app.log_exception = write  # type: ignore[method-assign,assignment]


def log_requests(app: Flask) -> None:
    """Write the line when an answer is ready. Attach this before anything else that looks at requests."""
    log.setLevel(logging.INFO)
    app.before_request(_start)
    app.after_request(_write)  # of these the first one that was attached runs last


def _start() -> None:
    g.started = time.perf_counter()


def _write(response: Response) -> Response:
    shop = g.get("shop")
    log.info(
        "%s %s %.1f ms shop=%s request=%s",
        response.status_code,
        route(),
        (time.perf_counter() - g.started) * 1000,
        shop.code if shop else "-",
        request_id(),
    )
    return response
