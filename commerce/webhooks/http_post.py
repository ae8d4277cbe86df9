"""Post a message to an address that a shop's staff chose, without being led into our own network.

The name is resolved once, every address that it has must be public, and the connection goes to an address that was
checked: a second resolution could answer differently. TLS still asks for the certificate of the name. Redirects are not
followed, and time and size of the answer are bounded (server-side request forgery; Standard Webhooks 1.0).
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from commerce.error_messages import describe
from commerce.errors import InvalidValue
from commerce.events.outcomes import before_effect
from commerce.outbound import FetchRefused, is_public, resolve

TOTAL_SECONDS = 10.0
MAX_ANSWER = 1024
MAX_URL = 2000
WEB_PORTS = {"http": 80, "https": 443}
PORTS = frozenset({80, 443, 8000, 8080, 8443})
"""What webhooks are received on; other ports belong to databases, mail servers and the like."""

Resolver = Callable[[str, int], list[str]]


class AddressRefused(InvalidValue):
    """The address may not be used; the reason says why and is fit for staff."""

    def __init__(self, reason: str, /, **facts: Any) -> None:
        super().__init__("url", reason, **facts)


@dataclass(frozen=True, slots=True)
class DestinationRules:
    """What addresses may be: `private` ones (tests), any port then; `plain` HTTP (outside of production)."""

    private: bool = False
    plain: bool = False


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
    """Look at an address before it is stored; asks nobody. Raises BadAddress."""
    target = _parse(url, rules)
    host = _host(target)
    # Numbers in any spelling (2130706433, 0x7f.1, 0177.0.0.1) are understood as the system will understand them.
    with suppress(OSError, UnicodeError):
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        _check_addresses([str(entry[4][0]) for entry in found], rules)
    if host == "localhost" or host.endswith(".localhost"):
        _check_addresses(["127.0.0.1"], rules)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    rules: DestinationRules,
    resolver: Resolver = resolve,
    ca_certs: str | None = None,
    total_seconds: float = TOTAL_SECONDS,
) -> HttpAnswer:
    """Send one message and return the outcome; nothing that the other server does is raised."""
    before_effect("a webhook was sent")
    started = time.monotonic()

    def answer(status: int, text: str, error: str) -> HttpAnswer:
        return HttpAnswer(status, text, error[:500], int((time.monotonic() - started) * 1000))

    try:
        target = _parse(url, rules)
        address = _resolve(target, rules, resolver, total_seconds)
        left = total_seconds - (time.monotonic() - started)
        return answer(*_call(_connect_to(target, address, ca_certs), target, body, headers, left), "")
    except AddressRefused as error:
        return answer(0, "", describe(error))
    except FetchRefused as error:
        return answer(0, "", str(error))
    except TimeoutError:
        return answer(0, "", f"no answer within {total_seconds:g} seconds")
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        if time.monotonic() - started >= total_seconds:
            return answer(0, "", f"no answer within {total_seconds:g} seconds")
        return answer(0, "", f"{type(error).__name__}: {error}")


def _parse(url: str, rules: DestinationRules) -> Url:
    if len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise AddressRefused("url_unreadable")
    try:
        target = parse_url(url)
    except LocationParseError as error:
        raise AddressRefused("url_unreadable") from error
    if target.scheme not in WEB_PORTS or not target.host:
        raise AddressRefused("url_not_https")
    if target.scheme == "http" and not rules.plain:
        raise AddressRefused("url_not_encrypted")
    if target.auth or "@" in url.split("/", 3)[2]:
        raise AddressRefused("url_with_password")
    if target.fragment:
        raise AddressRefused("url_with_fragment")
    if (target.port or WEB_PORTS[target.scheme]) not in PORTS and not rules.private:
        raise AddressRefused("url_port_not_allowed", ports=sorted(PORTS))
    return target


def _host(target: Url) -> str:
    return str(target.host).strip("[]").rstrip(".").lower()


def _port(target: Url) -> int:
    return target.port or WEB_PORTS[str(target.scheme)]


def _check_addresses(addresses: list[str], rules: DestinationRules) -> None:
    if not addresses:
        raise AddressRefused("url_host_unknown")
    if not rules.private and not all(is_public(address, 443) for address in addresses):
        raise AddressRefused("url_not_public")


def _resolve(target: Url, rules: DestinationRules, resolver: Resolver, seconds: float) -> str:
    """Return an address that may be called. The system's resolver knows no time limit, so it gets a thread."""
    found: list[list[str] | Exception] = []

    def look() -> None:
        try:
            found.append(resolver(_host(target), _port(target)))
        except (FetchRefused, OSError) as error:
            found.append(error)

    thread = threading.Thread(target=look, name="resolver", daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise TimeoutError
    if isinstance(found[0], Exception):
        raise found[0]
    _check_addresses(found[0], rules)
    return found[0][0]


def _connect_to(target: Url, address: str, ca_certs: str | None) -> HTTPConnection:
    if target.scheme == "http":
        return HTTPConnection(address, _port(target), timeout=TOTAL_SECONDS)
    # The certificate must be the name's, although the connection goes to an address.
    return HTTPSConnection(
        address,
        _port(target),
        timeout=TOTAL_SECONDS,
        cert_reqs="CERT_REQUIRED",
        server_hostname=_host(target),
        assert_hostname=_host(target),
        ca_certs=ca_certs,
    )


def _call(
    connection: HTTPConnection, target: Url, body: bytes, headers: Mapping[str, str], seconds: float
) -> tuple[int, str]:
    """Return status and first kilobyte. The timer bounds a server that sends a byte now and then."""
    if seconds <= 0:
        raise TimeoutError
    connection.timeout = seconds
    held: list[socket.socket] = []
    timed_out = threading.Event()

    def cut() -> None:
        timed_out.set()
        for sock in held or [connection.sock]:
            if sock is not None:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        connection.connect()
        # The connection forgets its socket once the answer says that it will be closed; the timer must not.
        held.extend([connection.sock] if connection.sock is not None else [])
        connection.request(
            "POST",
            target.request_uri,
            body=body,
            headers={
                "Host": target.netloc or "",
                "Content-Type": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": "Lockstep-Webhooks/1.0",
                **headers,
            },
            preload_content=False,
            decode_content=False,
        )
        response = connection.getresponse()
        start = b"" if timed_out.is_set() else _start_of(response)
    finally:
        timer.cancel()
        connection.close()
    if timed_out.is_set():
        raise TimeoutError
    return response.status, start.decode("utf-8", "replace").replace("\0", "\ufffd")


def _start_of(response: object) -> bytes:
    """Read the beginning of an answer and leave the rest: it is for people who look for a mistake."""
    start = bytearray()
    with suppress(HTTPError, HTTPException, OSError):  # the status has come; half an explanation is enough
        while len(start) < MAX_ANSWER:
            chunk = response.read(MAX_ANSWER - len(start), decode_content=False)  # type: ignore[attr-defined]
            if not chunk:
                break
            start += chunk
    return bytes(start)
