"""Webhook endpoints over JSON: who is told of events, what proves that it is us, and how the calls went."""

from __future__ import annotations

import uuid

from flask import Response

from commerce.api.cursors import close_cursor, open_position
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation
from commerce.api.preconditions import needed_version
from commerce.api.schemas import PageQuery
from commerce.api.webhooks.schemas import (
    CallList,
    EndpointList,
    EndpointOut,
    EndpointPatch,
    EndpointToMake,
    NewEndpointOut,
    PingOut,
    SecretOut,
    call_out,
    endpoint_changes,
    ping_out,
)
from commerce.webhooks import services
from commerce.webhooks.delivery import ping, sending_rules
from commerce.webhooks.http_post import check_url
from commerce.webhooks.queries import calls_before, get_endpoint, list_endpoints

TAG = "Webhook endpoints"
SCOPE = "webhooks:write"
ONE = "/webhook-endpoints/<uuid:endpoint_id>"


@operation("GET", "/webhook-endpoints", scope=SCOPE, tag=TAG, answers={200: EndpointList})
def list_webhook_endpoints() -> Reply:
    """List who is told of events."""
    return Reply(EndpointList(items=[EndpointOut(**endpoint_changes(each)) for each in list_endpoints()]))


@operation(
    "POST",
    "/webhook-endpoints",
    scope=SCOPE,
    tag=TAG,
    body=EndpointToMake,
    answers={201: NewEndpointOut},
    problems=(409,),
    idempotent="honoured",
)
def create_webhook_endpoint(body: EndpointToMake) -> Response:
    """Add an address that is told of events.

    The answer holds the secret that signs the messages: it is shown this once.
    """
    _check(body.url)

    def answer(made: tuple[uuid.UUID, str]) -> Reply:
        endpoint_id, secret = made
        endpoint = get_endpoint(endpoint_id)
        shown = NewEndpointOut(**endpoint_changes(endpoint), secret=secret)
        return Reply(shown, 201, {"Location": f"/api/webhook-endpoints/{endpoint_id}"}, endpoint.version)

    def create() -> tuple[uuid.UUID, str]:
        return services.create_endpoint(
            url=body.url, description=body.description, event_types=body.event_types
        )

    return run_idempotent(create, answer, needed=False).response


@operation("GET", ONE, scope=SCOPE, tag=TAG, answers={200: EndpointOut}, problems=(404,))
def get_webhook_endpoint(endpoint_id: uuid.UUID) -> Reply:
    """Show one endpoint."""
    return _reply(endpoint_id)


@operation(
    "PATCH",
    ONE,
    scope=SCOPE,
    tag=TAG,
    body=EndpointPatch,
    answers={200: EndpointOut},
    problems=(404, 409),
)
def change_webhook_endpoint(endpoint_id: uuid.UUID, body: EndpointPatch) -> Reply:
    """Change an endpoint, if it still has the version that you have seen.

    `enabled` stops its calls and lets them begin again; what it missed meanwhile is not sent.
    """
    changes = body.changes(get_endpoint(endpoint_id))
    _check(changes["url"])
    services.change_endpoint(endpoint_id, seen_version=needed_version(body.version), **changes)
    return _reply(endpoint_id)


@operation("DELETE", ONE, scope=SCOPE, tag=TAG, answers={204: None}, problems=(404,))
def remove_webhook_endpoint(endpoint_id: uuid.UUID) -> Reply:
    """Delete an endpoint, its log, and what it was still to be told."""
    services.delete_endpoint(endpoint_id)
    return Reply(None, 204)


@operation(
    "POST",
    f"{ONE}/secret",
    scope=SCOPE,
    tag=TAG,
    answers={200: SecretOut},
    problems=(404,),
    idempotent="honoured",
)
def rotate_webhook_secret(endpoint_id: uuid.UUID) -> Response:
    """Make a new secret. For a day the former one signs as well."""

    def answer(secret: str) -> Reply:
        endpoint = get_endpoint(endpoint_id)
        shown = SecretOut(secret=secret, version=endpoint.version, former_signs_until=endpoint.previous_until)
        return Reply(shown, version=endpoint.version)

    return run_idempotent(lambda: services.rotate_secret(endpoint_id), answer, needed=False).response


@operation("POST", f"{ONE}/ping", scope=SCOPE, tag=TAG, answers={200: PingOut}, problems=(404,))
def ping_webhook_endpoint(endpoint_id: uuid.UUID) -> Reply:
    """Send a signed test message now, and say what came of it."""
    return Reply(ping_out(ping(endpoint_id)))


@operation(
    "GET", f"{ONE}/calls", scope=SCOPE, tag=TAG, query=PageQuery, answers={200: CallList}, problems=(404,)
)
def list_webhook_calls(endpoint_id: uuid.UUID, query: PageQuery) -> Reply:
    """List the calls of the last month, newest first."""
    get_endpoint(endpoint_id)
    listing, filters = "webhook-calls", {"endpoint": endpoint_id}
    calls, older = calls_before(endpoint_id, open_position(listing, filters, query.cursor), query.limit)
    return Reply(
        CallList(
            items=[call_out(call) for call in calls],
            next_cursor=close_cursor(listing, filters, older) if older else None,
        )
    )


def _reply(endpoint_id: uuid.UUID) -> Reply:
    endpoint = get_endpoint(endpoint_id)
    return Reply(EndpointOut(**endpoint_changes(endpoint)), version=endpoint.version)


def _check(url: str) -> None:
    """Refuse an address that can never be called. Raises InvalidValue."""
    check_url(url, sending_rules())
