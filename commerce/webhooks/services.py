"""Endpoints by hand, and what calling them does to them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, tuple_, update

from commerce.db import atomic, database_now, db, every_shop, insert_rows, lock, new_id
from commerce.encryption import DecryptionError, seal
from commerce.errors import Conflict, InvalidValue, NotFound
from commerce.events.outbox import SYSTEM, publish
from commerce.events.services import forget_handler
from commerce.webhooks.events import WebhookDisabled
from commerce.webhooks.models import WebhookAttempt, WebhookEndpoint
from commerce.webhooks.payloads import EVENT_TYPES
from commerce.webhooks.queries import PREFIX
from commerce.webhooks.signing import (
    FormerSecret,
    new_webhook_secret,
    open_former_secrets,
    seal_former_secrets,
)

MAX_ENDPOINTS = 20
BOTH_SECRETS = timedelta(hours=24)
"""How long the former secret signs too after a rotation."""
MAX_FORMER = 10
"""Former secrets that sign at once; each adds a signature to the header of every message."""
PATIENCE = timedelta(days=5)
"""An endpoint that fails for so long without a single success is not called any more."""
KEEP_LOG = timedelta(days=30)
GONE = 410
BY_PROGRAM = "Disabled by a program."


@dataclass(frozen=True, slots=True)
class WebhookCall:
    """One call and what came of it, for the log."""

    endpoint_id: uuid.UUID
    delivery_id: uuid.UUID | None
    message_id: str
    event_type: str
    subject: str
    started_at: datetime
    duration_ms: int
    status: int
    answer: str
    error: str


@atomic
def create_endpoint(*, url: str, description: str, event_types: Sequence[str]) -> tuple[uuid.UUID, str]:
    """Add an endpoint and return its id and its secret, which is shown this once and kept sealed.

    The address was checked by `sending.check_url`. Raises InvalidValue for an unknown event type, Conflict when there
    are too many endpoints.
    """
    if len(db.session.execute(select(WebhookEndpoint.id)).all()) >= MAX_ENDPOINTS:
        raise Conflict("too_many_webhooks", limit=MAX_ENDPOINTS)
    endpoint_id, secret = new_id(), new_webhook_secret()
    db.session.add(
        WebhookEndpoint(
            id=endpoint_id,
            url=url,
            description=description,
            event_types=_known(event_types),
            sealed_secret=seal().close(secret),
        )
    )
    db.session.flush()
    return endpoint_id, secret


@atomic
def change_endpoint(
    endpoint_id: uuid.UUID,
    *,
    seen_version: int,
    url: str,
    description: str,
    event_types: Sequence[str],
    enabled: bool | None = None,
) -> None:
    """Change where an endpoint is and what it hears, and whether it is called at all (None: as before).

    Raises NotFound, StaleVersion, InvalidValue.
    """
    endpoint = lock(WebhookEndpoint, endpoint_id, missing=NotFound("webhook_not_found"), version=seen_version)
    endpoint.url, endpoint.description, endpoint.event_types = url, description, _known(event_types)
    if enabled is not None and enabled != (endpoint.state == "enabled"):
        _enable(endpoint) if enabled else _disable(endpoint, BY_PROGRAM)
    db.session.flush()


@atomic
def rotate_secret(endpoint_id: uuid.UUID) -> str:
    """Return a new secret, shown this once; each former secret signs for a day after its own rotation.

    Raises NotFound, and Conflict when the secret was rotated MAX_FORMER times within a day.
    """
    endpoint, secret, now = (
        lock(WebhookEndpoint, endpoint_id, missing=NotFound("webhook_not_found")),
        new_webhook_secret(),
        _now(),
    )
    former = _signing_secrets(endpoint, now)
    if len(former) > MAX_FORMER:
        raise Conflict("webhook_secret_rotated_too_often", limit=MAX_FORMER)
    endpoint.previous_until = now + BOTH_SECRETS
    endpoint.sealed_previous, endpoint.sealed_secret = seal_former_secrets(former), seal().close(secret)
    db.session.flush()
    return secret


def _signing_secrets(endpoint: WebhookEndpoint, now: datetime) -> list[FormerSecret]:
    """Return the secrets that sign now, the current one last and for BOTH_SECRETS more.

    None when they cannot be read any more because SECRET_KEY was lost: then rotating is the way to mend it.
    """
    try:
        former = open_former_secrets(endpoint.sealed_previous, endpoint.previous_until, now)
        return [*former, FormerSecret(seal().open(endpoint.sealed_secret), now + BOTH_SECRETS)]
    except DecryptionError:
        return []


@atomic
def enable_endpoint(endpoint_id: uuid.UUID) -> None:
    """Call an endpoint again, with a fresh measure of patience. Raises NotFound."""
    _enable(lock(WebhookEndpoint, endpoint_id, missing=NotFound("webhook_not_found")))
    db.session.flush()


@atomic
def disable_endpoint(endpoint_id: uuid.UUID, reason: str) -> None:
    """Do not call an endpoint any more; what waits for it is parked when its turn comes. Raises NotFound."""
    _disable(lock(WebhookEndpoint, endpoint_id, missing=NotFound("webhook_not_found")), reason)
    db.session.flush()


def _enable(endpoint: WebhookEndpoint) -> None:
    endpoint.state, endpoint.disabled_reason, endpoint.failing_since = "enabled", "", None


def _disable(endpoint: WebhookEndpoint, reason: str) -> None:
    endpoint.state, endpoint.disabled_reason = "disabled", reason


@atomic
def delete_endpoint(endpoint_id: uuid.UUID) -> None:
    """Remove an endpoint, its log and its pending deliveries. Raises NotFound."""
    lock(WebhookEndpoint, endpoint_id, missing=NotFound("webhook_not_found"))
    db.session.execute(
        delete(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .execution_options(synchronize_session=False)
    )
    forget_handler(f"{PREFIX}{endpoint_id}")


@atomic
def record_call(call: WebhookCall) -> None:
    """Write a call into the log, and draw conclusions: 410 ends it at once, five days of failures end it too.

    A call to an endpoint that was deleted meanwhile leaves no trace.
    """
    endpoint = db.session.scalar(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.id == call.endpoint_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if endpoint is None:
        return
    insert_rows(WebhookAttempt, [{name: getattr(call, name) for name in WebhookCall.__dataclass_fields__}])
    now = _now()
    if 200 <= call.status < 300:
        _remember_failing(endpoint, None)
    elif endpoint.state == "enabled" and call.delivery_id is not None:
        since = endpoint.failing_since or now
        if call.status == GONE:
            _stop(endpoint, "The other side answered that it wants no more (410 Gone).")
        elif now - since >= PATIENCE:
            _stop(endpoint, f"Every call has failed for {PATIENCE.days} days.")
        else:
            _remember_failing(endpoint, since)


@every_shop()
@atomic
def sweep_log(limit: int = 1000) -> int:
    """Delete the oldest calls that are older than a month, of all shops; return how many."""
    table: Any = WebhookAttempt.__table__
    key = tuple_(table.c.tenant_id, table.c.id)
    old = (
        select(table.c.tenant_id, table.c.id)
        .where(table.c.started_at < _now() - KEEP_LOG)
        .order_by(table.c.started_at)
        .limit(limit)
    )
    return db.session.connection().execute(delete(table).where(key.in_(old))).rowcount


def _stop(endpoint: WebhookEndpoint, reason: str) -> None:
    _disable(endpoint, reason)
    db.session.flush()
    publish(
        SYSTEM,
        WebhookDisabled(
            subject_id=endpoint.id, subject_version=endpoint.version, url=endpoint.url, reason=reason
        ),
    )


def _remember_failing(endpoint: WebhookEndpoint, since: datetime | None) -> None:
    """Not a change that staff's open forms must hear of, so the version stays."""
    if endpoint.failing_since != since:
        db.session.execute(
            update(WebhookEndpoint)
            .where(WebhookEndpoint.id == endpoint.id)
            .values(failing_since=since)
            .execution_options(synchronize_session=False)
        )


def _known(event_types: Sequence[str]) -> list[str]:
    unknown = set(event_types) - set(EVENT_TYPES)
    if unknown:
        raise InvalidValue("event_types", "unknown_event_type", type=min(unknown)[:60])
    return [name for name in EVENT_TYPES if name in set(event_types)]


def _now() -> datetime:
    moment: datetime = db.session.execute(
        select(database_now()), execution_options={"all_tenants": True}
    ).scalar_one()
    return moment
