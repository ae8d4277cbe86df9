"""Authentication of API clients: an API key in each request. Cookies are ignored, so the API needs no CSRF protection.

Each view names the scope that it requires; a view without one is closed to everybody.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, cast

from flask import Blueprint, Response, current_app, g, request
from flask.sansio.blueprints import BlueprintSetupState
from werkzeug.routing import BaseConverter

from commerce import clock
from commerce.accounts.api_clients import USE_NOTED, ApiProgram, authenticate_key, note_use
from commerce.api.problems import problem_document, problem_facts
from commerce.errors import Busy, CommerceError, NotAllowed
from commerce.events.outbox import Actor
from commerce.limits import WINDOW, counter, household
from commerce.web import csrf, log_refusal, problem, request_id

blueprint = Blueprint("api", __name__, url_prefix="/api")
csrf.exempt(blueprint)


class SkuConverter(BaseConverter):
    """Matches a SKU with any character in it, including slashes, up to the rest of the URL.

    What stands below a product or a variant is no SKU, or its address would answer to their methods, too.
    """

    part_isolating = False
    regex = (
        r"[^/].*?(?<!/movements)(?<!/reservations)(?<!/variants)"
        r"(?<!/pictures)(?<!/pictures/[0-9A-Fa-f-]{36})"
    )


@blueprint.record_once
def _register_converters(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["sku"] = SkuConverter


PUBLIC = "public"
"""Scope of views that need no key: the documentation of the API."""
MAX_INVALID_KEYS = 30
"""Invalid keys that one IP address can try per minute. Requests with valid keys are not affected."""


def current_api_client() -> ApiProgram:
    """Return the API client of the request, which was authenticated before."""
    return cast("ApiProgram", g.api_client)


def current_api_actor() -> Actor:
    """Return the API client of the request as the history of orders and the activity log name it."""
    client = current_api_client()
    return Actor("api", str(client.client_id), client.name, request_id())


class MissingScope(NotAllowed):
    """Raised when the key of the request does not have the required scope."""

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(scope=scope)


@problem_facts.register
def _(error: MissingScope) -> dict[str, Any]:
    return {"scope": error.scope}


def has_scope(scope: str) -> bool:
    """Return whether the key of the request has a scope."""
    return scope in current_api_client().scopes


def ensure_scope(scope: str) -> None:
    """Require that the key of the request has a scope. Raises MissingScope."""
    if not has_scope(scope):
        log_refusal(f"scope {scope}")
        raise MissingScope(scope)


@blueprint.before_request
def _authenticate() -> Response | None:
    scope = getattr(current_app.view_functions[request.endpoint or ""], "scope", "")
    if scope == PUBLIC:
        return None
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    found = authenticate_key(token.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        return _refuse_key(token)
    g.api_client = found
    limited = _count_request(found)
    if limited is not None:
        return limited
    ensure_scope(scope)
    if found.used_at is None or found.used_at < clock.now() - USE_NOTED:
        # The next request records it as well; a busy database must not fail this one.
        with suppress(Busy):
            note_use(found.key_id)
    return None


def _refuse_key(token: str) -> Response:
    """Return 401 or 429 for an invalid key. Valid keys never get here, so an address with a bad client can use them."""
    who = f"api-key/{g.shop.id}/{household(request.remote_addr or '')}"
    if token and counter().count(who) > MAX_INVALID_KEYS and _enforced("guesses"):
        return _too_many(counter().wait(who))
    if token:
        log_refusal("unknown key")
    return _unknown()


def _unknown() -> Response:
    response = problem(
        401,
        "unauthorized",
        "A key is needed",
        "Please send a valid key: 'Authorization: Bearer ls_live_...'.",
    )
    response.headers["WWW-Authenticate"] = 'Bearer realm="Lockstep"'
    return response


# --- rate limits ---------------------------------------------------------------------------------------


def _count_request(found: ApiProgram) -> Response | None:
    """Count a request of an API client. Return 429 over its limit per minute, where limits are enforced."""
    key, limit = f"api/{g.shop.id}/{found.client_id}", found.requests_per_minute
    made = counter().count(key)
    g.rate = limit, max(0, limit - made), counter().wait(key)
    return _too_many(g.rate[2]) if made > limit and _enforced("all") else None


def _enforced(level: str) -> bool:
    limits: str = current_app.config["LOCKSTEP"].limits
    return limits in ("all", level)


def _too_many(seconds: int) -> Response:
    response = problem(
        429, "too_many_requests", "Please wait a moment", "That was asked very often. Please wait and go on."
    )
    response.headers["Retry-After"] = str(seconds)
    return response


@blueprint.after_request
def _add_rate_headers(response: Response) -> Response:
    """Add the rate limit headers of draft-ietf-httpapi-ratelimit-headers-03."""
    rate = g.get("rate")
    if rate is not None:
        limit, remaining, seconds = rate
        response.headers["RateLimit-Limit"] = str(limit)
        response.headers["RateLimit-Remaining"] = str(remaining)
        response.headers["RateLimit-Reset"] = str(min(seconds, WINDOW))
    return response


@blueprint.errorhandler(CommerceError)
def _on_error(error: CommerceError) -> Response:
    return problem_document(error)
