"""Where a page of a list ends: signed, so that nobody makes one up, and good for the same list alone."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer

from commerce.errors import InvalidValue
from commerce.tenants.scope import current_shop

POSITION = tuple[datetime, uuid.UUID]


def close_cursor(listing: str, filters: Mapping[str, Any], position: Any) -> str:
    """Return a cursor for a position (JSON values, or a moment and an id) in a list with its filters."""
    return str(_signer(listing, filters).dumps(_plain(position)))


def open_cursor(listing: str, filters: Mapping[str, Any], cursor: str | None) -> Any:
    """Return the position of a cursor, None without one. Raises InvalidValue for one that is not of this list."""
    if cursor is None:
        return None
    try:
        return _signer(listing, filters).loads(cursor)
    except BadSignature as error:
        raise InvalidValue("cursor", "cursor_invalid") from error


def open_position(listing: str, filters: Mapping[str, Any], cursor: str | None) -> POSITION | None:
    """Return the moment and the id at which a page ended, None without a cursor. Raises InvalidValue."""
    found = open_cursor(listing, filters, cursor)
    return (datetime.fromisoformat(found[0]), uuid.UUID(found[1])) if found is not None else None


def _signer(listing: str, filters: Mapping[str, Any]) -> URLSafeSerializer:
    """The list is part of the salt: a cursor says nothing but the position, and fits nowhere else."""
    asked = json.dumps([listing, str(current_shop().id), sorted(filters.items())], default=str)
    keys = [*reversed(current_app.config["SECRET_KEY_FALLBACKS"]), current_app.config["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt="cursor:" + hashlib.sha256(asked.encode()).hexdigest())


def _plain(position: Any) -> Any:
    if isinstance(position, tuple):
        return [_plain(each) for each in position]
    if isinstance(position, datetime):
        return position.isoformat()
    return str(position) if isinstance(position, uuid.UUID) else position
