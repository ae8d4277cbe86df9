"""Call an address that somebody else chose, without being led astray: the one HTTP client for such addresses.

Such an address may point into our own network (server-side request forgery). So: the name is resolved once, every
address that it has must be public, the connection goes to the address that was checked (a second resolution could
answer differently), TLS asks for the certificate of the name, redirects are not followed, and size and time are
bounded.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException

from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

MAX_BYTES = 12 * 1024 * 1024
TOTAL_SECONDS = 20.0
STEP_SECONDS = 6.0
"""The longest wait for one connection or one packet; TOTAL_SECONDS bounds the whole."""

PORTS = {"http": 80, "https": 443}
_CHUNK = 64 * 1024

# `ipaddress` calls some of these global: they lead on to other addresses or to nobody (RFC 6890, 7526, 6052).
_NOT_PUBLIC_4 = [ipaddress.ip_network(net) for net in ("192.0.0.0/24", "192.88.99.0/24")]
_PUBLIC_6 = ipaddress.ip_network("2000::/3")
_NOT_PUBLIC_6 = [
    ipaddress.ip_network(net)
    for net in (
        "2001::/23",  # IETF protocols, with Teredo, which carries an IPv4 address inside
        "2001:db8::/32",
        "2002::/16",  # 6to4, the same
        "3fff::/20",
    )
]

Resolver = Callable[[str, int], list[str]]
Permit = Callable[[str, int], bool]


class FetchRefused(Exception):
    """The call was not made or its answer not taken; the text says why and is fit for a report.

    `reason` is the code in `error_messages` where the address is to blame, `detail` the network's own account.
    """

    def __init__(self, text: str, *, reason: str = "", detail: str = "") -> None:
        super().__init__(text)
        self.reason = reason
        self.detail = detail or text


class HostUnresponsive(FetchRefused):
    """The host has no address, cannot be reached, or does not answer in time: its other files will not do better."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes: the address as it was parsed, its host as resolvers know it, and its port."""

    url: Url
    host: str
    port: int


def parse_target(url: str) -> Target:
    """Return where an http(s) address leads; asks nobody. Raises FetchRefused."""
    try:
        parsed = parse_url(url)
    except LocationParseError as error:
        raise FetchRefused("the address cannot be read", reason="url_unreadable") from error
    if parsed.scheme not in PORTS or not parsed.host:
        raise FetchRefused("the address is not http or https", reason="url_not_https")
    if parsed.auth:
        raise FetchRefused("the address holds a user name", reason="url_with_password")
    host = parsed.host.strip("[]").rstrip(".").lower()
    return Target(parsed, host, parsed.port or PORTS[parsed.scheme])


def is_public(address: str, port: int) -> bool:
    """Tell whether an IP address is one of the public internet and the port one of the web's.

    IPv6 is an allow-list: only global unicast, so that NAT64, mapped and local addresses never pass.
    """
    if port not in PORTS.values():
        return False
    ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and not any(ip in net for net in _NOT_PUBLIC_4)
    return ip.is_global and ip in _PUBLIC_6 and not any(ip in net for net in _NOT_PUBLIC_6)


def resolve(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host. Raises HostUnresponsive when it has none."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise HostUnresponsive("the host name does not exist", reason="url_host_unknown") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def fetch(
    url: str,
    *,
    resolver: Resolver = resolve,
    permit: Permit = is_public,
    max_bytes: int = MAX_BYTES,
    total_seconds: float = TOTAL_SECONDS,
) -> bytes:
    """Return the body at an http(s) address. Raises FetchRefused for anything but a plain 200 within the bounds."""
    headers = {"Accept": "image/webp,image/png,image/jpeg", "User-Agent": "lockstep"}
    with _call("GET", url, headers, None, resolver, permit, total_seconds, STEP_SECONDS) as response:
        if response.status != 200:
            redirect = "; redirects are not followed" if 300 <= response.status < 400 else ""
            raise FetchRefused(f"the server answered {response.status}{redirect}")
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit() and int(announced) > max_bytes:
            raise FetchRefused(f"the file is larger than {max_bytes} bytes")
        body = bytearray()
        for chunk in response.stream(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > max_bytes:
                raise FetchRefused(f"the file is larger than {max_bytes} bytes")
    return bytes(body)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    max_bytes: int,
    total_seconds: float,
    resolver: Resolver = resolve,
    permit: Permit = is_public,
    ca_certs: str | None = None,
) -> tuple[int, bytes]:
    """Send a body; return the status and the first `max_bytes` of the answer. Raises FetchRefused if there is none."""
    start = bytearray()
    with _call(
        "POST", url, headers, body, resolver, permit, total_seconds, total_seconds, ca_certs
    ) as response:
        with suppress(
            HTTPError, HTTPException, OSError
        ):  # the status has come; half an explanation is enough
            while len(start) < max_bytes and (
                chunk := response.read(max_bytes - len(start), decode_content=False)
            ):
                start += chunk
        return response.status, bytes(start)


@contextmanager
def _call(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    resolver: Resolver,
    permit: Permit,
    total_seconds: float,
    step_seconds: float,
    ca_certs: str | None = None,
) -> Iterator[BaseHTTPResponse]:
    """Yield the answer to a call; resolving, connecting and reading it share the time. Raises FetchRefused."""
    target = parse_target(url)
    deadline = time.monotonic() + total_seconds
    too_slow = HostUnresponsive(
        f"it took longer than {total_seconds:g} seconds", detail=f"no answer within {total_seconds:g} seconds"
    )
    try:
        address = _checked_address(target, resolver, permit, total_seconds)
        left = max(deadline - time.monotonic(), 0.001)
        connection = _connection(target, address, min(step_seconds, left), ca_certs)
        with closing(connection), _cut_after(left, connection):
            connection.request(
                method,
                target.url.request_uri,
                body=body,
                headers={"Host": target.url.netloc or "", "Accept-Encoding": "identity", **headers},
                preload_content=False,
                decode_content=False,
            )
            yield connection.getresponse()
    except (HTTPError, HTTPException, OSError, ValueError) as error:
        if time.monotonic() >= deadline:
            raise too_slow from error
        kind = type(error).__name__
        raise HostUnresponsive(f"the server could not be read ({kind})", detail=f"{kind}: {error}") from error
    if time.monotonic() >= deadline:  # a body without a stated length looks complete when it was cut
        raise too_slow


def _checked_address(target: Target, resolver: Resolver, permit: Permit, seconds: float) -> str:
    """Return an address that may be called. The system's resolver knows no time limit, so it gets a thread."""
    found: list[list[str] | Exception] = []

    def look() -> None:
        try:
            found.append(resolver(target.host, target.port))
        except (FetchRefused, OSError) as error:
            found.append(error)

    thread = threading.Thread(target=look, name="resolver", daemon=True)
    thread.start()
    thread.join(seconds)
    if not found:
        raise TimeoutError
    if isinstance(found[0], Exception):
        raise found[0]
    if not found[0]:
        raise HostUnresponsive("the host name does not exist", reason="url_host_unknown")
    if not all(permit(address, target.port) for address in found[0]):
        raise FetchRefused("the address is not on the public internet", reason="url_not_public")
    return found[0][0]


def _connection(target: Target, address: str, step_seconds: float, ca_certs: str | None) -> HTTPConnection:
    if target.url.scheme == "http":
        return HTTPConnection(address, target.port, timeout=step_seconds)
    # The certificate must be the host's, although the connection goes to an address.
    return HTTPSConnection(
        address,
        target.port,
        timeout=step_seconds,
        cert_reqs="CERT_REQUIRED",
        server_hostname=target.host,
        assert_hostname=target.host,
        ca_certs=ca_certs,
    )


@contextmanager
def _cut_after(seconds: float, connection: HTTPConnection) -> Iterator[None]:
    """Connect, and cut when the time is up: a socket's timeout alone lets a byte now and then go on forever."""
    held: list[socket.socket] = []

    def cut() -> None:
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
        yield
    finally:
        timer.cancel()
