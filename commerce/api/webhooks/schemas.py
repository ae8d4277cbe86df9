"""Webhook endpoints at the JSON edge: where they are, what they hear, and how calling them went."""

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
HEARS = "Names of events; none: all of them."

# --- what is sent --------------------------------------------------------------------------------------


class WebhookEndpointCreate(RequestModel):
    """An address that shall be told of events."""

    url: Text = Field(
        min_length=1,
        max_length=MAX_URL,
        description="On the public internet, by https.",
        examples=["https://example.com/lockstep-events"],
    )
    description: Text = Field("", max_length=255, examples=["Accounting"])
    event_types: EventTypes = Field(
        default_factory=list, description=HEARS, examples=[["order.placed", "order.paid"]]
    )


class WebhookEndpointPatch(RequestModel):
    """What shall be another; what is left out stays."""

    version: int | None = Field(
        None, ge=1, description="The one that you have seen, or `If-Match`.", examples=[1]
    )
    url: Text = Field(default_factory=str, min_length=1, max_length=MAX_URL)
    description: Text = Field("", max_length=255, examples=["Accounting"])
    event_types: EventTypes = Field(default_factory=list, description=HEARS)
    enabled: bool = Field(default=True, description="Whether it is called.")

    def changes(self, known: WebhookEndpoint) -> dict[str, Any]:
        """Return the whole endpoint as it shall be."""
        now = {name: getattr(known, name) for name in ("url", "description", "event_types")}
        return now | {name: getattr(self, name) for name in self.model_fields_set - {"version"}}


# --- what is answered ----------------------------------------------------------------------------------


class WebhookEndpointOut(ResponseModel):
    """An address that is told of events. Its secret is shown when it is made, and then never."""

    id: uuid.UUID
    version: int
    url: str = Field(examples=["https://example.com/lockstep-events"])
    description: str
    event_types: list[str] = Field(description=HEARS, examples=[["order.placed"]])
    enabled: bool
    disabled_reason: str
    failing_since: Moment | None = Field(description="Since when no call has succeeded.")
    created_at: Moment


class NewWebhookEndpointOut(WebhookEndpointOut):
    """An endpoint with the secret that signs its messages, shown this once."""

    secret: str = Field(examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])


class WebhookSecretOut(ResponseModel):
    """A new secret, shown this once."""

    secret: str = Field(examples=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"])
    version: int = Field(description="The version of its endpoint now.")
    former_signs_until: Moment | None = Field(description="Until then messages are signed by both.")


class WebhookEndpointList(ResponseModel):
    """All endpoints, oldest first; there are at most twenty."""

    items: list[WebhookEndpointOut]


class WebhookPingOut(ResponseModel):
    """What came of a test message."""

    taken: bool
    status: int = Field(description="0: there was no answer, `error` says why.")
    duration_ms: int
    error: str


class WebhookAttemptOut(ResponseModel):
    """A call and what came of it."""

    message_id: str
    delivery_id: uuid.UUID | None = Field(description="None for a test.")
    event_type: str
    subject: str
    started_at: Moment
    duration_ms: int
    status: int = Field(description="0: there was no answer, `error` says why.")
    answer: str = Field(description="Its first kilobyte.")
    error: str


class WebhookAttemptList(ResponseModel):
    """A page of calls, newest first."""

    items: list[WebhookAttemptOut]
    next_cursor: str | None


def endpoint_fields(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """Return what is answered of an endpoint."""
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
    """Return what came of a test message as it is answered."""
    return WebhookPingOut(
        taken=called.good, status=called.status, duration_ms=called.duration_ms, error=called.error
    )


def call_out(call: WebhookAttempt) -> WebhookAttemptOut:
    """Return a call as it is answered."""
    return WebhookAttemptOut(**{name: getattr(call, name) for name in WebhookAttemptOut.model_fields})
