"""Pagination cursors: the position at the end of a page, signed and valid only for the same list and filters."""

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


def encode_cursor(listing: str, filters: Mapping[str, Any], position: Any) -> str:
    """Return the cursor of a position (JSON values, or a time and an id) in a filtered list."""
    return str(_signer(listing, filters).dumps(_plain(position)))


def decode_cursor(listing: str, filters: Mapping[str, Any], cursor: str | None) -> Any:
    """Return the position of a cursor, None without one. Raises InvalidValue for a cursor of another list."""
    if cursor is None:
        return None
    try:
        return _signer(listing, filters).loads(cursor)
    except BadSignature as error:
        raise InvalidValue("cursor", "cursor_invalid") from error


def decode_position(listing: str, filters: Mapping[str, Any], cursor: str | None) -> POSITION | None:
    """Return the time and id at which a page ended, None without a cursor. Raises InvalidValue."""
    found = decode_cursor(listing, filters, cursor)
    return (datetime.fromisoformat(found[0]), uuid.UUID(found[1])) if found is not None else None


def _signer(listing: str, filters: Mapping[str, Any]) -> URLSafeSerializer:
    """Return a signer whose salt holds shop, list and filters, so that a cursor is valid nowhere else."""
    asked = json.dumps([listing, str(current_shop().id), sorted(filters.items())], default=str)
    keys = [*reversed(current_app.config["SECRET_KEY_FALLBACKS"]), current_app.config["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt="cursor:" + hashlib.sha256(asked.encode()).hexdigest())


def _plain(position: Any) -> Any:
    if isinstance(position, tuple):
        return [_plain(each) for each in position]
    if isinstance(position, datetime):
        return position.isoformat()
    return str(position) if isinstance(position, uuid.UUID) else position
