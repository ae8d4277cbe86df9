"""Post a webhook to an address that a shop's staff chose: `outbound`, with the rules for such addresses."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from commerce import outbound
from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.events.outcomes import before_effect
from commerce.outbound import FetchRefused, Resolver, Target

TOTAL_SECONDS = 10.0
MAX_ANSWER = 1024
MAX_URL = 2000
PORTS = frozenset({80, 443, 8000, 8080, 8443})
"""What webhooks are received on; other ports belong to databases, mail servers and the like."""


class AddressRefused(InvalidValue):
    """The address may not be used; the reason says why and is fit for staff."""

    def __init__(self, reason: str, /, **facts: Any) -> None:
        super().__init__("url", reason, **facts)


@dataclass(frozen=True, slots=True)
class DestinationRules:
    """What addresses may be: `private` ones (tests), any port then; `plain` HTTP (outside of production)."""

    private: bool = False
    plain: bool = False

    def permit(self, address: str, _port: int) -> bool:
        """Tell whether an IP address may be called; the port was looked at with the URL."""
        return self.private or outbound.is_public(address, 443)


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came of a call: the status (0: there was no answer, `error` says why), its first kilobyte, milliseconds."""

    status: int
    text: str
    error: str
    duration_ms: int

    @property
    def good(self) -> bool:
        """Whether the other side has taken the message."""
        return 200 <= self.status < 300


def check_url(url: str, rules: DestinationRules) -> None:
    """Look at an address before it is stored; asks nobody. Raises AddressRefused."""
    target = _parse(url, rules)
    addresses: list[str] = []
    # Numbers in any spelling (2130706433, 0x7f.1, 0177.0.0.1) are understood as the system will understand them.
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(target.host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        addresses = [str(entry[4][0]) for entry in found]
    if target.host == "localhost" or target.host.endswith(".localhost"):
        addresses = ["127.0.0.1"]
    if not all(rules.permit(address, target.port) for address in addresses):
        raise AddressRefused("url_not_public")


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    rules: DestinationRules,
    resolver: Resolver = outbound.resolve,
    ca_certs: str | None = None,
    total_seconds: float = TOTAL_SECONDS,
) -> HttpAnswer:
    """Send one message and return the outcome; nothing that the other server does is raised."""
    before_effect("a webhook was sent")
    started = time.monotonic()
    status, text, error = 0, "", ""
    try:
        _parse(url, rules)
        status, start = outbound.post(
            url,
            body,
            {"Content-Type": "application/json", "User-Agent": "Lockstep-Webhooks/1.0", **headers},
            resolver=resolver,
            permit=rules.permit,
            ca_certs=ca_certs,
            max_bytes=MAX_ANSWER,
            total_seconds=total_seconds,
        )
        text = start.decode("utf-8", "replace").replace("\0", "\ufffd")
    except AddressRefused as refused:
        error = describe(refused)
    except FetchRefused as refused:
        error = describe(AddressRefused(refused.reason)) if refused.reason else refused.detail
    return HttpAnswer(status, text, error[:500], int((time.monotonic() - started) * 1000))


def _parse(url: str, rules: DestinationRules) -> Target:
    if len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise AddressRefused("url_unreadable")
    try:
        target = outbound.parse_target(url)
    except FetchRefused as error:
        raise AddressRefused(error.reason) from error
    if target.url.scheme == "http" and not rules.plain:
        raise AddressRefused("url_not_encrypted")
    if "@" in url.split("/", 3)[2]:  # an empty user name
        raise AddressRefused("url_with_password")
    if target.url.fragment:
        raise AddressRefused("url_with_fragment")
    if target.port not in PORTS and not rules.private:
        raise AddressRefused("url_port_not_allowed", ports=sorted(PORTS))
    return target
