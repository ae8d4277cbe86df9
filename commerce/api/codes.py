"""The codes of problem documents, by status: what a program can rely on, in words."""

from __future__ import annotations

from collections.abc import Iterator

from commerce.api.problems import MalformedRequest
from commerce.error_messages import TITLES
from commerce.errors import CommerceError
from commerce.web import status_of

ELSEWHERE = (
    "commerce.accounts.",
    "commerce.members.",
    "commerce.tenant_transfer.",
    "commerce.catalog_import.",
)
"""Where errors are made that only people meet."""
WITHOUT_CLASS = {
    400: {"http_400": "This cannot be read"},
    401: {"unauthorized": "A key is needed"},
    403: {"insufficient_scope": "This key may not do that"},
    404: {"http_404": "There is nothing at this address"},
    405: {"http_405": "This address does not know the method"},
    413: {"http_413": "That is too much at once"},
    415: {"http_415": "The body is not application/json"},
    422: {"invalid_request": "This cannot be taken as it is"},
    429: {"too_many_requests": "Please wait a moment"},
    503: {"closed": "This shop is closed"},
}
"""Status -> code -> title of what the door and HTTP itself refuse."""


def codes_by_status() -> dict[int, dict[str, str]]:
    """Return status -> code -> what it says, of everything that an address of the API may refuse."""
    found = {status: dict(codes) for status, codes in WITHOUT_CLASS.items()}
    for kind in sorted(_kinds(CommerceError), key=lambda each: each.code):
        if kind.__module__.startswith(ELSEWHERE):
            continue
        status = 400 if issubclass(kind, MalformedRequest) else status_of(kind.__new__(kind))
        found.setdefault(status, {}).setdefault(kind.code, TITLES[kind.code])
    return dict(sorted(found.items()))


def _kinds(family: type[CommerceError]) -> Iterator[type[CommerceError]]:
    for kind in family.__subclasses__():
        yield kind
        yield from _kinds(kind)
