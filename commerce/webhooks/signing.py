"""Sign what we send, by Standard Webhooks 1.0: HMAC-SHA-256 over id, timestamp and body, with the official library."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks.webhooks import Webhook

SECRET_BYTES = 32


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
