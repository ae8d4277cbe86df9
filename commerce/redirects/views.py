"""A page that is not there any more leads to where it is now."""

from __future__ import annotations

from flask import Flask, Response, g, request

from commerce.redirects.services import RESERVED, find_target


def follow_redirects(app: Flask) -> None:
    """Let what would be "not found" be looked for among the former addresses of the shop: 301 when it is one."""
    app.after_request(_follow)


def _follow(response: Response) -> Response:
    if response.status_code != 404 or request.method not in ("GET", "HEAD") or "shop" not in g:
        return response
    if any(f"{request.path}/".startswith(f"{root}/") for root in RESERVED):
        return response
    target = find_target(request.path)
    if target is None:
        return response
    query = request.query_string.decode("ascii", "ignore")
    joined = f"{target}{'&' if '?' in target else '?'}{query}" if query and "#" not in target else target
    answer = Response(status=301)
    answer.headers["Location"] = joined
    return answer
