"""Sign what we send, by Standard Webhooks 1.0: HMAC-SHA-256 over id, timestamp and body, with the official library."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from standardwebhooks.webhooks import Webhook

from commerce.encryption import seal

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class FormerSecret:
    """A rotated secret, and until when it signs messages beside the current one."""

    secret: str
    until: datetime


def new_webhook_secret() -> str:
    """Return a fresh secret in the form that receivers expect: `whsec_` and base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signed_headers(message_id: str, now: datetime, body: str, keys: Sequence[str]) -> dict[str, str]:
    """Return the three headers; one signature for each secret, so that a receiver may change it at leisure."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(key).sign(message_id, now, body) for key in keys),
    }


def seal_former_secrets(former: Sequence[FormerSecret]) -> str:
    """Return former secrets as one sealed text."""
    return seal().close(json.dumps([[each.secret, each.until.isoformat()] for each in former]))


def open_former_secrets(sealed: str, until: datetime | None, now: datetime) -> list[FormerSecret]:
    """Return the former secrets that still sign at `now`. Raises DecryptionError for a lost one.

    `until` is when the last of them ends. Before several were kept, the sealed text was the secret itself.
    """
    if not sealed or until is None or until <= now:
        return []
    text = seal().open(sealed)
    if not text.startswith("["):
        return [FormerSecret(text, until)]
    found = [FormerSecret(secret, datetime.fromisoformat(moment)) for secret, moment in json.loads(text)]
    return [each for each in found if each.until > now]
