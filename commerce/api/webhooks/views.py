"""API operations on webhook endpoints."""

from __future__ import annotations

import uuid

from flask import Response

from commerce.api.cursors import decode_position, encode_cursor
from commerce.api.idempotency import run_idempotent
from commerce.api.operation import Reply, operation, required_version
from commerce.api.schemas import PageQuery
from commerce.api.webhooks.schemas import (
    NewWebhookEndpointOut,
    WebhookAttemptList,
    WebhookEndpointCreate,
    WebhookEndpointList,
    WebhookEndpointOut,
    WebhookEndpointPatch,
    WebhookPingOut,
    WebhookSecretOut,
    call_out,
    endpoint_fields,
    ping_out,
)
from commerce.webhooks import services
from commerce.webhooks.delivery import ping, sending_rules
from commerce.webhooks.http_post import check_url
from commerce.webhooks.queries import calls_before, get_endpoint, list_endpoints

TAG = "Webhook endpoints"
SCOPE = "webhooks:write"
ONE = "/webhook-endpoints/<uuid:endpoint_id>"


@operation("GET", "/webhook-endpoints", scope=SCOPE, tag=TAG, responses={200: WebhookEndpointList})
def list_webhook_endpoints() -> Reply:
    """List webhook endpoints, oldest first."""
    return Reply(
        WebhookEndpointList(items=[WebhookEndpointOut(**endpoint_fields(each)) for each in list_endpoints()])
    )


@operation(
    "POST",
    "/webhook-endpoints",
    scope=SCOPE,
    tag=TAG,
    body=WebhookEndpointCreate,
    responses={201: NewWebhookEndpointOut},
    idempotency="optional",
)
def create_webhook_endpoint(body: WebhookEndpointCreate) -> Response:
    """Create a webhook endpoint.

    The response includes the secret that signs its messages. It is not shown again.
    """
    _check(body.url)

    def reply(made: tuple[uuid.UUID, str]) -> Reply:
        endpoint_id, secret = made
        endpoint = get_endpoint(endpoint_id)
        shown = NewWebhookEndpointOut(**endpoint_fields(endpoint), secret=secret)
        return Reply(shown, 201, {"Location": f"/api/webhook-endpoints/{endpoint_id}"}, endpoint.version)

    def create() -> tuple[uuid.UUID, str]:
        return services.create_endpoint(
            url=body.url, description=body.description, event_types=body.event_types
        )

    return run_idempotent(create, reply, required=False).response


@operation("GET", ONE, scope=SCOPE, tag=TAG, responses={200: WebhookEndpointOut})
def get_webhook_endpoint(endpoint_id: uuid.UUID) -> Reply:
    """Retrieve a webhook endpoint."""
    return _reply(endpoint_id)


@operation(
    "PATCH",
    ONE,
    scope=SCOPE,
    tag=TAG,
    body=WebhookEndpointPatch,
    responses={200: WebhookEndpointOut},
)
def change_webhook_endpoint(endpoint_id: uuid.UUID, body: WebhookEndpointPatch) -> Reply:
    """Update a webhook endpoint.

    Set `enabled` to pause and resume deliveries; events of the pause are not sent later. Returns 409 if the endpoint
    has changed since the version you send.
    """
    changes = body.changes(get_endpoint(endpoint_id))
    _check(changes["url"])
    services.change_endpoint(endpoint_id, seen_version=required_version(body.version), **changes)
    return _reply(endpoint_id)


@operation("DELETE", ONE, scope=SCOPE, tag=TAG, responses={204: None})
def remove_webhook_endpoint(endpoint_id: uuid.UUID) -> Reply:
    """Delete a webhook endpoint, its log and its pending deliveries."""
    services.delete_endpoint(endpoint_id)
    return Reply(None, 204)


@operation(
    "POST",
    f"{ONE}/secret",
    scope=SCOPE,
    tag=TAG,
    responses={200: WebhookSecretOut},
    idempotency="optional",
)
def rotate_webhook_secret(endpoint_id: uuid.UUID) -> Response:
    """Rotate the secret of a webhook endpoint.

    Messages are signed with the former secret as well until `formerSignsUntil`. Secrets of earlier rotations keep
    signing for 24 hours after theirs.
    """

    def reply(secret: str) -> Reply:
        endpoint = get_endpoint(endpoint_id)
        shown = WebhookSecretOut(
            secret=secret, version=endpoint.version, former_signs_until=endpoint.previous_until
        )
        return Reply(shown, version=endpoint.version)

    return run_idempotent(lambda: services.rotate_secret(endpoint_id), reply, required=False).response


@operation("POST", f"{ONE}/ping", scope=SCOPE, tag=TAG, responses={200: WebhookPingOut})
def ping_webhook_endpoint(endpoint_id: uuid.UUID) -> Reply:
    """Send a signed test message and return the result."""
    return Reply(ping_out(ping(endpoint_id)))


@operation("GET", f"{ONE}/calls", scope=SCOPE, tag=TAG, query=PageQuery, responses={200: WebhookAttemptList})
def list_webhook_calls(endpoint_id: uuid.UUID, query: PageQuery) -> Reply:
    """List the delivery attempts of the last 30 days, newest first."""
    get_endpoint(endpoint_id)
    listing, filters = "webhook-calls", {"endpoint": endpoint_id}
    calls, older = calls_before(endpoint_id, decode_position(listing, filters, query.cursor), query.limit)
    return Reply(
        WebhookAttemptList(
            items=[call_out(call) for call in calls],
            next_cursor=encode_cursor(listing, filters, older) if older else None,
        )
    )


def _reply(endpoint_id: uuid.UUID) -> Reply:
    endpoint = get_endpoint(endpoint_id)
    return Reply(WebhookEndpointOut(**endpoint_fields(endpoint)), version=endpoint.version)


def _check(url: str) -> None:
    """Reject a URL that can never be called. Raises InvalidValue."""
    check_url(url, sending_rules())
