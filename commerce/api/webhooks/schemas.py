"""Requests and responses of the webhook endpoint operations."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from pydantic import Field

from commerce.api.schemas import Moment, RequestModel, ResponseModel, Text
from commerce.webhooks.http_post import MAX_URL
from commerce.webhooks.http_post import HttpAnswer as Called
from commerce.webhooks.models import WebhookAttempt, WebhookEndpoint
from commerce.webhooks.payloads import EVENT_TYPES

EventTypes = Annotated[
    list[Annotated[str, Field(json_schema_extra={"enum": list(EVENT_TYPES)})]],
    Field(max_length=len(EVENT_TYPES)),
]
EVENT_TYPES_TEXT = "Event types to deliver. Empty for all."

# --- requests -------------------------------------------------------------------------------------------


class WebhookEndpointCreate(RequestModel):
    """A new webhook endpoint."""

    url: Text = Field(
        min_length=1,
        max_length=MAX_URL,
        description="An https URL on the public internet.",
        examples=["https://example.com/lockstep-events"],
    )
    description: Text = Field("", max_length=255, examples=["Accounting"])
    event_types: EventTypes = Field(
        default_factory=list, description=EVENT_TYPES_TEXT, examples=[["order.placed", "order.paid"]]
    )


class WebhookEndpointPatch(RequestModel):
    """Changes to a webhook endpoint. Omitted fields stay unchanged."""

    version: int | None = Field(
        None, ge=1, description="The version you have seen. Can be sent as `If-Match` instead.", examples=[1]
    )
    url: Text = Field(default_factory=str, min_length=1, max_length=MAX_URL)
    description: Text = Field("", max_length=255, examples=["Accounting"])
    event_types: EventTypes = Field(default_factory=list, description=EVENT_TYPES_TEXT)
    enabled: bool = Field(default=True, description="Whether events are delivered.")

    def changes(self, known: WebhookEndpoint) -> dict[str, Any]:
        """Return all fields of the endpoint after the change."""
        now = {name: getattr(known, name) for name in ("url", "description", "event_types")}
        return now | {name: getattr(self, name) for name in self.model_fields_set - {"version"}}


# --- responses ------------------------------------------------------------------------------------------


class WebhookEndpointOut(ResponseModel):
    """A webhook endpoint. Its secret is only returned when it is created or rotated."""

    id: uuid.UUID
    version: int
    url: str = Field(examples=["https://example.com/lockstep-events"])
    description: str
    event_types: list[str] = Field(description=EVENT_TYPES_TEXT, examples=[["order.placed"]])
    enabled: bool
    disabled_reason: str
    failing_since: Moment | None = Field(description="Time since which no delivery has succeeded.")
    created_at: Moment


class NewWebhookEndpointOut(WebhookEndpointOut):
    """A new webhook endpoint with the secret that signs its messages."""

    secret: str = Field(examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])


class WebhookSecretOut(ResponseModel):
    """The new secret of a webhook endpoint."""

    secret: str = Field(examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])
    version: int = Field(description="New version of the endpoint.")
    former_signs_until: Moment | None = Field(
        description="Until then, messages are signed with the former secret as well."
    )


class WebhookEndpointList(ResponseModel):
    """All webhook endpoints, oldest first. A shop has at most 20."""

    items: list[WebhookEndpointOut]


class WebhookPingOut(ResponseModel):
    """The result of a test message."""

    taken: bool
    status: int = Field(description="HTTP status. 0 if there was no response; `error` has the reason.")
    duration_ms: int
    error: str


class WebhookAttemptOut(ResponseModel):
    """An attempt to deliver an event."""

    message_id: str
    delivery_id: uuid.UUID | None = Field(description="Null for a test message.")
    event_type: str
    subject: str
    started_at: Moment
    duration_ms: int
    status: int = Field(description="HTTP status. 0 if there was no response; `error` has the reason.")
    answer: str = Field(description="First kilobyte of the response body.")
    error: str


class WebhookAttemptList(ResponseModel):
    """A page of delivery attempts, newest first."""

    items: list[WebhookAttemptOut]
    next_cursor: str | None


def endpoint_fields(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return the fields of an endpoint for a response."""
    same = (
        "id",
        "version",
        "url",
        "description",
        "event_types",
        "disabled_reason",
        "failing_since",
        "created_at",
    )
    return {name: getattr(endpoint, name) for name in same} | {"enabled": endpoint.state == "enabled"}


def ping_out(called: Called) -> WebhookPingOut:
    """Return the result of a test message for a response."""
    return WebhookPingOut(
        taken=called.good, status=called.status, duration_ms=called.duration_ms, error=called.error
    )


def call_out(call: WebhookAttempt) -> WebhookAttemptOut:
    """Return a delivery attempt for a response."""
    return WebhookAttemptOut(**{name: getattr(call, name) for name in WebhookAttemptOut.model_fields})
