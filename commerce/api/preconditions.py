"""Changes that only whoever saw the last version may make."""

from __future__ import annotations

from commerce.api.operation import seen_resource_version
from commerce.errors import InvalidValue


def needed_version(sent: int | None) -> int:
    """Return the version that a client has seen, from its body or `If-Match`. Raises InvalidValue without one."""
    version = seen_resource_version(sent)
    if version is None:
        raise InvalidValue("version", "version_required")
    return version
