"""Find endpoints and what came of calling them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Uuid, func, literal, select, tuple_

from commerce.db import UtcDateTime, database_now, db
from commerce.encryption import seal
from commerce.errors import NotFound
from commerce.paging import Page, uncounted_page
from commerce.webhooks.models import WebhookAttempt, WebhookEndpoint
from commerce.webhooks.signing import open_former_secrets

PREFIX = "webhook:"
"""Deliveries to an endpoint carry the handler name `webhook:<endpoint id>`."""
PAGE = 50


@dataclass(frozen=True, slots=True)
class Destination:
    """Where and how to call an endpoint. `secrets` are the current one and the former ones that still sign."""

    id: uuid.UUID
    url: str
    state: str
    secrets: tuple[str, ...]


def list_endpoints() -> Sequence[WebhookEndpoint]:
    """Return the shop's endpoints, oldest first."""
    return db.session.scalars(select(WebhookEndpoint).order_by(WebhookEndpoint.id)).all()


def get_endpoint(endpoint_id: uuid.UUID) -> WebhookEndpoint:
    """Return one endpoint as it is now. Raises NotFound."""
    found = db.session.scalar(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.id == endpoint_id)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound("webhook_not_found")
    return found


def find_destination(endpoint_id: uuid.UUID) -> Destination | None:
    """Return where and how to call an endpoint, None when it was deleted. Raises CannotOpen for a lost secret."""
    row = db.session.execute(
        select(
            WebhookEndpoint.url,
            WebhookEndpoint.state,
            WebhookEndpoint.sealed_secret,
            WebhookEndpoint.sealed_previous,
            WebhookEndpoint.previous_until,
            database_now(),
        ).where(WebhookEndpoint.id == endpoint_id)
    ).one_or_none()
    db.session.close()
    if row is None:
        return None
    url, state, current, previous, until, now = row
    former = [each.secret for each in open_former_secrets(previous, until, now)]
    return Destination(endpoint_id, url, state, (seal().open(current), *former))


def get_secret(endpoint_id: uuid.UUID) -> str:
    """Return the secret that signs an endpoint's messages now. Raises NotFound, CannotOpen for a lost one."""
    return seal().open(get_endpoint(endpoint_id).sealed_secret)


def listeners(tenant_ids: Sequence[uuid.UUID]) -> Mapping[uuid.UUID, list[tuple[str, list[str]]]]:
    """Return (handler name, public event types) of the enabled endpoints of several shops, in one look."""
    found: dict[uuid.UUID, list[tuple[str, list[str]]]] = {}
    rows = db.session.execute(
        select(WebhookEndpoint.tenant_id, WebhookEndpoint.id, WebhookEndpoint.event_types)
        .where(WebhookEndpoint.tenant_id.in_(tenant_ids), WebhookEndpoint.state == "enabled")
        .order_by(WebhookEndpoint.id),
        execution_options={"all_tenants": True},
    )
    for tenant_id, endpoint_id, types in rows:
        found.setdefault(tenant_id, []).append((f"{PREFIX}{endpoint_id}", types))
    return found


def signs_with_both(endpoint_id: uuid.UUID) -> bool:
    """Tell whether the former secret still signs too."""
    return bool(
        db.session.scalar(
            select(WebhookEndpoint.previous_until > database_now()).where(WebhookEndpoint.id == endpoint_id)
        )
    )


def was_called(endpoint_id: uuid.UUID, delivery_id: uuid.UUID) -> bool:
    """Tell whether a delivery is one of an endpoint's."""
    found = select(WebhookAttempt.id).where(
        WebhookAttempt.endpoint_id == endpoint_id, WebhookAttempt.delivery_id == delivery_id
    )
    return db.session.scalar(found.limit(1)) is not None


def log_of(endpoint_id: uuid.UUID, page: int = 1) -> Page[WebhookAttempt]:
    """Return a page of an endpoint's calls, newest first."""
    calls = (
        select(WebhookAttempt)
        .where(WebhookAttempt.endpoint_id == endpoint_id)
        .order_by(WebhookAttempt.started_at.desc(), WebhookAttempt.id.desc())
    )
    return uncounted_page(
        page, PAGE, lambda limit, offset: db.session.scalars(calls.limit(limit).offset(offset)).all()
    )


def calls_before(
    endpoint_id: uuid.UUID, before: tuple[datetime, uuid.UUID] | None, limit: int
) -> tuple[Sequence[WebhookAttempt], tuple[datetime, uuid.UUID] | None]:
    """Return a page of an endpoint's calls, newest first, and the position to go on from, None at the end.

    By keyset, so calls that are made meanwhile shift no page.
    """
    statement = select(WebhookAttempt).where(WebhookAttempt.endpoint_id == endpoint_id)
    if before is not None:
        statement = statement.where(
            tuple_(WebhookAttempt.started_at, WebhookAttempt.id)
            < tuple_(literal(before[0], UtcDateTime()), literal(before[1], Uuid()))
        )
    found = db.session.scalars(
        statement.order_by(WebhookAttempt.started_at.desc(), WebhookAttempt.id.desc()).limit(limit + 1)
    ).all()
    rows = found[:limit]
    return rows, (rows[-1].started_at, rows[-1].id) if len(found) > limit else None


def last_calls() -> Mapping[uuid.UUID, WebhookAttempt]:
    """Return the newest call of each endpoint of the shop."""
    newest = (
        select(WebhookAttempt.endpoint_id, func.max(WebhookAttempt.started_at).label("at"))
        .group_by(WebhookAttempt.endpoint_id)
        .subquery()
    )
    rows = db.session.scalars(
        select(WebhookAttempt).join(
            newest,
            (newest.c.endpoint_id == WebhookAttempt.endpoint_id) & (newest.c.at == WebhookAttempt.started_at),
        )
    )
    return {row.endpoint_id: row for row in rows}
