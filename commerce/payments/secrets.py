"""A payment method's secrets at rest."""

from __future__ import annotations

import json
from typing import Any

from commerce.encryption import seal


def open_secrets(sealed: str) -> dict[str, Any]:
    """Return a method's secrets: `secret_key`, and `webhook_secrets`, the present one first. Raises CannotOpen."""
    found: dict[str, Any] = json.loads(seal().open(sealed)) if sealed else {}
    return {"secret_key": "", "webhook_secrets": [], **found}
