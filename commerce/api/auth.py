"""The API's front door: a key of a program, nothing else. Cookies are not looked at, so no page can misuse a browser.

Each address names the scope that it takes; one that names none is closed to everybody.
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
    """A code with any sign in it, slashes too, up to the words that an address goes on with."""

    part_isolating = False
    regex = r"[^/].*?(?<!/movements)(?<!/reservations)(?<!/variants)"


@blueprint.record_once
def _register_converters(state: BlueprintSetupState) -> None:
    state.app.url_map.converters["sku"] = SkuConverter


PUBLIC = "public"
"""The scope of what anybody may read: the description of the API."""
WRONG_KEYS = 30
"""Keys that are none, and that one address may try in a minute; those of its neighbours that are good still open."""


def current_api_client() -> ApiProgram:
    """Return the client behind a request that has passed the door."""
    return cast("ApiProgram", g.program)


def current_api_actor() -> Actor:
    """Return the client behind the request as the history of orders names it."""
    client = current_api_client()
    return Actor("api", str(client.client_id), client.name, request_id())


class MissingScope(NotAllowed):
    """The key was not made for this; its owner may make another."""

    code = "insufficient_scope"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(scope=scope)


@problem_facts.register
def _(error: MissingScope) -> dict[str, Any]:
    return {"scope": error.scope}


def has_scope(scope: str) -> bool:
    """Tell whether the key behind the request opens `scope`."""
    return scope in current_api_client().scopes


def ensure_scope(scope: str) -> None:
    """Go on only if the key opens `scope`. Raises MissingScope."""
    if not has_scope(scope):
        log_refusal(f"scope {scope}")
        raise MissingScope(scope)


@blueprint.before_request
def _guard() -> Response | None:
    scope = getattr(current_app.view_functions[request.endpoint or ""], "scope", "")
    if scope == PUBLIC:
        return None
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    found = authenticate_key(token.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        return _refuse_key(token)
    g.program = found
    limited = _count_call(found)
    if limited is not None:
        return limited
    ensure_scope(scope)
    if found.used_at is None or found.used_at < clock.now() - USE_NOTED:
        # The next call notes it as well; what is asked for does not fail for it.
        with suppress(Busy):
            note_use(found.key_id)
    return None


def _refuse_key(token: str) -> Response:
    """Answer who has no good key. A good one is never looked for here, so a neighbour's wrong ones shut out nobody."""
    who = f"api-key/{g.shop.id}/{household(request.remote_addr or '')}"
    if token and counter().count(who) > WRONG_KEYS and _enforced("guesses"):
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


# --- how often ---------------------------------------------------------------------------------------


def _count_call(found: ApiProgram) -> Response | None:
    """Count a call of this client; more than it may make in a minute are refused where limits are on."""
    key, most = f"api/{g.shop.id}/{found.client_id}", found.requests_per_minute
    made = counter().count(key)
    g.rate = most, max(0, most - made), counter().wait(key)
    return _too_many(g.rate[2]) if made > most and _enforced("all") else None


def _enforced(least: str) -> bool:
    limits: str = current_app.config["LOCKSTEP"].limits
    return limits in ("all", least)


def _too_many(seconds: int) -> Response:
    response = problem(
        429, "too_many_requests", "Please wait a moment", "That was asked very often. Please wait and go on."
    )
    response.headers["Retry-After"] = str(seconds)
    return response


@blueprint.after_request
def _add_rate_headers(response: Response) -> Response:
    """Say how many calls are left in this window (draft-ietf-httpapi-ratelimit-headers in its first, readable form)."""
    rate = g.get("rate")
    if rate is not None:
        most, left, seconds = rate
        response.headers["RateLimit-Limit"] = str(most)
        response.headers["RateLimit-Remaining"] = str(left)
        response.headers["RateLimit-Reset"] = str(min(seconds, WINDOW))
    return response


@blueprint.errorhandler(CommerceError)
def _on_refusal(error: CommerceError) -> Response:
    return problem_document(error)
